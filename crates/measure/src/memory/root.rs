//! The root group: its memory is the machine's.

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format;

use super::{Memory, part};
use crate::keyed::{keyed, put};
use crate::reader::plan::{Context, File, Parse, Place, Subject};
use crate::sample::Sample;

const fn file(name: &'static std::ffi::CStr, parse: Parse) -> File {
    File::new(Place::Proc, name, Subject::Memory, parse)
}

/// What memory is made of; the usage comes from the group's own file (v1).
pub(super) const MEMINFO: File = file(c"meminfo", meminfo);

/// The same and the usage, for which the v2 root has no file: anonymous and file memory, as cAdvisor has it.
pub(super) const MEMINFO_USAGE: File = file(c"meminfo", |context, text, sample| {
    let moved = meminfo(context, text, sample)?;
    let memory = part(sample);
    let usage = memory.rss.zip(memory.cache).map(|(anon, file)| anon + file);
    Ok(put(&mut memory.usage, usage) | moved)
});

/// Faults and refaults.
pub(super) const VMSTAT_V1: File =
    file(c"vmstat", |_, text, sample| Ok(Faults::parse(text)?.store(part(sample)))).until(has_faults);

/// The same, and what v1 groups do not tell.
pub(super) const VMSTAT_V2: File = file(c"vmstat", |_, text, sample| {
    let (faults, reclaim) = (Faults::parse(text)?, Reclaim::parse(text)?);
    let memory = part(sample);
    Ok(faults.store(memory) | reclaim.store(memory))
})
.until(|text| has_faults(text) && has_reclaim(text));

fn meminfo(context: &Context<'_>, text: Option<&[u8]>, sample: &mut Sample) -> Result<bool, ParseError> {
    let info = parse_meminfo(text.unwrap_or_default())?;
    if info.swap_total == Some(0) {
        context.host.swapless.note(context.at);
    }
    let memory = part(sample);
    // the kernel's count of file pages is the sum of these three
    let cache = info.cached.zip(info.buffers).map(|(a, b)| a + b + info.swap_cached.unwrap_or(0));
    let swap = info.swap_total.zip(info.swap_free).map(|(total, free)| total.saturating_sub(free));
    Ok(put(&mut memory.cache, cache)
        | put(&mut memory.rss, info.anon_pages)
        | put(&mut memory.swap, swap)
        | put(&mut memory.mapped_file, info.mapped)
        | put(&mut memory.total_active_file, info.active_file)
        | put(&mut memory.total_inactive_file, info.inactive_file)
        | put(&mut memory.file_dirty, info.dirty)
        | put(&mut memory.file_writeback, info.writeback))
}

/// `/proc/meminfo`, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct MemInfo {
    pub(crate) mem_total: Option<u64>,
    pub(crate) swap_total: Option<u64>,
    swap_free: Option<u64>,
    cached: Option<u64>,
    buffers: Option<u64>,
    swap_cached: Option<u64>,
    anon_pages: Option<u64>,
    mapped: Option<u64>,
    active_file: Option<u64>,
    inactive_file: Option<u64>,
    dirty: Option<u64>,
    writeback: Option<u64>,
}

