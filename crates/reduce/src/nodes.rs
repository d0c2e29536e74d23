//! What nodes have, and what is used and asked for of it.
//!
//! As Heapster since 1.3, in parts of what is allocatable. A part whose numbers are not known is absent, where Heapster
//! tells 0: so in the first round, and of nodes whose object tells no amount.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::objects::{Known, Node};

/// Attaches nodes to their sets and fills in capacity, utilization and reservation.
pub(crate) fn enrich(batch: &mut Batch, known: &Known) {
    for (name, node) in &known.nodes {
        if let Some(set) = batch.get_mut(&Key::Node(name.clone())) {
            set.node = Some(Arc::clone(node));
            fill(set, node, known.pods_listed);
        }
    }
}

/// One resource: what is there, what is for pods, the parts in use and asked for, and the numbers that these come from.
struct Resource {
    capacity: (Metric, Option<i64>),
    allocatable: (Metric, Option<i64>),
    used: (Metric, Metric),
    asked: (Metric, Metric),
}

fn fill(set: &mut Set, node: &Node, pods_listed: bool) {
    let cpu = Resource {
        capacity: (Metric::CpuNodeCapacity, node.capacity.cpu_milli),
        allocatable: (Metric::CpuNodeAllocatable, node.allocatable.cpu_milli),
        used: (Metric::CpuNodeUtilization, Metric::CpuUsageRate),
        asked: (Metric::CpuNodeReservation, Metric::CpuRequest),
    };
    let memory = Resource {
        capacity: (Metric::MemoryNodeCapacity, node.capacity.memory),
        allocatable: (Metric::MemoryNodeAllocatable, node.allocatable.memory),
        used: (Metric::MemoryNodeUtilization, Metric::MemoryUsage),
        asked: (Metric::MemoryNodeReservation, Metric::MemoryRequest),
    };
    set.values.reserve(8);
    for resource in [cpu, memory] {
        for (metric, amount) in [resource.capacity, resource.allocatable] {
            if let Some(amount) = amount {
                set.values.set_float(metric, amount as f64);
            }
        }
        let Some(allocatable) = resource.allocatable.1.filter(|amount| *amount > 0) else { continue };
        let used = set.values.float(resource.used.1);
        // an answer without pods is of a node without pods
        let asked = set.values.float(resource.asked.1).or(pods_listed.then_some(0.0));
        for (part, of) in [(resource.used.0, used), (resource.asked.0, asked)] {
            if let Some(of) = of {
                set.values.set_float(part, of / allocatable as f64);
            }
        }
    }
}

#[cfg(test)]
mod tests;
