//! Sums: of containers over their pod, of pods over their namespace and their node, of namespaces over the cluster.
//!
//! A sum is over those that have the number; where nobody has it, it is absent.

pub(crate) mod cluster;
pub(crate) mod namespace;
pub(crate) mod node;
pub(crate) mod pod;
#[cfg(test)]
mod tests;

use plimsoll_core::cluster::batch::Values;
use plimsoll_core::cluster::metric::Metric;

/// What is asked for and allowed: summed over a node, whose use is measured, not summed.
pub(crate) const RESERVED: [Metric; 4] =
    [Metric::CpuRequest, Metric::CpuLimit, Metric::MemoryRequest, Metric::MemoryLimit];

/// What is summed over namespaces, workloads and the cluster. The working set, which Heapster leaves out, is the number
/// that autoscalers and `kubectl top` go by.
pub(crate) const SUMMED: [Metric; 7] = [
    Metric::MemoryUsage,
    Metric::MemoryWorkingSet,
    Metric::CpuRequest,
    Metric::CpuLimit,
    Metric::MemoryRequest,
    Metric::MemoryLimit,
    Metric::CpuUsageRate,
];

/// Adds these metrics.
pub(crate) fn add(into: &mut Values, from: &Values, metrics: &[Metric]) {
    for metric in metrics {
        if let Some(value) = from.get(*metric) {
            into.add(*metric, value);
        }
    }
}
