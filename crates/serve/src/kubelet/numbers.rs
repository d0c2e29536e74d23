//! CPU, memory, network and swap of a container, in the summary's words.

use std::sync::Arc;

use plimsoll_core::time::Timestamp;
use plimsoll_measure::network::Interface;
use plimsoll_measure::sample::{Psi, PsiLine, Sample};
use serde::ser::{Serialize, Serializer};

use crate::past::{Past, View, Window};
use crate::v2::rate;

/// An instant in whole seconds, the rest cut off, as Kubernetes writes times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seconds(pub(super) Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Timestamp::from_secs(self.0.nanos().div_euclid(1_000_000_000)).serialize(serializer)
    }
}

/// CPU time.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cpu {
    pub(super) time: Seconds,
    /// Nanoseconds of CPU a second between the two newest samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_nano_cores: Option<u64>,
    /// Nanoseconds in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_core_nano_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) psi: Option<Pressure>,
}

/// Memory in bytes; faults are counted since the start.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Memory {
    pub(super) time: Seconds,
    /// What the limit leaves; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) available_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) working_set_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) page_faults: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) major_page_faults: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) psi: Option<Pressure>,
}

/// Stalls on block io.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Io {
    time: Seconds,
    psi: Pressure,
}

/// A pressure file. kubelet's type has nanoseconds where the kernel has microseconds, and percent.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Pressure {
    full: Stalls,
    some: Stalls,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
struct Stalls {
    total: u64,
    avg10: f64,
    avg60: f64,
    avg300: f64,
}

/// Swap in bytes.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Swap {
    pub(super) time: Seconds,
    /// What the limit leaves; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) swap_available_bytes: Option<u64>,
    pub(super) swap_usage_bytes: u64,
}

/// Network counters: of the default interface, then of all.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Network {
    time: Seconds,
    #[serde(flatten)]
    default: Inline,
    interfaces: Vec<Counters>,
}

/// The default interface's counters; where there is none its name is empty, and nothing follows.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
enum Inline {
    Counters(Counters),
    None { name: &'static str },
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Counters {
    name: String,
    rx_bytes: u64,
    rx_errors: u64,
    tx_bytes: u64,
    tx_errors: u64,
}

/// A container with its newest sample.
#[derive(Clone)]
pub(super) struct Sampled<'a> {
    pub(super) view: &'a View,
    pub(super) latest: Arc<Sample>,
}

impl<'a> Sampled<'a> {
    /// Absent where there is no sample yet.
    pub(super) fn of(view: &'a View) -> Option<Self> {
        Some(Self { view, latest: view.latest.clone()? })
    }

    /// When the sample was taken.
    pub(super) fn time(&self) -> Seconds {
        Seconds(self.latest.at)
    }

    /// CPU time, with the rate since the sample before.
    pub(super) fn cpu(&self, past: &dyn Past) -> Option<Cpu> {
        let cpu = self.latest.cpu.as_ref()?;
        let window = Window { end: Some(self.latest.at), count: Some(2), start: None };
        let newest = past.samples(&self.view.reference.name, window).unwrap_or_default();
        let before = newest.iter().rev().find(|sample| sample.at < self.latest.at);
        Some(Cpu {
            time: self.time(),
            usage_nano_cores: before.and_then(|before| rate::total(before, &self.latest)),
            usage_core_nano_seconds: cpu.usage.total,
            psi: cpu.psi.map(Pressure::of),
        })
    }

    /// Memory; `capacity` is the machine's where the container is the machine.
    pub(super) fn memory(&self, capacity: Option<u64>) -> Option<Memory> {
        let memory = self.latest.memory.as_ref()?;
        let limit = capacity.or_else(|| limit(self.view.spec.memory.limit));
        let left = |working_set| limit.map(|limit| limit.saturating_sub(working_set));
        Some(Memory {
            time: self.time(),
            available_bytes: memory.working_set.and_then(left),
            usage_bytes: memory.usage,
            working_set_bytes: memory.working_set,
            rss_bytes: memory.rss,
            page_faults: memory.container_data.pgfault,
            major_page_faults: memory.container_data.pgmajfault,
            psi: memory.psi.map(Pressure::of),
        })
    }

    /// Stalls on block io, where the kernel tells.
    pub(super) fn io(&self) -> Option<Io> {
        let psi = self.latest.diskio.as_ref()?.psi?;
        Some(Io { time: self.time(), psi: Pressure::of(psi) })
    }

    /// Swap; `capacity` is the machine's, in bytes.
    pub(super) fn swap(&self, capacity: u64) -> Option<Swap> {
        let used = self.latest.memory.as_ref()?.swap?;
        let is_machine = self.view.reference.name == "/";
        let limit = if is_machine { Some(capacity) } else { self.swap_limit(capacity) };
        Some(Swap {
            time: self.time(),
            swap_available_bytes: limit.map(|limit| limit.saturating_sub(used)),
            swap_usage_bytes: used,
        })
    }

