//! What is wrong with a container: what breaches its load line, in words that say why.
//!
//! The thresholds have their reasons beside them; `docs/load-line.md` tells them to people.

use serde::{Deserialize, Serialize};

use super::Word;

use super::point::{Pressure, round};

/// Share of its memory limit from which on a container is close to it: less than a tenth is left.
pub const MEMORY_CLOSE: f64 = 0.90;
/// Share from which on it is at the limit: one larger request more and the kernel kills.
pub const MEMORY_FULL: f64 = 0.97;
/// Shares of the quota's periods in which a container was stopped. Under a twentieth the pauses of a burst are lost
/// among those of the scheduler; from a quarter on every fourth request is late; from a half on the container mostly
/// waits.
pub const THROTTLED: [f64; 3] = [0.05, 0.25, 0.50];
/// Percent of the last minute that some task waited for memory, that is for pages to be reclaimed or read back. Such
/// waits should not be at all.
pub const PRESSURE_MEMORY: [f64; 3] = [5.0, 15.0, 40.0];
/// The same for disks. Whoever reads and writes waits, so that much more of it is usual.
pub const PRESSURE_IO: [f64; 3] = [25.0, 50.0, 80.0];
/// The same for a CPU. More tasks than cores is how batch jobs run, so this alone is never the worst.
pub const PRESSURE_CPU: [f64; 3] = [30.0, 60.0, f64::INFINITY];
/// Share of all CPUs from which on the machine's tasks wait because it is busy, and not because a quota stops them.
pub const BUSY: f64 = 0.85;
/// Shares of a filesystem that are full. At 90 % people want to know, at 95 % ext4 has nothing left but root's
/// reserve, at 98 % writing fails soon.
pub const DISK_FULL: [f64; 3] = [0.90, 0.95, 0.98];
/// Kills and restarts are of late for an hour.
pub const LATELY_NANOS: i64 = 3600 * 1_000_000_000;
/// One that was restarted so often and started lately is taken for one that keeps falling over.
pub const RESTARTS: u64 = 3;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// What it is about, for programs: `throttled`, `memory-limit`, ...
    pub kind: Word,
    /// 3 it suffers, 2 it is at its load line, 1 it is close to it.
    pub severity: u8,
    /// What it is, for people.
    pub text: String,
}

/// What is judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts<'a> {
    /// Whether this is the machine itself.
    pub is_machine: bool,
    /// Share of the CPUs that are in use, of the machine alone.
    pub busy: Option<f64>,
    /// Share of the memory limit that the working set takes.
    pub memory: Option<f64>,
    /// Whether the limit was hit during the last minute, so that the kernel had to reclaim.
    pub reclaiming: bool,
    /// Share of the last minute's periods in which the quota was used up.
    pub throttled: Option<f64>,
    /// Kills for want of memory during the last hour.
    pub kills: u64,
    /// Percent of the last minute that some task waited.
    pub pressure: Pressure,
    /// How often the runtime restarted it.
    pub restarts: u64,
    /// Whether it was started during the last hour.
    pub started_lately: bool,
    /// What its health check says.
    pub health: &'a str,
    /// Filesystems by name, and the share of each that is full.
    pub disks: Vec<(&'a str, f64)>,
}

/// What is wrong, the worst first.
pub fn judge(facts: &Facts<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut add = |kind: &'static str, severity, text| {
        breaches.push(Breach { kind: kind.into(), severity, text });
    };
    if facts.health == "unhealthy" {
        add("unhealthy", 3, "its health check fails".to_owned());
    }
    if facts.kills > 0 {
        add(
            "oom",
            if facts.kills > 1 { 3 } else { 2 },
            format!("OOM-killed {} in the last hour", times(facts.kills)),
        );
    }
    if let Some((kind, severity, text)) = memory(facts) {
        add(kind, severity, text);
    }
    if let Some((share, severity)) = level(facts.throttled, THROTTLED) {
        add("throttled", severity, format!("throttled {} % of the time", percent(share)));
    }
    for (kind, severity, text) in waits(facts) {
        add(kind, severity, text);
    }
    if facts.restarts > 0 && facts.started_lately {
        let severity = if facts.restarts >= RESTARTS { 2 } else { 1 };
        add("restarts", severity, format!("restarted {}", times(facts.restarts)));
    }
    for (name, share) in &facts.disks {
        if let Some((share, severity)) = level(Some(*share), DISK_FULL) {
            add("disk", severity, format!("{name} is {} % full", percent(share)));
        }
    }
    breaches.sort_by_key(|breach| std::cmp::Reverse(breach.severity));
    breaches
}

