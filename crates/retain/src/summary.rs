//! Derived statistics of one container: what it used over the last minute, hour and day.
//!
//! A minute is computed from its samples, the hour from its minutes, the day from its hours and the minutes
//! since; an hour and a day are told by the 90th percentiles of their parts. Memory grows with life: nothing
//! but this struct at first, a few values for each sample of the running minute, then 48 bytes for each of
//! 60 minutes and 24 hours.

use std::collections::VecDeque;

use plimsoll_core::summary::{DerivedStats, InstantUsage, Percentiles, Usage};
use plimsoll_core::time::Timestamp;

const SECOND: i64 = 1_000_000_000;
const HOUR_SECS: u32 = 3600;
const DAY_SECS: u32 = 24 * HOUR_SECS;

/// Samples closer than this give no meaningful rate.
const TOO_CLOSE: i64 = SECOND / 100;

/// Minutes that can overlap an hour, and hours that can overlap a day: the oldest one partly.
const MAX_MINUTES: usize = 61;
const MAX_HOURS: usize = 25;

/// The statistics of one container as they grow.
#[derive(Default)]
pub struct Summary {
    newest: Option<Timestamp>,
    latest: InstantUsage,
    last_cpu: Option<(Timestamp, u64)>,
    running: Running,
    minute: Option<Box<Usage>>,
    minutes: VecDeque<Part>,
    hours: VecDeque<Part>,
    // seconds of `minutes` that are not yet in `hours`
    secs_since_hour: u32,
    // parts of a second that no minute has counted yet
    carried_nanos: i64,
}

/// The minute that is not over yet.
#[derive(Default)]
struct Running {
    nanos: i64,
    // thousandths of a core; a machine with four million cores is still to be built
    cpu: Vec<u32>,
    memory: Vec<u64>,
}

/// What is kept of a minute or an hour that is over.
#[derive(Clone, Copy)]
struct Part {
    end_secs: u32,
    span_secs: u32,
    cpu: Spread<u32>,
    memory: Spread<u64>,
    has_cpu: bool,
    has_memory: bool,
}

#[derive(Clone, Copy, Default)]
struct Spread<N> {
    mean: N,
    max: N,
    ninety: N,
}

impl Summary {
    /// Takes the numbers of one sample. Absent ones are left out of the statistics; a sample that comes
    /// within 10 ms of the one before is passed over.
    pub fn push(&mut self, at: Timestamp, cpu_total_nanos: Option<u64>, working_set: Option<u64>) {
        if cpu_total_nanos.is_none() && working_set.is_none() {
            return;
        }
        // negative when the clock was set back: the time between is unknown then
        let nanos = self.newest.map_or(0, |newest| at.since(newest));
        if self.newest.is_some() && (0..TOO_CLOSE).contains(&nanos) {
            return;
        }
        self.newest = Some(at);
        self.running.nanos = self.running.nanos.saturating_add(nanos.max(0));
        if let Some(total) = cpu_total_nanos {
            let rate = self.last_cpu.and_then(|(since, before)| millicores(since, before, at, total));
            self.last_cpu = Some((at, total));
            self.latest.cpu = rate.map_or(0, u64::from);
            self.running.cpu.extend(rate);
        }
        if let Some(working_set) = working_set {
            self.latest.memory = working_set;
            self.running.memory.push(working_set);
        }
        if self.running.nanos > 60 * SECOND {
            self.end_minute(at);
        }
    }

    /// The statistics up to the last sample; absent before the first one that had a number.
    pub fn derived(&self) -> Option<DerivedStats> {
        Some(DerivedStats {
            timestamp: self.newest?,
            latest_usage: self.latest.clone(),
            minute_usage: self.minute.as_deref().cloned().unwrap_or_default(),
            hour_usage: combine(&self.minutes, HOUR_SECS),
            day_usage: self.day(),
        })
    }

