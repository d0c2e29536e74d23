//! v1: the controller memory.

use super::{Memory, part, single};
use crate::keyed::{keyed, put};
use crate::reader::plan::{File, Moves, Place, Subject};

const fn file(name: &'static std::ffi::CStr, parse: crate::reader::plan::Parse) -> File {
    File::new(Place::Memory, name, Subject::Memory, parse)
}

pub(super) const USAGE: File =
    file(c"memory.usage_in_bytes", |_, text, sample| Ok(put(&mut part(sample).usage, single(text)?)));

/// What the root group has as well.
pub(super) const FILES: &[File] = &[
    file(c"memory.max_usage_in_bytes", |_, text, sample| Ok(put(&mut part(sample).max_usage, single(text)?))),
    // a limit of a group above counts in that group
    file(c"memory.failcnt", |_, text, sample| Ok(put(&mut part(sample).failcnt, single(text)?)))
        .moving(Moves::UnderLimit),
    file(c"memory.kmem.usage_in_bytes", |_, text, sample| Ok(put(&mut part(sample).kernel, single(text)?))),
];

/// Only where the kernel's log cannot be read.
pub(super) const OOM_CONTROL: File = file(c"memory.oom_control", |_, text, sample| {
    Ok(put(&mut part(sample).events.oom_kill, OomControl::parse(text)?.oom_kill))
});

pub(super) const STAT: File =
    file(c"memory.stat", |_, text, sample| Ok(Stat::parse(text)?.store(part(sample))));

keyed! {
    /// `memory.stat` of v1. The `total_` numbers count the groups below; where the group has
    /// `memory.use_hierarchy` 0 the kernel prints the group's own there, so they are right in both cases.
    Stat {
        pgfault: b"pgfault",
        pgmajfault: b"pgmajfault",
        total_cache: b"total_cache",
        total_rss: b"total_rss",
        total_mapped_file: b"total_mapped_file",
        total_dirty: b"total_dirty",
        total_writeback: b"total_writeback",
        total_refault_anon: b"total_workingset_refault_anon",
        total_refault_file: b"total_workingset_refault_file",
        total_swap: b"total_swap",
        total_pgfault: b"total_pgfault",
        total_pgmajfault: b"total_pgmajfault",
        total_inactive_file: b"total_inactive_file",
        total_active_file: b"total_active_file",
    }
}

keyed! {
    /// `memory.oom_control`.
    OomControl { oom_kill: b"oom_kill" }
}

impl Stat {
    fn store(self, memory: &mut Memory) -> bool {
        put(&mut memory.cache, self.total_cache)
            | put(&mut memory.rss, self.total_rss)
            | put(&mut memory.swap, self.total_swap)
            | put(&mut memory.mapped_file, self.total_mapped_file)
            | put(&mut memory.total_active_file, self.total_active_file)
            | put(&mut memory.total_inactive_file, self.total_inactive_file)
            | put(&mut memory.file_dirty, self.total_dirty)
            | put(&mut memory.file_writeback, self.total_writeback)
            | put(&mut memory.workingset_refault_file, self.total_refault_file)
            | put(&mut memory.workingset_refault_anon, self.total_refault_anon)
            | put(&mut memory.container_data.pgfault, self.pgfault)
            | put(&mut memory.container_data.pgmajfault, self.pgmajfault)
            | put(&mut memory.hierarchical_data.pgfault, self.total_pgfault)
            | put(&mut memory.hierarchical_data.pgmajfault, self.total_pgmajfault)
    }
}
