//! Where the kernel's trees are.

use std::path::{Path, PathBuf};

/// The trees that everything is read from. On a host they are `/proc`, `/sys` and `/`; in a container
/// that has the host's root mounted they lie below `/rootfs`; in a test, anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// `/proc` of the host.
    pub proc: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
    /// The cgroup mount, normally `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
    /// The host's `/`.
    pub rootfs: PathBuf,
}

impl Root {
    /// The trees below one directory: a captured machine or `/`.
    pub fn at(dir: &Path) -> Self {
        let sys = dir.join("sys");
        Self { proc: dir.join("proc"), cgroup: sys.join("fs/cgroup"), sys, rootfs: dir.to_owned() }
    }

    /// The running machine: `/rootfs` for processes and files where the host's root is mounted there
    /// (as in cAdvisor's container), `/sys` and its cgroups as they are mounted here.
    pub fn detect() -> Self {
        let mounted = Path::new("/rootfs");
        if mounted.join("proc/self").exists() { Self::with_rootfs(mounted) } else { Self::at(Path::new("/")) }
    }

    /// The running machine with the host's `/` mounted at a place of its own.
    pub fn with_rootfs(rootfs: &Path) -> Self {
        Self { proc: rootfs.join("proc"), rootfs: rootfs.to_owned(), ..Self::at(Path::new("/")) }
    }
}
