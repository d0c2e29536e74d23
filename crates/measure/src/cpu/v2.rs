//! v2: `cpu.stat` has it all; without the cpu controller it still has the times.

use crate::keyed::{keyed, put};
use crate::reader::plan::{File, Place, Subject};

/// Times and throttling.
pub(super) const STAT: File = File::new(Place::Unified, c"cpu.stat", Subject::Cpu, |_, text, sample| {
    let stat = Stat::parse(text)?;
    let cpu = sample.cpu.get_or_insert_default();
    let (usage, cfs) = (&mut cpu.usage, &mut cpu.cfs);
    Ok(put(&mut usage.total, nanos(stat.usage_usec))
        | put(&mut usage.user, nanos(stat.user_usec))
        | put(&mut usage.system, nanos(stat.system_usec))
        | put(&mut cfs.periods, stat.nr_periods)
        | put(&mut cfs.throttled_periods, stat.nr_throttled)
        | put(&mut cfs.throttled_time, nanos(stat.throttled_usec))
        | put(&mut cfs.bursts_periods, stat.nr_bursts)
        | put(&mut cfs.burst_time, nanos(stat.burst_usec)))
});

keyed! {
    /// `cpu.stat` of v2, times in microseconds.
    Stat {
        usage_usec: b"usage_usec",
        user_usec: b"user_usec",
        system_usec: b"system_usec",
        nr_periods: b"nr_periods",
        nr_throttled: b"nr_throttled",
        throttled_usec: b"throttled_usec",
        nr_bursts: b"nr_bursts",
        burst_usec: b"burst_usec",
    }
}

fn nanos(micros: Option<u64>) -> Option<u64> {
    micros?.checked_mul(1000)
}
