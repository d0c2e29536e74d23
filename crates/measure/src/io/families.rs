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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;
    use crate::sample::{Psi, PsiLine};

    fn disk(device: &str, minor: u64, stats: Ops) -> PerDisk {
        PerDisk { device: device.into(), major: 8, minor, stats }
    }

    fn read_write(read: u64, write: u64) -> Ops {
        Ops { read: Some(read), write: Some(write), ..Ops::default() }
    }

    fn count(count: u64) -> Ops {
        Ops { count: Some(count), ..Ops::default() }
    }

    fn fs(device: &str) -> FsStats {
        FsStats {
            device: device.into(),
            reads_completed: 24,
            reads_merged: 25,
            sectors_read: 26,
            read_time: 27,
            writes_completed: 28,
            writes_merged: 39,
            sectors_written: 40,
            write_time: 41,
            io_in_progress: 42,
            io_time: 43,
            weighted_io_time: 44,
            ..FsStats::default()
        }
    }

    #[test]
    fn every_number_has_its_line() {
        let total = |total| Ops { total: Some(total), ..read_write(1, 2) };
        let diskio = DiskIo {
            io_service_bytes: vec![disk("/dev/sdb", 16, read_write(4096, 8192))],
            io_serviced: vec![disk("/dev/sdb", 16, read_write(3, 4))],
            io_queued: vec![disk("/dev/sdb", 16, total(5))],
            sectors: vec![disk("/dev/sdb", 16, count(6))],
            io_service_time: vec![disk("/dev/sdb", 16, total(3_000_000_000))],
            io_wait_time: vec![],
            io_merged: vec![disk("/dev/sdb", 16, read_write(7, 8))],
            io_time: vec![],
            io_cost_usage: vec![disk("/dev/sdb", 16, count(1_500_000))],
            io_cost_wait: vec![disk("/dev/sdb", 16, count(2_500_000))],
            io_cost_indebt: vec![disk("/dev/sdb", 16, count(500_000))],
            io_cost_indelay: vec![disk("/dev/sdb", 16, count(750_000))],
            psi: Some(Psi {
                full: PsiLine { total: 10, ..PsiLine::default() },
                some: PsiLine { total: 1_000_000, ..PsiLine::default() },
            }),
        };
        let filesystem = vec![fs("/dev/sda1")];
        assert_eq!(
            text(ROWS, &Sample { diskio: Some(diskio), filesystem, ..Sample::default() }),
            r#"container_blkio_device_usage_total{device="/dev/sdb",major="8",minor="16",operation="Read"} 4096
container_blkio_device_usage_total{device="/dev/sdb",major="8",minor="16",operation="Write"} 8192
container_fs_io_cost_indebt_seconds_total{device="/dev/sdb"} 0.5
container_fs_io_cost_indelay_seconds_total{device="/dev/sdb"} 0.75
container_fs_io_cost_usage_seconds_total{device="/dev/sdb"} 1.5
container_fs_io_cost_wait_seconds_total{device="/dev/sdb"} 2.5
container_fs_io_current{device="/dev/sdb"} 5
container_fs_io_current{device="/dev/sda1"} 42
container_fs_io_time_seconds_total{device="/dev/sdb"} 3
container_fs_io_time_seconds_total{device="/dev/sda1"} 0.043
container_fs_io_time_weighted_seconds_total{device="/dev/sda1"} 0.044
container_fs_read_seconds_total{device="/dev/sdb"} 0.000000001
container_fs_read_seconds_total{device="/dev/sda1"} 0.027
container_fs_reads_bytes_total{device="/dev/sdb"} 4096
container_fs_reads_merged_total{device="/dev/sdb"} 7
container_fs_reads_merged_total{device="/dev/sda1"} 25
container_fs_reads_total{device="/dev/sdb"} 3
container_fs_reads_total{device="/dev/sda1"} 24
container_fs_sector_reads_total{device="/dev/sda1"} 26
container_fs_sector_writes_total{device="/dev/sda1"} 40
container_fs_write_seconds_total{device="/dev/sdb"} 0.000000002
container_fs_write_seconds_total{device="/dev/sda1"} 0.041
container_fs_writes_bytes_total{device="/dev/sdb"} 8192
container_fs_writes_merged_total{device="/dev/sdb"} 8
container_fs_writes_merged_total{device="/dev/sda1"} 39
container_fs_writes_total{device="/dev/sdb"} 4
container_fs_writes_total{device="/dev/sda1"} 28
container_pressure_io_stalled_seconds_total 0.00001
container_pressure_io_waiting_seconds_total 1
"#
        );
    }

    #[test]
    fn blkio_wins_over_diskstats() {
        let io_serviced = vec![disk("/dev/sda1", 1, Ops { read: Some(3), ..Ops::default() })];
        let diskio = Some(DiskIo { io_serviced, ..DiskIo::default() });
        let text = text(ROWS, &Sample { diskio, filesystem: vec![fs("/dev/sda1")], ..Sample::default() });
        let lines = |name: &str| text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
        assert_eq!(lines("container_fs_reads_total"), [r#"container_fs_reads_total{device="/dev/sda1"} 3"#]);
        // blkio has no writes of that device, so diskstats' stand
        assert_eq!(
            lines("container_fs_writes_total"),
            [r#"container_fs_writes_total{device="/dev/sda1"} 28"#]
        );
    }

    #[test]
    fn devices_of_one_name_have_one_line() {
        let io_serviced = vec![disk("", 1, read_write(3, 4)), disk("", 2, read_write(5, 6))];
        let diskio = Some(DiskIo { io_serviced, ..DiskIo::default() });
        assert_eq!(
            text(ROWS, &Sample { diskio, ..Sample::default() }),
            "container_fs_reads_total{device=\"\"} 3\ncontainer_fs_writes_total{device=\"\"} 4\n"
        );
    }

    #[test]
    fn a_filesystem_without_diskstats_has_no_line() {
        let layer = FsStats { device: "/dev/sda1".into(), usage: 5, ..FsStats::default() };
        let diskio = Some(DiskIo::default());
        assert_eq!(text(ROWS, &Sample { diskio, filesystem: vec![layer], ..Sample::default() }), "");
    }

    #[test]
    fn weighted_time_needs_no_blkio() {
        assert_eq!(
            text(ROWS, &Sample { filesystem: vec![fs("sda")], ..Sample::default() }),
            "container_fs_io_time_weighted_seconds_total{device=\"sda\"} 0.044\n"
        );
    }
}
