//! Where a container's writable layer is.
//!
//! Reads: where the runtime does not tell the directory, `<proc>/<pid>/mountinfo` of the container's first process;
//!        of its parent `stat`, `ns/mnt` and, where an overlay says no whole path, `mountinfo`
//! Gives: the layer as an open directory
//! Cost:  three files a measurement, and none where the runtime tells
//!
//! A path in a mount table is one as the runtime sees it, which mounted the container's root: it stays beside the
//! container as the parent of its first process (a shim, conmon), so that the path is looked up where that process is.
//! For a daemon on the host this is the host; for one that is a container itself, it is that container.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use plimsoll_kernel::error::Error;
use plimsoll_kernel::format::unescape_octal;
use plimsoll_kernel::root::Root;

use super::mountinfo::{self, Mount};
use super::table::Table;
use super::view::View;
use crate::processes::stat;

/// What of a container is to be measured, in paths of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// The storage driver or snapshotter; empty when it is not known.
    pub driver: String,
    /// The directory with what the container changed.
    pub upper: Option<PathBuf>,
    /// A directory or file besides, with its log.
    pub extra: Option<PathBuf>,
    /// Whether it is a volume: one that another machine answers for, which may never do so, is not measured.
    pub is_volume: bool,
    /// Its first process, whose mounts tell the directory when nobody else does.
    pub pid: Option<u32>,
}

/// The layer, found.
pub(super) struct Place {
    /// Its directory, as the runtime calls it.
    pub(super) path: PathBuf,
    /// The directory, open for a look-up.
    pub(super) dir: OwnedFd,
    /// Where the layer is a filesystem of its own: its source and type.
    pub(super) whole: Option<(String, String)>,
}

/// What is mounted at `/` of a process.
#[derive(Debug, PartialEq, Eq)]
enum Mounted {
    /// An overlay over this directory.
    Overlay(PathBuf),
    /// An overlay that tells no directory, or only a part of its path: its device number, and that part.
    Hidden((u32, u32), PathBuf),
    /// A folder of a filesystem.
    Folder(Mount),
    /// What cannot be written.
    Fixed,
}

impl Layer {
    /// The layer; `None` for a container of which nothing is its own, or of which it cannot be told.
    ///
    /// # Errors
    /// The mounts of its first process cannot be read, or the directory is not to be had.
    pub(super) fn find(&self, root: &Root, table: &Mutex<Table>) -> Result<Option<Place>, Error> {
        if let Some(upper) = &self.upper {
            let is_remote = || {
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                // the runtime mounts it a moment before
                table.refresh();
                table.is_remote(upper)
            };
            if self.is_volume && is_remote() {
                return Ok(None);
            }
            return View::host(root).place(upper).map(Some);
        }
        let Some(pid) = self.pid else { return Ok(None) };
        match at_root(&mounts_of(root, pid)?) {
            Some(Mounted::Overlay(upper)) => View::of_parent(root, pid).place(&upper).map(Some),
            Some(Mounted::Hidden(device, part)) => beside(root, pid, device, &part),
            Some(Mounted::Folder(mount)) => self.folder(root, table, pid, &mount),
            Some(Mounted::Fixed) | None => Ok(None),
        }
    }

    /// A container without an overlay: a whole copy of its image, a subvolume or a filesystem of its own.
    fn folder(
        &self,
        root: &Root,
        table: &Mutex<Table>,
        pid: u32,
        at: &Mount,
    ) -> Result<Option<Place>, Error> {
        let device = (at.major, at.minor);
        let (seen, of_host) = {
            let table = table.lock().unwrap_or_else(PoisonError::into_inner);
            (table.seen_at(device, &at.root), table.is_root(device))
        };
        let own_root = || View::of_process(root, pid).place(Path::new("/"));
        if at.fs_type == "btrfs" {
            let place = match seen {
                Some(path) => View::host(root).place(&path)?,
                None => own_root()?,
            };
            return Ok((place.is_subvolume() || self.is_copy(&at.root)).then_some(place));
        }
        if self.is_copy(&at.root) {
            return seen.map(|path| View::host(root).place(&path)).transpose();
        }
        // devicemapper's volumes have the container in a folder
        let whole = [Path::new("/"), Path::new("/rootfs")].contains(&at.root.as_path());
        if (whole && !of_host) || at.fs_type == "zfs" {
            let place = own_root()?;
            return Ok(Some(Place { whole: Some((at.source.clone(), at.fs_type.clone())), ..place }));
        }
        // of another driver it may be shared with its image
        Ok(None)
    }

