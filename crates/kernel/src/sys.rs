//! System calls: open, read, stat. `unsafe` would be allowed here; rustix spares us it.
//!
//! Every name is a `CStr`, so that no call copies or allocates.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// A sequence file hands out at most a page at a time, cut between two records. A read that brings less
/// than this has brought all, unless a single record is longer than the rest of the page: see [`read_to_end`].
const SURELY_WHOLE: usize = 3072;

/// What a buffer starts with: more than any of the usual files.
const FIRST_CAPACITY: usize = 8192;

/// No file of ours is longer; a file that never ends must not take the machine's memory.
const LONGEST: usize = 64 << 20;

/// Opens a file for reading below an open directory.
///
/// # Errors
/// The kernel's.
pub fn open_file(dir: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Opens a directory for use as a starting point only.
///
/// # Errors
/// The kernel's.
pub fn open_dir(path: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Opens a name below an open directory as a process would whose root that directory is: neither `..` nor a
/// symbolic link leads out of it. Nothing is opened that could wait or act: the descriptor only stands for what was
/// found.
///
/// # Errors
/// The kernel's; `ENOSYS` without `openat2` (before Linux 5.6, or where a filter forbids it).
pub fn open_inside(root: impl AsFd, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC | flags;
    // it is EAGAIN when something was renamed meanwhile
    for _ in 0..4 {
        match rustix::fs::openat2(&root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            Err(Errno::PERM) => return Err(Errno::NOSYS),
            found => return found,
        }
    }
    Err(Errno::AGAIN)
}

/// The same where the container chose the path, which without `openat2` must not follow links either.
///
/// # Errors
/// The kernel's; without `openat2` a path with symbolic links or `..` is `ELOOP`.
pub fn find_inside(root: impl AsFd, path: &CStr) -> Result<OwnedFd, Errno> {
    match open_inside(&root, path, OFlags::empty()) {
        Err(Errno::NOSYS) => step_inside(root, path),
        found => found,
    }
}

/// The same step by step, for kernels without `openat2`.
fn step_inside(root: impl AsFd, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut at = rustix::fs::openat(root, c".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    for part in path.to_bytes().split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(Errno::LOOP),
            name => {
                at = rustix::fs::openat(&at, name, flags, Mode::empty())?;
                let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&at)?.st_mode);
                if kind.is_symlink() {
                    return Err(Errno::LOOP);
                }
            }
        }
    }
    Ok(at)
}

/// Reads a whole file of short records from its beginning into the buffer, replacing what was there. One `pread` where
/// the file is short; the file's own position is not used, so the descriptor can be kept.
///
/// # Errors
/// The kernel's; `EFBIG` for a file that is longer than any of ours can be.
pub fn read_whole(file: impl AsFd, buffer: &mut Vec<u8>) -> Result<(), Errno> {
    read_until(file, buffer, |_| false)
}

/// The same, but no further than to where the text is `enough`. That is only asked where it may go on: what the
/// kernel makes for each call anew, as a list over all CPUs, is dear to ask for twice.
///
/// # Errors
/// As [`read_whole`].
pub fn read_until(
    file: impl AsFd,
    buffer: &mut Vec<u8>,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<(), Errno> {
    read_pages(file, buffer, |text| text.len() < SURELY_WHOLE || enough(text))
}

/// Reads any file whole: also one whose records may be longer than a kilobyte, as those of CPUs, mappings and mounts.
///
/// # Errors
/// As [`read_whole`].
pub fn read_to_end(file: impl AsFd, buffer: &mut Vec<u8>) -> Result<(), Errno> {
    read_pages(file, buffer, |_| false)
}

fn read_pages(file: impl AsFd, buffer: &mut Vec<u8>, is_all: impl Fn(&[u8]) -> bool) -> Result<(), Errno> {
    buffer.clear();
    if buffer.capacity() < FIRST_CAPACITY {
        buffer.reserve(FIRST_CAPACITY);
    }
    loop {
        if buffer.capacity() == buffer.len() {
            buffer.reserve(buffer.len());
        }
        let offset = buffer.len() as u64;
        let count = match rustix::io::pread(&file, spare_capacity(buffer), offset) {
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(cause) => return Err(cause),
        };
        if count == 0 || is_all(buffer) {
            return Ok(());
        }
        if buffer.len() > LONGEST {
            return Err(Errno::FBIG);
        }
    }
}

/// Whether a name is there below an open directory.
pub fn exists(dir: impl AsFd, name: &CStr) -> bool {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// The inode number behind a descriptor.
///
/// # Errors
/// The kernel's.
pub fn inode(file: impl AsFd) -> Result<u64, Errno> {
    rustix::fs::fstat(file).map(|stat| stat.st_ino)
}

/// The inode number behind a name below an open directory.
///
/// # Errors
/// The kernel's.
pub fn inode_of(dir: impl AsFd, name: &CStr) -> Result<u64, Errno> {
    rustix::fs::statat(dir, name, AtFlags::empty()).map(|stat| stat.st_ino)
}

/// How many names a directory has in its parent and in its children: without children 2, with `n` of them `2 + n`
/// on most filesystems, always 1 on some.
///
/// # Errors
/// The kernel's.
pub fn links(dir: impl AsFd) -> Result<u64, Errno> {
    // narrower on some machines
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "narrower on some machines")]
    rustix::fs::fstat(dir).map(|stat| u64::from(stat.st_nlink))
}

/// Writes a few bytes into a file of the kernel's below an open directory.
///
/// # Errors
/// The kernel's.
pub fn write_file(dir: impl AsFd, name: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let file = rustix::fs::openat(dir, name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(file, bytes).map(drop)
}

/// The most descriptors that this process may have open (`RLIMIT_NOFILE`, the soft limit).
pub fn descriptor_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Bytes of a page of memory.
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Ticks of `USER_HZ` in a second.
pub fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_read_to_where_it_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..20_000u32).map(|n| n as u8).collect();
        std::fs::write(folder.path().join("file"), &text).unwrap();
        let file = open_file(open_dir(folder.path()).unwrap(), c"file").unwrap();
        let read = |enough: fn(&[u8]) -> bool| {
            let mut buffer = Vec::new();
            read_until(&file, &mut buffer, enough).unwrap();
            assert_eq!(text[..buffer.len()], buffer);
            buffer.len()
        };
        assert_eq!(read(|_| false), text.len());
        assert_eq!(read(|_| true), FIRST_CAPACITY);
        assert!((10_000..20_000).contains(&read(|text| text.len() > 10_000)));
    }

    #[test]
    fn step_by_step_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/c"), "").unwrap();
        std::os::unix::fs::symlink("b", folder.path().join("a/link")).unwrap();
        let root = open_dir(folder.path()).unwrap();
        assert!(step_inside(&root, c"/a/./b//c").is_ok());
        assert_eq!(step_inside(&root, c"a/link/c").unwrap_err(), Errno::LOOP);
        assert_eq!(step_inside(&root, c"a/link").unwrap_err(), Errno::LOOP);
        assert_eq!(step_inside(&root, c"../x").unwrap_err(), Errno::LOOP);
        assert_eq!(step_inside(&root, c"a/nothing").unwrap_err(), Errno::NOENT);
    }
}
