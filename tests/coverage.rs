//! Every family and every JSON field of cAdvisor has a number from something real: on a captured machine (`tests/hosts`), on
//! a running one (`tests/upstream/live.txt`), in a live test; or stands in `tests/upstream/exceptions.txt` with the reason why
//! not, and so in `docs/compatibility.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
#![allow(unreachable_pub, missing_docs)]

#[path = "common/glob.rs"]
mod glob;
#[path = "upstream/names.rs"]
mod names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use names::{Fields, list};
use serde_json::Value;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A name that no captured and no running machine shows. `*` in it is any text.
struct Exception {
    name: String,
    /// Why nothing real shows it; empty where a live test does.
    reason: String,
    /// The file and the words of the test that has it.
    test: Option<(String, String)>,
}

impl Exception {
    fn of(line: &str) -> Self {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (reason, test) = rest.split_once('@').unwrap_or((rest, ""));
        let test = test.split_once(' ').map(|(path, words)| (path.to_owned(), words.trim().to_owned()));
        Self { name: name.to_owned(), reason: reason.trim().to_owned(), test }
    }

    /// Whether a test beside something real has it.
    fn is_live(&self) -> bool {
        let is_live = |path: &str| path.starts_with("tests/live_") || path.starts_with("tests/common/");
        self.test.as_ref().is_some_and(|(path, _)| is_live(path))
    }
}

fn exceptions() -> Vec<Exception> {
    list("exceptions.txt").iter().map(|line| Exception::of(line)).collect()
}

#[test]
fn every_exception_has_a_reason_or_a_live_test_that_is_there() {
    for exception in exceptions() {
        let Exception { name, reason, test } = &exception;
        assert!(exception.is_live() || reason.len() > 8, "{name}: no reason, and no live test");
        assert!(!exception.is_live() || reason.is_empty(), "{name}: a live test has it, so why {reason:?}?");
        if let Some((path, words)) = test {
            let text = std::fs::read_to_string(repository().join(path)).unwrap_or_default();
            assert!(text.contains(words), "{name}: {path} does not say {words}");
        }
    }
}

/// What stands before and after the table in the page.
const TABLE: [&str; 2] = ["| what | why no test has a real source of it |\n| --- | --- |\n", "\n## Events"];

#[test]
fn the_page_lists_what_nothing_real_shows() {
    let path = repository().join("docs/compatibility.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(TABLE[0]).unwrap();
    let (told, after) = rest.split_once(TABLE[1]).unwrap();
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    for Exception { name, reason, .. } in exceptions().into_iter().filter(|exception| !exception.is_live()) {
        match rows.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(name),
            None => rows.push((reason, vec![name])),
        }
    }
    let row = |(reason, names): &(String, Vec<String>)| format!("| `{}` | {reason} |\n", names.join("`, `"));
    let wanted: String = rows.iter().map(row).collect();
    if std::env::var_os("BLESS").is_some() {
        let text = [before, TABLE[0], &wanted, TABLE[1], after].concat();
        return std::fs::write(&path, text).unwrap();
    }
    assert_eq!(told, wanted, "`make bless` writes the table of docs/compatibility.md");
}

/// The files below that end so.
fn files(folder: &Path, end: &str, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, end, out);
        } else if path.to_string_lossy().ends_with(end) {
            out.push(path);
        }
    }
}

/// The families of which a captured machine has a line: `name{...} 1` or `name 1` at the beginning of a line.
fn captured() -> BTreeSet<String> {
    let mut paths = Vec::new();
    files(&repository().join("tests/hosts"), "metrics.txt", &mut paths);
    let mut shown = BTreeSet::new();
    for text in paths.iter().map(|path| std::fs::read_to_string(path).unwrap()) {
        for line in text.lines() {
            let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(0);
            shown.insert(line[..end].to_owned());
        }
    }
    shown
}

/// Holds a list against what was found: each is there or excepted, and no exception is idle.
fn hold(what: &str, wanted: &[String], is_there: impl Fn(&str) -> bool) {
    let exceptions = exceptions();
    let excepted = |name: &str| exceptions.iter().any(|exception| glob::is(&exception.name, name));
    let missing: Vec<&String> = wanted.iter().filter(|name| !is_there(name) && !excepted(name)).collect();
    assert!(
        missing.is_empty(),
        "{what} without a real number in any test, and without a reason: {missing:#?}"
    );
    for exception in &exceptions {
        let mut of = wanted.iter().filter(|name| glob::is(&exception.name, name)).peekable();
        let idle = of.peek().is_some() && of.all(|name| is_there(name));
        assert!(!idle, "{} has numbers: take it out of tests/upstream/exceptions.txt", exception.name);
    }
}

fn families() -> Vec<String> {
    list("families.txt").iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn every_family_is_shown_or_excepted() {
    let (captured, live) = (captured(), list("live.txt"));
    hold("families", &families(), |name| captured.contains(name) || live.iter().any(|other| other == name));
}

#[test]
fn what_a_machine_shows_is_cadvisors() {
    let (families, fields) = (families(), list("fields.txt"));
    for name in list("live.txt") {
        let known = if names::is_family(&name) { &families } else { &fields };
        assert!(known.contains(&name), "live.txt: {name} is no name of cAdvisor's");
    }
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

#[test]
fn every_field_has_a_value_or_is_excepted() {
    let mut paths = Vec::new();
    files(&repository().join("tests/hosts"), ".json", &mut paths);
    let mut captured = Fields::default();
    for path in &paths {
        let value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        // the first word of a path is the file, without what tells cases apart
        let name = path.file_stem().unwrap().to_string_lossy();
        captured.add(name.split('-').next().unwrap(), &value);
    }
    let live = list("live.txt");
    hold("fields", &list("fields.txt"), |field| {
        captured.has(field) || live.iter().any(|other| other == field)
    });
}
