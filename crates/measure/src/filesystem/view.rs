//! Paths as another process sees them: the host's first, or a runtime's that is itself in a container.
//!
//! Reads: `<proc>/<pid>/stat`, `<proc>/<pid>/ns/mnt`
//! Cost:  two links and a file where the runtime's process is asked for; opening is one call

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use plimsoll_kernel::accounting;
use plimsoll_kernel::error::{Errno, Error};
use plimsoll_kernel::root::Root;
use plimsoll_kernel::sys;
use rustix::fs::{Mode, OFlags};

use super::layer::Place;
use crate::processes::stat;

/// Where paths begin.
pub(super) struct View(PathBuf);

impl View {
    /// Paths of the host.
    pub(super) fn host(root: &Root) -> Self {
        Self(root.rootfs.clone())
    }

    /// Paths inside a container.
    pub(super) fn of_process(root: &Root, pid: u32) -> Self {
        Self(root.proc.join(pid.to_string()).join("root"))
    }

    /// Paths as the parent of a container's first process has them: the host's where that has the mounts of the host's
    /// first process, or where the rights do not tell.
    pub(super) fn of_parent(root: &Root, pid: u32) -> Self {
        let space = |pid: u32| std::fs::read_link(root.proc.join(pid.to_string()).join("ns/mnt")).ok();
        let parent = stat::parent_of(&root.proc, pid).filter(|parent| *parent != 1);
        match parent.and_then(|parent| Some((parent, space(parent)?))) {
            Some((parent, own)) if space(1).as_ref() != Some(&own) => Self::of_process(root, parent),
            _ => Self::host(root),
        }
    }

    /// Opens a directory for a look-up.
    ///
    /// # Errors
    /// It is not there or may not be had.
    pub(super) fn place(&self, path: &Path) -> Result<Place, Error> {
        let dir = self.open(path, OFlags::DIRECTORY).map_err(|cause| Error::read(self.name(path), cause))?;
        Ok(Place { path: path.to_owned(), dir, whole: None })
    }

    /// Opens anything for a look-up. Links lead where they lead that process, and never out of its root.
    pub(super) fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let below = path.strip_prefix("/").unwrap_or(path);
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        let flags = OFlags::PATH | OFlags::CLOEXEC | flags;
        if self.0 == Path::new("/") {
            return rustix::fs::open(path, flags, Mode::empty());
        }
        let root = sys::open_dir(&self.0)?;
        let name = CString::new(below.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
        match sys::open_inside(&root, &name, flags) {
            // the path is the runtime's, who is trusted: its links are followed without `openat2` too
            Err(Errno::NOSYS) => rustix::fs::openat(&root, &name, flags, Mode::empty()),
            found => found,
        }
    }

    /// A path as this process would have to call it, for the text of a fault.
    pub(super) fn name(&self, path: &Path) -> PathBuf {
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl Place {
    /// Whether it is a subvolume of btrfs.
    pub(super) fn is_subvolume(&self) -> bool {
        #[allow(
            clippy::cast_sign_loss,
            clippy::unnecessary_cast,
            reason = "a magic number, signed on some processors"
        )]
        let btrfs = rustix::fs::fstatfs(&self.dir).is_ok_and(|stat| stat.f_type as u64 == accounting::BTRFS);
        btrfs && rustix::fs::fstat(&self.dir).is_ok_and(|stat| stat.st_ino == accounting::SUBVOLUME_INODE)
    }
}
