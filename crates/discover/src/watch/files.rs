//! The few files and directories that the watch looks into.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;

/// What a stat says of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its inode; on cgroup filesystems never given twice.
    pub(super) ino: u64,
    /// Whether it surely has no directories in it: two links, its name and its own dot. Filesystems that
    /// do not count so (btrfs, overlay) show one.
    pub(super) childless: bool,
}

/// Looks at a directory; `None` when there is none.
pub(super) fn look(path: &str) -> Option<Seen> {
    look_below(CWD, path)
}

/// The same below an open directory: for many, half as dear as by their whole paths.
pub(super) fn look_below(dir: impl AsFd, path: &str) -> Option<Seen> {
    let stat = rustix::fs::statat(dir, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    is_dir.then_some(Seen { ino: stat.st_ino, childless: stat.st_nlink == 2 })
}

/// A directory as the place from which others are looked at.
pub(super) fn open(path: &str) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

/// Calls `each` with the name of every directory in `path`. A directory that goes meanwhile has none.
pub(super) fn directories(
    path: &str,
    buffer: &mut [MaybeUninit<u8>],
    mut each: impl FnMut(&CStr),
) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        other => other?,
    };
    let mut entries = RawDir::new(&dir, buffer);
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Err(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        let name = entry.file_name();
        let is_dir = match entry.file_type() {
            FileType::Directory => true,
            FileType::Unknown => rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
            _ => false,
        };
        if is_dir && !matches!(name.to_bytes(), b"." | b"..") {
            each(name);
        }
    }
    Ok(())
}

/// `populated` of v2 `cgroup.events`; absent when the file is.
pub(super) fn populated(path: &str) -> Option<bool> {
    let mut buffer = [0; 256];
    read(path, &mut buffer)?.split(|b| *b == b'\n').find_map(|line| {
        match line.strip_prefix(b"populated ")? {
            b"0" => Some(false),
            b"1" => Some(true),
            _ => None,
        }
    })
}

/// What `cgroup.procs` says, as much of it as the buffer takes; absent when the file is.
pub(super) fn read<'b>(path: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let len = rustix::io::read(&file, &mut *buffer).ok()?;
    buffer.get(..len)
}

/// The process ids in the beginning of a `cgroup.procs`; a last line that was cut off is left out.
/// Processes of another pid namespace, which the kernel shows as 0, are `None`.
pub(super) fn pids(bytes: &[u8]) -> impl Iterator<Item = Option<i32>> {
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    bytes
        .get(..whole)
        .unwrap_or_default()
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| std::str::from_utf8(line).ok()?.parse().ok().filter(|pid| *pid > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pids_are_whole_lines() {
        let f = |text: &str, want: &[Option<i32>]| {
            assert_eq!(pids(text.as_bytes()).collect::<Vec<_>>(), want, "{text:?}")
        };
        f("", &[]);
        f("12\n345\n", &[Some(12), Some(345)]);
        f("12\n34", &[Some(12)]);
        f("0\n7\n", &[None, Some(7)]);
        f("x\n-1\n99999999999\n", &[None, None, None]);
    }
}
