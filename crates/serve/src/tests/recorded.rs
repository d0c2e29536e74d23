//! What cAdvisor 0.36 answered on a host like the fake one: same statuses, headers, keys in the same order,
//! same types. Later versions added keys; those are listed here, and nothing else may differ.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{app, ask};
use crate::fake::Fake;

/// Keys that cAdvisor has since 0.36 (or that we fill where it leaves them out: `quota`, `period` and
/// `limit` in v2, `processes`' own numbers).
const ADDED: &[&str] = &[
    "app direct_mode_capacity",
    "bursts_periods",
    "burst_time",
    "caches",
    "constraint",
    "container_deletion",
    "count",
    "cpuset",
    "dimm_count",
    "distances",
    "events",
    "file_dirty",
    "file_writeback",
    "has_hugetlb",
    "health",
    "id",
    "io_cost_usage",
    "kernel",
    "limit",
    "load_d_average",
    "memory_by_type",
    "numa_stats",
    "num_physical_cores",
    "num_sockets",
    "nvm",
    "oom_events",
    "period",
    "pgscan",
    "pgsteal",
    "psi",
    "psr",
    "quota",
    "resctrl",
    "socket_id",
    "start_time",
    "std",
    "swap_capacity",
    "tcp_advanced",
    "threads_current",
    "threads_max",
    "timestamp",
    "total_active_file",
    "total_inactive_file",
    "uncore_caches",
    "vendor_id",
    "workingset_refault_anon",
    "workingset_refault_file",
];

/// Errors that later versions word differently, and routes where the difference is meant.
const DIFFERENT: &[(&str, &str)] = &[
    ("v1.2-docker-unknown", "0.60 names the namespace"),
    ("v2.0-stats-unknown-docker", "0.60 names the namespace"),
    ("v2.0-bad-maxage", "0.36 knew no max_age"),
    ("metrics", "the text has its own tests"),
    ("validate", "the text has its own golden file"),
];

/// JSON with its keys in order.
#[derive(Debug)]
enum Node {
    Null,
    Bool,
    Number,
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Node;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Bool)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
                Ok(Node::Number)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
                Ok(Node::Number)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Number)
            }
            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Node::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Node::Object(entries))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Node {
    /// What tells one item of a list from another.
    fn label(&self) -> Option<&str> {
        let Self::Object(entries) = self else { return None };
        ["name", "device", "event_type"].iter().find_map(|wanted| {
            entries.iter().find_map(|(key, value)| match value {
                Self::Text(text) if key == wanted => Some(text.as_str()),
                _ => None,
            })
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Object(_) => "object",
        }
    }
}

fn compare(at: &str, theirs: &Node, ours: &Node, wrong: &mut Vec<String>) {
    match (theirs, ours) {
        (Node::Object(theirs), Node::Object(ours)) => {
            let names = |entries: &[(String, Node)], others: &[(String, Node)]| -> Vec<String> {
                let there = |key: &String| others.iter().any(|(other, _)| other == key);
                let names = entries.iter().map(|(key, _)| key.clone());
                names.filter(|key| there(key) || !ADDED.contains(&key.as_str())).collect()
            };
            let (mut their_names, mut our_names) = (names(theirs, ours), names(ours, theirs));
            if their_names.iter().all(|name| name.starts_with('/')) {
                their_names.sort();
                our_names.sort();
            }
            if their_names != our_names {
                wrong.push(format!("{at}: theirs {their_names:?}\n{at}: ours   {our_names:?}"));
            }
            for (key, their) in theirs {
                if let Some((_, our)) = ours.iter().find(|(other, _)| other == key) {
                    compare(&format!("{at}.{key}"), their, our, wrong);
                }
            }
        }
        (Node::List(theirs), Node::List(ours)) => {
            if theirs.is_empty() != ours.is_empty() {
                wrong.push(format!("{at}: {} items in theirs, {} in ours", theirs.len(), ours.len()));
            }
            for (nth, our) in ours.iter().enumerate() {
                let their = match our.label() {
                    Some(_) => theirs.iter().find(|their| their.label() == our.label()),
                    None => theirs.get(nth).or(theirs.last()),
                };
                if let Some(their) = their {
                    compare(&format!("{at}[]"), their, our, wrong);
                }
            }
        }
        // a filesystem without labels: `[]` then, `null` now
        (Node::List(theirs), Node::Null) if theirs.is_empty() && at.ends_with(".labels") => {}
        // cAdvisor forgets to copy them
        (Node::Null, Node::List(_)) if at == "v2.0-attributes.hugepages" => {}
        (theirs, ours) if theirs.kind() == ours.kind() => {}
        (theirs, ours) => wrong.push(format!("{at}: {} in theirs, {} in ours", theirs.kind(), ours.kind())),
    }
}

/// The recorded answers; they are not part of the source.
fn recorded() -> Option<PathBuf> {
    let root = match std::env::var_os("PLIMSOLL_REFERENCE") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference"),
    };
    Some(root.join("recorded/cadvisor-0.36-hybrid")).filter(|path| path.is_dir())
}

#[tokio::test]
async fn answers_look_as_cadvisors() {
    let Some(folder) = recorded() else {
        println!("skipped: no recorded answers; PLIMSOLL_REFERENCE names the folder above `recorded`");
        return;
    };
    let app = app(Fake::host());
    let mut compared = 0;
    let mut wrong = Vec::new();
    let mut heads: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    heads.sort();
    for head in heads.iter().filter(|path| path.extension().is_some_and(|ext| ext == "head")) {
        let name = head.file_stem().unwrap().to_str().unwrap();
        if DIFFERENT.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let text = std::fs::read_to_string(head).unwrap();
        let mut lines = text.lines();
        let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
        let mut status = lines.next().unwrap();
        let mut body = "";
        if let Some(sent) = status.strip_prefix("body: ") {
            body = sent;
            status = lines.next().unwrap();
        }
        let answer = ask(&app, method, uri, body).await;
        compared += 1;
        if format!("-> {}", answer.status.as_u16()) != status {
            wrong.push(format!("{name}: {status} in theirs, {} in ours: {}", answer.status, answer.text()));
            continue;
        }
        for (header, value) in lines.filter_map(|line| line.split_once(": ")) {
            if answer.header(header) != value {
                wrong.push(format!(
                    "{name}: {header}: {value} in theirs, {:?} in ours",
                    answer.header(header)
                ));
            }
        }
        if let Ok(theirs) = std::fs::read_to_string(head.with_extension("txt")) {
            if theirs != answer.text() {
                wrong.push(format!("{name}: {theirs:?} in theirs, {:?} in ours", answer.text()));
            }
        } else {
            let theirs: Node =
                serde_json::from_slice(&std::fs::read(head.with_extension("json")).unwrap()).unwrap();
            let ours: Node = serde_json::from_slice(&answer.body).unwrap();
            compare(name, &theirs, &ours, &mut wrong);
        }
    }
    assert!(compared > 40, "{compared} answers compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
