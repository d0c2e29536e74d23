//! Rounds: every node is asked once, and what they say becomes a batch.
//!
//! Nodes are asked spread over the first seconds, each at its own place, so that its samples lie evenly in time. Who
//! is late, refuses or cannot be read is absent; nobody waits for them longer than the round. Nodes that failed last
//! time wait for each other, not the others for them.

mod hosts;
mod ledger;
mod merge;
mod source;

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use plimsoll_client::TlsError;
use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::names::{Name, Names};
use plimsoll_core::cluster::objects::Objects;
use plimsoll_core::cluster::selector::LabelSelector;
use plimsoll_core::time::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

pub use self::hosts::{Host, HostsError};
pub use self::ledger::{BUCKETS, Meters, NodeMeter, RoundMeter};
use self::ledger::{Done, Ledger};
pub use self::source::{Hosts, Source, SourceError};
use crate::ask::{Asker, NodeAccess, Target};
use crate::decode::Reading;

/// A node's part of the time over which a round's questions are spread, and all of it at most.
const EACH: Duration = Duration::from_millis(8);
const SPREAD: Duration = Duration::from_secs(4);

/// What holds for every round.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Leave out nodes whose condition Ready is there and not true, as Heapster does; metrics-server asks them.
    pub ready_only: bool,
    /// Leave out nodes whose labels it does not match.
    pub selector: LabelSelector,
    /// How many nodes are asked at a time; of those that failed last time a quarter of it.
    pub at_a_time: usize,
    /// Whether questions are spread over the first seconds.
    pub spread: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { ready_only: false, selector: LabelSelector::default(), at_a_time: 1024, spread: true }
    }
}

/// Asks the nodes of a source, round by round.
pub struct Collector {
    inner: Arc<Inner>,
}

struct Inner {
    source: Source,
    rules: Rules,
    asker: Asker,
    objects: Arc<Objects>,
    names: Arc<Names>,
    ledger: Ledger,
    places: RandomState,
}

/// The nodes that are to be asked, with the time of each: those that answered last time, and the others.
struct Lanes([std::iter::Peekable<std::vec::IntoIter<(Instant, Target)>>; 2]);

/// How many of each lane are being asked.
type Flying = [usize; 2];

impl Collector {
    /// One that asks the nodes of `source`. Those of a cluster are taken from `objects`.
    ///
    /// # Errors
    /// A file of the certificates is missing or has something else in it.
    pub fn new(
        source: Source,
        access: NodeAccess,
        rules: Rules,
        objects: Arc<Objects>,
        names: Arc<Names>,
    ) -> Result<Self, TlsError> {
        let asker = Asker::new(access)?;
        let (ledger, places) = (Ledger::default(), RandomState::new());
        Ok(Self { inner: Arc::new(Inner { source, rules, asker, objects, names, ledger, places }) })
    }

