//! Where a container's writable layer is.
//!
//! What a filesystem accounts by itself (a layer's project quota, a btrfs subvolume, a zfs dataset) would be asked
//! here as well, before a walk is begun.
//!
//! Reads: `<proc>/<pid>/mountinfo` where the runtime does not tell the directory
//! Gives: the directory, as a path of the host
//! Cost:  one file a walk, and none where the runtime tells

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use plimsoll_kernel::error::Error;
use plimsoll_kernel::root::Root;

use super::mountinfo;
use super::table::Table;

/// What of a container is to be measured, in paths of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// The storage driver or snapshotter; empty when it is not known.
    pub driver: String,
    /// The directory with what the container changed.
    pub upper: Option<PathBuf>,
    /// A directory or file besides, with its log.
    pub extra: Option<PathBuf>,
    /// Its first process, whose mounts tell the directory when nobody else does.
    pub pid: Option<u32>,
}

/// What is mounted at `/` of a process.
#[derive(Debug, PartialEq, Eq)]
enum Mounted {
    /// An overlay over this directory.
    Overlay(PathBuf),
    /// A folder of a filesystem, by the filesystem's device number.
    Folder((u32, u32), PathBuf),
}

impl Layer {
    /// The directory with what the container changed; `None` for a driver that has no such directory.
    ///
    /// # Errors
    /// The mounts of its first process cannot be read.
    pub(super) fn directory(&self, root: &Root, table: &Mutex<Table>) -> Result<Option<PathBuf>, Error> {
        if self.upper.is_some() {
            return Ok(self.upper.clone());
        }
        let Some(pid) = self.pid else { return Ok(None) };
        let path = root.proc.join(pid.to_string()).join("mountinfo");
        let mounts = std::fs::read(&path).map_err(|error| Error::io(&path, &error))?;
        match at_root(&mounts) {
            Some(Mounted::Overlay(upper)) => Ok(Some(upper)),
            // the only other driver whose directory is all the container's own
            Some(Mounted::Folder(device, folder)) if self.driver == "vfs" => {
                Ok(table.lock().unwrap_or_else(PoisonError::into_inner).seen_at(device, &folder))
            }
            Some(Mounted::Folder(..)) | None => Ok(None),
        }
    }
}

/// What a mount table has at `/`; of several the last, which hides the others.
fn at_root(mounts: &[u8]) -> Option<Mounted> {
    let lines = mounts.split(|byte| *byte == b'\n').rev();
    let (line, mount) = lines
        .filter_map(|line| Some((line, mountinfo::line(line)?)))
        .find(|(_, mount)| mount.mountpoint == Path::new("/"))?;
    if mount.fs_type != "overlay" {
        return Some(Mounted::Folder((mount.major, mount.minor), mount.root));
    }
    let options = mountinfo::unescape(line.rsplit(|byte| *byte == b' ').next()?);
    option(&options, b"upperdir=").map(|path| Mounted::Overlay(path.into())).filter(|mounted| match mounted {
        // a relative one counts from where the runtime was when it mounted
        Mounted::Overlay(path) => path.is_absolute(),
        Mounted::Folder(..) => true,
    })
}

/// The value of a mount option. Overlay's own writing has a backslash before a comma in a path.
fn option(options: &[u8], key: &[u8]) -> Option<OsString> {
    let mut value = Vec::new();
    let mut bytes = options.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' if value.starts_with(key) => break,
            b',' => value.clear(),
            b'\\' => value.extend(bytes.next()),
            _ => value.push(byte),
        }
    }
    value.strip_prefix(key).map(|path| OsString::from_vec(path.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const OVERLAY: &str = "597 518 0:44 / / rw,relatime master:203 - overlay overlay rw,\
        lowerdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs,\
        upperdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs,\
        workdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/work,xino=off\n\
        598 597 0:47 / /proc rw,nosuid - proc proc rw\n";

    fn overlay(path: &str) -> Option<Mounted> {
        Some(Mounted::Overlay(path.into()))
    }

    #[test]
    fn an_overlay_names_its_upper_directory() {
        let upper = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs";
        assert_eq!(at_root(OVERLAY.as_bytes()), overlay(upper));
    }

    #[test]
    fn odd_paths_are_read_and_relative_ones_are_not() {
        let f = |options: &str, expected| {
            let line = format!("1 0 0:44 / / rw - overlay overlay {options}\n");
            assert_eq!(at_root(line.as_bytes()), expected, "{options}");
        };
        // a space, a comma, a backslash, a colon
        f(r"rw,lowerdir=/l,upperdir=/a\040b\134,c\134\134d:e,workdir=/w", overlay(r"/a b,c\d:e"));
        f(r"rw,lowerdir=/x\134,upperdir=/no,upperdir=/yes", overlay("/yes"));
        f("rw,upperdir=/last", overlay("/last"));
        f("rw,lowerdir=l/A:l/B,upperdir=7/diff,workdir=7/work", None);
        f("ro,lowerdir=/l", None);
    }

    #[test]
    fn the_mount_that_hides_the_others_counts() {
        let two = format!("1 0 8:1 /docker/vfs/dir/ab / rw - ext4 /dev/sda1 rw\n{OVERLAY}");
        assert!(matches!(at_root(two.as_bytes()), Some(Mounted::Overlay(_))));
        let folder = Mounted::Folder((8, 1), "/docker/vfs/dir/ab".into());
        assert_eq!(at_root(b"1 0 8:1 /docker/vfs/dir/ab / rw - ext4 /dev/sda1 rw\n"), Some(folder));
        for text in ["", "nonsense", "1 0 8:1 / /mnt rw - ext4 /dev/sda1 rw\n"] {
            assert_eq!(at_root(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_the_runtime_tells_comes_first_and_the_mounts_of_the_process_second() {
        let dir = tempfile::tempdir().unwrap();
        let host = Root::at(dir.path());
        let write = |name: &str, text: &str| {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::write(dir.path().join(name), text).unwrap();
        };
        write(
            "proc/1/mountinfo",
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 /lib /data rw - xfs /dev/sdb1 rw\n",
        );
        write("proc/7/mountinfo", OVERLAY);
        write("proc/8/mountinfo", "1 0 8:2 /lib/vfs/dir/ab / rw - xfs /dev/sdb1 rw\n");
        let table = Mutex::new(Table::read(&host));
        let directory = |layer: &Layer| layer.directory(&host, &table);
        let told = Layer { upper: Some("/u".into()), pid: Some(7), ..Layer::default() };
        assert_eq!(directory(&told).unwrap(), Some("/u".into()));
        let asked = Layer { pid: Some(7), ..Layer::default() };
        assert!(directory(&asked).unwrap().unwrap().ends_with("snapshots/7/fs"));
        let vfs = Layer { driver: "vfs".into(), pid: Some(8), ..Layer::default() };
        assert_eq!(directory(&vfs).unwrap(), Some("/data/vfs/dir/ab".into()));
        // of another driver it may be shared with its image
        assert_eq!(directory(&Layer { driver: "btrfs".into(), ..vfs }).unwrap(), None);
        assert_eq!(directory(&Layer::default()).unwrap(), None);
        let error = directory(&Layer { pid: Some(9), ..Layer::default() }).unwrap_err();
        assert!(error.to_string().contains("proc/9/mountinfo"), "{error}");
    }
}
