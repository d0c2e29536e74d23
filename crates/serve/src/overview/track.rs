//! What is remembered of a container from one look to the next.

use std::collections::VecDeque;
use std::sync::Arc;

use plimsoll_core::container::{Identity, Reference, Spec};
use plimsoll_core::time::Timestamp;
use plimsoll_measure::sample::Sample;

use super::Who;
use super::point::{Point, Rates, round};
use super::spark::{Dot, Spark};
use super::verdict::LATELY_NANOS;
use crate::past::View;

/// Two samples that are closer than this are of one moment: between them a rate would be chance.
const MOMENT_NANOS: i64 = 500_000_000;
/// The span that the throttled share and reclaim are told of.
const MINUTE_NANOS: i64 = 60_000_000_000;
/// So often a mark is set for that span.
const MARK_NANOS: i64 = 5_000_000_000;

/// One container.
#[derive(Default)]
pub(super) struct Track {
    before: Option<Point>,
    pub(super) latest: Option<Point>,
    pub(super) rates: Rates,
    pub(super) spark: Spark,
    /// Points of the last minute, seldom enough to be few.
    marks: VecDeque<Mark>,
    /// Kills that were counted, each time that there were more.
    kills: VecDeque<(Timestamp, u64)>,
    known: Option<Known>,
    /// The round in which it was last there.
    pub(super) round: u64,
}

#[derive(Clone, Copy)]
struct Mark {
    at: Timestamp,
    periods: Option<(u64, u64)>,
    limit_hits: Option<u64>,
}

/// Who it is, and what that was made from.
struct Known {
    who: Arc<Who>,
    reference: Arc<Reference>,
    identity: Arc<Identity>,
    spec: Arc<Spec>,
}

impl Track {
    /// Who it is; made anew when anything that it is made from is another.
    pub(super) fn who(&mut self, view: &View) -> Arc<Who> {
        let same = self.known.as_ref().filter(|known| {
            Arc::ptr_eq(&known.reference, &view.reference)
                && Arc::ptr_eq(&known.identity, &view.identity)
                && Arc::ptr_eq(&known.spec, &view.spec)
        });
        if let Some(known) = same {
            return known.who.clone();
        }
        let mut who = Arc::new(Who::of(view));
        // another limit makes no other names
        if let Some(known) = self.known.as_ref().filter(|known| known.who == who) {
            who = known.who.clone();
        }
        self.known = Some(Known {
            who: who.clone(),
            reference: view.reference.clone(),
            identity: view.identity.clone(),
            spec: view.spec.clone(),
        });
        who
    }

    /// Takes a sample, if it is newer than the last one.
    pub(super) fn take(&mut self, sample: &Sample) {
        let now = Point::of(sample);
        match self.latest.replace(now) {
            // the clock was set back: what was before tells nothing
            Some(last) if now.at < last.at => {
                (self.before, self.rates) = (None, Rates::default());
                self.marks.clear();
            }
            Some(last) if now.at == last.at => return,
            Some(last) if now.at.since(last.at) < MOMENT_NANOS && self.before.is_some() => {}
            last => self.before = last,
        }
        if let Some(before) = &self.before {
            self.rates = Rates::between(before, &now);
        }
        self.mark(&now);
    }

    fn mark(&mut self, now: &Point) {
        if self.marks.back().is_none_or(|last| now.at.since(last.at) >= MARK_NANOS) {
            self.marks.push_back(Mark { at: now.at, periods: now.periods, limit_hits: now.limit_hits });
        }
        // the first that stays is the newest one that is a minute old, or the oldest of all
        while self.marks.get(1).is_some_and(|second| now.at.since(second.at) >= MINUTE_NANOS) {
            self.marks.pop_front();
        }
    }

    /// One interval is over.
    pub(super) fn beat(&mut self) {
        self.spark.push(self.dot());
    }

    fn dot(&self) -> Dot {
        Dot { cpu: self.rates.cpu, memory: self.latest.and_then(|latest| latest.memory) }
    }

    /// Begins anew from samples that were kept, oldest first: a spark of the intervals up to `now`.
    pub(super) fn fill(&mut self, samples: &[Sample], now: Timestamp, interval: i64) {
        let mut samples = samples.iter().peekable();
        let length = i64::try_from(super::spark::LENGTH).unwrap_or(0);
        for nth in (0..length).rev() {
            let end = now.plus_nanos(-nth * interval);
            while let Some(sample) = samples.next_if(|sample| sample.at <= end) {
                self.take(sample);
            }
            // the last one is set by the round itself
            if nth > 0 {
                self.beat();
            }
        }
    }

    /// Share of the last minute's periods in which the quota was used up; none has passed in an idle group.
    pub(super) fn throttled(&self) -> Option<f64> {
        let ((old, old_hits), (new, new_hits)) = (self.marks.front()?.periods?, self.latest?.periods?);
        let (periods, hits) = (new.checked_sub(old)?, new_hits.checked_sub(old_hits)?);
        Some(if periods == 0 { 0.0 } else { round((hits as f64 / periods as f64).min(1.0)) })
    }

