//! What happened to a sink's batches.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plimsoll_core::time::Timestamp;

/// Why a batch did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    /// A newer one needed its place among those that wait.
    Full,
    /// It waited too long for a sink that was busy.
    Waited,
    /// It was not through when its turn was over.
    Late,
    /// The last try failed like those before.
    Failed,
    /// The store does not want it.
    Refused,
    /// The program ended first.
    Stopped,
}

impl Loss {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Waited, Self::Late, Self::Failed, Self::Refused, Self::Stopped];

    /// Its word, for labels.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Waited => "waited",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// One sink's counters since the start, and its state now.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkMeters {
    /// Heapster's name of the sink.
    pub name: &'static str,
    /// Where it ships to; tells two sinks of a name apart.
    pub place: String,
    /// Batches that arrived whole.
    pub exports: u64,
    /// Batches of which the store refused a part.
    pub partial: u64,
    /// Tries that failed, those that were tried again included.
    pub failures: u64,
    /// Batches that did not arrive, by reason, in the order of [`Loss::ALL`].
    pub drops: [(Loss, u64); 6],
    /// Batches that wait now.
    pub waiting: usize,
    /// Whether a batch is on its way now.
    pub busy: bool,
    /// Time spent on batches, those that did not arrive included.
    pub spent: Duration,
    /// Time spent on the last one.
    pub last_spent: Duration,
    /// When the last batch arrived, whole or in part.
    pub last_success: Option<Timestamp>,
}

#[derive(Default)]
pub(super) struct Meters {
    exports: AtomicU64,
    partial: AtomicU64,
    failures: AtomicU64,
    drops: [AtomicU64; 6],
    spent: AtomicU64,
    last_spent: AtomicU64,
    last_success: AtomicI64,
}

impl Meters {
    pub(super) fn dropped(&self, reason: Loss) {
        if let Some(count) = self.drops.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self, times: u64) {
        self.failures.fetch_add(times, Ordering::Relaxed);
    }

    pub(super) fn arrived(&self, whole: bool) {
        let count = if whole { &self.exports } else { &self.partial };
        count.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_success.store(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub(super) fn took(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(nanos, Ordering::Relaxed);
        self.last_spent.store(nanos, Ordering::Relaxed);
    }

    pub(super) fn told(&self, name: &'static str, place: &str, waiting: usize, busy: bool) -> SinkMeters {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let success = self.last_success.load(Ordering::Relaxed);
        SinkMeters {
            name,
            place: place.to_owned(),
            exports: count(&self.exports),
            partial: count(&self.partial),
            failures: count(&self.failures),
            drops: Loss::ALL.map(|reason| (reason, self.drops.get(reason as usize).map_or(0, count))),
            waiting,
            busy,
            spent: Duration::from_nanos(count(&self.spent)),
            last_spent: Duration::from_nanos(count(&self.last_spent)),
            last_success: (success != 0).then_some(Timestamp(success)),
        }
    }
}