/// The worst of them.
pub fn severity(breaches: &[Breach]) -> u8 {
    breaches.iter().map(|breach| breach.severity).max().unwrap_or(0)
}

/// The larger share of a limit that is used, 1 at the limit.
pub fn load_line(cpu: Option<f64>, memory: Option<f64>) -> Option<f64> {
    let highest = match (cpu, memory) {
        (Some(cpu), Some(memory)) => Some(cpu.max(memory)),
        (cpu, memory) => cpu.or(memory),
    };
    highest.map(round)
}

/// What it waits for.
fn waits(facts: &Facts<'_>) -> Vec<(&'static str, u8, String)> {
    let Pressure { cpu, memory, io } = facts.pressure;
    if facts.is_machine {
        // who waits for memory or a disk is named itself
        let busy = cpu.filter(|_| facts.busy.is_some_and(|share| share >= BUSY));
        let text = |share| format!("all CPUs busy, tasks wait {share:.0} % of the time");
        return level(busy, PRESSURE_CPU)
            .map(|(share, n)| ("pressure-cpu", n, text(share)))
            .into_iter()
            .collect();
    }
    // to the kernel a throttled task waits for a CPU: that would be the same thing said twice
    let cpu = cpu.filter(|_| level(facts.throttled, THROTTLED).is_none());
    let kinds = [
        ("pressure-memory", "memory", memory, PRESSURE_MEMORY),
        ("pressure-io", "disk", io, PRESSURE_IO),
        ("pressure-cpu", "CPU", cpu, PRESSURE_CPU),
    ];
    let said = |(kind, what, waited, thresholds)| {
        let (percent, severity) = level(waited, thresholds)?;
        Some((kind, severity, format!("waiting for {what} {percent:.0} % of the time")))
    };
    kinds.into_iter().filter_map(said).collect()
}

fn memory(facts: &Facts<'_>) -> Option<(&'static str, u8, String)> {
    let share = facts.memory.filter(|share| *share >= MEMORY_CLOSE)?;
    let of = if facts.is_machine { "of the machine's memory is used" } else { "of its limit" };
    let text = match facts.is_machine {
        true => format!("{} % {of}", percent(share)),
        false => format!("memory at {} % {of}", percent(share)),
    };
    Some(match (facts.reclaiming, share >= MEMORY_FULL) {
        (true, _) => ("memory-reclaim", 3, format!("{text} and reclaiming")),
        (false, true) => ("memory-limit", 2, text),
        (false, false) => ("memory-limit", 1, text),
    })
}

/// The value, and how many of the thresholds it reaches, if any.
fn level(value: Option<f64>, thresholds: [f64; 3]) -> Option<(f64, u8)> {
    let value = value?;
    let reached =
        thresholds.iter().zip(1..).filter(|(threshold, _)| value >= **threshold).map(|(_, n)| n).last()?;
    Some((value, reached))
}

