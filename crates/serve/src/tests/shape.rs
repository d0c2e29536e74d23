//! The shape of answers: names of keys, their order, types. Held against what cAdvisor 0.36 answered, which is
//! recorded outside the source. Also taken in, by its path, by the replay of captured machines.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

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
    "volumes",
    "workingset_refault_anon",
    "workingset_refault_file",
];

/// JSON with its keys in order.
#[derive(Clone, Debug)]
pub(crate) enum Node {
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

/// Says where two answers differ: `theirs` is the recorded one. One side may lack the keys that came later, and
/// those of `also`.
pub(crate) fn compare(at: &str, theirs: &Node, ours: &Node, also: &[(&str, &str)], wrong: &mut Vec<String>) {
    let may_lack = |key: &str| ADDED.contains(&key) || also.iter().any(|(other, _)| *other == key);
    match (theirs, ours) {
        (Node::Object(theirs), Node::Object(ours)) => {
            let names = |entries: &[(String, Node)], others: &[(String, Node)]| -> Vec<String> {
                let there = |key: &String| others.iter().any(|(other, _)| other == key);
                let names = entries.iter().map(|(key, _)| key.clone());
                names.filter(|key| there(key) || !may_lack(key)).collect()
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
                    compare(&format!("{at}.{key}"), their, our, also, wrong);
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
                    compare(&format!("{at}[]"), their, our, also, wrong);
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

/// A recorded answer: what was asked and what came.
pub(crate) struct Recorded {
    /// The file's name without its ending.
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) body: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) answer: Answered,
}

/// What was answered.
pub(crate) enum Answered {
    Text(String),
    Json(Node),
}

/// All recorded answers, by name; `None`, and a line that says so, where they are not at hand.
pub(crate) fn recorded(beside: &Path) -> Option<Vec<Recorded>> {
    let root = std::env::var_os("PLIMSOLL_REFERENCE").map_or_else(|| beside.to_owned(), PathBuf::from);
    let Ok(folder) = std::fs::read_dir(root.join("recorded/cadvisor-0.36-hybrid")) else {
        println!("skipped: no recorded answers; PLIMSOLL_REFERENCE names the folder above `recorded`");
        return None;
    };
    let mut heads: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    heads.retain(|path| path.extension().is_some_and(|extension| extension == "head"));
    heads.sort();
    Some(heads.iter().map(|head| read(head)).collect())
}

fn read(head: &Path) -> Recorded {
    let text = std::fs::read_to_string(head).unwrap();
    let mut lines = text.lines();
    let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
    let mut status = lines.next().unwrap();
    let mut body = "";
    if let Some(sent) = status.strip_prefix("body: ") {
        body = sent;
        status = lines.next().unwrap();
    }
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    let answer = match std::fs::read_to_string(head.with_extension("txt")) {
        Ok(text) => Answered::Text(text),
        Err(_) => Answered::Json(
            serde_json::from_slice(&std::fs::read(head.with_extension("json")).unwrap()).unwrap(),
        ),
    };
    Recorded {
        name: head.file_stem().unwrap().to_str().unwrap().to_owned(),
        method: method.to_owned(),
        uri: uri.to_owned(),
        body: body.to_owned(),
        status: status.strip_prefix("-> ").unwrap().parse().unwrap(),
        headers: lines.filter_map(header).collect(),
        answer,
    }
}
