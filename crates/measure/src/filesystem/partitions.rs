//! Which filesystems count, and what they are called.

use std::path::{Path, PathBuf};

use super::mountinfo::Mount;

/// Filesystems on a disk of their own, by the beginning of their type.
const ON_DISK: [&str; 14] = [
    "ext", "xfs", "squashfs", "f2fs", "jfs", "reiserfs", "hfs", "ntfs", "vfat", "fat", "msdos", "exfat",
    "udf", "iso9660",
];

/// One filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    /// What it is called outward.
    pub(super) device: String,
    /// `vfs` or `zfs`.
    pub(super) r#type: &'static str,
    /// Where it is mounted, in the words of the mount table.
    pub(super) mountpoint: PathBuf,
    /// Device number of what is mounted.
    pub(super) major: u32,
    /// Device number of what is mounted.
    pub(super) minor: u32,
    /// Whether asking it may hang: it, or a mount that its path leads through, is on another machine.
    pub(super) remote: bool,
    /// The mount's source.
    pub(super) source: String,
}

impl Partition {
    /// Whether its inodes are counted: zfs has as many as one likes.
    pub(super) fn counts_inodes(&self) -> bool {
        self.r#type != "zfs"
    }
}

/// The filesystems of a mount table: the first mount of each counts; then those that hold runtimes' images and
/// the one at `/` stand under their source, whatever their type is.
pub(super) fn of(mounts: &[Mount], zfs: bool, special: &[&Path]) -> Vec<Partition> {
    let mut partitions: Vec<Partition> = Vec::new();
    for mount in mounts {
        let Some((device, r#type)) = key(mount, zfs) else { continue };
        if partitions.iter().all(|p| p.device != device) {
            partitions.push(partition(mount, device, r#type, mounts));
        }
    }
    for mountpoint in special {
        // the last mount at a place hides the others
        let Some(mount) = mounts.iter().rev().find(|mount| mount.mountpoint == *mountpoint) else { continue };
        let r#type = key(mount, zfs).map_or("vfs", |(_, r#type)| r#type);
        let new = partition(mount, mount.source.clone(), r#type, mounts);
        match partitions.iter_mut().find(|p| p.device == new.device) {
            Some(old) => *old = new,
            None => partitions.push(new),
        }
    }
    partitions
}

fn partition(mount: &Mount, device: String, r#type: &'static str, mounts: &[Mount]) -> Partition {
    Partition {
        device,
        r#type,
        mountpoint: mount.mountpoint.clone(),
        major: mount.major,
        minor: mount.minor,
        remote: mounts.iter().any(|m| is_remote(m) && mount.mountpoint.starts_with(&m.mountpoint)),
        source: mount.source.clone(),
    }
}

/// What a mount's filesystem is called, and its type; `None` for those that are not counted.
fn key(mount: &Mount, zfs: bool) -> Option<(String, &'static str)> {
    let source = || mount.source.clone();
    match mount.fs_type.as_str() {
        "zfs" => Some((source(), if zfs { "zfs" } else { "vfs" })),
        "btrfs" => Some((source(), "vfs")),
        "overlay" => Some((format!("{}_{}-{}", mount.source, mount.major, mount.minor), "vfs")),
        "tmpfs" => Some((mount.mountpoint.to_string_lossy().into_owned(), "vfs")),
        fs if fs.starts_with("nfs") && fs != "nfsd" => Some((source(), "vfs")),
        fs if ON_DISK.iter().any(|name| fs.starts_with(name)) => Some((source(), "vfs")),
        _ => None,
    }
}

/// Whether another machine, or a program, answers for it.
pub(super) fn is_remote(mount: &Mount) -> bool {
    match mount.fs_type.as_str() {
        "cifs" | "smb3" | "ceph" | "9p" | "afs" | "fuse" | "fuseblk" => true,
        fs => (fs.starts_with("nfs") && fs != "nfsd") || fs.starts_with("fuse."),
    }
}

/// The deepest mount that holds a directory: at it or above.
pub(super) fn with<'a>(mounts: &'a [Mount], directory: &Path) -> Option<&'a Path> {
    mounts
        .iter()
        .map(|mount| mount.mountpoint.as_path())
        .filter(|at| directory.starts_with(at))
        .max_by_key(|at| at.components().count())
}
