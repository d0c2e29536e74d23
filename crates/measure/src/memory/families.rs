//! Outward names of memory and memory pressure.

use plimsoll_core::columns::Named;
use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::{counter, gauge, stalled};
use crate::memory::{Faults, Memory};
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    gauge(
        "container_memory_cache",
        "Number of bytes of page cache memory.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_cache", v2: "memory.stat file" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.cache)),
    ),
    counter(
        "container_memory_events_high_total",
        "Cumulative count of memory.high throttle events for the container",
        Kind::Memory,
        &[],
        Source { v1: "-", v2: "memory.events high" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.events.high)),
    ),
    counter(
        "container_memory_events_max_total",
        "Cumulative count of memory.max limit hit events for the container",
        Kind::Memory,
        &[],
        Source { v1: "-", v2: "memory.events max" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.events.max)),
    ),
    counter(
        "container_memory_failcnt",
        "Number of memory usage hits limits",
        Kind::Memory,
        &[],
        Source { v1: "memory.failcnt", v2: "memory.events max" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.failcnt)),
    ),
    counter(
        "container_memory_failures_total",
        "Cumulative count of memory allocation failures.",
        Kind::Memory,
        &["failure_type", "scope"],
        Source {
            v1: "memory.stat pgfault, pgmajfault, total_pgfault, total_pgmajfault",
            v2: "memory.stat pgfault, pgmajfault",
        },
        |s, out| s.memory.iter().for_each(|memory| failures(memory, out)),
    ),
    gauge(
        "container_memory_file_dirty_bytes",
        "Number of bytes of file cache that has been modified but not yet written back to disk.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_dirty", v2: "memory.stat file_dirty" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.file_dirty)),
    ),
    gauge(
        "container_memory_file_writeback_bytes",
        "Number of bytes of file cache that is currently being written back to disk.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_writeback", v2: "memory.stat file_writeback" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.file_writeback)),
    ),
    gauge(
        "container_memory_kernel_usage",
        "Size of kernel memory allocated in bytes.",
        Kind::Memory,
        &[],
        Source { v1: "memory.kmem.usage_in_bytes", v2: "memory.stat kernel" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.kernel)),
    ),
    gauge(
        "container_memory_mapped_file",
        "Size of memory mapped files in bytes.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_mapped_file", v2: "memory.stat file_mapped" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.mapped_file)),
    ),
    gauge(
        "container_memory_max_usage_bytes",
        "Maximum memory usage recorded in bytes",
        Kind::Memory,
        &[],
        Source { v1: "memory.max_usage_in_bytes", v2: "memory.peak" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.max_usage)),
    ),
    gauge(
        "container_memory_numa_pages",
        "Number of used pages per NUMA node",
        Kind::MemoryNuma,
        &["node", "scope", "type"],
        Source { v1: "memory.numa_stat", v2: "memory.numa_stat, by the page size" },
        |s, out| s.memory.iter().for_each(|memory| numa_pages(memory, out)),
    ),
    counter(
        "container_memory_pgscan_total",
        "Cumulative number of pages scanned by the page reclaim algorithm.",
        Kind::Memory,
        &[],
        Source { v1: "-", v2: "memory.stat pgscan" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.pgscan)),
    ),
    counter(
        "container_memory_pgsteal_total",
        "Cumulative number of pages reclaimed by the page reclaim algorithm.",
        Kind::Memory,
        &[],
        Source { v1: "-", v2: "memory.stat pgsteal" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.pgsteal)),
    ),
    gauge(
        "container_memory_rss",
        "Size of RSS in bytes.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_rss", v2: "memory.stat anon" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.rss)),
    ),
    gauge(
        "container_memory_swap",
        "Container swap usage in bytes.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_swap", v2: "memory.swap.current" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.swap)),
    ),
    gauge(
        "container_memory_total_active_file_bytes",
        "Current total active file in bytes.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_active_file", v2: "memory.stat active_file" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.total_active_file)),
    ),
    gauge(
        "container_memory_total_inactive_file_bytes",
        "Current total inactive file in bytes.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_inactive_file", v2: "memory.stat inactive_file" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.total_inactive_file)),
    ),
    gauge(
        "container_memory_usage_bytes",
        "Current memory usage in bytes, including all memory regardless of when it was accessed",
        Kind::Memory,
        &[],
        Source { v1: "memory.usage_in_bytes", v2: "memory.current" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.usage)),
    ),
    gauge(
        "container_memory_working_set_bytes",
        "Current working set in bytes.",
        Kind::Memory,
        &[],
        Source {
            v1: "memory.usage_in_bytes less total_inactive_file",
            v2: "memory.current less inactive_file",
        },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.working_set)),
    ),
    counter(
        "container_memory_workingset_refault_anon_total",
        "Cumulative number of refaults of previously evicted anonymous pages.",
        Kind::Memory,
        &[],
        Source { v1: "-", v2: "memory.stat workingset_refault_anon" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.workingset_refault_anon)),
    ),
    counter(
        "container_memory_workingset_refault_file_total",
        "Cumulative number of refaults of previously evicted file pages.",
        Kind::Memory,
        &[],
        Source { v1: "-", v2: "memory.stat workingset_refault_file" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.workingset_refault_file)),
    ),
    counter(
        "container_pressure_memory_stalled_seconds_total",
        "Total time duration no tasks in the container could make progress due to memory congestion.",
        Kind::Pressure,
        &[],
        Source { v1: "-", v2: "memory.pressure full total" },
        |s, out| stalled(memory(s).and_then(|memory| memory.psi).map(|psi| psi.full), out),
    ),
    counter(
        "container_pressure_memory_waiting_seconds_total",
        "Total time duration tasks in the container have waited due to memory congestion.",
        Kind::Pressure,
        &[],
        Source { v1: "-", v2: "memory.pressure some total" },
        |s, out| stalled(memory(s).and_then(|memory| memory.psi).map(|psi| psi.some), out),
    ),
];

fn memory(s: &Sample) -> Option<&Memory> {
    s.memory.as_ref()
}

fn failures(memory: &Memory, out: &mut dyn Emit) {
    let (container, hierarchy) = (&memory.container_data, &memory.hierarchical_data);
    let failures = [
        (["pgfault", "container"], container.pgfault),
        (["pgfault", "hierarchy"], hierarchy.pgfault),
        (["pgmajfault", "container"], container.pgmajfault),
        (["pgmajfault", "hierarchy"], hierarchy.pgmajfault),
    ];
    for (labels, count) in failures {
        if let Some(count) = count {
            out.int(&labels, count);
        }
    }
}

fn numa_pages(memory: &Memory, out: &mut dyn Emit) {
    scope_pages("container", &memory.container_data, out);
    scope_pages("hierarchy", &memory.hierarchical_data, out);
}

fn scope_pages(scope: &str, faults: &Faults, out: &mut dyn Emit) {
    let numa = &faults.numa_stats;
    let kinds: [(_, &[Named<u64>]); 3] =
        [("anon", &numa.anon), ("file", &numa.file), ("unevictable", &numa.unevictable)];
    for (kind, nodes) in kinds {
        for node in nodes {
            out.int(&[&node.name, scope, kind], node.value);
        }
    }
}
