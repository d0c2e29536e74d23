//! Fields of a daemon's answers, one by one: a field of a wrong type is as good as absent, and costs no other.

use std::collections::BTreeMap;

use serde_json::Value;

use plimsoll_core::time::Timestamp;

/// A text.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// A text; empty when absent.
pub(crate) fn text_or_empty(value: &Value, pointer: &str) -> String {
    text(value, pointer).unwrap_or_default().to_owned()
}

/// A whole number.
pub(crate) fn int(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer)?.as_i64()
}

/// Yes or no; no when absent.
pub(crate) fn is(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// A list; empty when absent or null.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Environment variables in a list of `KEY=value`, those whose names begin with one of the prefixes; the
/// names in lower case. An empty prefix lets nothing through.
pub(crate) fn environment(value: &Value, pointer: &str, prefixes: &[String]) -> BTreeMap<String, String> {
    list(value, pointer)
        .iter()
        .filter_map(|line| line.as_str()?.split_once('='))
        .filter(|(key, _)| wanted(key, prefixes))
        .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
        .collect()
}

/// Of environment variables those whose names begin with one of the prefixes; the names in lower case.
pub(crate) fn chosen(all: &BTreeMap<String, String>, prefixes: &[String]) -> BTreeMap<String, String> {
    all.iter()
        .filter(|(key, _)| wanted(key, prefixes))
        .map(|(key, value)| (key.to_lowercase(), value.clone()))
        .collect()
}

/// An empty prefix lets nothing through.
fn wanted(key: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| !prefix.is_empty() && key.starts_with(prefix.as_str()))
}

/// A time. Go's zero time, and what lies before 1970, is none.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::parse(text(value, pointer)?).ok().flatten().filter(|at| at.nanos() >= 0)
}

/// An answer that is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}, got {got:?}")]
pub struct ParseError {
    expected: &'static str,
    /// The beginning of the answer.
    got: String,
}

impl ParseError {
    pub(crate) fn new(expected: &'static str, got: &[u8]) -> Self {
        let begin = got.get(..got.len().min(80)).unwrap_or_default();
        Self { expected, got: String::from_utf8_lossy(begin).into_owned() }
    }
}

/// An answer that must be an object.
pub(crate) fn object(bytes: &[u8], expected: &'static str) -> Result<Value, ParseError> {
    serde_json::from_slice(bytes)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| ParseError::new(expected, bytes))
}

/// An answer that must be a list.
pub(crate) fn array(bytes: &[u8], expected: &'static str) -> Result<Vec<Value>, ParseError> {
    serde_json::from_slice(bytes).map_err(|_| ParseError::new(expected, bytes))
}