    /// Bytes that may be swapped out: none where the machine has no swap, whose bytes are `capacity`. v1 limits memory and
    /// swap together; it tells nothing of v2's events.
    pub(super) fn swap_limit(&self, capacity: u64) -> Option<u64> {
        if capacity == 0 {
            return Some(0);
        }
        let spec = &self.view.spec.memory;
        let of_v2 = self.latest.memory.as_ref()?.events.high.is_some();
        if of_v2 {
            return below_huge(spec.swap_limit);
        }
        limit(spec.swap_limit)?.checked_sub(limit(spec.limit)?)
    }

    /// Network counters; the default interface is `eth0`, else the first that is one of `cards`, or, where none are
    /// given, the first.
    pub(super) fn network(&self, cards: Option<&[&str]>) -> Option<Network> {
        let all = &self.latest.network.as_ref()?.interfaces;
        let is_card = |interface: &&Interface| cards.is_none_or(|cards| cards.contains(&&*interface.name));
        let default =
            all.iter().find(|interface| interface.name == "eth0").or_else(|| all.iter().find(is_card));
        (!all.is_empty()).then(|| Network {
            time: self.time(),
            default: default.map_or(Inline::None { name: "" }, |card| Inline::Counters(Counters::of(card))),
            interfaces: all.iter().map(Counters::of).collect(),
        })
    }
}

/// A limit that is one: none is 0 or a number beyond any machine.
fn limit(bytes: u64) -> Option<u64> {
    below_huge(bytes).filter(|bytes| *bytes > 0)
}

fn below_huge(bytes: u64) -> Option<u64> {
    Some(bytes).filter(|bytes| *bytes <= 1 << 62)
}

impl Pressure {
    fn of(psi: Psi) -> Self {
        Self { full: Stalls::of(psi.full), some: Stalls::of(psi.some) }
    }
}

impl Stalls {
    fn of(line: PsiLine) -> Self {
        let percent = |hundredths: u64| hundredths as f64 / 100.0;
        Self {
            total: line.total.saturating_mul(1000),
            avg10: percent(line.avg10),
            avg60: percent(line.avg60),
            avg300: percent(line.avg300),
        }
    }
}

impl Counters {
    fn of(interface: &Interface) -> Self {
        Self {
            name: interface.name.clone(),
            rx_bytes: interface.rx_bytes,
            rx_errors: interface.rx_errors,
            tx_bytes: interface.tx_bytes,
            tx_errors: interface.tx_errors,
        }
    }
}

/// A pod without a group of its own: CPU time of its containers, unless one has none; a part of a sum is not the sum.
pub(super) fn cpu_sum(parts: &[Option<Cpu>]) -> Option<Cpu> {
    let parts: Vec<&Cpu> = parts.iter().map(Option::as_ref).collect::<Option<_>>()?;
    Some(Cpu {
        time: parts.iter().map(|part| part.time).max()?,
        usage_nano_cores: sum(&parts, |part| part.usage_nano_cores),
        usage_core_nano_seconds: sum(&parts, |part| part.usage_core_nano_seconds),
        psi: None,
    })
}

/// The same of memory.
pub(super) fn memory_sum(parts: &[Option<Memory>]) -> Option<Memory> {
    let parts: Vec<&Memory> = parts.iter().map(Option::as_ref).collect::<Option<_>>()?;
    Some(Memory {
        time: parts.iter().map(|part| part.time).max()?,
        available_bytes: sum(&parts, |part| part.available_bytes),
        usage_bytes: sum(&parts, |part| part.usage_bytes),
        working_set_bytes: sum(&parts, |part| part.working_set_bytes),
        rss_bytes: sum(&parts, |part| part.rss_bytes),
        page_faults: sum(&parts, |part| part.page_faults),
        major_page_faults: sum(&parts, |part| part.major_page_faults),
        psi: None,
    })
}

/// The same of swap.
pub(super) fn swap_sum(parts: &[Option<Swap>]) -> Option<Swap> {
    let parts: Vec<&Swap> = parts.iter().map(Option::as_ref).collect::<Option<_>>()?;
    Some(Swap {
        time: parts.iter().map(|part| part.time).max()?,
        swap_available_bytes: None,
        swap_usage_bytes: sum(&parts, |part| Some(part.swap_usage_bytes))?,
    })
}

/// Absent where one part is.
pub(super) fn sum<T>(parts: &[&T], number: impl Fn(&T) -> Option<u64>) -> Option<u64> {
    parts.iter().map(|part| number(part)).try_fold(0u64, |all, part| Some(all.saturating_add(part?)))
}
