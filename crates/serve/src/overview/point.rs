//! The few numbers of a sample that an overview needs, and rates between two of them.

use plimsoll_core::time::Timestamp;
use plimsoll_measure::io::PerDisk;
use plimsoll_measure::network::Interface;
use plimsoll_measure::sample::{Psi, PsiLine, Sample};
use serde::{Deserialize, Serialize};

/// Counters and levels at one instant; what a sample has not is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// When they were read.
    pub at: Timestamp,
    /// Nanoseconds of CPU.
    pub cpu: Option<u64>,
    /// Periods of the quota that have passed, and those in which it was used up.
    pub periods: Option<(u64, u64)>,
    /// Working set in bytes.
    pub memory: Option<u64>,
    /// Bytes of swap.
    pub swap: Option<u64>,
    /// How often the memory limit was hit.
    pub limit_hits: Option<u64>,
    /// Bytes received and sent.
    pub network: Option<(u64, u64)>,
    /// Bytes read and written.
    pub disk: Option<(u64, u64)>,
    /// Over 10 s.
    pub pressure: Option<Pressure>,
    /// Over 60 s.
    pub pressure_minute: Option<Pressure>,
    /// Processes.
    pub processes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

/// The filesystem of the machine that has least left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fullest {
    /// Its device.
    pub device: String,
    /// How much of it is used, as an ordinary user sees it; 1 is full.
    pub share: f64,
}

/// Percent of the time in which some task waited; a kind that the kernel does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pressure {
    /// For a CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// For memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// For disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<f64>,
}

impl Pressure {
    fn of(sample: &Sample, span: fn(&PsiLine) -> u64) -> Option<Self> {
        let percent = |psi: Option<Psi>| psi.map(|psi| span(&psi.some) as f64 / 100.0);
        let pressure = Self {
            cpu: percent(sample.cpu.as_ref().and_then(|cpu| cpu.psi)),
            memory: percent(sample.memory.as_ref().and_then(|memory| memory.psi)),
            io: percent(sample.diskio.as_ref().and_then(|io| io.psi)),
        };
        (pressure != Self::default()).then_some(pressure)
    }
}

impl Point {
    /// Of a sample.
    pub fn of(sample: &Sample) -> Self {
        let memory = sample.memory.as_ref();
        let cfs = sample.cpu.as_ref().map(|cpu| &cpu.cfs);
        let processes = sample.processes.as_ref();
        Self {
            at: sample.at,
            cpu: sample.cpu.as_ref().and_then(|cpu| cpu.usage.total),
            periods: cfs.and_then(|cfs| Some((cfs.periods?, cfs.throttled_periods?))),
            memory: memory.and_then(|memory| memory.working_set),
            swap: memory.and_then(|memory| memory.swap),
            limit_hits: memory.and_then(|memory| memory.failcnt),
            network: network(sample, |one| (one.rx_bytes, one.tx_bytes)),
            disk: sample.diskio.as_ref().map(|io| disk(&io.io_service_bytes)),
            pressure: Pressure::of(sample, |line| line.avg10),
            pressure_minute: Pressure::of(sample, |line| line.avg60),
            processes: processes.and_then(|processes| processes.process_count),
            threads: processes.and_then(|processes| processes.threads_current),
        }
    }
}

/// Two counters of all interfaces together; absent where no network is read.
pub(super) fn network(sample: &Sample, pick: fn(&Interface) -> (u64, u64)) -> Option<(u64, u64)> {
    let interfaces = &sample.network.as_ref()?.interfaces;
    // a namespace without any has moved nothing, or could not be read
    (!interfaces.is_empty()).then(|| {
        interfaces
            .iter()
            .map(pick)
            .fold((0_u64, 0_u64), |(a, b), (x, y)| (a.saturating_add(x), b.saturating_add(y)))
    })
}

/// Read and written on all devices together. A group that never did either is in no device's list.
pub(super) fn disk(devices: &[PerDisk]) -> (u64, u64) {
    let of = |pick: fn(&PerDisk) -> Option<u64>| devices.iter().filter_map(pick).fold(0, u64::saturating_add);
    (of(|device| device.stats.read), of(|device| device.stats.write))
}

/// Seconds from one instant to a later one.
pub(super) fn seconds(before: Timestamp, now: Timestamp) -> Option<f64> {
    let nanos = now.since(before);
    (nanos > 0).then_some(nanos as f64 / 1e9)
}

/// How much a counter grew each second; absent where time stood still or the counter went back.
pub(super) fn rate(before: Option<u64>, now: Option<u64>, seconds: Option<f64>) -> Option<f64> {
    Some(now?.checked_sub(before?)? as f64 / seconds?)
}

/// Cores in use between two readings of nanoseconds.
pub(super) fn cores(before: Option<u64>, now: Option<u64>, seconds: Option<f64>) -> Option<f64> {
    rate(before, now, seconds).map(|nanos| round(nanos / 1e9))
}

/// Four decimals: a ten-thousandth of a core or of a limit is nothing to look at.
pub(super) fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// What moved between two points, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Cores.
    pub cpu: Option<f64>,
    /// Bytes received and sent.
    pub network: Option<(u64, u64)>,
    /// Bytes read and written.
    pub disk: Option<(u64, u64)>,
}

impl Rates {
    /// From one to a later one.
    pub fn between(before: &Point, now: &Point) -> Self {
        let seconds = seconds(before.at, now.at);
        let both = |before: Option<(u64, u64)>, now: Option<(u64, u64)>| {
            let ((b0, b1), (n0, n1)) = (before?, now?);
            let first = rate(Some(b0), Some(n0), seconds)?;
            Some((first.round() as u64, rate(Some(b1), Some(n1), seconds)?.round() as u64))
        };
        Self {
            cpu: cores(before.cpu, now.cpu, seconds),
            network: both(before.network, now.network),
            disk: both(before.disk, now.disk),
        }
    }
}
