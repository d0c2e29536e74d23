//! Block io of one container.
//!
//! Reads: v1 blkio.bfq.*_recursive, else blkio.*_recursive (cfq), else blkio.throttle.*_recursive, else
//!        blkio.throttle.*; the first of these that names a disk | v2 io.stat | both io.pressure (on hybrid
//!        from the unified hierarchy)
//! Gives: bytes and operations by disk and direction, io.cost, stalls
//! Cost:  2 files a container on v1 with a disk (one for the throttle and for each scheduler without, but for a
//!        scheduler of which the machine's root names no disk), 1 on v2, and io.pressure
//!
//! Of a quiet group (see [`crate::reader::Effort::Thrifty`]) all are passed over: a task that asks for io
//! takes CPU time; dirty pages that the kernel writes later for the group may be counted up to 10 s late.
//!
//! Where a disk gets another scheduler, a group that has used none so far may be shown for 10 s by the throttle, which
//! counts in any case, and stays with it.

mod v1;
mod v2;

pub(crate) use v1::families;

pub mod families;

use plimsoll_core::columnar;
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_kernel::hierarchy::{Controller, Hierarchy, Version};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::keyed::put;
use crate::pressure::Resource;
use crate::reader::plan::{Context, File, Moves, Place, Subject};
use crate::sample::{Psi, or_zero_psi};

/// Block io by device; `diskio` in JSON. Lists are empty where the kernel has no such file.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct DiskIo {
    /// Bytes. v1 `blkio.*.io_service_bytes[_recursive]` | v2 `io.stat` rbytes, wbytes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_bytes: Vec<PerDisk>,
    /// Operations. v1 `blkio.*.io_serviced[_recursive]` | v2 `io.stat` rios, wios.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_serviced: Vec<PerDisk>,
    /// Operations in flight; v1 bfq or cfq only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_queued: Vec<PerDisk>,
    /// Sectors; v1 bfq or cfq only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sectors: Vec<PerDisk>,
    /// Nanoseconds from dispatch to completion; v1 bfq or cfq only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_time: Vec<PerDisk>,
    /// Nanoseconds waiting in queues; v1 bfq or cfq only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_wait_time: Vec<PerDisk>,
    /// Operations merged; v1 bfq or cfq only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_merged: Vec<PerDisk>,
    /// Milliseconds of disk time; v1 bfq or cfq only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_time: Vec<PerDisk>,
    /// Microseconds; v2 `io.stat` cost.usage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_cost_usage: Vec<PerDisk>,
    /// Microseconds; v2 `io.stat` cost.wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_cost_wait: Vec<PerDisk>,
    /// Microseconds; v2 `io.stat` cost.indebt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_cost_indebt: Vec<PerDisk>,
    /// Microseconds; v2 `io.stat` cost.indelay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_cost_indelay: Vec<PerDisk>,
    /// `io.pressure`; absent where the kernel has none.
    #[serde(serialize_with = "or_zero_psi")]
    pub psi: Option<Psi>,
}

/// One device's numbers.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct PerDisk {
    /// `/dev/<name>`, or what the filesystem table calls it; empty where nothing does.
    pub device: String,
    /// Device number.
    pub major: u64,
    /// Device number.
    pub minor: u64,
    /// By operation.
    pub stats: Ops,
}

/// Numbers by operation; those that the kernel's file does not have are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ops {
    /// Asynchronous; v1 only.
    pub asynchronous: Option<u64>,
    /// Of a figure that knows no operations (time, sectors, cost).
    pub count: Option<u64>,
    /// Discards; v1 only, as cAdvisor.
    pub discard: Option<u64>,
    /// Reads.
    pub read: Option<u64>,
    /// Synchronous; v1 only.
    pub sync: Option<u64>,
    /// The sum; v1 only.
    pub total: Option<u64>,
    /// Writes.
    pub write: Option<u64>,
}

impl DiskIo {
    /// All lists by device.
    fn lists(&mut self) -> [&mut Vec<PerDisk>; 12] {
        [
            &mut self.io_service_bytes,
            &mut self.io_serviced,
            &mut self.io_queued,
            &mut self.sectors,
            &mut self.io_service_time,
            &mut self.io_wait_time,
            &mut self.io_merged,
            &mut self.io_time,
            &mut self.io_cost_usage,
            &mut self.io_cost_wait,
            &mut self.io_cost_indebt,
            &mut self.io_cost_indelay,
        ]
    }

    /// Has every device named anew when it is read next.
    pub(crate) fn forget_names(&mut self) {
        self.lists().into_iter().flatten().for_each(|disk| disk.device.clear());
    }
}

impl Ops {
    /// Name and value of each operation that is there, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("Async", self.asynchronous),
            ("Count", self.count),
            ("Discard", self.discard),
            ("Read", self.read),
            ("Sync", self.sync),
            ("Total", self.total),
            ("Write", self.write),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Serialize for Ops {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

columnar!(DiskIo {
    io_service_bytes,
    io_serviced,
    io_queued,
    sectors,
    io_service_time,
    io_wait_time,
    io_merged,
    io_time,
    io_cost_usage,
    io_cost_wait,
    io_cost_indebt,
    io_cost_indelay,
    psi,
});
columnar!(PerDisk { device, major, minor, stats });
columnar!(Ops { asynchronous, count, discard, read, sync, total, write });

/// All files but the lists of v1.
pub(crate) fn files(hierarchy: &Hierarchy, kinds: Kinds, files: &mut Vec<File>) {
    if matches!(hierarchy.controller(Controller::Io), Some((Version::V2, _))) {
        files.push(v2::STAT);
    }
    if kinds.has(Kind::Pressure) && hierarchy.unified().is_some() {
        files.push(PRESSURE);
    }
}

const PRESSURE: File = File::new(Place::Unified, c"io.pressure", Subject::DiskIo, |_, text, sample| {
    let psi = text.map(crate::pressure::parse).transpose()?;
    Ok(put(&mut sample.diskio.get_or_insert_default().psi, psi))
})
.moving(Moves::WithStalls(Resource::Io));

/// The machine's own, for the root where no unified hierarchy has it.
pub(crate) const PRESSURE_OF_MACHINE: File = File { place: Place::Proc, name: c"pressure/io", ..PRESSURE };

/// Writes a list of devices in place, one after the other; says in the end whether any moved.
struct Filler<'a> {
    list: &'a mut Vec<PerDisk>,
    length: usize,
    moved: bool,
}

impl<'a> Filler<'a> {
    fn new(list: &'a mut Vec<PerDisk>) -> Self {
        Self { list, length: 0, moved: false }
    }

    fn push(&mut self, context: &Context<'_>, device: (u32, u32), stats: Ops) {
        let (major, minor) = (u64::from(device.0), u64::from(device.1));
        if self.length == self.list.len() {
            self.list.push(PerDisk::default());
        }
        let Some(disk) = self.list.get_mut(self.length) else { return };
        let same = (disk.major, disk.minor) == (major, minor);
        if !same || disk.device.is_empty() {
            (disk.major, disk.minor) = (major, minor);
            context.host.disks.name(major, minor, context.at, &mut disk.device);
            self.moved |= !same || !disk.device.is_empty();
        }
        self.moved |= put(&mut disk.stats, stats);
        self.length += 1;
    }

    fn finish(self) -> bool {
        let moved = self.moved || self.list.len() != self.length;
        self.list.truncate(self.length);
        moved
    }
}
