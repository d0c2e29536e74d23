//! A container's own labels, rendered once when it appears.
//!
//! Gives: `container_env_x="..",container_label_y="..",id="/z",image="..",name=".."`, without braces.
//! Cost:  one sort and one allocation a container, none a scrape.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_core::container::{Identity, Reference};

/// Which labels of a container are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRules {
    /// Whether all are: `--store_container_labels`.
    pub store_container_labels: bool,
    /// Keys that are shown when not all are; without surrounding blanks: `--whitelisted_container_labels`.
    pub whitelisted: Vec<String>,
}

/// All labels, as without flags.
impl Default for LabelRules {
    fn default() -> Self {
        Self { store_container_labels: true, whitelisted: Vec::new() }
    }
}

impl LabelRules {
    fn show(&self, key: &str) -> bool {
        self.store_container_labels || self.whitelisted.iter().any(|shown| shown == key)
    }
}

/// The labels of one container, sorted by name. `image` and `name` are always there, if empty. Of two
/// labels whose names become the same, the first in byte order stays and the other is counted.
pub fn block(reference: &Reference, identity: &Identity, rules: &LabelRules) -> Arc<[u8]> {
    let restarts = (identity.restart_count > 0).then(|| identity.restart_count.to_string());
    let restarts = restarts.as_deref().filter(|_| !identity.labels.contains_key("restartcount"));
    let envs = identity.envs.iter().map(|(key, value)| (sanitised("container_env_", key), value.as_str()));
    let labels = identity
        .labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .chain(restarts.map(|count| ("restartcount", count)))
        .filter(|(key, _)| rules.show(key))
        .map(|(key, value)| (sanitised("container_label_", key), value));
    let mut all: Vec<(String, &str)> = envs.chain(labels).collect();
    // stable, so that equal names keep the byte order of what they were made from
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let before = all.len();
    all.dedup_by(|later, first| later.0 == first.0);
    DROPPED.fetch_add((before - all.len()) as u64, Ordering::Relaxed);

    let mut out = Vec::new();
    for (name, value) in &all {
        pair(&mut out, name, value);
    }
    pair(&mut out, "id", &reference.name);
    pair(&mut out, "image", &identity.image);
    pair(&mut out, "name", reference.aliases.first().map_or("", String::as_str));
    out.into()
}

/// How many labels were left out because another of the same container took their name.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Appends `name="value"`, with a comma before it unless it is the first.
pub fn pair(out: &mut Vec<u8>, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape(out, value);
    out.push(b'"');
}

/// Appends a label's value as it stands between quotes.
pub fn escape(out: &mut Vec<u8>, value: &str) {
    let special = |byte: &u8| matches!(byte, b'\\' | b'"' | b'\n');
    let mut rest = value.as_bytes();
    while let Some(at) = rest.iter().position(special) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { break };
        out.extend_from_slice(match byte {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        rest = tail;
    }
    out.extend_from_slice(rest);
}

/// Every character that a label's name cannot have becomes an underscore.
fn sanitised(prefix: &str, key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    prefix.chars().chain(key.chars().map(plain)).collect()
}
