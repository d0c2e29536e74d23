//! Tells whether a file is still the one that was read, without reading it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Which file, and when it and its name were last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileVersion {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileVersion {
    /// The file as it is now.
    ///
    /// # Errors
    /// There is none, or it may not be seen.
    pub(crate) fn of(file: &Path) -> io::Result<Self> {
        let found = std::fs::metadata(file)?;
        Ok(Self {
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}