    /// Whether the folder is all the container's own: Docker's and Podman's `vfs`, containerd's `native`, LXC's `dir`.
    fn is_copy(&self, folder: &Path) -> bool {
        let has = |part: &str| folder.to_string_lossy().contains(part);
        matches!(self.driver.as_str(), "vfs" | "native" | "dir")
            || has("/vfs/dir/")
            || has("/io.containerd.snapshotter.v1.native/snapshots/")
    }
}

fn mounts_of(root: &Root, pid: u32) -> Result<Vec<u8>, Error> {
    let path = root.proc.join(pid.to_string()).join("mountinfo");
    std::fs::read(&path).map_err(|error| Error::io(&path, &error))
}

/// The layer of an overlay whose mount tells no whole path (fuse-overlayfs; mounted from inside the storage's folder):
/// Podman, CRI-O and Docker mount it at `merged` beside `diff`, which the runtime's own mount table shows.
fn beside(root: &Root, pid: u32, device: (u32, u32), part: &Path) -> Result<Option<Place>, Error> {
    let mounts = mounts_of(root, stat::parent_of(&root.proc, pid).unwrap_or(1))?;
    let upper = mountinfo::parse(&mounts)
        .filter(|mount| (mount.major, mount.minor) == device && mount.mountpoint.ends_with("merged"))
        .find_map(|mount| Some(mount.mountpoint.parent()?.join("diff")))
        .filter(|upper| upper.ends_with(part));
    upper.map(|upper| View::of_parent(root, pid).place(&upper)).transpose()
}