    /// Whether the memory limit was hit during the last minute.
    pub(super) fn reclaiming(&self) -> bool {
        let old = self.marks.front().and_then(|mark| mark.limit_hits);
        let new = self.latest.and_then(|latest| latest.limit_hits);
        old.zip(new).is_some_and(|(old, new)| new > old)
    }

    /// Kills that were counted while we looked, during the last hour.
    pub(super) fn kills(&mut self, counted: u64, now: Timestamp) -> u64 {
        if self.kills.back().is_none_or(|(_, last)| *last != counted) {
            self.kills.push_back((now, counted));
        }
        while self.kills.get(1).is_some_and(|(second, _)| now.since(*second) >= LATELY_NANOS) {
            self.kills.pop_front();
        }
        self.kills.front().map_or(0, |(_, first)| counted.saturating_sub(*first))
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_measure::cpu::{Cfs, Cpu, CpuUsage};
    use plimsoll_measure::memory::Memory;

    use super::*;

    fn sample(seconds: f64, cpu: u64, periods: (u64, u64), hits: u64) -> Sample {
        let cfs = Cfs { periods: Some(periods.0), throttled_periods: Some(periods.1), ..Cfs::default() };
        let usage = CpuUsage { total: Some(cpu), ..CpuUsage::default() };
        Sample {
            at: Timestamp((seconds * 1e9) as i64),
            cpu: Some(Cpu { usage, cfs, ..Cpu::default() }),
            memory: Some(Memory { failcnt: Some(hits), working_set: Some(7), ..Memory::default() }),
            ..Sample::default()
        }
    }

    #[test]
    fn a_rate_is_between_the_newest_two_moments() {
        let mut track = Track::default();
        track.take(&sample(0.0, 0, (0, 0), 0));
        assert_eq!(track.rates.cpu, None, "one reading is no rate");
        track.take(&sample(2.0, 1_000_000_000, (0, 0), 0));
        assert_eq!(track.rates.cpu, Some(0.5));
        track.take(&sample(2.0, 1_000_000_000, (0, 0), 0));
        assert_eq!(track.rates.cpu, Some(0.5), "the same once more changes nothing");
        track.take(&sample(2.1, 1_100_000_000, (0, 0), 0));
        assert_eq!(track.rates.cpu, Some(0.5238), "too close: from the one before that");
        track.take(&sample(4.1, 1_100_000_000, (0, 0), 0));
        assert_eq!(track.rates.cpu, Some(0.0));
        track.take(&sample(5.1, 100, (0, 0), 0));
        assert_eq!(track.rates.cpu, None, "the counter went back");
        track.take(&sample(3.0, 0, (0, 0), 0));
        assert_eq!(track.rates, Rates::default(), "the clock went back");
    }

    #[test]
    fn throttling_is_of_the_last_minute() {
        let mut track = Track::default();
        track.take(&sample(0.0, 0, (0, 0), 0));
        assert_eq!(track.throttled(), Some(0.0));
        for second in 1..=60_u32 {
            track.take(&sample(second.into(), 0, (10 * u64::from(second), 5 * u64::from(second)), 0));
        }
        assert_eq!(track.throttled(), Some(0.5));
        for second in 61..=130_u32 {
            track.take(&sample(second.into(), 0, (10 * u64::from(second), 300), 0));
        }
        assert_eq!(track.throttled(), Some(0.0), "what was before the last minute is forgotten");
        assert!(track.marks.len() <= 14, "{}", track.marks.len());
    }

    #[test]
    fn reclaim_is_of_the_last_minute() {
        let mut track = Track::default();
        track.take(&sample(0.0, 0, (0, 0), 5));
        assert!(!track.reclaiming());
        track.take(&sample(10.0, 0, (0, 0), 6));
        assert!(track.reclaiming());
        for second in 11..=80_u32 {
            track.take(&sample(second.into(), 0, (0, 0), 6));
        }
        assert!(!track.reclaiming());
    }

    #[test]
    fn kills_are_of_the_last_hour() {
        let mut track = Track::default();
        let mut f = |minute: i64, counted, want| {
            assert_eq!(track.kills(counted, Timestamp::from_secs(minute * 60)), want, "{minute}");
        };
        f(0, 3, 0);
        f(1, 4, 1);
        f(10, 5, 2);
        f(61, 5, 1);
        f(71, 5, 0);
    }

    #[test]
    fn a_spark_is_filled_from_what_was_kept() {
        let mut track = Track::default();
        let samples: Vec<_> =
            (0..=10).map(|n| sample(f64::from(n), n as u64 * 500_000_000, (0, 0), 0)).collect();
        track.fill(&samples, Timestamp::from_secs(10), 2_000_000_000);
        track.beat();
        let half = Some(0.5);
        assert_eq!(track.spark.cpu(), [half; 5], "at 2, 4, 6, 8, 10 s");
        assert_eq!(track.spark.memory(), [Some(7.0); 6], "and at 0 s");
    }
}
