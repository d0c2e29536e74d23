//! perf events of one container, and of the machine's uncore for `/`.
//!
//! Reads: perf_event_open(2) on the container's directory of the controller perf_event, a counter an event and CPU;
//!        names from `<sys>/bus/event_source/devices/*/{type,cpus,cpumask,events/*,format/*}` and
//!        `<sys>/kernel/tracing/events/*/*/id`
//! Gives: how often each event of the configuration happened, by CPU, and how much of the time it was counted
//! Cost:  descriptors: events x CPUs x containers, under a budget; a read a group of events and CPU, every housekeeping
//!        interval, on a thread of its own ([`Tracker`]) that takes at most a twentieth of a core. Nothing without
//!        a configuration, or with the kind `perf_event` off

mod config;
mod counting;
mod names;
mod plan;
mod pmu;
mod tracker;

pub mod families;

pub use config::{Config, ConfigError, Custom, Events};
pub use plan::Plan;
pub use pmu::{Field, Term, cpu_list};
pub use tracker::{Tracked, Tracker};

use plimsoll_core::columnar;
use plimsoll_core::columns::{Columnar, Visitor};
use serde::Serialize;

/// What was counted for one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Perf {
    /// Whether `/metrics` has a series a CPU (the kind `percpu` is on), or one for all of them.
    pub per_cpu: bool,
    /// Events on CPUs, in the order of the configuration.
    pub core: Vec<CoreEvent>,
    /// Events beside the CPUs: memory controllers, links. Of `/` only.
    pub uncore: Vec<UncoreEvent>,
}

/// One event on the CPUs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoreEvent {
    /// As the configuration has it.
    pub name: String,
    /// A CPU each, ascending; a CPU whose counter cannot be had is left out.
    pub cpus: Vec<CpuCount>,
}

/// One event on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuCount {
    /// The CPU's number.
    pub cpu: u64,
    /// Times, made up for the time in which it was not counted.
    pub value: u64,
    /// Share of its time in which it was counted.
    pub scaling_ratio: Ratio,
}

/// One event of one PMU beside the CPUs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UncoreEvent {
    /// Share of its time in which it was counted; the least of several CPUs'.
    pub scaling_ratio: Ratio,
    /// Times (or what the event counts), made up for the time in which it was not counted.
    pub value: u64,
    /// Without the prefix that chooses the PMUs.
    pub name: String,
    /// The socket whose CPU counts it; -1 where the machine does not tell.
    pub socket: i64,
    /// The PMU, `uncore_imc_0`.
    pub pmu: String,
}

/// A share between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio(pub f64);

impl Default for Ratio {
    fn default() -> Self {
        Self(1.0)
    }
}

/// Kept by its bits; it is 1 unless more is counted than the CPU has counters.
impl Columnar for Ratio {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        let mut bits = self.0.to_bits();
        visitor.number(&mut bits);
        self.0 = f64::from_bits(bits);
    }

    fn assign(&mut self, from: &Self) {
        *self = *from;
    }
}

columnar!(Perf { per_cpu, core, uncore });
columnar!(CoreEvent { name, cpus });
columnar!(CpuCount { cpu, value, scaling_ratio });
columnar!(UncoreEvent { scaling_ratio, value, name, socket, pmu });

#[cfg(test)]
mod tests;
