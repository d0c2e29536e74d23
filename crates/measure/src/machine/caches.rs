//! Caches of the CPUs.
//!
//! Reads: sys/devices/system/cpu/cpu*/cache/index*/{id,size,level,type,shared_cpu_map}
//! Gives: caches and uncore_caches of a core, caches of a node
//! Cost:  five files a cache of one thread of each core

use std::path::Path;

use plimsoll_core::machine::{Cache, Node};

use super::file;

/// Gives each cache of the node's cores to those who share it: the core alone, some cores, or all of the node.
pub(super) fn add(cpu_dir: &Path, node: &mut Node) {
    let Some(cores) = &mut node.cores else { return };
    let in_node: u64 = cores.iter().map(|core| core.thread_ids.as_ref().map_or(0, Vec::len) as u64).sum();
    for core in cores {
        let threads = core.thread_ids.as_deref().unwrap_or_default();
        let Some(first) = threads.first() else { continue };
        let in_core = threads.len() as u64;
        for (cache, shared_by) in of_cpu(&cpu_dir.join(format!("cpu{first}/cache"))) {
            let owner = if cache.level <= 2 && shared_by == in_core {
                &mut core.caches
            } else if cache.level > 2 && shared_by == in_node {
                &mut node.caches
            } else {
                &mut core.uncore_caches
            };
            let list = owner.get_or_insert_default();
            if !list.contains(&cache) {
                list.push(cache);
            }
        }
    }
}

/// The caches of a CPU, each with the number of CPUs that share it.
fn of_cpu(dir: &Path) -> Vec<(Cache, u64)> {
    file::numbered(dir, "index").into_iter().filter_map(|(_, index)| cache(&index)).collect()
}

/// One cache; `None` (told once, by the file) when its size, level or sharers are not known.
fn cache(dir: &Path) -> Option<(Cache, u64)> {
    let size = dir.join("size");
    let text = file::text(&size)?;
    let Some(bytes) = bytes(&text) else {
        file::tell(&size, &format_args!("expected a size such as 32K, found {text:?}"));
        return None;
    };
    let cache = Cache {
        // many virtual machines and s390x have no id
        id: file::number(&dir.join("id")).unwrap_or(0),
        size: bytes,
        r#type: file::text(&dir.join("type")).unwrap_or_default(),
        level: file::number(&dir.join("level"))?,
    };
    let shared_by = ones(&file::text(&dir.join("shared_cpu_map"))?);
    Some((cache, shared_by))
}

/// `32K` in bytes; the kernel prints no other unit.
fn bytes(text: &str) -> Option<u64> {
    file::digits(text.strip_suffix('K')?)?.checked_mul(1024)
}

/// The bits set in a mask such as `00000000,0000000f`.
fn ones(mask: &str) -> u64 {
    mask.chars().filter_map(|c| c.to_digit(16)).map(|digit| u64::from(digit.count_ones())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_says_how_many_share() {
        let f = |mask, n| assert_eq!(ones(mask), n, "{mask}");
        f("3", 2);
        f("00000000,0000000f", 4);
        f("ff000fff,00000001\n", 21);
        f("", 0);
    }

    #[test]
    fn sizes_are_in_kib() {
        assert_eq!(bytes("32K"), Some(32768));
        assert_eq!(bytes("32M"), None);
        assert_eq!(bytes("99999999999999999999K"), None);
    }
}
