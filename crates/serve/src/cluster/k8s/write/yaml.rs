//! YAML, from JSON: the same answer with sorted keys, as the API server writes it. For people: it is not fast.

use serde_json::Value;

/// The YAML of a JSON text of ours.
pub(in super::super) fn of_json(compact: &[u8]) -> Vec<u8> {
    let value: Value = serde_json::from_slice(compact).unwrap_or_default();
    let mut out = String::with_capacity(compact.len() + compact.len() / 4);
    append(&mut out, &value, 0, false);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out.into_bytes()
}

/// Appends a value of this depth. `beside` a dash it begins in the dash's line.
fn append(out: &mut String, value: &Value, depth: usize, beside: bool) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str("{}\n"),
        Value::Array(list) if list.is_empty() => out.push_str("[]\n"),
        Value::Object(map) => {
            for (order, (key, value)) in map.iter().enumerate() {
                if order > 0 || !beside {
                    indent(out, depth);
                }
                scalar(out, key);
                out.push(':');
                below(out, value, depth);
            }
        }
        Value::Array(list) => {
            for value in list {
                indent(out, depth);
                out.push_str("- ");
                append(out, value, depth + 1, true);
            }
        }
        Value::String(text) => {
            scalar(out, text);
            out.push('\n');
        }
        other => {
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

/// Appends the value of a key.
fn below(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            append(out, value, depth + 1, false);
        }
        // a list's dashes stand below its key
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            append(out, value, depth, false);
        }
        value => {
            out.push(' ');
            append(out, value, depth, false);
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    (0..depth).for_each(|_| out.push_str("  "));
}

/// A text without quotes where nothing else could be read from it.
fn scalar(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        // a JSON string is a YAML string
        out.push_str(&Value::from(text).to_string());
    }
}

fn is_plain(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    // a quantity or a duration: no number of YAML's ends so
    if first.is_some_and(|byte| byte.is_ascii_digit()) {
        return text.ends_with(['n', 'u', 'm', 'k', 'i', 's'])
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    }
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"];
    // what begins with a letter is no number and no date
    first.is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
        && !words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_texts_quoted_where_they_must() {
        let json = r#"{"kind":"List","items":[{"metadata":{"name":"web","labels":{"on":"true","a.b/c":"x y"}},"n":[1,2]},"s",{}],
            "empty":[],"meta":{},"at":"2026-11-21T10:48:00Z","window":"1m0s","cpu":"2","bytes":"12Ki","null":null,"quote":"\"\n"}"#;
        let wanted = "\
at: \"2026-11-21T10:48:00Z\"
bytes: 12Ki
cpu: \"2\"
empty: []
items:
- metadata:
    labels:
      a.b/c: \"x y\"
      \"on\": \"true\"
    name: web
  \"n\":
  - 1
  - 2
- s
- {}
kind: List
meta: {}
\"null\": null
quote: \"\\\"\\n\"
window: 1m0s
";
        assert_eq!(String::from_utf8(of_json(json.as_bytes())).unwrap(), wanted);
    }
}
