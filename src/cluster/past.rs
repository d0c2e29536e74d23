//! What is kept of the rounds, as serving asks for it.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use plimsoll_core::cluster::batch::{Batch, Resource, Value};
use plimsoll_core::cluster::history::History;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::objects::Objects;
use plimsoll_core::time::Timestamp;
use plimsoll_nodes::round::Collector;
use plimsoll_retain::model::Model;
use plimsoll_serve::cluster::past::{ClusterPast, Health, Meter, Named};
use plimsoll_sinks::Manager;

use super::meters::{self, Processors};

/// So many sets of a round are kept under one lock: about a millisecond, for which who asks may have to wait.
const AT_ONCE: usize = 1024;
/// Between two locks.
const PAUSE: Duration = Duration::from_micros(50);

/// The newest round, and the short past if one is kept.
pub(super) struct Kept {
    pub(super) resolution_nanos: i64,
    /// Whether an API server says what is in `objects`; otherwise the hosts do.
    pub(super) is_told: bool,
    pub(super) objects: Arc<Objects>,
    pub(super) model: Option<RwLock<Model>>,
    pub(super) latest: Mutex<Option<Arc<Batch>>>,
    pub(super) began: Mutex<Option<Timestamp>>,
    pub(super) history: Option<Arc<dyn History>>,
    pub(super) nodes: Arc<Collector>,
    pub(super) sinks: Arc<Manager>,
    pub(super) processors: Processors,
}

impl Kept {
    pub(super) fn newest(&self) -> Option<Arc<Batch>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn begin(&self, at: Timestamp) {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Keeps a round. Takes a while, during which others read.
    pub(super) fn push(&self, batch: &Arc<Batch>) {
        if let Some(model) = &self.model {
            let write = || model.write().unwrap_or_else(PoisonError::into_inner);
            write().begin(Arc::clone(batch));
            while write().advance(AT_ONCE) {
                // without a pause the lock would be taken again before those who wait for it wake up
                std::thread::sleep(PAUSE);
            }
        }
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(batch));
    }

    fn model(&self) -> Option<RwLockReadGuard<'_, Model>> {
        self.model.as_ref().map(|model| model.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn objects_are_listed(&self) -> bool {
        let known = self.objects.read();
        !self.is_told || (known.nodes_listed && known.pods_listed)
    }
}

impl ClusterPast for Kept {
    fn latest(&self) -> Option<Arc<Batch>> {
        self.newest()
    }

    fn points(&self, key: &Key, metric: &Named, start: Timestamp, end: Timestamp) -> Vec<(Timestamp, Value)> {
        let (Some(model), now) = (self.model(), self.now()) else { return Vec::new() };
        match metric {
            Named::Listed(metric) => model.points(key, *metric, start, end, now),
            Named::Custom(name) => model.custom(key, name, start, end, now),
        }
    }

    fn labeled(
        &self,
        key: &Key,
        metric: Metric,
        resource: &Resource,
        start: Timestamp,
        end: Timestamp,
    ) -> Vec<(Timestamp, Value)> {
        let model = self.model();
        model.map(|model| model.labeled(key, metric, resource, start, end, self.now())).unwrap_or_default()
    }

    fn names(&self, key: &Key) -> Vec<String> {
        self.model().map(|model| model.names(key, self.now())).unwrap_or_default()
    }

    fn objects(&self) -> &Objects {
        &self.objects
    }

    fn history(&self) -> Option<Arc<dyn History>> {
        self.history.clone()
    }

    fn health(&self) -> Health {
        Health {
            resolution_nanos: self.resolution_nanos,
            round_began: *self.began.lock().unwrap_or_else(PoisonError::into_inner),
            objects_listed: self.objects_are_listed(),
        }
    }

    fn meters(&self) -> Vec<Meter> {
        let mut all = meters::of_nodes(&self.nodes);
        all.extend(self.processors.meters());
        all.extend(meters::of_sinks(&self.sinks));
        all
    }

    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
    }
}
