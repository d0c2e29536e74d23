//! v1: the controller blkio. Each io scheduler has files of its own, and the throttle has others; they are
//! families of which the first that names a disk counts, in cAdvisor's order.

use std::path::Path;

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format;

use super::{DiskIo, Filler, Ops, PerDisk};
use crate::reader::plan::{Context, File, Parse, Place, Subject};
use crate::sample::Sample;

const fn file(name: &'static std::ffi::CStr, parse: Parse) -> File {
    File { place: Place::Io, name, subject: Subject::DiskIo, parse }
}

const BYTES: Parse = |c, text, sample| parse(c, text, &mut part(sample).io_service_bytes);
const SERVICED: Parse = |c, text, sample| parse(c, text, &mut part(sample).io_serviced);
const QUEUED: Parse = |c, text, sample| parse(c, text, &mut part(sample).io_queued);
const SECTORS: Parse = |c, text, sample| parse(c, text, &mut part(sample).sectors);
const SERVICE_TIME: Parse = |c, text, sample| parse(c, text, &mut part(sample).io_service_time);
const WAIT_TIME: Parse = |c, text, sample| parse(c, text, &mut part(sample).io_wait_time);
const MERGED: Parse = |c, text, sample| parse(c, text, &mut part(sample).io_merged);
const TIME: Parse = |c, text, sample| parse(c, text, &mut part(sample).io_time);

const FAMILIES: [&[File]; 4] = [
    // the first two always, the others with CONFIG_BFQ_CGROUP_DEBUG
    &[
        file(c"blkio.bfq.io_service_bytes_recursive", BYTES),
        file(c"blkio.bfq.io_serviced_recursive", SERVICED),
        file(c"blkio.bfq.sectors_recursive", SECTORS),
        file(c"blkio.bfq.io_queued_recursive", QUEUED),
        file(c"blkio.bfq.io_service_time_recursive", SERVICE_TIME),
        file(c"blkio.bfq.io_wait_time_recursive", WAIT_TIME),
        file(c"blkio.bfq.io_merged_recursive", MERGED),
        file(c"blkio.bfq.time_recursive", TIME),
    ],
    // cfq, until Linux 5.0
    &[
        file(c"blkio.io_service_bytes_recursive", BYTES),
        file(c"blkio.io_serviced_recursive", SERVICED),
        file(c"blkio.sectors_recursive", SECTORS),
        file(c"blkio.io_queued_recursive", QUEUED),
        file(c"blkio.io_service_time_recursive", SERVICE_TIME),
        file(c"blkio.io_wait_time_recursive", WAIT_TIME),
        file(c"blkio.io_merged_recursive", MERGED),
        file(c"blkio.time_recursive", TIME),
    ],
    &[
        file(c"blkio.throttle.io_service_bytes_recursive", BYTES),
        file(c"blkio.throttle.io_serviced_recursive", SERVICED),
    ],
    &[file(c"blkio.throttle.io_service_bytes", BYTES), file(c"blkio.throttle.io_serviced", SERVICED)],
];

/// The families of this kernel. Files of a controller are the same in every group, so those that the
/// hierarchy's root does not have are never asked for.
pub(crate) fn families(blkio: &Path) -> Vec<Vec<File>> {
    let there = |file: &&File| blkio.join(file.name.to_string_lossy().as_ref()).exists();
    let known = FAMILIES.iter().map(|family| family.iter().filter(there).copied().collect());
    known.filter(|family: &Vec<File>| !family.is_empty()).collect()
}

fn part(sample: &mut Sample) -> &mut DiskIo {
    sample.diskio.get_or_insert_default()
}

/// ```text
/// 254:0 Read 4096
/// 254:0 Write 0
/// 254:0 Sync 4096
/// 254:0 Async 0
/// 254:0 Discard 0
/// 254:0 Total 4096
/// Total 4096
/// ```
/// Sectors and times have no operation: `254:0 12`. A file without devices is `Total 0`.
fn parse(context: &Context<'_>, text: Option<&[u8]>, list: &mut Vec<PerDisk>) -> Result<bool, ParseError> {
    let mut filler = Filler::new(list);
    let mut current: Option<((u32, u32), Ops)> = None;
    for (line, text) in format::lines(text.unwrap_or_default()) {
        let Some((name, rest)) = format::split_once(text, b' ') else { continue };
        let Some(device) = format::device(name) else { continue };
        if current.as_ref().is_some_and(|(before, _)| *before != device)
            && let Some((device, ops)) = current.take()
        {
            filler.push(context, device, ops);
        }
        let (_, ops) = current.get_or_insert_with(|| (device, Ops::default()));
        let (operation, value) = format::split_once(rest, b' ').unwrap_or((b"", rest));
        let place = match operation {
            b"" => &mut ops.count,
            b"Read" => &mut ops.read,
            b"Write" => &mut ops.write,
            b"Sync" => &mut ops.sync,
            b"Async" => &mut ops.asynchronous,
            b"Discard" => &mut ops.discard,
            b"Total" => &mut ops.total,
            _ => continue,
        };
        *place = Some(format::number(value).ok_or_else(|| ParseError::new(line, "a number", value))?);
    }
    if let Some((device, ops)) = current {
        filler.push(context, device, ops);
    }
    Ok(filler.finish())
}
