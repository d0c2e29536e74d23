//! Memory of one container.
//!
//! Reads: v1 memory.usage_in_bytes, memory.stat, memory.max_usage_in_bytes, memory.failcnt,
//!        memory.kmem.usage_in_bytes (and memory.oom_control) | v2 memory.current, memory.stat, memory.peak, memory.swap.current,
//!        memory.events | both memory.pressure (on hybrid from the unified hierarchy), memory.numa_stat;
//!        of the root group /proc/meminfo and /proc/vmstat in place of memory.stat
//! Gives: usage, working set, what it is made of, faults, limits met, stalls
//! Cost:  6 files a container; memory.stat is the dearest of all files, see benches/container_sample.rs
//!
//! Of a quiet group (see [`crate::reader::Effort::Thrifty`]) everything but the usage is passed over:
//! - memory.max_usage_in_bytes, memory.peak, memory.failcnt, memory.events: move only when a task of the
//!   group allocates, which takes CPU time.
//! - memory.stat, memory.swap.current, memory.kmem.usage_in_bytes, memory.numa_stat: reclaim moves the usage;
//!   what moves inside an unchanged usage (pages that age, dirty pages written back) may be up to 30 s late. The
//!   kernel adds up its per-CPU counts every two seconds, which is waited for.
//! - memory.pressure: as cpu.pressure.
//!
//! memory.failcnt counts what the group's own limit refused. Without one it does not move, so it is passed over though
//! the group runs; under a limit that was set without notice it may be up to 30 s late. Likewise memory.swap.current
//! while the machine has no swap, and after swap was switched on.

mod numa;
pub(crate) mod root;
mod v1;
mod v2;

pub mod families;

use plimsoll_core::columnar;
use plimsoll_core::columns::{Named, as_map};
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format;
use plimsoll_kernel::hierarchy::{Controller, Hierarchy, Version};
use serde::Serialize;

use crate::keyed::put;
use crate::pressure::Resource;
use crate::reader::plan::{File, Moves, Place, Subject};
use crate::sample::Sample;
use crate::sample::{Psi, or_zero, or_zero_psi};

/// Memory numbers; `memory` in JSON. Bytes unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// Charged now, page cache included. v1 `memory.usage_in_bytes` | v2 `memory.current`; root: anon + file.
    #[serde(serialize_with = "or_zero")]
    pub usage: Option<u64>,
    /// The peak. v1 `memory.max_usage_in_bytes` | v2 `memory.peak` (kernel 5.19).
    #[serde(serialize_with = "or_zero")]
    pub max_usage: Option<u64>,
    /// Page cache. v1 total_cache | v2 file.
    #[serde(serialize_with = "or_zero")]
    pub cache: Option<u64>,
    /// Anonymous memory. v1 total_rss | v2 anon.
    #[serde(serialize_with = "or_zero")]
    pub rss: Option<u64>,
    /// v1 total_swap | v2 `memory.swap.current`; root: meminfo SwapTotal - SwapFree.
    #[serde(serialize_with = "or_zero")]
    pub swap: Option<u64>,
    /// v1 total_mapped_file | v2 file_mapped.
    #[serde(serialize_with = "or_zero")]
    pub mapped_file: Option<u64>,
    /// usage less inactive file memory, never below zero.
    #[serde(serialize_with = "or_zero")]
    pub working_set: Option<u64>,
    /// v1 total_active_file | v2 active_file.
    #[serde(serialize_with = "or_zero")]
    pub total_active_file: Option<u64>,
    /// v1 total_inactive_file | v2 inactive_file.
    #[serde(serialize_with = "or_zero")]
    pub total_inactive_file: Option<u64>,
    /// v1 total_dirty | v2 file_dirty.
    #[serde(serialize_with = "or_zero")]
    pub file_dirty: Option<u64>,
    /// v1 total_writeback | v2 file_writeback.
    #[serde(serialize_with = "or_zero")]
    pub file_writeback: Option<u64>,
    /// Pages scanned for reclaim. v1 absent | v2 pgscan.
    #[serde(serialize_with = "or_zero")]
    pub pgscan: Option<u64>,
    /// Pages reclaimed. v1 absent | v2 pgsteal.
    #[serde(serialize_with = "or_zero")]
    pub pgsteal: Option<u64>,
    /// Count. v1 total_workingset_refault_file (5.9) | v2 workingset_refault_file.
    #[serde(serialize_with = "or_zero")]
    pub workingset_refault_file: Option<u64>,
    /// Count. v1 total_workingset_refault_anon (5.9) | v2 workingset_refault_anon.
    #[serde(serialize_with = "or_zero")]
    pub workingset_refault_anon: Option<u64>,
    /// How often the limit was hit. v1 `memory.failcnt` | v2 `memory.events` max.
    #[serde(serialize_with = "or_zero")]
    pub failcnt: Option<u64>,
    /// Kernel memory. v1 `memory.kmem.usage_in_bytes` | v2 `memory.stat` kernel (5.18).
    #[serde(serialize_with = "or_zero")]
    pub kernel: Option<u64>,
    /// Faults of the container itself.
    pub container_data: Faults,
    /// Faults with those of its children.
    pub hierarchical_data: Faults,
    /// `memory.pressure`; absent where the kernel has none.
    #[serde(serialize_with = "or_zero_psi")]
    pub psi: Option<Psi>,
    /// v2 `memory.events`; on v1 only the kills, and only where they are asked for.
    pub events: MemoryEvents,
}

