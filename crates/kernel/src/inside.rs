//! Files that a container chose: looked up below its root and read only if they are ordinary and short.
//!
//! A path in a container may be a link to the host's files, a pipe that nobody writes to, a device that acts when it
//! is opened, a file of `/proc` that is emptied by reading, or endless.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags};

use crate::error::Errno;
use crate::sys;

/// Why a file of a container is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The kernel refused.
    #[error("cannot be read: {0}")]
    Read(Errno),
    /// A directory, pipe, socket or device.
    #[error("expected an ordinary file")]
    Kind,
    /// A file that the kernel makes up; reading it may act.
    #[error("expected a file on a disk, found one of the kernel's")]
    Kernels,
    /// More than was wanted.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
}

impl From<Errno> for Refused {
    fn from(cause: Errno) -> Self {
        Self::Read(cause)
    }
}

/// Filesystems whose files are no files: proc, sysfs, debugfs, tracefs, securityfs, cgroup, cgroup2, bpf, configfs,
/// pstore, efivarfs, selinuxfs, binfmt_misc, mqueue, functionfs, devpts, nsfs, rpc_pipefs, fusectl, resctrl.
const KERNELS: &[u32] = &[
    0x9fa0,
    0x6265_6572,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x0027_e0eb,
    0x6367_7270,
    0xcafe_4a11,
    0x6265_6570,
    0x6165_676c,
    0xde5e_81e4,
    0xf97c_ff8c,
    0x4249_4e4d,
    0x1980_0202,
    0xa647_361d,
    0x1cd1,
    0x6e73_6673,
    0x6759_6969,
    0x6573_5543,
    0x0765_5821,
];

/// Reads an ordinary file below `root` whole, at most `limit` bytes.
///
/// # Errors
/// See [`Refused`].
pub fn read(root: impl AsFd, path: &CStr, limit: usize) -> Result<Vec<u8>, Refused> {
    let found = sys::find_inside(root, path)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode);
    if !kind.is_file() {
        return Err(Refused::Kind);
    }
    // the field's width and sign are the architecture's; the numbers have 32 bits
    let magic = rustix::fs::fstatfs(&found)?.f_type as u32;
    if KERNELS.contains(&magic) {
        return Err(Refused::Kernels);
    }
    let file = File::from(opened(&found)?);
    let mut bytes = Vec::new();
    let io = |cause: std::io::Error| Errno::from_io_error(&cause).unwrap_or(Errno::IO);
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > limit { Err(Refused::TooLong(limit)) } else { Ok(bytes) }
}

/// Opens for reading the very thing that was found, of which the caller knows that it is a file.
///
/// # Errors
/// The kernel's.
pub fn opened(found: &OwnedFd) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

/// Finds a socket below `root`.
///
/// # Errors
/// It is not there, or is something else.
pub fn socket(root: impl AsFd, path: &CStr) -> Result<OwnedFd, Refused> {
    let found = sys::find_inside(root, path)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode);
    if kind.is_socket() { Ok(found) } else { Err(Refused::Kind) }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::dir::Dir;

    fn folder() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("root/etc")).unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::fs::write(folder.path().join("root/etc/config"), "config").unwrap();
        let root = Dir::open(&folder.path().join("root")).unwrap();
        (folder, root)
    }

    fn of(root: &Dir, path: &str) -> Result<String, Refused> {
        let path = CString::new(path).unwrap();
        read(root, &path, 16).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn an_ordinary_file_is_read_and_links_stay_below_the_root() {
        let (folder, root) = folder();
        let at = |name: &str| folder.path().join("root").join(name);
        symlink("/etc/config", at("absolute")).unwrap();
        symlink("../../../../etc/config", at("relative")).unwrap();
        symlink(folder.path().join("secret"), at("out")).unwrap();
        symlink("../secret", at("up")).unwrap();
        symlink("loop", at("loop")).unwrap();
        for path in ["/etc/config", "etc/config", "/../../etc/config", "absolute", "relative"] {
            assert_eq!(of(&root, path), Ok("config".to_owned()), "{path}");
        }
        for path in ["out", "up", "/../secret", "nothing", ""] {
            assert_eq!(of(&root, path), Err(Refused::Read(Errno::NOENT)), "{path}");
        }
        assert_eq!(of(&root, "loop"), Err(Refused::Read(Errno::LOOP)));
    }

    #[test]
    fn what_is_no_ordinary_file_is_refused_at_once() {
        let (folder, root) = folder();
        let at = |name: &str| folder.path().join("root").join(name);
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for path in ["pipe", "socket", "etc"] {
            assert_eq!(of(&root, path), Err(Refused::Kind), "{path}");
        }
        std::fs::write(at("long"), [b'x'; 17]).unwrap();
        assert_eq!(of(&root, "long"), Err(Refused::TooLong(16)));
        std::fs::write(at("longest"), [b'x'; 16]).unwrap();
        assert!(of(&root, "longest").is_ok());
        assert!(socket(&root, c"socket").is_ok());
        assert_eq!(socket(&root, c"etc/config").unwrap_err(), Refused::Kind);
    }

    #[test]
    fn the_kernels_own_files_are_refused() {
        let root = Dir::open(Path::new("/")).unwrap();
        for path in ["/proc/uptime", "/proc/self/status", "/sys/kernel/mm/transparent_hugepage/enabled"] {
            if Path::new(path).exists() {
                let refused = of(&root, path).unwrap_err();
                assert!(
                    matches!(refused, Refused::Kernels | Refused::Read(Errno::LOOP)),
                    "{path}: {refused}"
                );
            }
        }
        assert_eq!(of(&root, "/dev/null"), Err(Refused::Kind));
    }
}