    /// Asks every node once and waits `within` at most. The batch has the time `at`, whenever the samples were taken.
    ///
    /// Of two sets with one key the one counts that the API server knows on its node, else the one that started later.
    pub async fn round(&self, at: Timestamp, within: Duration) -> Batch {
        let inner = &self.inner;
        let begin = Instant::now();
        let deadline = begin + within;
        let mut batch = Batch::new(at);
        let targets = inner.source.targets(inner.asker.access(), &inner.objects, &inner.rules);
        let Ok(targets) = timeout_at(deadline, targets).await else { return batch };
        // the nodes need most of the time
        let shown = inner.asker.shown(within / 4).await;
        inner.ledger.begin(&targets, now());
        let mut waiting: HashSet<Name> = HashSet::new();
        let mut lanes = inner.lanes(targets, begin, within);
        let mut flying: Flying = [0, 0];
        let mut asking: JoinSet<(usize, Done)> = JoinSet::new();
        loop {
            let next = lanes.next(flying, inner.rules.at_a_time.max(1));
            let soonest = next.map_or(deadline, |(_, at)| at);
            if next.is_none() && asking.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = sleep_until(deadline) => break,
                Some(done) = asking.join_next(), if !asking.is_empty() => {
                    // a task that is gone without a word leaves its node among those that are waited for
                    let Ok((lane, done)) = done else { continue };
                    if let Some(count) = flying.get_mut(lane) {
                        *count = count.saturating_sub(1);
                    }
                    waiting.remove(&done.node);
                    let sets = inner.ledger.done(done);
                    merge::into(&mut batch, sets, &inner.objects);
                }
                () = sleep_until(soonest), if next.is_some() => {
                    let Some((lane, _)) = next else { continue };
                    let Some(target) = lanes.take(lane) else { continue };
                    if let Some(count) = flying.get_mut(lane) {
                        *count += 1;
                    }
                    waiting.insert(target.node.name.clone());
                    let (inner, shown) = (Arc::clone(inner), shown.clone());
                    asking.spawn(async move { (lane, inner.ask(target, shown, deadline).await) });
                }
            }
        }
        // who was not done is late; dropping their tasks hangs up
        drop(asking);
        waiting.iter().for_each(|node| inner.ledger.late(node, true, within));
        lanes
            .0
            .into_iter()
            .flatten()
            .for_each(|(_, target)| inner.ledger.late(&target.node.name, false, within));
        inner.ledger.end(begin.elapsed());
        batch
    }

    /// What the rounds cost and how they went.
    pub fn meters(&self) -> Meters {
        self.inner.ledger.meters()
    }

    /// The source that is asked.
    pub fn source(&self) -> &Source {
        &self.inner.source
    }
}

impl Inner {
    fn lanes(&self, targets: Vec<Target>, begin: Instant, within: Duration) -> Lanes {
        let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        let spread = EACH.saturating_mul(count).min(SPREAD).min(within / 4);
        let spread = if self.rules.spread { spread } else { Duration::ZERO };
        let (mut healthy, mut failing) = (Vec::new(), Vec::new());
        for target in targets {
            let part = self.places.hash_one(&target.node.name) as f64 / u64::MAX as f64;
            let at = begin + spread.mul_f64(part.clamp(0.0, 1.0));
            match self.ledger.failing_since(&target.node.name) {
                None => healthy.push((at, target)),
                Some(round) => failing.push((round, at, target)),
            }
        }
        healthy.sort_unstable_by_key(|(at, _)| *at);
        // not all may get their turn before the end: who waited longest comes first
        let mut times: Vec<_> = failing.iter().map(|(_, at, _)| *at).collect();
        times.sort_unstable();
        failing.sort_unstable_by_key(|(round, at, _)| (*round, *at));
        let failing: Vec<_> = times.into_iter().zip(failing).map(|(at, (.., target))| (at, target)).collect();
        Lanes([healthy, failing].map(|lane| lane.into_iter().peekable()))
    }

    async fn ask(&self, target: Target, shown: Option<HeaderValue>, deadline: Instant) -> Done {
        let asked = now();
        let begin = Instant::now();
        let within = self.asker.access().within.min(deadline.saturating_duration_since(begin));
        let mut learned = self.ledger.learned(&target.node.name);
        let reading = Reading { node: &target.node, names: &self.names, at: asked };
        let choice = self.source.choice();
        let told = self.asker.ask(&target, choice, &mut learned, shown.as_ref(), &reading, within).await;
        Done { node: target.node.name.clone(), asked, took: begin.elapsed(), learned, told }
    }
}

impl Lanes {
    /// Whose turn it is, and when, if more may be asked.
    fn next(&mut self, flying: Flying, at_a_time: usize) -> Option<(usize, Instant)> {
        let limits = [at_a_time, (at_a_time / 4).max(1)];
        let lanes = self.0.iter_mut().enumerate().zip(flying).zip(limits);
        let free = lanes.filter(|((_, flying), limit)| flying < limit);
        free.filter_map(|(((lane, queue), _), _)| queue.peek().map(|(at, _)| (lane, *at)))
            .min_by_key(|(_, at)| *at)
    }

    fn take(&mut self, lane: usize) -> Option<Target> {
        self.0.get_mut(lane)?.next().map(|(_, target)| target)
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
