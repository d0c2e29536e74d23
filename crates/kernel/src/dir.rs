//! An open directory: its files are opened below it, and what it was stays what is read.
//!
//! A group that is removed and made anew under the same name is another directory; one that is open
//! stays the old one, whose files are gone.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use crate::error::{Errno, Error};
use crate::sys;

/// An open directory. Costs a descriptor and little else.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
}

impl Dir {
    /// Opens it.
    ///
    /// # Errors
    /// There is no such directory, or it may not be entered.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::try_open(path).map_err(|cause| Error::read(path, cause))
    }

    /// The same without the path in the error, for callers that often find nothing.
    ///
    /// # Errors
    /// The kernel's.
    pub fn try_open(path: &Path) -> Result<Self, Errno> {
        Ok(Self { fd: sys::open_dir(path)? })
    }

    /// Opens one of its files for reading; the name may have `/` in it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn file(&self, name: &CStr) -> Result<OwnedFd, Errno> {
        sys::open_file(&self.fd, name)
    }

    /// Reads one of its files, of short records, whole into the buffer: open, read, close.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&self, name: &CStr, buffer: &mut Vec<u8>) -> Result<(), Errno> {
        sys::read_whole(self.file(name)?, buffer)
    }

    /// Whether a name is there.
    pub fn has(&self, name: &CStr) -> bool {
        sys::exists(&self.fd, name)
    }

    /// Its inode number: another number is another directory.
    ///
    /// # Errors
    /// The kernel's.
    pub fn inode(&self) -> Result<u64, Errno> {
        sys::inode(&self.fd)
    }

    /// The inode number of one of its files.
    ///
    /// # Errors
    /// The kernel's.
    pub fn inode_of(&self, name: &CStr) -> Result<u64, Errno> {
        sys::inode_of(&self.fd, name)
    }

    /// Whether there may be directories below it; where the filesystem does not count them, there may.
    pub fn may_have_children(&self) -> bool {
        sys::links(&self.fd) != Ok(2)
    }

    /// Writes into one of its files, which must be the kernel's own: nothing else is ever written to.
    ///
    /// # Errors
    /// The kernel's.
    pub fn write(&self, name: &CStr, bytes: &[u8]) -> Result<(), Errno> {
        sys::write_file(&self.fd, name, bytes)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Reads a file by its path whole into the buffer.
///
/// # Errors
/// The kernel's, with the path.
pub fn read_path(path: &Path, buffer: &mut Vec<u8>) -> Result<(), Error> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file| sys::read_to_end(file, buffer))
        .map_err(|cause| Error::read(path, cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test starts a program")]
    fn records_that_fill_half_a_page_are_no_end() {
        // the kernel tells of one mapping of a program with so long a path, and only when asked again of the next
        let folder = tempfile::tempdir().unwrap();
        let deep = (0..8).fold(folder.path().to_owned(), |path, _| path.join("d".repeat(200)));
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::copy("/bin/sleep", deep.join("sleep")).unwrap();
        let mut child = std::process::Command::new(deep.join("sleep")).arg("1000").spawn().unwrap();
        let (mut buffer, mut records) = (Vec::new(), 0);
        for _ in 0..100 {
            let read = read_path(Path::new(&format!("/proc/{}/smaps", child.id())), &mut buffer);
            records = String::from_utf8_lossy(&buffer).matches("\nSize:").count();
            // it may not have become that program yet
            if read.is_ok() && records > 4 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(records > 4, "{records} of its mappings");
    }

    #[test]
    fn reads_short_and_long_files_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut buffer = Vec::new();
        for size in [0, 1, 3071, 3072, 8191, 8192, 8193, 100_000] {
            let text: Vec<u8> = (0..size).map(|n| b'a' + (n % 26) as u8).collect();
            std::fs::write(folder.path().join("file"), &text).unwrap();
            Dir::open(folder.path()).unwrap().read(c"file", &mut buffer).unwrap();
            assert!(buffer == text, "{size} bytes");
        }
    }

    #[test]
    fn a_long_sequence_file_is_read_past_its_first_page() {
        let mut buffer = Vec::new();
        read_path(Path::new("/proc/self/smaps"), &mut buffer).unwrap();
        assert!(buffer.len() > 4096, "{} bytes", buffer.len());
        assert!(buffer.ends_with(b"\n"));
    }

    #[test]
    fn keeps_to_the_directory_that_it_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("group");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("file"), "old").unwrap();
        let old = Dir::open(&path).unwrap();
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("file"), "new").unwrap();

        let mut buffer = Vec::new();
        assert_eq!(old.read(c"file", &mut buffer), Err(Errno::NOENT));
        Dir::open(&path).unwrap().read(c"file", &mut buffer).unwrap();
        assert_eq!(buffer, b"new");
    }

    #[test]
    fn error_names_the_path() {
        let error = Dir::open(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.is_absent());
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
