//! Memory of the machine: how much, of which kind, and its huge pages.
//!
//! Reads: proc/meminfo, sys/devices/system/node/node*/meminfo, sys/devices/system/edac/mc/mc*/dimm*/,
//!        sys/kernel/mm/hugepages/hugepages-*kB/nr_hugepages
//! Gives: memory_capacity, swap_capacity, memory_by_type, hugepages
//! Cost:  one file, two a DIMM, one a page size

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_core::machine::{HugePages, MemoryType};

use super::file;

/// Bytes of memory and of swap; 0 where unknown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Capacity {
    pub(super) total: u64,
    pub(super) swap: u64,
}

/// `MemTotal` and `SwapTotal`.
pub(super) fn capacity(meminfo: &Path) -> Capacity {
    let Some(bytes) = file::bytes(meminfo) else { return Capacity::default() };
    let text = String::from_utf8_lossy(&bytes);
    let total = kib(&text, "MemTotal:");
    if total.is_none() {
        file::tell(meminfo, &"expected a line \"MemTotal: N kB\", found none");
    }
    Capacity { total: total.unwrap_or(0), swap: kib(&text, "SwapTotal:").unwrap_or(0) }
}

/// `Node 0 MemTotal:       12308402 kB`.
pub(super) fn of_node(meminfo: &Path) -> u64 {
    file::bytes(meminfo).and_then(|bytes| kib(&String::from_utf8_lossy(&bytes), "MemTotal:")).unwrap_or(0)
}

/// Modules by type, where the EDAC driver knows them. A module that cannot be read costs only itself.
pub(super) fn by_type(edac: &Path) -> BTreeMap<String, MemoryType> {
    let mut types: BTreeMap<String, MemoryType> = BTreeMap::new();
    for (_, controller) in file::numbered(edac, "mc") {
        for (_, dimm) in file::numbered(&controller, "dimm") {
            let Some(name) = file::text(&dimm.join("dimm_mem_type")) else { continue };
            let Some(mib) = file::number::<u64>(&dimm.join("size")) else { continue };
            let of_type = types.entry(name).or_default();
            of_type.capacity = of_type.capacity.saturating_add(mib.saturating_mul(1 << 20));
            of_type.dimm_count += 1;
        }
    }
    types
}

/// Huge pages by size; `None` where the kernel has none.
pub(super) fn hugepages(dir: &Path) -> Option<Vec<HugePages>> {
    let pages = |name: &String| {
        let page_size = file::digits(name.strip_prefix("hugepages-")?.strip_suffix("kB")?)?;
        let num_pages = file::number(&dir.join(name).join("nr_hugepages"))?;
        Some(HugePages { page_size, num_pages })
    };
    Some(file::names(dir)?.iter().filter_map(pages).collect())
}

/// The bytes of a line `KEY N kB`, whatever stands before the key.
fn kib(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != key).skip(1);
        words.next()?.parse::<u64>().ok()?.checked_mul(1024)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_key_alone() {
        let text = "MemTotal:       24684092 kB\nSwapCached: 1 kB\nSwapTotal: 4 kB\n";
        assert_eq!(kib(text, "MemTotal:"), Some(24_684_092 << 10));
        assert_eq!(kib(text, "SwapTotal:"), Some(4096));
        assert_eq!(kib("Node 0 MemTotal: 12 kB\n", "MemTotal:"), Some(12288));
        assert_eq!(kib("MemTotal: x kB\n", "MemTotal:"), None);
        assert_eq!(kib("", "MemTotal:"), None);
    }
}
