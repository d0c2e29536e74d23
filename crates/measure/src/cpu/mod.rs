//! CPU time of one container.
//!
//! Reads: v1 cpuacct.usage, cpuacct.stat, cpuacct.usage_percpu, cpu.stat | v2 cpu.stat | both cpu.pressure
//!        (on hybrid from the unified hierarchy), /proc/<pid>/schedstat of all processes
//! Gives: time in all, in user and system mode, by CPU, throttling, stalls, run queue waits
//! Cost:  3 files of a container on v1 that runs, 4 with a quota, 2 on v2; measured in benches/container_sample.rs
//!
//! Of a quiet group (see [`crate::reader::Effort::Thrifty`]) these are passed over:
//! - cpuacct.stat, cpuacct.usage_percpu: cannot move unless cpuacct.usage does, which is read each time. So they
//!   are never late.
//! - cpu.stat (v1): a group that used no time was not throttled anew; a period that ends later may count up
//!   to 30 s late.
//! - cpu.pressure: totals need runnable tasks, which then run; averages fade on their own and are followed
//!   until they stand still, or up to 30 s late.
//! - schedstat: a process that waits also runs in the end; it may be up to 30 s late.
//!
//! Of a group that runs:
//! - cpuacct.usage: the sum of cpuacct.usage_percpu, which is read anyhow, and is not read itself.
//! - cpu.stat (v1): counts the group's own quota alone. Without one nothing of it moves; throttling under a quota
//!   that was set without notice may be up to 30 s late.
//! - cpu.pressure: once its averages are zero it is passed over while no task of the machine waits for a CPU, as
//!   the root's file tells. Likewise memory.pressure and io.pressure.

mod sched;
mod v1;
mod v2;

pub(crate) use sched::Sched;

pub mod families;

use plimsoll_core::columnar;
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_kernel::hierarchy::{Controller, Hierarchy, Version};
use serde::Serialize;

use crate::keyed::put;
use crate::pressure::Resource;
use crate::reader::plan::{File, Moves, Place, Subject};
use crate::sample::{Psi, or_zero, or_zero_psi};

/// CPU numbers; `cpu` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// Time used.
    pub usage: CpuUsage,
    /// Throttling by the quota.
    pub cfs: Cfs,
    /// Scheduler statistics of the processes.
    pub schedstat: Schedstat,
    /// Runnable tasks x1000, smoothed over 10 s; absent unless the load reader runs.
    #[serde(serialize_with = "or_zero")]
    pub load_average: Option<u64>,
    /// Uninterruptible tasks x1000, smoothed over 10 s; absent unless the load reader runs.
    #[serde(serialize_with = "or_zero")]
    pub load_d_average: Option<u64>,
    /// `cpu.pressure`; absent where the kernel has none.
    #[serde(serialize_with = "or_zero_psi")]
    pub psi: Option<Psi>,
}

/// CPU time in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CpuUsage {
    /// v1 `cpuacct.usage` | v2 `cpu.stat` usage_usec x1000.
    #[serde(serialize_with = "or_zero")]
    pub total: Option<u64>,
    /// v1 `cpuacct.usage_percpu` | v2 absent. Online CPUs in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub per_cpu_usage: Vec<u64>,
    /// v1 `cpuacct.stat` user (ticks) | v2 `cpu.stat` user_usec.
    #[serde(serialize_with = "or_zero")]
    pub user: Option<u64>,
    /// v1 `cpuacct.stat` system (ticks) | v2 `cpu.stat` system_usec.
    #[serde(serialize_with = "or_zero")]
    pub system: Option<u64>,
}

/// Throttling by the CFS quota; v1 and v2 `cpu.stat`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cfs {
    /// Periods that have passed; absent in the v2 root and where no cpu controller is enabled.
    #[serde(serialize_with = "or_zero")]
    pub periods: Option<u64>,
    /// Periods in which the quota was used up.
    #[serde(serialize_with = "or_zero")]
    pub throttled_periods: Option<u64>,
    /// Nanoseconds throttled, summed over the CPUs.
    #[serde(serialize_with = "or_zero")]
    pub throttled_time: Option<u64>,
    /// Periods that used saved-up quota (kernel 5.14).
    #[serde(serialize_with = "or_zero")]
    pub bursts_periods: Option<u64>,
    /// Nanoseconds used beyond the quota in bursts.
    #[serde(serialize_with = "or_zero")]
    pub burst_time: Option<u64>,
}

/// Sums of `/proc/<pid>/schedstat`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Schedstat {
    /// Nanoseconds on a CPU.
    #[serde(serialize_with = "or_zero")]
    pub run_time: Option<u64>,
    /// Nanoseconds waiting in a run queue.
    #[serde(serialize_with = "or_zero")]
    pub runqueue_time: Option<u64>,
    /// Time slices.
    #[serde(serialize_with = "or_zero")]
    pub run_periods: Option<u64>,
}

columnar!(Cpu { usage, cfs, schedstat, load_average, load_d_average, psi });
columnar!(CpuUsage { total, per_cpu_usage, user, system });
columnar!(Cfs { periods, throttled_periods, throttled_time, bursts_periods, burst_time });
columnar!(Schedstat { run_time, runqueue_time, run_periods });

/// The file that moves whenever the group runs.
pub(crate) fn lead(hierarchy: &Hierarchy, files: &mut Vec<File>) {
    match hierarchy.controller(Controller::CpuAcct) {
        Some((Version::V1, _)) => files.push(v1::USAGE),
        Some((Version::V2, _)) => files.push(v2::STAT),
        None => {}
    }
}

/// What may be read in the leading file's stead of a group that has run lately, and which of the files it is.
pub(crate) fn parts(files: &[File]) -> Option<(usize, File)> {
    let index = files.iter().position(|file| file.name == v1::USAGE_OF_PARTS.name)?;
    Some((index, v1::USAGE_OF_PARTS))
}

/// All others.
pub(crate) fn files(hierarchy: &Hierarchy, kinds: Kinds, files: &mut Vec<File>) {
    if matches!(hierarchy.controller(Controller::CpuAcct), Some((Version::V1, _))) {
        files.push(v1::ACCT_STAT);
        if kinds.has(Kind::PerCpu) {
            files.push(v1::USAGE_PERCPU);
        }
    }
    if matches!(hierarchy.controller(Controller::Cpu), Some((Version::V1, _))) {
        files.push(v1::STAT);
    }
    if kinds.has(Kind::Pressure) && hierarchy.unified().is_some() {
        files.push(PRESSURE);
    }
}

const PRESSURE: File = File::new(Place::Unified, c"cpu.pressure", Subject::Cpu, |_, text, sample| {
    let psi = text.map(crate::pressure::parse).transpose()?;
    Ok(put(&mut sample.cpu.get_or_insert_default().psi, psi))
})
.moving(Moves::WithStalls(Resource::Cpu));

/// The machine's own, for the root where no unified hierarchy has it.
pub(crate) const PRESSURE_OF_MACHINE: File = File { place: Place::Proc, name: c"pressure/cpu", ..PRESSURE };
