//! What happens to containers.

use std::fmt;

use serde::Serialize;

use crate::time::Timestamp;

/// The four kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum EventType {
    /// A task of the container was killed for want of memory (the group of the killed task).
    #[serde(rename = "oom")]
    Oom,
    /// The container's limit made the kernel kill (the group whose limit was hit).
    #[serde(rename = "oomKill")]
    OomKill,
    /// The container appeared.
    #[serde(rename = "containerCreation")]
    Creation,
    /// The container is gone.
    #[serde(rename = "containerDeletion")]
    Deletion,
}

impl EventType {
    /// All, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::Oom, Self::OomKill, Self::Creation, Self::Deletion];

    /// The word in JSON and in the storage-limit flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oom => "oom",
            Self::OomKill => "oomKill",
            Self::Creation => "containerCreation",
            Self::Deletion => "containerDeletion",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One event, as JSON shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The cgroup's name.
    pub container_name: String,
    /// When it happened: the creation time, the kernel's time of the kill, or when the end was seen.
    pub timestamp: Timestamp,
    /// What happened.
    pub event_type: EventType,
    /// More about it; an object even when empty.
    pub event_data: EventData,
}

/// What an event tells beyond its type.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EventData {
    /// For `oomKill`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom: Option<OomKill>,
    /// For `containerDeletion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_deletion: Option<ContainerDeletion>,
}

/// Whom the kernel killed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OomKill {
    /// Process id in the host's namespace.
    pub pid: i64,
    /// The process' name, at most 15 bytes.
    pub process_name: String,
    /// `CONSTRAINT_MEMCG`, `CONSTRAINT_NONE`, ...; empty when an old kernel does not say.
    pub constraint: String,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContainerDeletion {
    /// What the runtime gave; -1 where unknown.
    pub exit_code: i64,
}
