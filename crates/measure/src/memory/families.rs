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
        Source { v1: "memory.stat total_workingset_refault_anon", v2: "memory.stat workingset_refault_anon" },
        |s, out| out.maybe(memory(s).and_then(|memory| memory.workingset_refault_anon)),
    ),
    counter(
        "container_memory_workingset_refault_file_total",
        "Cumulative number of refaults of previously evicted file pages.",
        Kind::Memory,
        &[],
        Source { v1: "memory.stat total_workingset_refault_file", v2: "memory.stat workingset_refault_file" },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;
    use crate::memory::{MemoryEvents, NumaStats};
    use crate::sample::{Psi, PsiLine};

    #[test]
    fn every_number_has_its_line() {
        let nodes = |first, second| {
            vec![Named { name: "0".to_owned(), value: first }, Named { name: "1".to_owned(), value: second }]
        };
        let memory = Memory {
            usage: Some(1),
            max_usage: Some(2),
            cache: Some(3),
            rss: Some(4),
            swap: Some(5),
            mapped_file: Some(6),
            working_set: Some(7),
            total_active_file: Some(8),
            total_inactive_file: Some(9),
            file_dirty: Some(10),
            file_writeback: Some(11),
            pgscan: Some(12),
            pgsteal: Some(13),
            workingset_refault_file: Some(14),
            workingset_refault_anon: Some(15),
            failcnt: Some(16),
            kernel: Some(17),
            container_data: Faults {
                pgfault: Some(18),
                pgmajfault: Some(19),
                numa_stats: NumaStats {
                    file: nodes(20, 21),
                    anon: nodes(22, 23),
                    unevictable: nodes(24, 25),
                },
            },
            hierarchical_data: Faults {
                pgfault: Some(26),
                pgmajfault: Some(27),
                numa_stats: NumaStats { file: nodes(28, 29), ..NumaStats::default() },
            },
            psi: Some(Psi {
                full: PsiLine { total: 30_000_000, ..PsiLine::default() },
                some: PsiLine { total: 31_000_000, ..PsiLine::default() },
            }),
            events: MemoryEvents { high: Some(32), max: Some(33), oom_kill: None },
        };
        assert_eq!(
            text(ROWS, &Sample { memory: Some(memory), ..Sample::default() }),
            r#"container_memory_cache 3
container_memory_events_high_total 32
container_memory_events_max_total 33
container_memory_failcnt 16
container_memory_failures_total{failure_type="pgfault",scope="container"} 18
container_memory_failures_total{failure_type="pgfault",scope="hierarchy"} 26
container_memory_failures_total{failure_type="pgmajfault",scope="container"} 19
container_memory_failures_total{failure_type="pgmajfault",scope="hierarchy"} 27
container_memory_file_dirty_bytes 10
container_memory_file_writeback_bytes 11
container_memory_kernel_usage 17
container_memory_mapped_file 6
container_memory_max_usage_bytes 2
container_memory_numa_pages{node="0",scope="container",type="anon"} 22
container_memory_numa_pages{node="1",scope="container",type="anon"} 23
container_memory_numa_pages{node="0",scope="container",type="file"} 20
container_memory_numa_pages{node="1",scope="container",type="file"} 21
container_memory_numa_pages{node="0",scope="container",type="unevictable"} 24
container_memory_numa_pages{node="1",scope="container",type="unevictable"} 25
container_memory_numa_pages{node="0",scope="hierarchy",type="file"} 28
container_memory_numa_pages{node="1",scope="hierarchy",type="file"} 29
container_memory_pgscan_total 12
container_memory_pgsteal_total 13
container_memory_rss 4
container_memory_swap 5
container_memory_total_active_file_bytes 8
container_memory_total_inactive_file_bytes 9
container_memory_usage_bytes 1
container_memory_working_set_bytes 7
container_memory_workingset_refault_anon_total 15
container_memory_workingset_refault_file_total 14
container_pressure_memory_stalled_seconds_total 30
container_pressure_memory_waiting_seconds_total 31
"#
        );
    }

    #[test]
    fn absent_numbers_have_no_line() {
        let memory = Memory { usage: Some(0), ..Memory::default() };
        assert_eq!(
            text(ROWS, &Sample { memory: Some(memory), ..Sample::default() }),
            "container_memory_usage_bytes 0\n"
        );
    }
}
