//! Pages by NUMA node: `memory.numa_stat`.

use plimsoll_core::columns::Named;
use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format::{self, Nested};
use plimsoll_kernel::hierarchy::Version;

use super::{NumaStats, part};
use crate::keyed::put;
use crate::reader::plan::{Context, File, Place, Subject};
use crate::sample::Sample;

/// The file of a version.
pub(super) fn file(version: Version) -> File {
    let (place, parse): (_, crate::reader::plan::Parse) = match version {
        Version::V1 => (Place::Memory, v1),
        Version::V2 => (Place::Unified, v2),
    };
    File::new(place, c"memory.numa_stat", Subject::Memory, parse)
}

/// ```text
/// file=0 N0=0
/// hierarchical_file=0 N0=0
/// ```
fn v1(_: &Context<'_>, text: Option<&[u8]>, sample: &mut Sample) -> Result<bool, ParseError> {
    let memory = part(sample);
    let (own, all) = (&mut memory.container_data.numa_stats, &mut memory.hierarchical_data.numa_stats);
    let mut moved = clear_unless(text, own) | clear_unless(text, all);
    for line in format::nested_keyed(text.unwrap_or_default()) {
        let key = format::split_once(line.name, b'=').map_or(line.name, |(key, _)| key);
        let (stats, key) = match key.strip_prefix(b"hierarchical_") {
            Some(key) => (&mut *all, key),
            None => (&mut *own, key),
        };
        if let Some(list) = list(stats, key) {
            moved |= fill(list, line, 1)?;
        }
    }
    Ok(moved)
}

/// ```text
/// anon N0=217088
/// ```
/// Bytes of the group and those below.
fn v2(context: &Context<'_>, text: Option<&[u8]>, sample: &mut Sample) -> Result<bool, ParseError> {
    let memory = part(sample);
    let stats = &mut memory.hierarchical_data.numa_stats;
    let mut moved = clear_unless(text, stats);
    for line in format::nested_keyed(text.unwrap_or_default()) {
        if let Some(list) = list(stats, line.name) {
            moved |= fill(list, line, context.host.page_size.max(1))?;
        }
    }
    if moved {
        memory.container_data.numa_stats.clone_from(&memory.hierarchical_data.numa_stats);
    }
    Ok(moved)
}

fn clear_unless(text: Option<&[u8]>, stats: &mut NumaStats) -> bool {
    text.is_none() && put(stats, NumaStats::default())
}

fn list<'a>(stats: &'a mut NumaStats, key: &[u8]) -> Option<&'a mut Vec<Named<u64>>> {
    match key {
        b"file" => Some(&mut stats.file),
        b"anon" => Some(&mut stats.anon),
        b"unevictable" => Some(&mut stats.unevictable),
        _ => None,
    }
}

/// The nodes of a line, by their numbers.
fn fill(list: &mut Vec<Named<u64>>, line: Nested<'_>, unit: u64) -> Result<bool, ParseError> {
    let (mut length, mut moved) = (0, false);
    for pair in line.pairs() {
        let Some(node) = pair.key.strip_prefix(b"N").filter(|node| format::number(node).is_some()) else {
            continue;
        };
        let pages = pair.number()? / unit;
        if length == list.len() {
            list.push(Named::default());
        }
        let Some(item) = list.get_mut(length) else { break };
        if item.name.as_bytes() != node {
            item.name.clear();
            item.name.push_str(&String::from_utf8_lossy(node));
            moved = true;
        }
        moved |= put(&mut item.value, pages);
        length += 1;
    }
    moved |= list.len() != length;
    list.truncate(length);
    Ok(moved)
}