/// Rounded down, so that nothing is called full that is not.
fn percent(share: f64) -> u64 {
    (share * 100.0 + 1e-9).floor() as u64
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(facts: &Facts<'_>) -> Vec<(Word, u8, String)> {
        judge(facts).into_iter().map(|breach| (breach.kind, breach.severity, breach.text)).collect()
    }

    fn f(facts: Facts<'_>, kind: &'static str, severity: u8, text: &str) {
        assert_eq!(said(&facts), [(kind.into(), severity, text.to_owned())]);
    }

    #[test]
    fn memory_close_to_its_limit() {
        let at = |share| Facts { memory: Some(share), ..Facts::default() };
        assert_eq!(said(&at(0.899)), []);
        f(at(0.90), "memory-limit", 1, "memory at 90 % of its limit");
        f(at(0.9699), "memory-limit", 1, "memory at 96 % of its limit");
        f(at(0.97), "memory-limit", 2, "memory at 97 % of its limit");
        let reclaiming = |share| Facts { reclaiming: true, ..at(share) };
        assert_eq!(said(&reclaiming(0.5)), [], "page cache comes and goes");
        f(reclaiming(0.97), "memory-reclaim", 3, "memory at 97 % of its limit and reclaiming");
        let machine = Facts { is_machine: true, ..at(0.98) };
        f(machine, "memory-limit", 2, "98 % of the machine's memory is used");
    }

    #[test]
    fn throttled_by_the_quota() {
        let at = |share| Facts { throttled: Some(share), ..Facts::default() };
        assert_eq!(said(&at(0.049)), []);
        f(at(0.05), "throttled", 1, "throttled 5 % of the time");
        f(at(0.38), "throttled", 2, "throttled 38 % of the time");
        f(at(1.0), "throttled", 3, "throttled 100 % of the time");
    }

    #[test]
    fn killed_of_late() {
        let kills = |kills| Facts { kills, ..Facts::default() };
        f(kills(1), "oom", 2, "OOM-killed once in the last hour");
        f(kills(2), "oom", 3, "OOM-killed twice in the last hour");
        f(kills(7), "oom", 3, "OOM-killed 7 times in the last hour");
    }

    #[test]
    fn waiting_by_pressure() {
        let of = |cpu, memory, io| Facts {
            pressure: Pressure { cpu: Some(cpu), memory: Some(memory), io: Some(io) },
            ..Facts::default()
        };
        assert_eq!(said(&of(29.0, 4.9, 24.0)), []);
        f(of(0.0, 34.4, 0.0), "pressure-memory", 2, "waiting for memory 34 % of the time");
        f(of(0.0, 0.0, 81.0), "pressure-io", 3, "waiting for disk 81 % of the time");
        f(of(99.0, 0.0, 0.0), "pressure-cpu", 2, "waiting for CPU 99 % of the time");
        let throttled = Facts { throttled: Some(0.5), ..of(99.0, 0.0, 0.0) };
        f(throttled, "throttled", 3, "throttled 50 % of the time");
        let machine = |busy| Facts { is_machine: true, busy: Some(busy), ..of(81.4, 90.0, 90.0) };
        f(machine(0.85), "pressure-cpu", 2, "all CPUs busy, tasks wait 81 % of the time");
        assert_eq!(said(&machine(0.5)), [], "quotas stop them, and containers are named themselves");
    }

    #[test]
    fn restarted_unhealthy_full() {
        let restarts = |restarts| Facts { restarts, started_lately: true, ..Facts::default() };
        f(restarts(1), "restarts", 1, "restarted once");
        f(restarts(3), "restarts", 2, "restarted 3 times");
        assert_eq!(said(&Facts { started_lately: false, ..restarts(9) }), [], "it has run for long since");
        f(Facts { health: "unhealthy", ..Facts::default() }, "unhealthy", 3, "its health check fails");
        assert_eq!(said(&Facts { health: "starting", ..Facts::default() }), []);
        let disks = Facts { disks: vec![("/dev/vda", 0.96), ("/dev/vdb", 0.5)], ..Facts::default() };
        f(disks, "disk", 2, "/dev/vda is 96 % full");
    }

    #[test]
    fn the_worst_stands_first() {
        let facts = Facts { memory: Some(0.91), throttled: Some(0.3), kills: 2, ..Facts::default() };
        let breaches = judge(&facts);
        let kinds: Vec<&str> = breaches.iter().map(|breach| &*breach.kind).collect();
        assert_eq!(kinds, ["oom", "throttled", "memory-limit"]);
        assert_eq!((severity(&breaches), severity(&[])), (3, 0));
    }

    #[test]
    fn the_load_line_is_the_nearest_limit() {
        assert_eq!(load_line(Some(0.4), Some(0.97)), Some(0.97));
        assert_eq!(load_line(Some(1.2), None), Some(1.2));
        assert_eq!(load_line(None, None), None);
    }
}