    /// Bytes of memory that it occupies, itself included.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.minute.as_ref().map_or(0, |_| size_of::<Usage>())
            + self.running.cpu.capacity() * size_of::<u32>()
            + self.running.memory.capacity() * size_of::<u64>()
            + (self.minutes.capacity() + self.hours.capacity()) * size_of::<Part>()
    }

    fn end_minute(&mut self, at: Timestamp) {
        let mut cpu: Vec<u64> = self.running.cpu.iter().copied().map(u64::from).collect();
        let mut memory = self.running.memory.clone();
        let usage = Usage { percent_complete: 100, cpu: spread(&mut cpu), memory: spread(&mut memory) };
        let nanos = self.running.nanos.saturating_add(self.carried_nanos);
        self.carried_nanos = nanos % SECOND;
        let part = Part::new(&usage, at, nanos / SECOND);
        keep(&mut self.minutes, part, HOUR_SECS, MAX_MINUTES);
        self.secs_since_hour = self.secs_since_hour.saturating_add(part.span_secs);
        if self.secs_since_hour >= HOUR_SECS {
            let hour = Part::new(&combine(&self.minutes, HOUR_SECS), at, self.secs_since_hour.into());
            keep(&mut self.hours, hour, DAY_SECS, MAX_HOURS);
            self.secs_since_hour = 0;
        }
        self.minute = Some(Box::new(usage));
        // the sample that ends a minute begins the next
        self.running.nanos = 0;
        self.running.cpu.clear();
        let newest = self.running.memory.last().copied();
        self.running.memory.clear();
        self.running.memory.extend(newest);
    }

    fn day(&self) -> Usage {
        let mut since = self.secs_since_hour;
        let later = self.minutes.iter().rev().take_while(|minute| {
            let wanted = since > 0;
            since = since.saturating_sub(minute.span_secs);
            wanted
        });
        let later: Vec<Part> = later.copied().collect();
        if self.hours.is_empty() {
            return combine(&later, DAY_SECS);
        }
        let mut parts: Vec<Part> = self.hours.iter().copied().collect();
        if let Some(newest) = later.first() {
            let usage = combine(&later, HOUR_SECS);
            parts.push(Part { span_secs: self.secs_since_hour, ..Part::of(&usage, newest.end_secs) });
        }
        combine(&parts, DAY_SECS)
    }
}

impl Part {
    fn new(usage: &Usage, end: Timestamp, span_secs: i64) -> Self {
        let end_secs = u32::try_from(end.nanos() / SECOND).unwrap_or(0);
        Self { span_secs: u32::try_from(span_secs).unwrap_or(u32::MAX), ..Self::of(usage, end_secs) }
    }

    fn of(usage: &Usage, end_secs: u32) -> Self {
        let narrow = |millicores| u32::try_from(millicores).unwrap_or(u32::MAX);
        let (cpu, memory) = (&usage.cpu, &usage.memory);
        Self {
            end_secs,
            span_secs: 0,
            cpu: Spread { mean: narrow(cpu.mean), max: narrow(cpu.max), ninety: narrow(cpu.ninety) },
            memory: Spread { mean: memory.mean, max: memory.max, ninety: memory.ninety },
            has_cpu: cpu.present,
            has_memory: memory.present,
        }
    }

    fn cpu(&self) -> Option<Spread<u64>> {
        let Spread { mean, max, ninety } = self.cpu;
        self.has_cpu.then_some(Spread { mean: mean.into(), max: max.into(), ninety: ninety.into() })
    }

    fn memory(&self) -> Option<Spread<u64>> {
        self.has_memory.then_some(self.memory)
    }
}

/// Adds a part and drops those that are wholly outside the last `secs`.
fn keep(parts: &mut VecDeque<Part>, part: Part, secs: u32, max: usize) {
    // on either side: the clock may have been set back
    parts.retain(|old| old.end_secs.abs_diff(part.end_secs) < secs);
    while parts.len() >= max {
        parts.pop_front();
    }
    if parts.len() == parts.capacity() {
        parts.reserve_exact(4);
    }
    parts.push_back(part);
}

/// Thousandths of a core between two readings; absent when the counter or the clock went back.
fn millicores(since: Timestamp, before: u64, at: Timestamp, now: u64) -> Option<u32> {
    let nanos = u128::try_from(at.since(since)).ok().filter(|nanos| *nanos > 0)?;
    let used = u128::from(now.checked_sub(before)?);
    Some(u32::try_from(used * 1000 / nanos).unwrap_or(u32::MAX))
}

