//! v2: the controller io.

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format;

use super::{DiskIo, Filler, Ops};
use crate::reader::plan::{Context, File, Place, Subject};
use crate::sample::Sample;

pub(super) const STAT: File =
    File { place: Place::Unified, name: c"io.stat", subject: Subject::DiskIo, parse };

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
        let Some(device) = line.device() else { continue };
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
