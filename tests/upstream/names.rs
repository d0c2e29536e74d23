//! The lists of this folder, and which of their names are somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// The lines of a list, without comments.
#[track_caller]
pub fn list(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upstream").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Whether a name is a family's, and not a field's.
pub fn is_family(name: &str) -> bool {
    ["container_", "machine_", "cadvisor_", "process_", "go_"].iter().any(|start| name.starts_with(start))
        && name != "container_name"
        && !name.contains('.')
}

/// The fields that have a value, as paths.
#[derive(Default)]
pub struct Fields(BTreeSet<Vec<String>>);

impl Fields {
    /// Adds those of a document, below the word by which it is called.
    pub fn add(&mut self, name: &str, document: &Value) {
        self.walk(document, &mut vec![name.to_owned()]);
    }

    /// Every path that ends at a number, a text or a word, without the places in arrays; those that are nothing (0, false,
    /// "") do not count.
    fn walk(&mut self, value: &Value, at: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    at.push(key.replace(' ', "_"));
                    self.walk(value, at);
                    at.pop();
                }
            }
            Value::Array(all) => all.iter().for_each(|value| self.walk(value, at)),
            Value::Null | Value::Bool(false) => {}
            Value::String(text) if text.is_empty() || text == "0001-01-01T00:00:00Z" => {}
            Value::Number(number) if number.as_f64() == Some(0.0) => {}
            _ => drop(self.0.insert(at.clone())),
        }
    }

    /// Whether a path ends like the field, in which `*` is any key.
    pub fn has(&self, field: &str) -> bool {
        let pattern: Vec<&str> = field.split('.').collect();
        self.0.iter().any(|path| {
            let start = path.len().checked_sub(pattern.len());
            let end = start.map(|start| &path[start..]).unwrap_or_default();
            start.is_some() && end.iter().zip(&pattern).all(|(key, wanted)| *wanted == "*" || key == wanted)
        })
    }
}
