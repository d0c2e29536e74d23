//! Rates of counters: what was added since the sample before, by the time between the two.
//!
//! As Heapster, both samples must be of one life of the entity. Unlike Heapster:
//! - a counter that went back gives no rate rather than a negative one; if it is that of the CPU, the entity started
//!   anew and nothing of it has a rate;
//! - a disk is compared with itself rather than with the first one;
//! - a sample that the node gave again (kubelets take theirs at their own pace) keeps its rates, so that sums over
//!   many do not dip, for three rounds; then it has none any more;
//! - an entity that was absent from a round has a rate again as soon as it is back;
//! - a pod that was made again under its name is another pod, also where nothing tells a start.

mod absent;
mod cpu;

use plimsoll_core::cluster::batch::{Batch, Labeled, Set, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::time::Timestamp;

use absent::Absent;

/// The plain ones. What each is the rate of stands in its row.
const PLAIN: [Metric; 7] = [
    Metric::CpuUsageRate,
    Metric::MemoryPageFaultsRate,
    Metric::MemoryMajorPageFaultsRate,
    Metric::NetworkRxRate,
    Metric::NetworkRxErrorsRate,
    Metric::NetworkTxRate,
    Metric::NetworkTxErrorsRate,
];

/// Those that containers of a pod do not have, as they share the pod's network.
const OF_PODS_ALONE: [Metric; 4] =
    [Metric::NetworkRxRate, Metric::NetworkRxErrorsRate, Metric::NetworkTxRate, Metric::NetworkTxErrorsRate];

/// The labeled ones.
const LABELED: [Metric; 2] = [Metric::DiskIoReadBytesRate, Metric::DiskIoWriteBytesRate];

/// What times are cut to where they are not told finer.
const SECOND: i64 = 1_000_000_000;

/// Kubelets take samples every ten to twenty seconds, however short the time between rounds.
const SHORTEST_LIMIT: i64 = 60_000_000_000;

/// The calculator, with what it remembers.
pub(crate) struct Rates {
    resolution: i64,
    absent: Absent,
    said: bool,
}

/// How a sample follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// So many nanoseconds later; more than none.
    Later(i64),
    /// It is the same sample.
    Again,
}

impl Rates {
    pub(crate) fn new(resolution_nanos: i64) -> Self {
        Self { resolution: resolution_nanos, absent: Absent::default(), said: false }
    }

    /// How old a sample may be to be compared with: three rounds.
    fn limit(&self) -> i64 {
        self.resolution.saturating_mul(3).max(SHORTEST_LIMIT)
    }

    /// Whether a sample that came again so often is younger than that. Judged by rounds: a node's clock may be wrong.
    fn is_fresh(&self, again: u8) -> bool {
        self.resolution.saturating_mul(i64::from(again) + 1) <= self.limit()
    }

    /// Gives the sets their rates.
    pub(crate) fn compute(&mut self, batch: &mut Batch, previous: Option<&Batch>) {
        let (at, limit) = (batch.at, self.limit());
        if let Some(previous) = previous.filter(|previous| previous.at >= at) {
            if !self.said {
                tracing::warn!(
                    round = %at, before = %previous.at,
                    "a round is not later than the one before it: it has no rates (said once)"
                );
                self.said = true;
            }
            return;
        }
        self.absent.forget(at, limit);
        let (mut guess, mut found) = (0, 0);
        for set in batch.iter_mut() {
            let Some(scraped) = set.scraped else { continue };
            let place = previous.and_then(|previous| previous.place_near(&set.key, guess));
            let absent;
            let before = place.and_then(|place| previous?.nth(place)).filter(|set| set.scraped.is_some());
            let before = match before {
                Some(before) => {
                    found += 1;
                    Some(before)
                }
                None => {
                    absent = self.absent.take(&set.key);
                    absent.as_ref()
                }
            };
            guess = place.map_or(guess, |place| place + 1);
            let before = before.filter(|before| same_life(before, set));
            let mut step = before.and_then(|before| step(before.scraped?, scraped, limit));
            if let (Some(before), Some(Step::Again)) = (before, step) {
                // the finer one of the two times
                set.scraped = before.scraped.max(set.scraped);
                set.again = before.again.saturating_add(1);
                step = step.filter(|_| self.is_fresh(set.again));
            }
            if let Some((before, step)) = before.zip(step) {
                plain(set, before, step);
                labeled(set, before, step);
            }
            if matches!(set.key, Key::Node(_) | Key::Container { .. }) {
                set.cpu_rate = cpu::rate(set, before, step, self.resolution);
            }
        }
        if let Some(previous) = previous {
            self.absent.remember(batch, previous, found);
        }
    }
}