/// Page faults, and pages by NUMA node.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Faults {
    /// Faults. v1 pgfault, total_pgfault | v2 pgfault (which is hierarchical).
    #[serde(serialize_with = "or_zero")]
    pub pgfault: Option<u64>,
    /// Faults that had to read from disk.
    #[serde(serialize_with = "or_zero")]
    pub pgmajfault: Option<u64>,
    /// Pages by node; empty unless the kind is on.
    pub numa_stats: NumaStats,
}

/// Pages by kind and node. v1 `memory.numa_stat` | v2 `memory.numa_stat` (bytes there, converted).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NumaStats {
    /// Page cache.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "pages")]
    pub file: Vec<Named<u64>>,
    /// Anonymous memory.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "pages")]
    pub anon: Vec<Named<u64>>,
    /// Memory that cannot be reclaimed.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "pages")]
    pub unevictable: Vec<Named<u64>>,
}

fn pages<S: serde::Serializer>(items: &[Named<u64>], serializer: S) -> Result<S::Ok, S::Error> {
    as_map(items, serializer)
}

/// How often limits were met: v2 `memory.events`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MemoryEvents {
    /// Times `memory.high` was exceeded.
    #[serde(serialize_with = "or_zero")]
    pub high: Option<u64>,
    /// Times `memory.max` was about to be exceeded.
    #[serde(serialize_with = "or_zero")]
    pub max: Option<u64>,
    /// Processes killed for want of memory. v1 `memory.oom_control` oom_kill (4.13), the group's own, see
    /// [`crate::reader::Host::count_kills`] | v2 `memory.events` oom_kill, with those of its children. Not in
    /// cAdvisor's JSON.
    #[serde(skip)]
    pub oom_kill: Option<u64>,
}

columnar!(Memory {
    usage,
    max_usage,
    cache,
    rss,
    swap,
    mapped_file,
    working_set,
    total_active_file,
    total_inactive_file,
    file_dirty,
    file_writeback,
    pgscan,
    pgsteal,
    workingset_refault_file,
    workingset_refault_anon,
    failcnt,
    kernel,
    container_data,
    hierarchical_data,
    psi,
    events,
});
columnar!(Faults { pgfault, pgmajfault, numa_stats });
columnar!(NumaStats { file, anon, unevictable });
columnar!(MemoryEvents { high, max, oom_kill });

/// The file that moves whenever memory is charged or given back.
pub(crate) fn lead(hierarchy: &Hierarchy, files: &mut Vec<File>) {
    match hierarchy.controller(Controller::Memory) {
        Some((Version::V1, _)) => files.push(v1::USAGE),
        Some((Version::V2, _)) => files.push(v2::CURRENT),
        None => {}
    }
}

/// All others.
pub(crate) fn files(hierarchy: &Hierarchy, kinds: Kinds, files: &mut Vec<File>) {
    match hierarchy.controller(Controller::Memory) {
        Some((Version::V1, _)) => files.extend(v1::FILES.iter().chain(&[v1::STAT])),
        Some((Version::V2, _)) => files.extend(v2::FILES),
        None => {}
    }
    more(hierarchy, kinds, files);
}

/// Of the root group, whose `memory.stat` costs a sum over all groups (hundreds of microseconds, seconds on
/// large v1 machines), while the machine's own files say the same.
pub(crate) fn root_files(hierarchy: &Hierarchy, kinds: Kinds, files: &mut Vec<File>) {
    match hierarchy.controller(Controller::Memory) {
        Some((Version::V1, _)) => {
            files.extend([v1::USAGE].iter().chain(v1::FILES).chain(&[root::MEMINFO, root::VMSTAT_V1]));
        }
        Some((Version::V2, _)) => files.extend([root::MEMINFO_USAGE, root::VMSTAT_V2]),
        None => return,
    }
    more(hierarchy, kinds, files);
}

/// Kills for want of memory, where the other files do not have them.
pub(crate) fn kills(hierarchy: &Hierarchy) -> Option<File> {
    matches!(hierarchy.controller(Controller::Memory), Some((Version::V1, _))).then_some(v1::OOM_CONTROL)
}

fn more(hierarchy: &Hierarchy, kinds: Kinds, files: &mut Vec<File>) {
    if kinds.has(Kind::MemoryNuma)
        && let Some((version, _)) = hierarchy.controller(Controller::Memory)
    {
        files.push(numa::file(version));
    }
    if kinds.has(Kind::Pressure) && hierarchy.unified().is_some() {
        files.push(PRESSURE);
    }
}

const PRESSURE: File = File::new(Place::Unified, c"memory.pressure", Subject::Memory, |_, text, sample| {
    let psi = text.map(crate::pressure::parse).transpose()?;
    Ok(put(&mut part(sample).psi, psi))
})
.moving(Moves::WithStalls(Resource::Memory));

/// The machine's own, for the root where no unified hierarchy has it.
pub(crate) const PRESSURE_OF_MACHINE: File =
    File { place: Place::Proc, name: c"pressure/memory", ..PRESSURE };

/// What follows from several files: usage less inactive file memory.
pub(crate) fn derive(memory: &mut Memory) {
    let parts = memory.usage.zip(memory.total_inactive_file);
    memory.working_set = parts.map(|(usage, inactive)| usage.saturating_sub(inactive));
}

fn part(sample: &mut Sample) -> &mut Memory {
    sample.memory.get_or_insert_default()
}

/// The one number of a file, if there is one.
fn single(text: Option<&[u8]>) -> Result<Option<u64>, ParseError> {
    text.map(format::single_value).transpose()
}
