//! Rows of the machine: machine_* on /metrics, sorted by name.
//!
//! The labels boot_id, machine_id and system_uuid stand on all of them and are added where they are written.

use std::collections::BTreeSet;

use plimsoll_core::family::{Emit, Row, Source, Type};
use plimsoll_core::kinds::Kind;
use plimsoll_core::machine::{Core, MachineInfo, Node};

/// Every family of the machine.
pub static FAMILIES: &[Row<MachineInfo>] = &[
    gauge("machine_cpu_books", "Number of CPU books.", "proc/cpuinfo book id", |m, out| {
        out.int(&[], m.num_books)
    }),
    Row {
        labels: &["core_id", "level", "node_id", "type"],
        switch: Some(Kind::CpuTopology),
        ..gauge(
            "machine_cpu_cache_capacity_bytes",
            "Cache size in bytes assigned to NUMA node and CPU core.",
            "sys/devices/system/cpu/cpu*/cache/index*/size",
            caches,
        )
    },
    gauge(
        "machine_cpu_cores",
        "Number of logical CPU cores.",
        "sys/devices/system/node/node*/cpu*",
        |m, out| out.int(&[], m.num_cores),
    ),
    gauge("machine_cpu_drawers", "Number of CPU drawers.", "proc/cpuinfo drawer id", |m, out| {
        out.int(&[], m.num_drawers);
    }),
    gauge("machine_cpu_physical_cores", "Number of physical CPU cores.", "proc/cpuinfo core id", |m, out| {
        out.int(&[], m.num_physical_cores)
    }),
    gauge("machine_cpu_sockets", "Number of CPU sockets.", "proc/cpuinfo physical id", |m, out| {
        out.int(&[], m.num_sockets);
    }),
    Row {
        labels: &["type"],
        ..gauge(
            "machine_dimm_capacity_bytes",
            "Total RAM DIMM capacity (all types memory modules) value labeled by dimm type.",
            "sys/devices/system/edac/mc/mc*/dimm*/size",
            |m, out| m.memory_by_type.iter().for_each(|(name, of)| out.int(&[name], of.capacity)),
        )
    },
    Row {
        labels: &["type"],
        ..gauge(
            "machine_dimm_count",
            "Number of RAM DIMM (all types memory modules) value labeled by dimm type.",
            "sys/devices/system/edac/mc/mc*/dimm*",
            |m, out| m.memory_by_type.iter().for_each(|(name, of)| out.int(&[name], of.dimm_count)),
        )
    },
    gauge(
        "machine_memory_bytes",
        "Amount of memory installed on the machine.",
        "proc/meminfo MemTotal",
        |m, out| out.int(&[], m.memory_capacity),
    ),
    Row {
        labels: &["node_id", "target_node_id"],
        switch: Some(Kind::CpuTopology),
        ..gauge(
            "machine_node_distance",
            "Distance between NUMA node and target NUMA node.",
            "sys/devices/system/node/node*/distance",
            distances,
        )
    },
    Row {
        labels: &["node_id", "page_size"],
        switch: Some(Kind::CpuTopology),
        ..gauge(
            "machine_node_hugepages_count",
            // the spelling is cAdvisor's
            "Numer of hugepages assigned to NUMA node.",
            "sys/devices/system/node/node*/hugepages/hugepages-*kB/nr_hugepages",
            hugepages,
        )
    },
    Row {
        labels: &["node_id"],
        switch: Some(Kind::CpuTopology),
        ..gauge(
            "machine_node_memory_capacity_bytes",
            "Amount of memory assigned to NUMA node.",
            "sys/devices/system/node/node*/meminfo MemTotal",
            |m, out| nodes(m).for_each(|node| out.int(&[&text(node.node_id)], node.memory)),
        )
    },
    gauge("machine_nvm_avg_power_budget_watts", "NVM power budget.", "0 without such memory", |m, out| {
        out.maybe(m.nvm.avg_power_budget);
    }),
    Row {
        labels: &["mode"],
        ..gauge(
            "machine_nvm_capacity",
            "NVM capacity value labeled by NVM mode (memory mode or app direct mode).",
            "sys/bus/nd/devices/region*/size, sys/firmware/dmi/tables/DMI",
            |m, out| {
                let modes = [
                    ("app_direct_mode", m.nvm.app_direct_mode_capacity),
                    ("memory_mode", m.nvm.memory_mode_capacity),
                ];
                for (mode, capacity) in modes {
                    capacity.into_iter().for_each(|capacity| out.int(&[mode], capacity));
                }
            },
        )
    },
    gauge(
        "machine_swap_bytes",
        "Amount of swap memory available on the machine.",
        "proc/meminfo SwapTotal",
        |m, out| out.int(&[], m.swap_capacity),
    ),
    Row {
        labels: &["core_id", "node_id", "thread_id"],
        switch: Some(Kind::CpuTopology),
        ..gauge(
            "machine_thread_siblings_count",
            "Number of CPU thread siblings.",
            "sys/devices/system/cpu/cpu*/topology/core_id",
            siblings,
        )
    },
];

/// A gauge that is always on, without extra labels.
const fn gauge(
    name: &'static str,
    help: &'static str,
    source: &'static str,
    values: fn(&MachineInfo, &mut dyn Emit),
) -> Row<MachineInfo> {
    Row {
        name,
        help,
        kind: Type::Gauge,
        switch: None,
        labels: &[],
        timestamped: true,
        source: Source::both(source),
        values,
    }
}

fn caches(machine: &MachineInfo, out: &mut dyn Emit) {
    let mut written = BTreeSet::new();
    for node in nodes(machine) {
        let node_id = text(node.node_id);
        let of_cores = cores(node)
            .flat_map(|core| core.caches.iter().flatten().map(|cache| (text(core.core_id), cache)));
        let of_node = node.caches.iter().flatten().map(|cache| (String::new(), cache));
        for (core_id, cache) in of_cores.chain(of_node) {
            // core numbers are those of a socket: a node over two sockets has some twice, a series may not be
            if written.insert((node.node_id, core_id.clone(), cache.level, &cache.r#type)) {
                out.int(&[&core_id, &text(cache.level), &node_id, &cache.r#type], cache.size);
            }
        }
    }
}

fn distances(machine: &MachineInfo, out: &mut dyn Emit) {
    for node in nodes(machine) {
        for (target, distance) in (0..).zip(node.distances.iter().flatten()) {
            out.int(&[&text(node.node_id), &text(target)], *distance);
        }
    }
}

fn hugepages(machine: &MachineInfo, out: &mut dyn Emit) {
    for node in nodes(machine) {
        for pages in node.hugepages.iter().flatten() {
            out.int(&[&text(node.node_id), &text(pages.page_size)], pages.num_pages);
        }
    }
}

fn siblings(machine: &MachineInfo, out: &mut dyn Emit) {
    for node in nodes(machine) {
        for core in cores(node) {
            let threads = core.thread_ids.as_deref().unwrap_or_default();
            for thread in threads {
                let labels = [text(core.core_id), text(node.node_id), text(*thread)];
                let [core_id, node_id, thread_id] = &labels;
                out.int(&[core_id, node_id, thread_id], threads.len() as u64);
            }
        }
    }
}

fn nodes(machine: &MachineInfo) -> impl Iterator<Item = &Node> {
    machine.topology.iter().flatten()
}

fn cores(node: &Node) -> impl Iterator<Item = &Core> {
    node.cores.iter().flatten()
}

fn text(n: u64) -> String {
    n.to_string()
}