/// ```text
/// Active(file):     823080 kB
/// ```
pub(crate) fn parse_meminfo(text: &[u8]) -> Result<MemInfo, ParseError> {
    let mut info = MemInfo::default();
    // all its fields are such numbers
    let mut missing = size_of::<MemInfo>() / size_of::<Option<u64>>();
    for (line, text) in format::lines(text) {
        let Some((key, value)) = format::split_once(text, b':') else { continue };
        let place = match key {
            b"MemTotal" => &mut info.mem_total,
            b"SwapTotal" => &mut info.swap_total,
            b"SwapFree" => &mut info.swap_free,
            b"Cached" => &mut info.cached,
            b"Buffers" => &mut info.buffers,
            b"SwapCached" => &mut info.swap_cached,
            b"AnonPages" => &mut info.anon_pages,
            b"Mapped" => &mut info.mapped,
            b"Active(file)" => &mut info.active_file,
            b"Inactive(file)" => &mut info.inactive_file,
            b"Dirty" => &mut info.dirty,
            b"Writeback" => &mut info.writeback,
            _ => continue,
        };
        let kilobytes = value.strip_suffix(b" kB").and_then(|n| format::number(n.trim_ascii()));
        let bytes = kilobytes.and_then(|n| n.checked_mul(1024));
        let bytes = bytes.ok_or_else(|| ParseError::new(line, "a number of kB", value))?;
        if place.replace(bytes).is_none() {
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
    }
    Ok(info)
}

keyed! {
    /// Of `/proc/vmstat`: the machine's faults, which are those of all groups, and what had been given up and was wanted
    /// again (by sort of page since Linux 5.9). There is no number for the root alone.
    Faults {
        refault_anon: b"workingset_refault_anon",
        refault_file: b"workingset_refault_file",
        pgfault: b"pgfault",
        pgmajfault: b"pgmajfault",
    }
}

keyed! {
    /// Of `/proc/vmstat`, in pages. These by sort of page count the reclaim of groups as well (since Linux 5.8), as the
    /// group's own file does; those by cause (`pgscan_kswapd`, ...) do not.
    Reclaim {
        scan_anon: b"pgscan_anon",
        scan_file: b"pgscan_file",
        steal_anon: b"pgsteal_anon",
        steal_file: b"pgsteal_file",
    }
}

/// Whether whole lines of the beginning of a text have them all; where the kernel tells refaults, they stand before the
/// faults. The text may be longer than a page, and the kernel sums up all CPUs' numbers for each page that is asked for.
fn has_faults(text: &[u8]) -> bool {
    text.ends_with(b"\n")
        && Faults::parse(Some(text)).is_ok_and(|stat| stat.pgfault.is_some() && stat.pgmajfault.is_some())
}

/// The same of these.
fn has_reclaim(text: &[u8]) -> bool {
    let all = |stat: &Reclaim| {
        [stat.scan_anon, stat.scan_file, stat.steal_anon, stat.steal_file].iter().all(Option::is_some)
    };
    text.ends_with(b"\n") && Reclaim::parse(Some(text)).is_ok_and(|stat| all(&stat))
}

impl Faults {
    fn store(self, memory: &mut Memory) -> bool {
        put(&mut memory.container_data.pgfault, self.pgfault)
            | put(&mut memory.container_data.pgmajfault, self.pgmajfault)
            | put(&mut memory.hierarchical_data.pgfault, self.pgfault)
            | put(&mut memory.hierarchical_data.pgmajfault, self.pgmajfault)
            | put(&mut memory.workingset_refault_file, self.refault_file)
            | put(&mut memory.workingset_refault_anon, self.refault_anon)
    }
}

impl Reclaim {
    fn store(self, memory: &mut Memory) -> bool {
        let sum = |anon: Option<u64>, file: Option<u64>| anon?.checked_add(file?);
        put(&mut memory.pgscan, sum(self.scan_anon, self.scan_file))
            | put(&mut memory.pgsteal, sum(self.steal_anon, self.steal_file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_vmstat_is_read_than_has_the_numbers() {
        let v1 = "nr_free_pages 1\npgfault 22\npgmajfault 3\n";
        let v2 = "workingset_refault_anon 1\nworkingset_refault_file 2\npgfault 22\npgmajfault 3\npgsteal_anon 4\n\
                  pgsteal_file 5\npgscan_anon 6\npgscan_file 7\n";
        for (file, whole) in [(VMSTAT_V1, v1), (VMSTAT_V2, v2)] {
            // also not where a line is cut that could be taken for a whole one
            let cut: Vec<usize> = (0..=whole.len() + 5)
                .filter(|end| (file.enough)(&(whole.to_owned() + "nr_x 1\n").as_bytes()[..*end]))
                .collect();
            assert_eq!(cut, [whole.len()]);
            assert!((file.enough)((whole.to_owned() + "nr_x 1\n").as_bytes()));
            assert!(!(file.enough)(b"pgfault x\npgmajfault 1\n"));
        }
        assert!(!(MEMINFO.enough)(v2.as_bytes()));
    }
}
