//! containers-storage: what Podman and CRI-O leave on disk of their containers.
//!
//! Reads: `<driver>-containers/containers.json`, `volatile-containers.json`, a bundle's `config.json`.
//! Cost:  a file as long as the list of containers.

use std::path::Path;

use serde_json::Value;

use super::{json, small};

/// The longest file that is read.
const MOST: u64 = 64 << 20;

/// A file with JSON in it; `None` if it is not there or is none.
pub(crate) fn file(path: &Path) -> Option<Value> {
    serde_json::from_slice(&small::read(path, MOST)?).ok()
}

/// The records of a store's containers: those that outlive the machine, and those that do not.
pub(crate) fn records(store: &Path) -> impl Iterator<Item = Value> + use<> {
    ["containers.json", "volatile-containers.json"]
        .map(|name| store.join(name))
        .into_iter()
        .filter_map(|path| file(&path))
        .filter_map(|all| if let Value::Array(all) = all { Some(all) } else { None })
        .flatten()
}

/// What the runtime noted in a record.
pub(crate) fn metadata(record: &Value) -> Value {
    json::text(record, "/metadata").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
