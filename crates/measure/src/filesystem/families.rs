//! Outward names of filesystems. What their devices did stands with the block io.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::gauge;
use crate::filesystem::FsStats;
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    row("container_fs_inodes_free", "Number of available Inodes", "statfs", |s, out| {
        each(s, out, |fs| fs.has_inodes.then_some(fs.inodes_free));
    }),
    row(
        "container_fs_inodes_total",
        "Number of Inodes",
        "statfs; of a container's layer those in use",
        |s, out| {
            // a container's layer has inodes, though none are set apart for it
            each(s, out, |fs| (fs.has_inodes || fs.inodes > 0).then_some(fs.inodes));
        },
    ),
    row(
        "container_fs_limit_bytes",
        "Number of bytes that can be consumed by the container on this filesystem.",
        "statfs",
        |s, out| each(s, out, |fs| Some(fs.capacity)),
    ),
    row(
        "container_fs_usage_bytes",
        "Number of bytes that are consumed by the container on this filesystem.",
        "statfs; of a container's layer its files",
        |s, out| each(s, out, |fs| Some(fs.usage)),
    ),
    of_volume("container_volume_inodes", "Number of inodes used by the volume", |s, out| {
        for volume in &s.volumes {
            if let Some(inodes) = volume.inodes {
                out.int(&[&volume.name], inodes);
            }
        }
    }),
    of_volume("container_volume_usage_bytes", "Number of bytes used by the volume", |s, out| {
        for volume in &s.volumes {
            out.int(&[&volume.name], volume.usage);
        }
    }),
];

const fn of_volume(
    name: &'static str,
    help: &'static str,
    values: fn(&Sample, &mut dyn Emit),
) -> Row<Sample> {
    gauge(name, help, Kind::Disk, &["volume"], Source::both("the volume's files"), values)
}

const fn row(
    name: &'static str,
    help: &'static str,
    source: &'static str,
    values: fn(&Sample, &mut dyn Emit),
) -> Row<Sample> {
    gauge(name, help, Kind::Disk, &["device"], Source::both(source), values)
}

/// One value a device: a second filesystem of the same name would be a series twice.
fn each(s: &Sample, out: &mut dyn Emit, number: impl Fn(&FsStats) -> Option<u64>) {
    for (i, fs) in s.filesystem.iter().enumerate() {
        let before = s.filesystem.iter().take(i);
        if let Some(number) = number(fs)
            && !before.into_iter().any(|other| other.device == fs.device)
        {
            out.int(&[&fs.device], number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;
    use crate::filesystem::VolumeStats;

    fn fs(device: &str, has_inodes: bool, inodes: u64) -> FsStats {
        let device = device.to_owned();
        FsStats { device, capacity: 22, usage: 23, has_inodes, inodes, inodes_free: 5, ..FsStats::default() }
    }

    #[test]
    fn every_filesystem_has_its_lines() {
        let filesystem = vec![fs("/dev/sda1", true, 9), fs("zfs/data", false, 0), fs("layer", false, 7)];
        assert_eq!(
            text(ROWS, &Sample { filesystem, ..Sample::default() }),
            r#"container_fs_inodes_free{device="/dev/sda1"} 5
container_fs_inodes_total{device="/dev/sda1"} 9
container_fs_inodes_total{device="layer"} 7
container_fs_limit_bytes{device="/dev/sda1"} 22
container_fs_limit_bytes{device="zfs/data"} 22
container_fs_limit_bytes{device="layer"} 22
container_fs_usage_bytes{device="/dev/sda1"} 23
container_fs_usage_bytes{device="zfs/data"} 23
container_fs_usage_bytes{device="layer"} 23
"#
        );
    }

    #[test]
    fn a_volume_has_lines_of_its_own() {
        let volume = |name: &str, inodes| VolumeStats {
            name: name.to_owned(),
            device: "/dev/sda1".to_owned(),
            usage: 8192,
            inodes,
        };
        let volumes = vec![volume("data", Some(3)), volume("uncounted", None)];
        assert_eq!(
            text(ROWS, &Sample { volumes, ..Sample::default() }),
            r#"container_volume_inodes{volume="data"} 3
container_volume_usage_bytes{volume="data"} 8192
container_volume_usage_bytes{volume="uncounted"} 8192
"#
        );
    }

    #[test]
    fn a_device_has_one_line_only() {
        let filesystem = vec![fs("/dev/sda1", true, 9), fs("/dev/sda1", true, 10)];
        let text = text(ROWS, &Sample { filesystem, ..Sample::default() });
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
