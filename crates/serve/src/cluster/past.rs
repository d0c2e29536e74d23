//! What serving asks of the collector.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Resource, Value};
use plimsoll_core::cluster::history::History;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
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
