//! Heapster's own cases of `KEY[:URL]`, where they lie beside the repository.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::path::Path;

use plimsoll_core::cluster::uri::Uri;
use plimsoll_sinks::BuildError;
use serde_json::Value;

#[test]
fn words_are_read_as_heapster_reads_them() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = here.join("../../../shared/reference/cluster/data/flag-uri-cases.json");
    let Ok(text) = std::fs::read_to_string(file) else {
        eprintln!("SKIP words_are_read_as_heapster_reads_them: no cases beside the repository");
        return;
    };
    let cases: Value = serde_json::from_str(&text).unwrap();
    let cases = cases.get("set").and_then(Value::as_array).unwrap();
    assert!(cases.len() > 8, "{}", cases.len());
    for case in cases {
        let text = |name: &str| case.get(name).and_then(Value::as_str);
        let word = text("in").unwrap();
        let read = Uri::parse(word, |_| None);
        if case.get("error").is_some() {
            assert!(read.is_err(), "{word:?}");
            continue;
        }
        let uri = read.unwrap();
        let query: Vec<_> = uri.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        for (name, got) in [
            ("key", &uri.key),
            ("scheme", &uri.scheme),
            ("host", &uri.host),
            ("path", &uri.path),
            ("query", &query.join("&")),
            ("string", &uri.to_string()),
        ] {
            assert_eq!(text(name).unwrap_or(got), got, "{name} of {word:?}");
        }
        // none of them is a surprise to who makes sinks
        let known = matches!(
            plimsoll_sinks::build(&uri).err(),
            None | Some(BuildError::Later { .. } | BuildError::Value { .. })
        );
        assert!(known, "{word:?}");
    }
}