/// What a mount table has at `/`; of several the last, which hides the others.
fn at_root(mounts: &[u8]) -> Option<Mounted> {
    let lines = mounts.split(|byte| *byte == b'\n').rev();
    let (line, mount) = lines
        .filter_map(|line| Some((line, mountinfo::line(line)?)))
        .find(|(_, mount)| mount.mountpoint == Path::new("/"))?;
    let device = (mount.major, mount.minor);
    Some(match mount.fs_type.as_str() {
        "fuse.fuse-overlayfs" | "fuse-overlayfs" => Mounted::Hidden(device, PathBuf::new()),
        "overlay" => {
            let options = unescape_octal(line.rsplit(|byte| *byte == b' ').next()?);
            match option(&options, b"upperdir=").map(PathBuf::from) {
                Some(path) if path.is_absolute() => Mounted::Overlay(path),
                // it counts from where the runtime was when it mounted
                Some(path) => Mounted::Hidden(device, path),
                None => Mounted::Fixed,
            }
        }
        _ => Mounted::Folder(mount),
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

/// For fuzzing: no bytes of a mount table may do harm.
#[cfg(fuzzing)]
pub fn fuzz(mounts: &[u8]) {
    at_root(mounts);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const OVERLAY: &str = "597 518 0:44 / / rw,relatime master:203 - overlay overlay rw,\
        lowerdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs,\
        upperdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs,\
        workdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/work,xino=off\n\
        598 597 0:47 / /proc rw,nosuid - proc proc rw\n";

    fn overlay(path: &str) -> Option<Mounted> {
        Some(Mounted::Overlay(path.into()))
    }

    fn hidden(part: &str) -> Option<Mounted> {
        Some(Mounted::Hidden((0, 44), part.into()))
    }

    #[test]
    fn an_overlay_names_its_upper_directory() {
        let upper = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs";
        assert_eq!(at_root(OVERLAY.as_bytes()), overlay(upper));
    }

    #[test]
    fn odd_paths_are_read_and_relative_ones_are_a_part() {
        let f = |options: &str, expected| {
            let line = format!("1 0 0:44 / / rw - overlay overlay {options}\n");
            assert_eq!(at_root(line.as_bytes()), expected, "{options}");
        };
        // a space, a comma, a backslash, a colon
        f(r"rw,lowerdir=/l,upperdir=/a\040b\134,c\134\134d:e,workdir=/w", overlay(r"/a b,c\d:e"));
        f(r"rw,lowerdir=/x\134,upperdir=/no,upperdir=/yes", overlay("/yes"));
        f("rw,upperdir=/last", overlay("/last"));
        f("rw,lowerdir=l/A:l/B,upperdir=7/diff,workdir=7/work", hidden("7/diff"));
        f("ro,lowerdir=/l", Some(Mounted::Fixed));
        let fuse = b"1 0 0:44 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0,group_id=0,default_permissions\n";
        assert_eq!(at_root(fuse), hidden(""));
    }

    #[test]
    fn the_mount_that_hides_the_others_counts() {
        let two = format!("1 0 8:1 /docker/vfs/dir/ab / rw - ext4 /dev/sda1 rw\n{OVERLAY}");
        assert!(matches!(at_root(two.as_bytes()), Some(Mounted::Overlay(_))));
        let folder = at_root(b"1 0 8:1 /docker/vfs/dir/ab / rw - ext4 /dev/sda1 rw\n");
        assert!(
            matches!(folder, Some(Mounted::Folder(mount)) if mount.root == Path::new("/docker/vfs/dir/ab"))
        );
        for text in ["", "nonsense", "1 0 8:1 / /mnt rw - ext4 /dev/sda1 rw\n"] {
            assert_eq!(at_root(text.as_bytes()), None, "{text}");
        }
    }

    /// A machine made by hand: a folder for its `/`, and processes.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new() -> Self {
            let host = Self(tempfile::tempdir().unwrap());
            host.write(
                "proc/1/mountinfo",
                "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 /lib /data rw - xfs /dev/sdb1 rw\n\
                 9 1 0:44 / /s/overlay/7/merged rw - overlay overlay rw\n",
            );
            host
        }

        fn write(&self, name: &str, text: &str) {
            fs::create_dir_all(self.0.path().join(name).parent().unwrap()).unwrap();
            fs::write(self.0.path().join(name), text).unwrap();
        }

        fn process(&self, pid: u32, parent: u32, space: &str, mounts: &str) {
            self.write(&format!("proc/{pid}/mountinfo"), mounts);
            let rest = "0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0";
            self.write(
                &format!("proc/{pid}/stat"),
                &format!("{pid} (x) S {parent} {rest} {}", "0 ".repeat(30)),
            );
            let ns = self.0.path().join(format!("proc/{pid}/ns"));
            fs::create_dir_all(&ns).unwrap();
            std::os::unix::fs::symlink(space, ns.join("mnt")).unwrap();
        }

        fn folder(&self, name: &str) -> u64 {
            let path = self.0.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::metadata(path).unwrap().ino()
        }

        fn find(&self, layer: &Layer) -> Result<Option<Place>, Error> {
            let root = Root::at(self.0.path());
            layer.find(&root, &Mutex::new(Table::read(&root)))
        }

        /// The inode of the directory that is found.
        fn found(&self, layer: &Layer) -> Option<u64> {
            let place = self.find(layer).unwrap()?;
            Some(rustix::fs::fstat(place.dir.as_fd()).unwrap().st_ino)
        }
    }

    fn of(pid: u32, driver: &str) -> Layer {
        Layer { driver: driver.into(), pid: Some(pid), ..Layer::default() }
    }

    const SNAPSHOT: &str = "var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs";

    #[test]
    fn what_the_runtime_tells_comes_first_and_the_mounts_of_the_process_second() {
        let host = Host::new();
        host.process(1, 0, "mnt:[1]", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
        host.process(7, 1, "mnt:[2]", OVERLAY);
        let (told, snapshot) = (host.folder("u"), host.folder(SNAPSHOT));
        assert_eq!(host.found(&Layer { upper: Some("/u".into()), ..of(7, "") }), Some(told));
        assert_eq!(host.found(&of(7, "")), Some(snapshot));
        assert_eq!(host.found(&Layer::default()), None);
        let error = host.find(&of(9, "")).err().unwrap();
        assert!(error.to_string().contains("proc/9/mountinfo"), "{error}");
    }

    #[test]
    fn a_path_of_a_runtime_in_a_container_is_looked_up_in_that_container() {
        let host = Host::new();
        host.process(1, 0, "mnt:[1]", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
        host.process(7, 6, "mnt:[3]", OVERLAY);
        let on_host = host.folder(SNAPSHOT);
        // the same path there is another container's
        let inside = host.folder(&format!("node/{SNAPSHOT}"));
        host.process(6, 1, "mnt:[2]", "");
        std::os::unix::fs::symlink(host.0.path().join("node"), host.0.path().join("proc/6/root")).unwrap();
        assert_eq!(host.found(&of(7, "")), Some(inside));
        // a shim of the host's daemon
        fs::remove_file(host.0.path().join("proc/6/ns/mnt")).unwrap();
        std::os::unix::fs::symlink("mnt:[1]", host.0.path().join("proc/6/ns/mnt")).unwrap();
        assert_eq!(host.found(&of(7, "")), Some(on_host));
    }

    #[test]
    fn links_of_a_container_lead_nowhere_else() {
        let host = Host::new();
        host.process(1, 0, "mnt:[1]", "");
        host.process(7, 6, "mnt:[3]", "1 0 0:44 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/var/u\n");
        host.process(6, 1, "mnt:[2]", "");
        let inside = host.folder("node/data/u");
        std::os::unix::fs::symlink("/data", host.0.path().join("node/var")).unwrap();
        std::os::unix::fs::symlink(host.0.path().join("node"), host.0.path().join("proc/6/root")).unwrap();
        assert_eq!(host.found(&of(7, "")), Some(inside));
    }

    #[test]
    fn an_overlay_that_tells_no_whole_path_is_found_by_its_mount() {
        let host = Host::new();
        let diff = host.folder("s/overlay/7/diff");
        let merged = "5 1 0:44 / /s/overlay/7/merged rw - overlay overlay rw\n6 1 0:45 / /s/overlay/8/merged rw - overlay overlay rw\n";
        host.process(6, 1, "mnt:[1]", merged);
        host.process(1, 0, "mnt:[1]", merged);
        let mounted =
            |pid: u32, what: &str| host.process(pid, 6, "mnt:[9]", &format!("1 0 0:44 / / rw - {what}\n"));
        mounted(7, "overlay overlay rw,lowerdir=l/A:l/B,upperdir=7/diff,workdir=7/work");
        mounted(8, "fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0,group_id=0");
        // not the one that the option means
        mounted(9, "overlay overlay rw,lowerdir=l/A,upperdir=8/diff,workdir=8/work");
        mounted(10, "overlay overlay ro,lowerdir=l/A");
        assert_eq!(
            [7, 8, 9, 10].map(|pid| host.found(&of(pid, "overlay"))),
            [Some(diff), Some(diff), None, None]
        );
    }

    #[test]
    fn a_copy_of_its_image_is_found_and_a_folder_that_may_be_shared_is_not() {
        let host = Host::new();
        let f = |pid: u32, folder: &str, driver: &str| {
            host.process(pid, 1, "mnt:[9]", &format!("1 0 8:2 {folder} / rw - xfs /dev/sdb1 rw\n"));
            host.found(&of(pid, driver))
        };
        let (vfs, odd) = (host.folder("data/vfs/dir/ab"), host.folder("data/odd"));
        let native = host.folder("data/io.containerd.snapshotter.v1.native/snapshots/3");
        assert_eq!(f(11, "/lib/vfs/dir/ab", "vfs"), Some(vfs));
        assert_eq!(f(12, "/lib/vfs/dir/ab", ""), Some(vfs));
        assert_eq!(f(13, "/lib/io.containerd.snapshotter.v1.native/snapshots/3", "containerd"), Some(native));
        assert_eq!(f(14, "/lib/odd", ""), None);
        assert_eq!(f(15, "/lib/odd", "vfs"), Some(odd));
        assert_eq!(f(17, "/lib/odd", "dir"), Some(odd));
        // btrfs too has plain folders
        let on_btrfs = |pid: u32, driver: &str| {
            host.process(pid, 1, "mnt:[9]", "1 0 8:2 /lib/odd / rw - btrfs /dev/sdb1 rw\n");
            host.found(&of(pid, driver))
        };
        assert_eq!((on_btrfs(18, "dir"), on_btrfs(19, "btrfs")), (Some(odd), None));
        // not mounted on the host where it could be seen
        assert_eq!(f(16, "/other/vfs/dir/ab", "vfs"), None);
    }

    #[test]
    fn a_filesystem_of_its_own_is_known_by_its_device() {
        let host = Host::new();
        let inside = host.folder("inside");
        let f = |pid: u32, mount: &str| {
            host.process(pid, 1, "mnt:[9]", &format!("1 0 {mount} rw\n"));
            std::os::unix::fs::symlink(
                host.0.path().join("inside"),
                host.0.path().join(format!("proc/{pid}/root")),
            )
            .unwrap();
            let place = host.find(&of(pid, "")).unwrap()?;
            assert_eq!(rustix::fs::fstat(place.dir.as_fd()).unwrap().st_ino, inside);
            place.whole
        };
        let whole = |source: &str, fs_type: &str| Some((source.to_owned(), fs_type.to_owned()));
        assert_eq!(
            f(21, "253:4 /rootfs / rw - ext4 /dev/mapper/docker-8:1-7-ab"),
            whole("/dev/mapper/docker-8:1-7-ab", "ext4")
        );
        assert_eq!(f(22, "253:5 / / rw - xfs /dev/mapper/snap-3"), whole("/dev/mapper/snap-3", "xfs"));
        assert_eq!(f(23, "0:50 / / rw - zfs tank/docker/ab"), whole("tank/docker/ab", "zfs"));
        // the host's own
        assert_eq!(f(24, "8:1 / / rw - ext4 /dev/sda1"), None);
    }
}