/// Whether both are of one life of the entity. A start that is not told says nothing.
fn same_life(before: &Set, now: &Set) -> bool {
    let same_start = before.started.zip(now.started).is_none_or(|(before, now)| before == now);
    let same_pod =
        before.pod.as_ref().zip(now.pod.as_ref()).is_none_or(|(before, now)| before.uid == now.uid);
    let used = |set: &Set| set.values.int(Metric::CpuUsage);
    let went_on = used(before).zip(used(now)).is_none_or(|(before, now)| added(before, now).is_some());
    same_start && same_pod && went_on
}

fn step(before: Timestamp, scraped: Timestamp, limit: i64) -> Option<Step> {
    let passed = scraped.since(before);
    if passed == 0 || is_cut(before, scraped) || is_cut(scraped, before) {
        return Some(Step::Again);
    }
    (1..=limit).contains(&passed).then_some(Step::Later(passed))
}

/// Whether the one time is the other, cut to the second: a node tells one sample now finer and now not.
fn is_cut(cut: Timestamp, fine: Timestamp) -> bool {
    cut.nanos() == fine.nanos() - fine.nanos().rem_euclid(SECOND)
}

/// What was added to a counter; nothing if it went back. Counters beyond 2^63 are kept bit by bit.
fn added(before: i64, now: i64) -> Option<i64> {
    Some(now.wrapping_sub(before)).filter(|added| *added >= 0)
}

fn plain(set: &mut Set, before: &Set, step: Step) {
    // an old sandbox has its containers' rates in its own
    let again: &[Metric] = if before.is_sandbox() { &OF_PODS_ALONE } else { &PLAIN };
    let metrics = if step == Step::Again { again } else { &PLAIN };
    for metric in metrics {
        let Some(of) = metric.row().rate_of else { continue };
        let Some(now) = set.values.int(of) else { continue };
        match step {
            Step::Again => {
                if let Some(rate) = before.values.get(*metric) {
                    set.values.set(*metric, rate);
                }
            }
            Step::Later(passed) => {
                let added = before.values.int(of).and_then(|before| added(before, now));
                match added {
                    // thousandths of a core, of nanoseconds
                    Some(added) if *metric == Metric::CpuUsageRate => {
                        let rate = i128::from(added) * 1000 / i128::from(passed);
                        set.values.set_int(*metric, i64::try_from(rate).unwrap_or(i64::MAX));
                    }
                    Some(added) => set.values.set_float(*metric, per_second(added, passed)),
                    None => {}
                }
            }
        }
    }
}

fn labeled(set: &mut Set, before: &Set, step: Step) {
    for rate in LABELED {
        let Some(of) = rate.row().rate_of else { continue };
        for place in 0..set.labeled().len() {
            let Some(now) = set.labeled().get(place).filter(|one| one.metric == of) else { continue };
            let value = match step {
                Step::Again => same_resource(before, place, rate, now).map(|one| one.value),
                Step::Later(passed) => same_resource(before, place, of, now).and_then(|before| {
                    let added = added(int(before)?, int(now)?)?;
                    Some(Value::Float(per_second(added, passed)))
                }),
            };
            if let Some(value) = value {
                let resource = now.resource.clone();
                set.push_labeled(rate, resource, value);
            }
        }
    }
}

/// The value of this metric of the same resource, which often stands at the same place.
fn same_resource<'a>(before: &'a Set, place: usize, metric: Metric, like: &Labeled) -> Option<&'a Labeled> {
    let same = |one: &&Labeled| one.metric == metric && one.resource == like.resource;
    let all = before.labeled();
    all.get(place).filter(same).or_else(|| all.iter().find(same))
}

fn int(one: &Labeled) -> Option<i64> {
    match one.value {
        Value::Int(value) => Some(value),
        Value::Float(_) => None,
    }
}

fn per_second(added: i64, passed: i64) -> f64 {
    1e9 * added as f64 / passed as f64
}

#[cfg(test)]
mod tests;
