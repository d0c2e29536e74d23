//! Answers as files beside the machine: written with `BLESS=1`, compared otherwise.

use std::path::Path;

use jiff::Timestamp;

/// The time in which the test ran; an instant in it is the clock's and not the machine's.
#[derive(Clone, Copy)]
pub struct Now {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Now {
    fn has(&self, at: Timestamp) -> bool {
        (self.start..=self.end).contains(&at)
    }

    /// Whether a printed number counts seconds to an instant of the test.
    fn has_seconds(&self, number: &str) -> bool {
        let seconds = number.parse::<f64>().ok().filter(|seconds| *seconds > 1e9);
        // seconds since 1970 may be whole ones
        seconds
            .is_some_and(|s| (self.start.as_second() as f64..=self.end.as_second() as f64 + 1.0).contains(&s))
    }
}

/// JSON, one value a line, in its own order; instants of the test become `<now>`.
pub fn json(text: &str, now: Now) -> String {
    let (mut out, mut depth) = (String::with_capacity(2 * text.len()), 0_usize);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth));
    };
    let mut rest = text.trim_end();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => {
                let inner = &rest[1..];
                let mut escaped = false;
                let end = inner.find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                let text = &inner[..end.expect("an end of the text")];
                let is_now = text.parse().is_ok_and(|at| now.has(at));
                out.extend(["\"", if is_now { "<now>" } else { text }, "\""]);
                text.len() + 2
            }
            '{' | '[' if rest[1..].starts_with(['}', ']']) => {
                out.push_str(&rest[..2]);
                2
            }
            '{' | '[' => {
                out.push(first);
                depth += 1;
                line(&mut out, depth);
                1
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(first);
                1
            }
            ',' => {
                out.push(first);
                line(&mut out, depth);
                1
            }
            other => {
                out.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    out.push('\n');
    versionless(&out)
}

/// Printed JSON without the members of this name.
pub fn without(text: &str, name: &str) -> String {
    let key = format!("\"{name}\":");
    let mut lines = text.lines();
    let mut out = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        let depth = line.len() - line.trim_start().len();
        if !line.trim_start().starts_with(&key) {
            out.extend([line, "\n"]);
        } else if line.ends_with(['[', '{']) {
            lines.by_ref().find(|line| line.len() - line.trim_start().len() == depth);
        }
    }
    out
}

/// A scrape without what is of this process or this moment.
pub fn metrics(text: &str, now: Now) -> String {
    const OWN: &[&str] = &["go_", "process_", "plimsoll_"];
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let name = line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")).unwrap_or(line);
        if OWN.iter().any(|own| name.starts_with(own)) {
            continue;
        }
        if line.starts_with('#') {
            out.extend([line, "\n"]);
            continue;
        }
        let labels_end = line.rfind('}').map_or_else(|| line.find(' ').unwrap(), |at| at + 1);
        let (series, numbers) = line.split_at(labels_end);
        // the second number is the sample's time
        let value = numbers.split_whitespace().next().unwrap();
        out.extend([series, " ", if now.has_seconds(value) { "<now>" } else { value }, "\n"]);
    }
    versionless(&out)
}

fn versionless(text: &str) -> String {
    text.replace(&format!("+plimsoll.{}", env!("CARGO_PKG_VERSION")), "+plimsoll.<version>")
}

/// Compares with the file, or writes it. Gives what differs.
pub fn check(path: &Path, answer: &str) -> Option<String> {
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, answer).unwrap();
        return None;
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    if golden == answer {
        return None;
    }
    let (mut ours, mut theirs) = (answer.lines(), golden.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (theirs.next(), ours.next()) {
            (Some(was), Some(is)) if was == is => {}
            (None, None) => return Some(format!("{}: ends differ", path.display())),
            (was, is) => {
                return Some(format!("{}, line {line}:\n  was {was:?}\n  is  {is:?}", path.display()));
            }
        }
    }
}

#[test]
fn instants_of_the_test_are_taken_out_and_no_others() {
    let now =
        Now { start: "2026-01-01T00:00:00Z".parse().unwrap(), end: "2026-01-01T00:00:10Z".parse().unwrap() };
    assert_eq!(
        json(r#"{"a":"2026-01-01T00:00:05.5Z","b":"2025-01-01T00:00:00Z","c":[],"d":[1,"x,\"{"]}"#, now),
        "{\n \"a\":\"<now>\",\n \"b\":\"2025-01-01T00:00:00Z\",\n \"c\":[],\n \"d\":[\n  1,\n  \"x,\\\"{\"\n ]\n}\n"
    );
    let whole = json(r#"{"a":[{"x":1}],"b":2,"c":{"a":"x"}}"#, now);
    assert_eq!(without(&whole, "a"), "{\n \"b\":2,\n \"c\":{\n }\n}\n");
    let text = "# HELP process_x x\nprocess_x 1\na{b=\"}\"} 1.767225605e+09 1767225605000\na 5\n";
    assert_eq!(metrics(text, now), "a{b=\"}\"} <now>\na 5\n");
}
