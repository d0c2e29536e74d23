//! Outward names of block io and io pressure.
//!
//! Two sources give numbers by device: the container's own blkio and, for the machine's filesystems,
//! `/proc/diskstats`. Where both have a device, blkio counts.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::{Digits, counter, gauge, stalled};
use crate::filesystem::FsStats;
use crate::io::{DiskIo, Ops, PerDisk};
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    counter(
        "container_blkio_device_usage_total",
        "Blkio Device bytes usage",
        Kind::DiskIo,
        &["device", "major", "minor", "operation"],
        Source { v1: "blkio.*io_service_bytes*", v2: "io.stat rbytes, wbytes" },
        |s, out| s.diskio.iter().for_each(|io| device_usage(io, out)),
    ),
    counter(
        "container_fs_io_cost_indebt_seconds_total",
        "Cumulative IOCost debt in seconds",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "-", v2: "io.stat cost.indebt" },
        |s, out| devices(s, out, Unit::Micros, |io| &io.io_cost_indebt, |ops| ops.count, |_| None),
    ),
    counter(
        "container_fs_io_cost_indelay_seconds_total",
        "Cumulative IOCost delay in seconds",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "-", v2: "io.stat cost.indelay" },
        |s, out| devices(s, out, Unit::Micros, |io| &io.io_cost_indelay, |ops| ops.count, |_| None),
    ),
    counter(
        "container_fs_io_cost_usage_seconds_total",
        "Cumulative IOCost usage in seconds",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "-", v2: "io.stat cost.usage" },
        |s, out| devices(s, out, Unit::Micros, |io| &io.io_cost_usage, |ops| ops.count, |_| None),
    ),
    counter(
        "container_fs_io_cost_wait_seconds_total",
        "Cumulative IOCost wait in seconds",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "-", v2: "io.stat cost.wait" },
        |s, out| devices(s, out, Unit::Micros, |io| &io.io_cost_wait, |ops| ops.count, |_| None),
    ),
    gauge(
        "container_fs_io_current",
        "Number of I/Os currently in progress",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_queued*, else diskstats", v2: "diskstats" },
        |s, out| {
            devices(s, out, Unit::One, |io| &io.io_queued, |ops| ops.total, |fs| Some(fs.io_in_progress))
        },
    ),
    counter(
        "container_fs_io_time_seconds_total",
        "Cumulative count of seconds spent doing I/Os",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_service_time*, else diskstats", v2: "diskstats" },
        |s, out| {
            devices(s, out, Unit::Nanos, |io| &io.io_service_time, |ops| ops.total, |fs| Some(fs.io_time))
        },
    ),
    counter(
        "container_fs_io_time_weighted_seconds_total",
        "Cumulative weighted I/O time in seconds",
        Kind::DiskIo,
        DEVICE,
        Source::both("diskstats"),
        |s, out| weighted(s, out),
    ),
    counter(
        "container_fs_read_seconds_total",
        "Cumulative count of seconds spent reading",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_service_time*, else diskstats", v2: "diskstats" },
        |s, out| {
            devices(s, out, Unit::Nanos, |io| &io.io_service_time, |ops| ops.read, |fs| Some(fs.read_time))
        },
    ),
    counter(
        "container_fs_reads_bytes_total",
        "Cumulative count of bytes read",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_service_bytes*", v2: "io.stat rbytes" },
        |s, out| devices(s, out, Unit::One, |io| &io.io_service_bytes, |ops| ops.read, |_| None),
    ),
    counter(
        "container_fs_reads_merged_total",
        "Cumulative count of reads merged",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_merged*, else diskstats", v2: "diskstats" },
        |s, out| devices(s, out, Unit::One, |io| &io.io_merged, |ops| ops.read, |fs| Some(fs.reads_merged)),
    ),
    counter(
        "container_fs_reads_total",
        "Cumulative count of reads completed",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_serviced*, else diskstats", v2: "io.stat rios, else diskstats" },
        |s, out| {
            devices(s, out, Unit::One, |io| &io.io_serviced, |ops| ops.read, |fs| Some(fs.reads_completed))
        },
    ),
    counter(
        "container_fs_sector_reads_total",
        "Cumulative count of sector reads completed",
        Kind::DiskIo,
        DEVICE,
        Source::both("diskstats"),
        |s, out| devices(s, out, Unit::One, |io| &io.sectors, |ops| ops.read, |fs| Some(fs.sectors_read)),
    ),
    counter(
        "container_fs_sector_writes_total",
        "Cumulative count of sector writes completed",
        Kind::DiskIo,
        DEVICE,
        Source::both("diskstats"),
        |s, out| devices(s, out, Unit::One, |io| &io.sectors, |ops| ops.write, |fs| Some(fs.sectors_written)),
    ),
    counter(
        "container_fs_write_seconds_total",
        "Cumulative count of seconds spent writing",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_service_time*, else diskstats", v2: "diskstats" },
        |s, out| {
            devices(s, out, Unit::Nanos, |io| &io.io_service_time, |ops| ops.write, |fs| Some(fs.write_time))
        },
    ),
    counter(
        "container_fs_writes_bytes_total",
        "Cumulative count of bytes written",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_service_bytes*", v2: "io.stat wbytes" },
        |s, out| devices(s, out, Unit::One, |io| &io.io_service_bytes, |ops| ops.write, |_| None),
    ),
    counter(
        "container_fs_writes_merged_total",
        "Cumulative count of writes merged",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_merged*, else diskstats", v2: "diskstats" },
        |s, out| devices(s, out, Unit::One, |io| &io.io_merged, |ops| ops.write, |fs| Some(fs.writes_merged)),
    ),
    counter(
        "container_fs_writes_total",
        "Cumulative count of writes completed",
        Kind::DiskIo,
        DEVICE,
        Source { v1: "blkio.*io_serviced*, else diskstats", v2: "io.stat wios, else diskstats" },
        |s, out| {
            devices(s, out, Unit::One, |io| &io.io_serviced, |ops| ops.write, |fs| Some(fs.writes_completed))
        },
    ),
    counter(
        "container_pressure_io_stalled_seconds_total",
        "Total time duration no tasks in the container could make progress due to IO congestion.",
        Kind::Pressure,
        &[],
        Source { v1: "-", v2: "io.pressure full total" },
        |s, out| stalled(s.diskio.as_ref().and_then(|io| io.psi).map(|psi| psi.full), out),
    ),
    counter(
        "container_pressure_io_waiting_seconds_total",
        "Total time duration tasks in the container have waited due to IO congestion.",
        Kind::Pressure,
        &[],
        Source { v1: "-", v2: "io.pressure some total" },
        |s, out| stalled(s.diskio.as_ref().and_then(|io| io.psi).map(|psi| psi.some), out),
    ),
];

