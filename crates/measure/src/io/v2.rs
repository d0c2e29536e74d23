//! v2: the controller io.

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format::{self, Nested};

use super::{DiskIo, Filler, Ops};
use crate::reader::plan::{Context, File, Place, Subject};
use crate::sample::Sample;

pub(super) const STAT: File = File::new(Place::Unified, c"io.stat", Subject::DiskIo, parse);

/// ```text
/// 254:0 rbytes=339738624 wbytes=339742720 rios=5184 wios=5185 dbytes=0 dios=0
/// ```
/// With io.cost also `cost.usage`, `cost.wait`, `cost.indebt`, `cost.indelay` in microseconds. A device of
/// which the group has used nothing stands alone or not at all.
fn parse(context: &Context<'_>, text: Option<&[u8]>, sample: &mut Sample) -> Result<bool, ParseError> {
    let io: &mut DiskIo = sample.diskio.get_or_insert_default();
    let mut bytes = Filler::new(&mut io.io_service_bytes);
    let mut serviced = Filler::new(&mut io.io_serviced);
    let mut usage = Filler::new(&mut io.io_cost_usage);
    let mut wait = Filler::new(&mut io.io_cost_wait);
    let mut indebt = Filler::new(&mut io.io_cost_indebt);
    let mut indelay = Filler::new(&mut io.io_cost_indelay);
    for line in format::nested_keyed(text.unwrap_or_default()) {
        let Some(device) = device_of(line) else { continue };
        let (mut moved_bytes, mut operations) = (Ops::default(), Ops::default());
        for pair in line.pairs() {
            let count = |n| Ops { count: Some(n), ..Ops::default() };
            match pair.key {
                b"rbytes" => moved_bytes.read = Some(pair.number()?),
                b"wbytes" => moved_bytes.write = Some(pair.number()?),
                b"rios" => operations.read = Some(pair.number()?),
                b"wios" => operations.write = Some(pair.number()?),
                b"cost.usage" => usage.push(context, device, count(pair.number()?)),
                b"cost.wait" => wait.push(context, device, count(pair.number()?)),
                b"cost.indebt" => indebt.push(context, device, count(pair.number()?)),
                b"cost.indelay" => indelay.push(context, device, count(pair.number()?)),
                _ => {}
            }
        }
        for (list, ops) in [(&mut bytes, moved_bytes), (&mut serviced, operations)] {
            if ops != Ops::default() {
                list.push(context, device, ops);
            }
        }
    }
    let lists = [bytes, serviced, usage, wait, indebt, indelay];
    Ok(lists.into_iter().fold(false, |moved, list| list.finish() | moved))
}

/// The device whose numbers a line has. Kernels of the 5 series leave out the line end after a device without
/// numbers: `7:0 254:0 rbytes=1`.
fn device_of(line: Nested<'_>) -> Option<(u32, u32)> {
    let more = line.words().map_while(format::device).last();
    more.or(line.device())
}

#[cfg(test)]
mod tests {
    use plimsoll_core::time::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::io::PerDisk;
    use crate::reader::tests::host_of_nothing;

    fn read(text: &str) -> DiskIo {
        let (_folder, host) = host_of_nothing();
        let (context, mut sample) = (Context { host: &host, at: Timestamp(1) }, Sample::default());
        parse(&context, Some(text.as_bytes()), &mut sample).unwrap();
        // the same again changes nothing
        let before = sample.clone();
        assert_eq!(parse(&context, Some(text.as_bytes()), &mut sample), Ok(false));
        assert_eq!(sample, before);
        sample.diskio.unwrap()
    }

    fn devices(list: &[PerDisk]) -> Vec<(u64, u64)> {
        list.iter().map(|disk| (disk.major, disk.minor)).collect()
    }

    #[test]
    fn a_device_without_numbers_is_left_out() {
        for text in
            ["7:0 \n254:0 rbytes=1 rios=2\n", "7:0 254:0 rbytes=1 rios=2\n", "254:0 rbytes=1 rios=2\n7:0\n"]
        {
            let io = read(text);
            assert_eq!(
                (devices(&io.io_service_bytes), devices(&io.io_serviced)),
                (vec![(254, 0)], vec![(254, 0)])
            );
        }
    }

    #[test]
    fn io_cost_is_counted_by_device() {
        let io = read("8:0 rbytes=1 cost.usage=5 cost.wait=6 cost.indebt=7 cost.indelay=8\n8:16 rbytes=2\n");
        assert_eq!(devices(&io.io_service_bytes), [(8, 0), (8, 16)]);
        let one = [&io.io_cost_usage, &io.io_cost_wait, &io.io_cost_indebt, &io.io_cost_indelay];
        assert_eq!(one.map(|list| list[0].stats.count), [Some(5), Some(6), Some(7), Some(8)]);
        assert_eq!(devices(&io.io_cost_usage), [(8, 0)]);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(disks in prop::collection::btree_map(0..1000u32, any::<[u64; 4]>(), 0..5)) {
            let line = |(minor, n): (&u32, &[u64; 4])| {
                format!("8:{minor} rbytes={} wbytes={} rios={} wios={} dbytes=0 dios=0\n", n[0], n[1], n[2], n[3])
            };
            let io = read(&disks.iter().map(line).collect::<String>());
            let got = io.io_service_bytes.iter().zip(&io.io_serviced).map(|(bytes, serviced)| {
                let n = [bytes.stats.read, bytes.stats.write, serviced.stats.read, serviced.stats.write];
                (u32::try_from(bytes.minor).unwrap(), n.map(Option::unwrap))
            });
            prop_assert_eq!(got.collect::<std::collections::BTreeMap<_, _>>(), disks);
        }
    }
}
