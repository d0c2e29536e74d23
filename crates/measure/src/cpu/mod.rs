//! CPU time of one container.

pub mod families;

use plimsoll_core::columnar;
use serde::Serialize;

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
