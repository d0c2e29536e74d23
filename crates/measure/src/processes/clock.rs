//! What `ps` needs to know of the machine beside the processes: its clock, its memory, its time zone.

use std::path::Path;

use jiff::tz::TimeZone;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;

use crate::machine::file;

/// The machine's clock and size at the instant of a list.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// When the machine was started: `btime` of `proc/stat`.
    pub boot: Timestamp,
    /// Ticks a second of the kernel's user interface.
    pub ticks_per_second: u64,
    /// Ticks since the start: `proc/uptime`.
    pub uptime_ticks: u64,
    /// KiB of memory: MemTotal.
    pub memory_kib: u64,
    /// The host's: `etc/localtime`, else UTC.
    pub zone: TimeZone,
}

impl Clock {
    /// Reads it. What is not there is 0, and percentages are then 0 as well.
    pub fn read(root: &Root, now: Timestamp) -> Self {
        let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
        let line = |name: &str, key: &str| -> Option<u64> {
            let text = file::text(&root.proc.join(name))?;
            text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
        };
        let boot = line("stat", "btime ").and_then(|secs| i64::try_from(secs).ok()).unwrap_or(0);
        let uptime = file::text(&root.proc.join("uptime"))
            .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or(0.0);
        let zone = file::bytes(&file::on_host(root, Path::new("/etc/localtime")))
            .and_then(|bytes| TimeZone::tzif("local", &bytes).ok());
        Self {
            now,
            boot: Timestamp::from_secs(boot),
            ticks_per_second,
            // a float that is too large or no number becomes the nearest integer
            uptime_ticks: (uptime * ticks_per_second as f64) as u64,
            memory_kib: line("meminfo", "MemTotal:").unwrap_or(0),
            zone: zone.unwrap_or(TimeZone::UTC),
        }
    }

    /// Whole seconds.
    pub(super) fn seconds(&self, ticks: u64) -> u64 {
        ticks / self.ticks_per_second.max(1)
    }

    /// `10:48`, `Nov21` on another day, `2025` in another year.
    pub(super) fn start_time(&self, start_ticks: u64) -> String {
        let secs = i64::try_from(self.seconds(start_ticks)).unwrap_or(i64::MAX);
        let start = self.local(self.boot.plus_nanos(secs.saturating_mul(1_000_000_000)));
        let now = self.local(self.now);
        let format = if start.year() != now.year() {
            "%Y"
        } else if start.date() != now.date() {
            "%b%d"
        } else {
            "%H:%M"
        };
        start.strftime(format).to_string()
    }

    /// CPU time over the time since the start, in percent with one decimal, cut and not rounded; without decimals
    /// from 100 on.
    pub(super) fn percent_cpu(&self, cpu_ticks: u64, start_ticks: u64) -> f32 {
        let tenths = tenths(cpu_ticks, self.uptime_ticks.saturating_sub(start_ticks));
        if tenths > 999 { (tenths / 10) as f32 } else { tenths as f32 / 10.0 }
    }

    /// Resident memory of the machine's, in percent with one decimal, at most 99.9.
    pub(super) fn percent_mem(&self, rss_kib: u64) -> f32 {
        tenths(rss_kib, self.memory_kib).min(999) as f32 / 10.0
    }

    fn local(&self, at: Timestamp) -> jiff::civil::DateTime {
        let at = jiff::Timestamp::from_nanosecond(i128::from(at.nanos())).unwrap_or_default();
        self.zone.to_datetime(at)
    }
}

/// Tenths of a percent; 0 of nothing.
fn tenths(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(now: &str, boot: &str) -> Clock {
        let at = |text| Timestamp::parse(text).unwrap().unwrap();
        Clock {
            now: at(now),
            boot: at(boot),
            ticks_per_second: 100,
            uptime_ticks: 100_000,
            memory_kib: 1000,
            zone: TimeZone::UTC,
        }
    }

    #[test]
    fn the_start_is_told_by_time_day_or_year() {
        let f = |now, boot, ticks, text| assert_eq!(clock(now, boot).start_time(ticks), text);
        f("2026-11-21T23:00:00Z", "2026-11-21T10:48:04Z", 5600, "10:49");
        f("2026-11-22T00:00:00Z", "2026-11-21T10:48:04Z", 0, "Nov21");
        f("2026-01-02T00:00:00Z", "2025-12-31T10:48:04Z", 0, "2025");
        f("2026-01-02T00:00:00Z", "2026-01-01T10:48:04Z", u64::MAX, "2262");
    }

    #[test]
    fn the_day_is_the_hosts() {
        let mut clock = clock("2026-11-21T23:30:00Z", "2026-11-21T22:30:00Z");
        assert_eq!(clock.start_time(0), "22:30");
        clock.zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(clock.start_time(0), "Nov21");
    }

    #[test]
    fn percentages_are_cut_to_tenths() {
        let clock = clock("2026-11-21T23:30:00Z", "2026-11-21T22:30:00Z");
        assert_eq!(clock.percent_cpu(25, 90_000), 0.2);
        assert_eq!(clock.percent_cpu(15_555, 90_000), 155.0);
        assert_eq!(clock.percent_cpu(15_555, 100_000), 0.0);
        assert_eq!(clock.percent_mem(19), 1.9);
        assert_eq!(clock.percent_mem(1000), 99.9);
    }
}
