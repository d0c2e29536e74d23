//! When a process started, for runtimes that do not tell when they started a container.
//!
//! Reads: `/proc/<pid>/stat`, `/proc/stat`.
//! Gives: the start, to a hundredth of a second; on a machine that is not this one, to a second.
//! Cost:  two small files a container at its start.

use std::path::Path;

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::clock;

/// The start of a process; absent when it is gone.
pub(crate) fn of(proc: &Path, pid: u32) -> Option<Timestamp> {
    let stat = std::fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
    let machine = std::fs::read_to_string(proc.join("stat")).ok()?;
    let ticks_a_second = rustix::param::clock_ticks_per_second();
    at(&stat, &machine, ticks_a_second)
}

fn at(stat: &str, machine: &str, ticks_a_second: u64) -> Option<Timestamp> {
    // the name, in brackets, may hold anything; the start is the 20th word behind it
    let (_, behind) = stat.rsplit_once(')')?;
    let ticks: u64 = behind.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let boot: i64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_a_second.max(1));
    let nanos = clock::boot(boot).checked_add(i64::try_from(nanos).ok()?)?;
    Some(Timestamp(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "602 (a ) b) S 1 602 602 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 9 0 1550 7 8 9\n";

    #[test]
    fn a_start_is_the_boot_and_the_ticks_since() {
        let at = at(STAT, "cpu 1\nbtime 1700000000\nprocesses 7\n", 100).unwrap();
        assert_eq!(at.nanos(), 1_700_000_015_500_000_000);
    }

    #[test]
    fn a_short_or_odd_file_has_none() {
        for (stat, machine) in
            [("", "btime 1\n"), ("1 (x) S 1", "btime 1\n"), (STAT, ""), (STAT, "btime x\n")]
        {
            assert_eq!(at(stat, machine, 100), None, "{stat:?} {machine:?}");
        }
    }
}