const DEVICE: &[&str] = &["device"];

/// What a blkio number counts, and so how the row shows it.
#[derive(Clone, Copy)]
enum Unit {
    /// Shown as it is; diskstats have the same.
    One,
    /// Shown in seconds; diskstats have milliseconds.
    Nanos,
    /// Shown in seconds; diskstats have none.
    Micros,
}

impl Unit {
    fn emit_blkio(self, device: &str, number: u64, out: &mut dyn Emit) {
        match self {
            Self::One => out.int(&[device], number),
            Self::Nanos => out.float(&[device], number as f64 / 1e9),
            Self::Micros => out.float(&[device], number as f64 / 1e6),
        }
    }

    fn emit_diskstats(self, device: &str, number: u64, out: &mut dyn Emit) {
        match self {
            Self::One => out.int(&[device], number),
            Self::Nanos | Self::Micros => out.float(&[device], number as f64 / 1e3),
        }
    }
}

/// One value a device: from blkio first, then from the filesystems whose device blkio did not give.
/// Nothing for a container whose block io was not read.
fn devices(
    s: &Sample,
    out: &mut dyn Emit,
    unit: Unit,
    list: fn(&DiskIo) -> &[PerDisk],
    operation: fn(&Ops) -> Option<u64>,
    diskstat: fn(&FsStats) -> Option<u64>,
) {
    let Some(io) = &s.diskio else { return };
    let blkio = || list(io).iter().filter_map(|disk| Some((disk.device.as_str(), operation(&disk.stats)?)));
    for (i, (device, number)) in blkio().enumerate() {
        if !blkio().take(i).any(|(before, _)| before == device) {
            unit.emit_blkio(device, number, out);
        }
    }
    for (device, number) in diskstats(s, diskstat) {
        if !blkio().any(|(before, _)| before == device) {
            unit.emit_diskstats(device, number, out);
        }
    }
}

/// One value a device that `/proc/diskstats` knows.
fn diskstats(s: &Sample, number: fn(&FsStats) -> Option<u64>) -> impl Iterator<Item = (&str, u64)> {
    s.filesystem.iter().enumerate().filter(|(_, fs)| has_diskstats(fs)).filter_map(move |(i, fs)| {
        let mut before = s.filesystem.iter().take(i).filter(|other| has_diskstats(other));
        let first = !before.any(|other| other.device == fs.device);
        Some((fs.device.as_str(), number(fs).filter(|_| first)?))
    })
}

/// Whether the filesystem's device is in `/proc/diskstats`: a container's layer and a tmpfs have no numbers
/// there, whereas a disk that is mounted has been read.
fn has_diskstats(fs: &FsStats) -> bool {
    fs.reads_completed | fs.sectors_read | fs.writes_completed | fs.sectors_written | fs.io_time != 0
}

fn weighted(s: &Sample, out: &mut dyn Emit) {
    for (device, millis) in diskstats(s, |fs| Some(fs.weighted_io_time)) {
        out.float(&[device], millis as f64 / 1e3);
    }
}

fn device_usage(io: &DiskIo, out: &mut dyn Emit) {
    for disk in &io.io_service_bytes {
        let (major, minor) = (Digits::new("", disk.major, 1), Digits::new("", disk.minor, 1));
        for (operation, bytes) in disk.stats.iter() {
            out.int(&[&disk.device, major.as_str(), minor.as_str(), operation], bytes);
        }
    }
}
