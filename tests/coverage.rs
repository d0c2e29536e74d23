//! Every family and every JSON field of cAdvisor has a number here, in a golden file or a test's expectation, or
//! stands in `tests/upstream/exceptions.txt` with the reason, or with the place of the test that has it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
#![allow(unreachable_pub, missing_docs)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of a list, without comments.
fn list(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("tests/upstream").join(name)).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Why a name has no number in a golden file. `*` in it is any text.
struct Exception {
    name: String,
    reason: String,
}

impl Exception {
    fn of(line: &str) -> Self {
        let (name, reason) = line.split_once(' ').unwrap_or((line, ""));
        Self { name: name.to_owned(), reason: reason.trim().to_owned() }
    }

    fn is(&self, name: &str) -> bool {
        let mut parts = self.name.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
        let mut open = false;
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            (rest, open) = (&rest[at + part.len()..], part.is_empty());
        }
        rest.is_empty() || open
    }
}

fn exceptions() -> Vec<Exception> {
    list("exceptions.txt").iter().map(|line| Exception::of(line)).collect()
}

#[test]
fn every_exception_has_a_reason_or_a_test_that_is_there() {
    for exception in exceptions() {
        let Exception { name, reason } = &exception;
        assert!(reason.len() > 8, "{name}: no reason");
        if let Some((path, words)) = reason.strip_prefix('@').and_then(|place| place.split_once(' ')) {
            let text = std::fs::read_to_string(repository().join(path)).unwrap_or_default();
            assert!(text.contains(words.trim()), "{name}: {path} does not say {words}");
        }
    }
}

/// The files below that end so.
fn files(folder: &Path, end: &str, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("fuzz") && !path.ends_with("upstream") {
            files(&path, end, out);
        } else if path.to_string_lossy().ends_with(end) {
            out.push(path);
        }
    }
}

/// The families of which a line stands in a golden file or in what a test expects: `name{...} 1` or `name 1` at the
/// beginning of a line, or of a text.
fn shown() -> BTreeSet<String> {
    let mut paths = Vec::new();
    for folder in ["crates", "src", "tests"] {
        [".txt", ".rs"].iter().for_each(|end| files(&repository().join(folder), end, &mut paths));
    }
    let mut shown = BTreeSet::new();
    for text in paths.iter().map(|path| std::fs::read_to_string(path).unwrap()) {
        // a literal begins at the beginning of a line or behind quotes
        for piece in text.lines().flat_map(|line| line.split('"')) {
            let end = piece.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(0);
            let (name, rest) = piece.split_at(end);
            let value = rest.strip_prefix(' ').and_then(|rest| rest.chars().next());
            if rest.starts_with('{') || value.is_some_and(|c| c.is_ascii_digit() || c == '-') {
                shown.insert(name.to_owned());
            }
        }
    }
    shown
}

/// Holds a list against what was found: each is there or excepted, and no exception is idle.
fn hold(what: &str, wanted: &[String], is_there: impl Fn(&str) -> bool) {
    let exceptions = exceptions();
    let excepted = |name: &str| exceptions.iter().any(|exception| exception.is(name));
    let missing: Vec<&String> = wanted.iter().filter(|name| !is_there(name) && !excepted(name)).collect();
    assert!(missing.is_empty(), "{what} without a number in any test, and without a reason: {missing:#?}");
    for exception in &exceptions {
        let mut of = wanted.iter().filter(|name| exception.is(name)).peekable();
        let idle = of.peek().is_some() && of.all(|name| is_there(name));
        assert!(!idle, "{} has numbers now: take it out of tests/upstream/exceptions.txt", exception.name);
    }
}

#[test]
fn every_family_is_shown_or_excepted() {
    let families = list("families.txt");
    let names: Vec<String> = families.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let shown = shown();
    hold("families", &names, |name| shown.contains(name));
}

#[test]
fn types_are_cadvisors() {
    let text = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    for line in list("families.txt") {
        let (name, kind) = line.split_once(' ').unwrap();
        if let Some(row) = text.lines().find(|row| row.starts_with(&format!("| `{name}` |"))) {
            assert_eq!(row.split('|').nth(2).unwrap().trim(), kind, "{name}");
        }
    }
}

/// Every path of a document that ends at a number, a text or a word, without the places in arrays; those that are
/// nothing (0, false, "") do not count, unless they are all that there is in the world.
fn paths(value: &Value, at: &mut Vec<String>, out: &mut BTreeSet<Vec<String>>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                at.push(key.replace(' ', "_"));
                paths(value, at, out);
                at.pop();
            }
        }
        Value::Array(all) => all.iter().for_each(|value| paths(value, at, out)),
        Value::Null | Value::Bool(false) => {}
        Value::String(text) if text.is_empty() || text == "0001-01-01T00:00:00Z" => {}
        Value::Number(number) if number.as_f64() == Some(0.0) => {}
        _ => drop(out.insert(at.clone())),
    }
}

#[test]
fn every_field_has_a_value_or_is_excepted() {
    let mut found = Vec::new();
    files(&repository().join("tests/hosts"), ".json", &mut found);
    files(&repository().join("crates/serve/src"), ".json", &mut found);
    let mut known = BTreeSet::new();
    for path in &found {
        let value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        // the first word of a path is the file, without what tells cases apart
        let name = path.file_stem().unwrap().to_string_lossy();
        let file = name.split('-').next().unwrap().to_owned();
        paths(&value, &mut vec![file], &mut known);
    }
    let ends_with = |path: &[String], pattern: &[&str]| {
        let start = path.len().checked_sub(pattern.len());
        let end = start.map(|start| &path[start..]).unwrap_or_default();
        start.is_some() && end.iter().zip(pattern).all(|(key, wanted)| *wanted == "*" || key == wanted)
    };
    hold("fields", &list("fields.txt"), |field| {
        let pattern: Vec<&str> = field.split('.').collect();
        known.iter().any(|path| ends_with(path, &pattern))
    });
}