/// A span of `secs` from the parts that it is made of.
fn combine<'a>(parts: impl IntoIterator<Item = &'a Part> + Clone, secs: u32) -> Usage {
    let covered: u64 = parts.clone().into_iter().map(|part| u64::from(part.span_secs)).sum();
    let percent = (covered * 100 / u64::from(secs)).min(100);
    let cpu = parts.clone().into_iter().filter_map(Part::cpu);
    let memory = parts.into_iter().filter_map(Part::memory);
    Usage {
        percent_complete: i32::try_from(percent).unwrap_or(100),
        cpu: combine_spreads(cpu),
        memory: combine_spreads(memory),
    }
}

fn combine_spreads(parts: impl Iterator<Item = Spread<u64>>) -> Percentiles {
    let parts: Vec<_> = parts.collect();
    let mut nineties: Vec<u64> = parts.iter().map(|part| part.ninety).collect();
    let means: Vec<u64> = parts.iter().map(|part| part.mean).collect();
    Percentiles {
        mean: mean(&means),
        max: parts.iter().map(|part| part.max).max().unwrap_or(0),
        ..spread(&mut nineties)
    }
}

/// How the values are spread. Sorts them.
fn spread(values: &mut [u64]) -> Percentiles {
    values.sort_unstable();
    Percentiles {
        present: !values.is_empty(),
        mean: mean(values),
        std: deviation(values),
        max: values.last().copied().unwrap_or(0),
        fifty: percentile(values, 0.5),
        ninety: percentile(values, 0.9),
        ninetyfive: percentile(values, 0.95),
        count: values.len() as u64,
    }
}

fn mean(values: &[u64]) -> u64 {
    let sum: u128 = values.iter().copied().map(u128::from).sum();
    u64::try_from(sum / (values.len().max(1) as u128)).unwrap_or(u64::MAX)
}

/// Standard deviation of a sample (n - 1); 0 for fewer than two values.
fn deviation(values: &[u64]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let count = values.len() as f64;
    let mean = values.iter().map(|value| *value as f64).sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (*value as f64 - mean).powi(2)).sum();
    (squares / (count - 1.0)).sqrt() as u64
}

