//! v1: the controllers cpu and cpuacct.

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format;

use crate::keyed::{keyed, put};
use crate::reader::plan::{File, Moves, Place, Subject};

/// `13891473775`: nanoseconds.
pub(super) const USAGE: File =
    File::new(Place::CpuAcct, c"cpuacct.usage", Subject::Cpu, |_, text, sample| {
        let total = text.map(format::single_value).transpose()?;
        Ok(put(&mut sample.cpu.get_or_insert_default().usage.total, total))
    });

/// Ticks in user and system mode.
pub(super) const ACCT_STAT: File =
    File::new(Place::CpuAcct, c"cpuacct.stat", Subject::Cpu, |context, text, sample| {
        let stat = AcctStat::parse(text)?;
        let nanos = |ticks: Option<u64>| {
            let nanos = u128::from(ticks?) * 1_000_000_000 / u128::from(context.host.ticks_per_second.max(1));
            u64::try_from(nanos).ok()
        };
        let usage = &mut sample.cpu.get_or_insert_default().usage;
        Ok(put(&mut usage.user, nanos(stat.user)) | put(&mut usage.system, nanos(stat.system)))
    })
    .moving(Moves::WithCpu);

/// Nanoseconds of each CPU that may come online, blanks between.
pub(super) const USAGE_PERCPU: File =
    File::new(Place::CpuAcct, c"cpuacct.usage_percpu", Subject::Cpu, |_, text, sample| {
        let list = &mut sample.cpu.get_or_insert_default().usage.per_cpu_usage;
        parse_percpu(text.unwrap_or_default(), list)
    })
    .moving(Moves::WithCpu);

/// The same, and the time in all as their sum, which is how the kernel makes `cpuacct.usage`. For a group that is
/// at work, of which both are wanted: one file less to read, and the two agree.
pub(super) const USAGE_OF_PARTS: File =
    File::new(Place::CpuAcct, c"cpuacct.usage_percpu", Subject::Cpu, |_, text, sample| {
        let usage = &mut sample.cpu.get_or_insert_default().usage;
        let moved = parse_percpu(text.unwrap_or_default(), &mut usage.per_cpu_usage);
        let mut parts = usage.per_cpu_usage.iter();
        let sum = parts.try_fold(0u64, |sum, nanos| sum.checked_add(*nanos));
        let total = sum.filter(|_| moved.is_ok() && !usage.per_cpu_usage.is_empty());
        Ok(put(&mut usage.total, total) | moved?)
    })
    .moving(Moves::WithCpu);

/// Throttling.
pub(super) const STAT: File = File::new(Place::Cpu, c"cpu.stat", Subject::Cpu, |_, text, sample| {
    let stat = Stat::parse(text)?;
    let cfs = &mut sample.cpu.get_or_insert_default().cfs;
    Ok(put(&mut cfs.periods, stat.nr_periods)
        | put(&mut cfs.throttled_periods, stat.nr_throttled)
        | put(&mut cfs.throttled_time, stat.throttled_time)
        | put(&mut cfs.bursts_periods, stat.nr_bursts)
        | put(&mut cfs.burst_time, stat.burst_time))
})
.moving(Moves::UnderQuota);

keyed! {
    /// `cpuacct.stat`, in ticks.
    AcctStat { user: b"user", system: b"system" }
}

keyed! {
    /// `cpu.stat` of v1, times in nanoseconds.
    Stat {
        nr_periods: b"nr_periods",
        nr_throttled: b"nr_throttled",
        throttled_time: b"throttled_time",
        nr_bursts: b"nr_bursts",
        burst_time: b"burst_time",
    }
}

fn parse_percpu(text: &[u8], list: &mut Vec<u64>) -> Result<bool, ParseError> {
    let (mut length, mut moved) = (0, false);
    for nanos in format::values(text) {
        let nanos = nanos?;
        match list.get_mut(length) {
            Some(place) => moved |= put(place, nanos),
            None => {
                list.push(nanos);
                moved = true;
            }
        }
        length += 1;
    }
    moved |= list.len() != length;
    list.truncate(length);
    Ok(moved)
}
