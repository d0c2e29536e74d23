//! When the machine was started, by its clocks.
//!
//! The kernel tells that in whole seconds (`btime` of `/proc/stat`), though what it counts from there is told in
//! hundredths and microseconds. The difference of its clocks is as fine as these.

use rustix::time::{ClockId, Timespec, clock_gettime};

const SECOND: i64 = 1_000_000_000;

/// The instant from which processes' starts are counted, in nanoseconds since 1970, where `btime` is of this machine;
/// else `btime` itself.
pub fn boot(btime: i64) -> i64 {
    let told = btime.saturating_mul(SECOND);
    let exact = since(ClockId::Boottime);
    // the kernel cuts; a little more may lie between two looks at two clocks
    if (-SECOND / 100..SECOND + SECOND / 100).contains(&exact.saturating_sub(told)) { exact } else { told }
}

/// The instant from which the kernel's log counts, in nanoseconds since 1970: its clock, like this one, stands still while
/// the machine is suspended. As of now, since whoever sets the clock moves it.
pub fn log_began() -> i64 {
    since(ClockId::Monotonic)
}

/// When that clock was 0.
fn since(clock: ClockId) -> i64 {
    nanos(clock_gettime(ClockId::Realtime)).saturating_sub(nanos(clock_gettime(clock)))
}

fn nanos(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(SECOND).saturating_add(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_is_finer_than_a_second_on_this_machine_and_anothers_is_as_told() {
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let btime: i64 = stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap().parse().unwrap();
        let exact = since(ClockId::Boottime);
        assert!((boot(btime) - exact).abs() < SECOND / 100, "{} {exact}", boot(btime));
        for other in [0, btime - 5, btime + 5, i64::MAX] {
            assert_eq!(boot(other), other.saturating_mul(SECOND));
        }
    }

    #[test]
    fn the_log_counts_from_the_start_without_what_was_slept() {
        let slept = log_began() - since(ClockId::Boottime);
        assert!(slept > -SECOND / 100, "{slept}");
    }
}