/// The value at rank `share` x (n + 1) of sorted values, between two of them in proportion.
fn percentile(sorted: &[u64], share: f64) -> u64 {
    let rank = share * (sorted.len() as f64 + 1.0);
    let whole = rank as usize;
    let value = |place: usize| sorted.get(place).copied().unwrap_or(0) as f64;
    let below = value(whole.saturating_sub(1));
    if whole > 1 && whole < sorted.len() {
        (below + rank.fract() * (value(whole) - below)) as u64
    } else {
        // exact, where a float may not be
        sorted.get(whole.saturating_sub(1)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000 + secs)
    }

    #[test]
    fn percentiles_follow_the_rank() {
        let upto = |n| (1..=n).collect::<Vec<u64>>();
        let f = |values: &[u64], share, expected| assert_eq!(percentile(values, share), expected);
        f(&[], 0.5, 0);
        f(&[7], 0.95, 7);
        f(&[1, 9], 0.5, 1);
        f(&upto(100), 0.2, 20);
        f(&upto(100), 0.7, 70);
        f(&upto(100), 0.9, 90);
        f(&upto(105), 0.2, 21);
        f(&upto(105), 0.7, 74);
        f(&upto(105), 0.9, 95);
        f(&[10, 20, 30, 40], 0.5, 25);
        f(&[u64::MAX; 3], 0.95, u64::MAX);
    }

    #[test]
    fn a_spread_in_full() {
        let mut values: Vec<u64> = (1..100).rev().map(|i| i * 1024).collect();
        let expected = Percentiles {
            present: true,
            mean: 51200,
            std: 29412,
            max: 101_376,
            fifty: 51200,
            ninety: 92160,
            ninetyfive: 97280,
            count: 99,
        };
        assert_eq!(spread(&mut values), expected);
        assert_eq!(spread(&mut []), Percentiles::default());
    }

    #[test]
    fn nothing_pushed_gives_nothing() {
        let mut summary = Summary::default();
        assert_eq!(summary.derived(), None);
        summary.push(at(0), None, None);
        assert_eq!(summary.derived(), None);
    }

    #[test]
    fn the_latest_is_there_before_the_first_minute_ends() {
        let mut summary = Summary::default();
        summary.push(at(0), Some(5_000_000_000), Some(100));
        summary.push(at(2), Some(6_000_000_000), Some(200));
        let derived = summary.derived().unwrap();
        assert_eq!(derived.timestamp, at(2));
        assert_eq!(derived.latest_usage, InstantUsage { cpu: 500, memory: 200 });
        assert_eq!(derived.minute_usage, Usage::default());
        assert_eq!(derived.hour_usage, Usage::default());
        assert_eq!(derived.day_usage, Usage::default());
    }

    #[test]
    fn a_minute_is_told_when_it_is_over() {
        let mut summary = Summary::default();
        for i in 0..=60 {
            summary.push(at(i), Some(i as u64 * 250_000_000), Some(i as u64 * 1000));
        }
        assert_eq!(summary.derived().unwrap().minute_usage, Usage::default());
        summary.push(at(61), Some(61 * 250_000_000), Some(61000));
        let minute = summary.derived().unwrap().minute_usage;
        assert_eq!(minute.percent_complete, 100);
        let flat = |value, count| Percentiles {
            present: true,
            mean: value,
            std: 0,
            max: value,
            fifty: value,
            ninety: value,
            ninetyfive: value,
            count,
        };
        assert_eq!(minute.cpu, flat(250, 61));
        assert_eq!((minute.memory.count, minute.memory.mean, minute.memory.max), (62, 30500, 61000));
        let hour = summary.derived().unwrap().hour_usage;
        assert_eq!((hour.percent_complete, hour.cpu), (1, flat(250, 1)));
    }

    #[test]
    fn a_sample_right_after_another_is_passed_over() {
        let mut summary = Summary::default();
        for i in 0..=61 {
            summary.push(at(i), Some(i as u64 * 1_000_000_000), Some(1));
            summary.push(at(i).plus_nanos(9_999_999), Some(u64::MAX), Some(u64::MAX));
        }
        let derived = summary.derived().unwrap();
        assert_eq!(derived.latest_usage, InstantUsage { cpu: 1000, memory: 1 });
        assert_eq!((derived.minute_usage.cpu.max, derived.minute_usage.cpu.count), (1000, 61));
        assert_eq!((derived.minute_usage.memory.max, derived.minute_usage.memory.count), (1, 62));
    }

    #[test]
    fn a_restart_gives_no_rate_and_then_counts_again() {
        let mut summary = Summary::default();
        summary.push(at(0), Some(9_000_000_000), Some(1));
        summary.push(at(1), Some(10_000_000_000), Some(1));
        summary.push(at(2), Some(0), Some(1));
        assert_eq!(summary.derived().unwrap().latest_usage.cpu, 0);
        summary.push(at(3), Some(2_000_000_000), Some(1));
        assert_eq!(summary.derived().unwrap().latest_usage.cpu, 2000);
        assert_eq!(summary.running.cpu, [1000, 2000]);
    }

    #[test]
    fn a_clock_that_is_set_back_gives_no_rate() {
        let mut summary = Summary::default();
        summary.push(at(0), Some(0), Some(1));
        summary.push(at(-3600), Some(1_000_000_000), Some(2));
        summary.push(at(-3599), Some(2_000_000_000), Some(3));
        let derived = summary.derived().unwrap();
        assert_eq!((derived.timestamp, derived.latest_usage.cpu), (at(-3599), 1000));
        assert_eq!(summary.running.cpu, [1000]);
    }

    #[test]
    fn what_is_not_measured_is_not_present() {
        let mut summary = Summary::default();
        (0..200).for_each(|i| summary.push(at(i), None, Some(5)));
        let derived = summary.derived().unwrap();
        for usage in [derived.minute_usage, derived.hour_usage, derived.day_usage] {
            assert_eq!(usage.cpu, Percentiles::default());
            assert_eq!((usage.memory.present, usage.memory.ninety), (true, 5));
        }
    }

    /// Pushes a sample every 10 s in which each hour uses a core more than the one before.
    fn hours(count: i64) -> Summary {
        let mut summary = Summary::default();
        let mut total = 0;
        for i in 0..=count * 360 {
            let cores = 1 + (i.max(1) - 1) as u64 / 360;
            total += cores * 10_000_000_000;
            summary.push(at(i * 10), Some(total), Some(cores * 4096));
        }
        summary
    }

    #[test]
    fn an_hour_is_an_hour_and_a_day_a_day() {
        let derived = hours(3).derived().unwrap();
        assert_eq!(derived.hour_usage.percent_complete, 100);
        assert_eq!((derived.hour_usage.cpu.max, derived.hour_usage.cpu.fifty), (3000, 3000));
        assert_eq!(derived.day_usage.percent_complete, 12);
        assert_eq!(derived.day_usage.cpu.max, 3000);
        assert!((1900..2100).contains(&derived.day_usage.cpu.mean), "{:?}", derived.day_usage);
        assert!(derived.day_usage.memory.fifty < derived.hour_usage.memory.fifty);
    }

    #[test]
    fn the_day_is_full_after_a_day_and_forgets_the_one_before() {
        let derived = hours(30).derived().unwrap();
        assert_eq!((derived.hour_usage.percent_complete, derived.day_usage.percent_complete), (100, 100));
        assert_eq!(derived.day_usage.cpu.max, 30_000);
        // hours 6 or 7 to 30
        assert!((17_500..19_500).contains(&derived.day_usage.cpu.mean), "{:?}", derived.day_usage);
        assert!((24..=26).contains(&derived.day_usage.cpu.count));
    }

    #[test]
    fn the_day_begins_as_the_hour_does() {
        let mut summary = Summary::default();
        (0..1000).for_each(|i| summary.push(at(i * 2), Some(i as u64 * i as u64 * 1_000_000), Some(7)));
        let derived = summary.derived().unwrap();
        assert_eq!(derived.hour_usage.cpu, derived.day_usage.cpu);
        assert_eq!((derived.hour_usage.percent_complete, derived.day_usage.percent_complete), (55, 2));
    }

    #[test]
    fn memory_is_bounded_and_nothing_at_first() {
        let empty = Summary::default().bytes();
        assert!(empty <= 256, "{empty}");
        let full = hours(48).bytes();
        assert!(full <= 5000, "{full}");
        println!("derived statistics: {empty} bytes at first, {full} after two days");
    }

    /// Percentiles as recorded from cAdvisor; skipped where the record is absent.
    #[test]
    fn agrees_with_recorded_percentiles() {
        let reference = std::env::var_os("PLIMSOLL_REFERENCE").map(std::path::PathBuf::from).or_else(|| {
            let above = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
            above.map(|folder| folder.join("shared/reference")).find(|folder| folder.is_dir())
        });
        let path = reference.unwrap_or_default().join("cadvisor/data/expectations.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: no {}", path.display());
            return;
        };
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (key, upto) in [("percentile_1_to_100", 100), ("percentile_1_to_105", 105)] {
            let values: Vec<u64> = (1..=upto).collect();
            for (share, expected) in json["summary"][key].as_object().unwrap() {
                assert_eq!(
                    percentile(&values, share.parse().unwrap()),
                    expected.as_u64().unwrap(),
                    "{key} {share}"
                );
            }
        }
        let mut running = Running::default();
        let mut summary = Summary::default();
        for i in 1..100_u64 {
            summary.push(at(i as i64), Some(i * 1_000_000_000), None);
            running.cpu.extend((i > 1).then_some(summary.latest.cpu as u32));
            running.memory.push(i * 1024);
        }
        let mut cpu: Vec<u64> = running.cpu.iter().copied().map(u64::from).collect();
        let minute = &json["summary"]["minute"];
        assert_eq!(serde_json::to_value(spread(&mut cpu)).unwrap(), minute["cpu"]);
        assert_eq!(serde_json::to_value(spread(&mut running.memory)).unwrap(), minute["memory"]);
    }
}
