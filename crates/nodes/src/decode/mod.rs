//! What a node's answer says: bytes in, sets out.
//!
//! A decoder takes what it can read. A number that is not there, or is none, is absent from its set; what is broken
//! costs its own container where the format allows. Fields that are not known are passed over.

pub mod cadvisor;
pub mod container;
pub mod resource;
pub mod summary;

mod json;

use std::sync::Arc;

use hashbrown::HashMap;
use plimsoll_core::cluster::batch::Set;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::{Name, Names};
use plimsoll_core::cluster::objects::Node;
use plimsoll_core::time::Timestamp;

/// Entities that one node may tell of; a kubelet has some hundreds of pods.
pub const ENTITIES: usize = 20_000;

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is something else.
    #[error("expected {expected}, got {got}")]
    Other {
        /// What should be there.
        expected: &'static str,
        /// What there is instead.
        got: String,
    },
    /// The node itself says that it could not read its numbers.
    #[error("the node says that it could not read its own numbers: {0} is 1")]
    Failed(&'static str),
    /// It tells of more than any node has.
    #[error("more than {ENTITIES} containers")]
    TooMany,
}

/// Whose answer is read, and when it came.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Who answered; the sets point at it. Keys have its name, whatever the answer calls itself.
    pub node: &'a Arc<Node>,
    /// Where names are kept once.
    pub names: &'a Names,
    /// The time of asking, by our clock.
    pub at: Timestamp,
}

impl Reading<'_> {
    fn name(&self, text: &str) -> Name {
        self.names.get(text)
    }

    fn node_key(&self) -> Key {
        Key::Node(self.node.name.clone())
    }

    fn system_key(&self, container: &str) -> Key {
        Key::SystemContainer { node: self.node.name.clone(), container: self.name(container) }
    }

    fn pod_key(&self, namespace: &str, pod: &str) -> Key {
        Key::Pod { namespace: self.name(namespace), pod: self.name(pod) }
    }

    fn container_key(&self, namespace: &str, pod: &str, container: &str) -> Key {
        Key::Container {
            namespace: self.name(namespace),
            pod: self.name(pod),
            container: self.name(container),
        }
    }

    /// A set with its times; its uptime is that by our clock. One that starts after now has none.
    fn set(&self, key: Key, started: Option<Timestamp>, scraped: Option<Timestamp>) -> Set {
        let mut set = Set::new(key);
        set.node = Some(Arc::clone(self.node));
        (set.started, set.scraped) = (started, scraped);
        let up = started.map(|started| self.at.since(started)).filter(|nanos| *nanos >= 0);
        if let Some(nanos) = up {
            set.values.set_int(Metric::Uptime, nanos / 1_000_000);
        }
        set
    }
}

/// Of two sets with one key keeps the one that started later: a container that runs, before its dead twin.
fn keep_later(sets: &mut Vec<Set>) {
    let mut first: HashMap<Key, usize, foldhash::fast::RandomState> =
        HashMap::with_capacity_and_hasher(sets.len(), foldhash::fast::RandomState::default());
    let mut kept: Vec<Set> = Vec::with_capacity(sets.len());
    for set in sets.drain(..) {
        match first.get(&set.key).and_then(|place| kept.get_mut(*place)) {
            Some(known) if set.started > known.started => *known = set,
            Some(_) => {}
            None => {
                first.insert(set.key.clone(), kept.len());
                kept.push(set);
            }
        }
    }
    *sets = kept;
}

/// What stands at the beginning of an answer, for a message.
fn beginning(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let text = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes));
    let line = text.trim().lines().next().unwrap_or_default();
    format!("{:?}", line.chars().take(80).collect::<String>())
}

#[cfg(test)]
mod tests;
