//! Two JSON documents of the same node, field by field.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Range;

/// The leaves of a document by their paths.
pub type Leaves = BTreeMap<String, Value>;

/// Elements of lists are told apart by their names, since their order says nothing.
pub fn leaves(value: &Value) -> Leaves {
    let mut out = Leaves::new();
    walk(value, "", &mut out);
    out
}

fn walk(value: &Value, path: &str, out: &mut Leaves) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(value, &path, out);
            }
        }
        Value::Array(all) => {
            for (nth, value) in all.iter().enumerate() {
                let word = |pointer| value.pointer(pointer).and_then(Value::as_str);
                let name = match (word("/podRef/name"), word("/podRef/namespace"), word("/name")) {
                    (Some(name), Some(space), _) => format!("{space}/{name}"),
                    (_, _, Some(name)) => name.to_owned(),
                    _ => nth.to_string(),
                };
                walk(value, &format!("{path}[{name}]"), out);
            }
        }
        _ => {
            let twice = out.insert(path.to_owned(), value.clone());
            assert!(twice.is_none(), "{path} stands twice");
        }
    }
}

/// Where the program differs from the kubelet, a line each; of the program's answers the last tells what is there.
pub fn differences(kubelet: &Leaves, program: &[Leaves]) -> Vec<String> {
    let last = program.last().unwrap();
    let mut found = Vec::new();
    for (path, truth) in kubelet {
        let Some(told) = last.get(path) else {
            found.push(format!("missing {path} {truth}"));
            continue;
        };
        let same = match (truth, told) {
            (Value::Number(truth), Value::Number(told)) if truth.is_u64() == told.is_u64() => {
                let all = program.iter().filter_map(|leaves| leaves.get(path)?.as_f64());
                // a rate of what rests is all chance; a fiftieth of a core is little
                let slack = if path.ends_with("usageNanoCores") { 2e7 } else { 0.0 };
                Range::of(all).wider(slack).nearly_holds(truth.as_f64().unwrap())
            }
            (Value::String(truth), Value::String(told)) if path.to_lowercase().ends_with("time") => {
                let limit = if path.ends_with("startTime") { 1.0 } else { 90.0 };
                truth.len() == told.len() && apart(truth, told).is_some_and(|apart| apart <= limit)
            }
            _ => truth == told,
        };
        if !same {
            found.push(format!("value {path}: {told}, not {truth}"));
        }
    }
    for (path, told) in last.iter().filter(|(path, _)| !kubelet.contains_key(*path)) {
        found.push(format!("extra {path} {told}"));
    }
    found
}

/// Seconds between two times.
fn apart(one: &str, other: &str) -> Option<f64> {
    let at = |text: &str| text.parse::<jiff::Timestamp>().ok();
    Some(at(one)?.duration_since(at(other)?).as_secs_f64().abs())
}
