//! v2: the controller memory.

use super::{Memory, part, single};
use crate::keyed::{keyed, put};
use crate::reader::plan::{File, Moves, Place, Subject};

const fn file(name: &'static std::ffi::CStr, parse: crate::reader::plan::Parse) -> File {
    File::new(Place::Unified, name, Subject::Memory, parse)
}

pub(super) const CURRENT: File =
    file(c"memory.current", |_, text, sample| Ok(put(&mut part(sample).usage, single(text)?)));

pub(super) const FILES: [File; 4] = [
    file(c"memory.stat", |_, text, sample| Ok(Stat::parse(text)?.store(part(sample)))),
    // since Linux 5.19
    file(c"memory.peak", |_, text, sample| Ok(put(&mut part(sample).max_usage, single(text)?))),
    // not with swapaccount=0
    file(c"memory.swap.current", |_, text, sample| Ok(put(&mut part(sample).swap, single(text)?)))
        .moving(Moves::WithSwap),
    file(c"memory.events", |_, text, sample| {
        let events = Events::parse(text)?;
        let memory = part(sample);
        Ok(put(&mut memory.events.high, events.high)
            | put(&mut memory.events.max, events.max)
            | put(&mut memory.events.oom_kill, events.oom_kill)
            | put(&mut memory.failcnt, events.max))
    }),
];

keyed! {
    /// `memory.stat` of v2; all numbers count the groups below.
    Stat {
        anon: b"anon",
        file: b"file",
        kernel: b"kernel",
        file_mapped: b"file_mapped",
        file_dirty: b"file_dirty",
        file_writeback: b"file_writeback",
        inactive_file: b"inactive_file",
        active_file: b"active_file",
        workingset_refault_anon: b"workingset_refault_anon",
        workingset_refault_file: b"workingset_refault_file",
        pgscan: b"pgscan",
        pgsteal: b"pgsteal",
        pgfault: b"pgfault",
        pgmajfault: b"pgmajfault",
    }
}

keyed! {
    /// `memory.events`.
    Events { high: b"high", max: b"max", oom_kill: b"oom_kill" }
}

impl Stat {
    fn store(self, memory: &mut Memory) -> bool {
        put(&mut memory.cache, self.file)
            | put(&mut memory.rss, self.anon)
            | put(&mut memory.kernel, self.kernel)
            | put(&mut memory.mapped_file, self.file_mapped)
            | put(&mut memory.total_active_file, self.active_file)
            | put(&mut memory.total_inactive_file, self.inactive_file)
            | put(&mut memory.file_dirty, self.file_dirty)
            | put(&mut memory.file_writeback, self.file_writeback)
            | put(&mut memory.pgscan, self.pgscan)
            | put(&mut memory.pgsteal, self.pgsteal)
            | put(&mut memory.workingset_refault_file, self.workingset_refault_file)
            | put(&mut memory.workingset_refault_anon, self.workingset_refault_anon)
            | put(&mut memory.container_data.pgfault, self.pgfault)
            | put(&mut memory.container_data.pgmajfault, self.pgmajfault)
            | put(&mut memory.hierarchical_data.pgfault, self.pgfault)
            | put(&mut memory.hierarchical_data.pgmajfault, self.pgmajfault)
    }
}
