//! v1: the controller blkio. Each io scheduler has files of its own, and the throttle has others; they are
//! families of which the first that names a disk counts, in cAdvisor's order.

use std::path::Path;

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format;

use super::{DiskIo, Filler, Ops, PerDisk};
use crate::reader::plan::{Context, File, Parse, Place, Subject};
use crate::sample::Sample;

const fn file(name: &'static std::ffi::CStr, parse: Parse) -> File {
    File::new(Place::Io, name, Subject::DiskIo, parse)
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
/// hierarchy's root does not have are never asked for. Of the throttle, both sorts name the same disks, with the
/// groups below and without, so where there is the first the last is not asked for either.
pub(crate) fn families(blkio: &Path) -> Vec<Vec<File>> {
    let there = |file: &&File| blkio.join(file.name.to_string_lossy().as_ref()).exists();
    let known = FAMILIES.iter().map(|family| family.iter().filter(there).copied().collect());
    let mut families: Vec<Vec<File>> = known.collect();
    if let [.., recursive, own] = families.as_mut_slice()
        && !recursive.is_empty()
    {
        own.clear();
    }
    families.retain(|family| !family.is_empty());
    families
}

fn part(sample: &mut Sample) -> &mut DiskIo {
    sample.diskio.get_or_insert_default()
}

/// The disk whose lines are being read.
struct Current<'a> {
    name: &'a [u8],
    device: (u32, u32),
    ops: Ops,
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
    let mut current: Option<Current<'_>> = None;
    for (line, text) in format::lines(text.unwrap_or_default()) {
        let Some((name, rest)) = format::split_once(text, b' ') else { continue };
        let ops = match &mut current {
            Some(current) if current.name == name => &mut current.ops,
            _ => {
                let Some(device) = format::device(name) else { continue };
                if let Some(before) = current.take() {
                    filler.push(context, before.device, before.ops);
                }
                &mut current.insert(Current { name, device, ops: Ops::default() }).ops
            }
        };
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
    if let Some(last) = current {
        filler.push(context, last.device, last.ops);
    }
    Ok(filler.finish())
}

#[cfg(test)]
mod tests {
    use plimsoll_core::time::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::reader::tests::host_of_nothing;

    fn read(text: &str) -> Result<Vec<(u64, Ops)>, ParseError> {
        let (_folder, host) = host_of_nothing();
        let (context, mut list) = (Context { host: &host, at: Timestamp(1) }, Vec::new());
        parse(&context, Some(text.as_bytes()), &mut list)?;
        assert_eq!(parse(&context, Some(text.as_bytes()), &mut list), Ok(false), "the same again");
        Ok(list.into_iter().map(|disk| (disk.minor, disk.stats)).collect())
    }

    #[test]
    fn a_file_without_devices_is_empty() {
        for text in ["", "Total 0\n", "odd\n", "Total 0\nTotal 0\n"] {
            assert_eq!(read(text), Ok(vec![]), "{text:?}");
        }
    }

    #[test]
    fn a_figure_without_operations_is_a_count() {
        let ops = |n| Ops { count: Some(n), ..Ops::default() };
        assert_eq!(read("8:0 12\n8:16 7\n"), Ok(vec![(0, ops(12)), (16, ops(7))]));
    }

    #[test]
    fn unknown_operations_are_passed_over_and_broken_numbers_are_not() {
        let ops = Ops { read: Some(1), ..Ops::default() };
        assert_eq!(read("8:0 Read 1\n8:0 Trim 2\n8:0 Trim x\nTotal 3\n"), Ok(vec![(0, ops)]));
        assert_eq!(read("8:0 Read x\n").unwrap_err().line, 1);
    }

    #[test]
    fn every_file_of_a_scheduler_has_numbers_of_its_own() {
        use crate::reader::{Effort, Host, Reader};
        use plimsoll_core::kinds::Kinds;
        use plimsoll_kernel::root::Root;

        for scheduler in ["", "bfq."] {
            let folder = tempfile::tempdir().unwrap();
            let root = Root::at(folder.path());
            std::fs::create_dir_all(root.cgroup.join("blkio/a")).unwrap();
            let write = |name: &str, text: &str| {
                for dir in ["blkio", "blkio/a"] {
                    std::fs::write(root.cgroup.join(dir).join(name), text).unwrap();
                }
            };
            write("cgroup.procs", "");
            let by_operation = [
                "io_service_bytes",
                "io_serviced",
                "io_queued",
                "io_service_time",
                "io_wait_time",
                "io_merged",
            ];
            for (n, name) in by_operation.iter().enumerate() {
                let (read, all) = (10 * n + 1, 20 * n + 3);
                let lines = format!(
                    "8:0 Read {read}\n8:0 Write 2\n8:0 Sync {read}\n8:0 Async 2\n8:0 Discard 0\n8:0 Total {all}\nTotal {all}\n"
                );
                write(&format!("blkio.{scheduler}{name}_recursive"), &lines);
            }
            write(&format!("blkio.{scheduler}sectors_recursive"), "8:0 77\n");
            write(&format!("blkio.{scheduler}time_recursive"), "8:0 88\n");
            let host = std::sync::Arc::new(Host::new(root.clone(), Kinds::default(), 100).unwrap());
            let (mut reader, mut sample) = (Reader::new(&host, "/a"), Sample::default());
            reader.read(Timestamp::from_secs(1), Effort::Full, &mut Vec::new(), &mut sample);
            let io = sample.diskio.unwrap();
            let lists = [
                &io.io_service_bytes,
                &io.io_serviced,
                &io.io_queued,
                &io.io_service_time,
                &io.io_wait_time,
                &io.io_merged,
            ];
            for (n, list) in lists.into_iter().enumerate() {
                let [disk] = &list[..] else { panic!("{}: {list:?}", by_operation[n]) };
                let (read, all) = (10 * n as u64 + 1, 20 * n as u64 + 3);
                let ops = Ops {
                    read: Some(read),
                    write: Some(2),
                    sync: Some(read),
                    asynchronous: Some(2),
                    discard: Some(0),
                    total: Some(all),
                    count: None,
                };
                assert_eq!(disk.stats, ops, "{scheduler}{}", by_operation[n]);
            }
            let counts = [&io.sectors, &io.io_time]
                .map(|list| list.iter().map(|disk| disk.stats.count).collect::<Vec<_>>());
            assert_eq!(counts, [vec![Some(77)], vec![Some(88)]], "{scheduler:?}");
        }
    }

    #[test]
    fn the_first_family_that_names_a_disk_counts_and_stays() {
        use crate::reader::{Effort, Host, Reader};
        use plimsoll_core::kinds::Kinds;
        use plimsoll_kernel::root::Root;

        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let write =
            |name: &str, text: &str| std::fs::write(root.cgroup.join("blkio").join(name), text).unwrap();
        std::fs::create_dir_all(root.cgroup.join("blkio/a")).unwrap();
        for dir in ["", "a/"] {
            write(&format!("{dir}cgroup.procs"), "");
            for family in
                ["bfq.io_service_bytes_recursive", "throttle.io_service_bytes", "throttle.io_serviced"]
            {
                write(&format!("{dir}blkio.{family}"), "Total 0\n");
            }
        }
        let host = std::sync::Arc::new(Host::new(root.clone(), Kinds::default(), 100).unwrap());
        let (mut reader, mut sample) = (Reader::new(&host, "/a"), Sample::default());
        let mut secs = 0;
        let mut read = || {
            secs += 1;
            reader.read(Timestamp::from_secs(secs), Effort::Full, &mut Vec::new(), &mut sample);
            let io = sample.diskio.as_ref().unwrap();
            (io.io_service_bytes.first().and_then(|disk| disk.stats.read), io.io_serviced.len())
        };
        assert_eq!(read(), (None, 0));
        write("a/blkio.throttle.io_service_bytes", "8:0 Read 5\n");
        write("a/blkio.throttle.io_serviced", "8:0 Read 1\n");
        assert_eq!(read(), (Some(5), 1));
        write("a/blkio.bfq.io_service_bytes_recursive", "8:0 Read 2\n");
        assert_eq!(read(), (Some(5), 1), "a counter does not jump to another file while its own goes on");
        write("a/blkio.throttle.io_service_bytes", "Total 0\n");
        assert_eq!(read(), (Some(2), 0));
        write("a/blkio.bfq.io_service_bytes_recursive", "Total 0\n");
        assert_eq!(read(), (None, 0));
    }

    #[test]
    fn the_throttles_own_numbers_are_not_asked_for_where_there_are_those_with_the_groups_below() {
        let folder = tempfile::tempdir().unwrap();
        let names = |present: &[&str]| -> Vec<String> {
            present.iter().for_each(|name| std::fs::write(folder.path().join(name), "").unwrap());
            let families = families(folder.path());
            families.iter().flatten().map(|file| file.name.to_string_lossy().into_owned()).collect()
        };
        let own = ["blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"];
        assert_eq!(names(&[]), [""; 0]);
        assert_eq!(names(&own), own);
        let with_below =
            ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"];
        assert_eq!(names(&with_below), with_below);
        assert_eq!(names(&["blkio.bfq.io_serviced_recursive"])[1..], with_below);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(disks in prop::collection::btree_map(0..1000u64, any::<[u64; 6]>(), 0..5)) {
            let names = ["Read", "Write", "Sync", "Async", "Discard", "Total"];
            let mut text = String::new();
            for (minor, numbers) in &disks {
                for (name, n) in names.iter().zip(numbers) { text += &format!("8:{minor} {name} {n}\n"); }
            }
            text += "Total 7\n";
            let got = read(&text).unwrap().into_iter().map(|(minor, ops)| {
                let n = [ops.read, ops.write, ops.sync, ops.asynchronous, ops.discard, ops.total];
                (minor, n.map(Option::unwrap))
            });
            prop_assert_eq!(got.collect::<std::collections::BTreeMap<_, _>>(), disks);
        }
    }
}
