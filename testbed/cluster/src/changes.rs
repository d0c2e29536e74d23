//! The newest changes, for those who watch.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::object::{Kind, Object};

/// So many are kept; who is further behind has to list anew.
const KEPT: usize = 20_000;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

impl Change {
    /// A watch's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) change: Change,
    pub(crate) object: Arc<Object>,
    /// The object before it, of a modification.
    pub(crate) before: Option<Arc<Object>>,
}

/// The newest changes.
pub(crate) struct Changes {
    kept: Mutex<Kept>,
    /// Counts up with each change.
    told: watch::Sender<u64>,
    /// Counts how often all watches were ended.
    ended: watch::Sender<u64>,
}

struct Kept {
    events: VecDeque<Event>,
    /// The newest version that was forgotten.
    forgotten: u64,
}

impl Changes {
    pub(crate) fn new() -> Self {
        let kept = Kept { events: VecDeque::new(), forgotten: 0 };
        Self { kept: Mutex::new(kept), told: watch::Sender::new(0), ended: watch::Sender::new(0) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, change: Change, object: &Arc<Object>, before: Option<Arc<Object>>) {
        let mut kept = self.kept();
        kept.events.push_back(Event { change, object: Arc::clone(object), before });
        if kept.events.len() > KEPT {
            kept.forgotten = kept.events.pop_front().map_or(kept.forgotten, |event| event.object.version);
        }
        drop(kept);
        self.told.send_modify(|count| *count += 1);
    }

    /// The changes of a kind after a version; `None` where some of them were forgotten.
    pub(crate) fn after(&self, version: u64, kind: Kind) -> Option<Vec<Event>> {
        let kept = self.kept();
        if version < kept.forgotten {
            return None;
        }
        let from = kept.events.partition_point(|event| event.object.version <= version);
        Some(kept.events.iter().skip(from).filter(|event| event.object.kind == kind).cloned().collect())
    }

    /// Forgets all up to this version: who watches from before it is told 410.
    pub(crate) fn forget(&self, version: u64) {
        let mut kept = self.kept();
        kept.events.clear();
        kept.forgotten = version;
    }

    /// Ends all watches that there are.
    pub(crate) fn end_watches(&self) {
        self.ended.send_modify(|count| *count += 1);
    }

    /// Wakes at changes.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Wakes when watches are to end.
    pub(crate) fn ends(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }
}
