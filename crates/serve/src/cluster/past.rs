//! What serving asks of the collector.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Resource, Value};
use plimsoll_core::cluster::history::History;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::Objects;
use plimsoll_core::time::Timestamp;

/// A metric by its name: one of the list, or an application's with `custom/` before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// One of the list.
    Listed(Metric),
    /// An application's.
    Custom(String),
}

impl Named {
    /// The metric of this name; any that is not in the list may be an application's.
    pub fn of(name: &str) -> Self {
        Metric::of_name(name).map_or_else(|| Self::Custom(name.to_owned()), Self::Listed)
    }
}

/// What the collector keeps, for many readers.
pub trait ClusterPast: Send + Sync {
    /// The newest round; absent before the first.
    fn latest(&self) -> Option<Arc<Batch>>;
    /// A plain metric's points within both ends, oldest first.
    fn points(&self, key: &Key, metric: &Named, start: Timestamp, end: Timestamp) -> Vec<(Timestamp, Value)>;
    /// A labeled metric's points within both ends, oldest first.
    fn labeled(
        &self,
        key: &Key,
        metric: Metric,
        resource: &Resource,
        start: Timestamp,
        end: Timestamp,
    ) -> Vec<(Timestamp, Value)>;
    /// The names of the plain metrics that are kept of an entity, in order.
    fn names(&self, key: &Key) -> Vec<String>;
    /// What the API server says.
    fn objects(&self) -> &Objects;
    /// The store that answers for longer ago, if one was named.
    fn history(&self) -> Option<Arc<dyn History>>;
    /// How the collector itself is.
    fn health(&self) -> Health;
    /// What the collector tells of itself on `/metrics`. A source of many nodes has one for each.
    fn meters(&self) -> Vec<Meter> {
        Vec::new()
    }
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// How the collector is, for its health checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The time from round to round, in nanoseconds.
    pub resolution_nanos: i64,
    /// When the last round began; absent before the first.
    pub round_began: Option<Timestamp>,
    /// Whether the first list of nodes and that of pods have come, or no API server is asked.
    pub objects_listed: bool,
}

/// What the collector tells of one of its parts, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Meter {
    /// Which part.
    pub part: Part,
    /// When its last run began; absent before the first.
    pub last: Option<Timestamp>,
    /// How often it ran to its end, well.
    pub done: u64,
    /// How often it failed.
    pub failed: u64,
    /// Batches that it did not get because it was busy; of sinks.
    pub dropped: u64,
    /// Seconds of all runs together.
    pub seconds: f64,
    /// Sets of the last run: what a source gave, what a processor or a sink took.
    pub sets: u64,
}

impl Meter {
    /// One that has not run yet.
    pub fn new(part: Part) -> Self {
        Self { part, last: None, done: 0, failed: 0, dropped: 0, seconds: 0.0, sets: 0 }
    }
}

/// A part of the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is asked for numbers: Heapster's word for a node's source, `kubelet_summary:10.0.0.1:10255`, and the node.
    Source {
        /// The label `source`.
        source: String,
        /// The node's name.
        node: Name,
    },
    /// A step of the reduction: `rate calculator`.
    Processor(&'static str),
    /// A sink: `InfluxDB Sink`.
    Sink(String),
}
