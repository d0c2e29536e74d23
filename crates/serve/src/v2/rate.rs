//! `cpu_inst`: CPU time a second between two samples.

use plimsoll_measure::cpu::CpuUsage;
use plimsoll_measure::sample::Sample;
use serde::Serialize;

/// Nanoseconds of CPU a second.
#[derive(Debug, PartialEq, Serialize)]
pub struct CpuInst {
    usage: CpuUsage,
}

/// Nanoseconds of CPU a second between a sample and the one before it, over all CPUs; absent where time stood still
/// or the counter went back.
pub(crate) fn total(before: &Sample, now: &Sample) -> Option<u64> {
    let of = |sample: &Sample| sample.cpu.as_ref()?.usage.total;
    rate(of(before)?, of(now)?, span(before, now)?)
}

fn span(before: &Sample, now: &Sample) -> Option<u128> {
    u128::try_from(now.at.since(before.at)).ok().filter(|span| *span > 0)
}

fn rate(old: u64, new: u64, span: u128) -> Option<u64> {
    u64::try_from(u128::from(new.checked_sub(old)?) * 1_000_000_000 / span).ok()
}

/// The rate between a sample and the one before it; absent where time stood still, a counter went back or
/// the number of CPUs changed.
pub fn between(before: Option<&Sample>, now: &Sample) -> Option<CpuInst> {
    let before = before?;
    let span = span(before, now)?;
    let (old, new) = (&before.cpu.as_ref()?.usage, &now.cpu.as_ref()?.usage);
    if old.per_cpu_usage.len() != new.per_cpu_usage.len() {
        return None;
    }
    let rate = |old, new| rate(old, new, span);
    // absent on both sides is written as zero; on one side alone there is no rate
    let part = |old: Option<u64>, new: Option<u64>| match (old, new) {
        (Some(old), Some(new)) => rate(old, new).map(Some),
        (None, None) => Some(None),
        _ => None,
    };
    let per_cpu: Option<Vec<u64>> =
        old.per_cpu_usage.iter().zip(&new.per_cpu_usage).map(|(old, new)| rate(*old, *new)).collect();
    Some(CpuInst {
        usage: CpuUsage {
            total: part(old.total, new.total)?,
            per_cpu_usage: per_cpu?,
            user: part(old.user, new.user)?,
            system: part(old.system, new.system)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_core::time::Timestamp;
    use plimsoll_measure::cpu::Cpu;

    use super::*;

    fn sample(at: i64, total: u64, per_cpu: &[u64]) -> Sample {
        let usage = CpuUsage { total: Some(total), per_cpu_usage: per_cpu.to_vec(), ..CpuUsage::default() };
        Sample { at: Timestamp(at), cpu: Some(Cpu { usage, ..Cpu::default() }), ..Sample::default() }
    }

    #[test]
    fn half_a_core_is_half_a_second_a_second() {
        let rate = between(Some(&sample(0, 100, &[100])), &sample(2_000_000_000, 1_000_000_100, &[100]));
        let usage = rate.unwrap().usage;
        assert_eq!((usage.total, usage.per_cpu_usage), (Some(500_000_000), vec![0]));
        let (before, now) = (sample(0, 100, &[]), sample(2_000_000_000, 1_000_000_100, &[1]));
        assert_eq!(total(&before, &now), Some(500_000_000), "whatever the single CPUs tell");
        assert_eq!(total(&now, &before), None);
    }

    #[test]
    fn no_rate_without_two_good_samples() {
        let now = sample(10, 100, &[100]);
        assert_eq!(between(None, &now), None);
        assert_eq!(between(Some(&sample(10, 100, &[100])), &now), None, "time stood still");
        assert_eq!(between(Some(&sample(11, 100, &[100])), &now), None, "time went back");
        assert_eq!(between(Some(&sample(0, 101, &[100])), &now), None, "the counter went back");
        assert_eq!(between(Some(&sample(0, 100, &[50, 50])), &now), None, "a CPU vanished");
        assert_eq!(between(Some(&Sample::default()), &now), None, "no CPU numbers");
    }
}
