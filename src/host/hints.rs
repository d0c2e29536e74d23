//! The file of container hints: read when a group without a runtime appears, and again only when it has changed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use plimsoll_discover::raw::hints::Hints;

use super::lock;

/// No file of hints is longer.
const LONGEST: u64 = 16 << 20;

/// What is known of the file.
pub(crate) struct HintsFile {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// Inode, length and the time of the last change of what was read.
    version: Option<[i64; 4]>,
    hints: Hints,
}

impl HintsFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// Directories of the host that belong to the group of this name.
    pub(crate) fn mounts(&self, name: &str) -> Vec<PathBuf> {
        if self.path.as_os_str().is_empty() {
            return Vec::new();
        }
        let mut read = lock(&self.read);
        let version = version(&self.path);
        if read.version != version {
            *read = Read { version, hints: version.map(|_| self.parse()).unwrap_or_default() };
        }
        read.hints.mounts(name).to_vec()
    }

    /// A file that is wrong gives no hints, and costs nothing else.
    fn parse(&self) -> Hints {
        let wrong = |cause: &dyn std::fmt::Display| {
            tracing::warn!("container hints {}: {cause}", self.path.display());
            Hints::default()
        };
        match std::fs::read(&self.path) {
            Ok(bytes) => Hints::parse(&bytes).unwrap_or_else(|cause| wrong(&cause)),
            Err(cause) => wrong(&cause),
        }
    }
}

/// Absent where there is no such ordinary file.
fn version(path: &Path) -> Option<[i64; 4]> {
    let found = std::fs::metadata(path).ok().filter(|found| found.is_file() && found.len() <= LONGEST)?;
    Some([found.ino().cast_signed(), found.len().cast_signed(), found.ctime(), found.ctime_nsec()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_is_read_again_and_a_bad_one_gives_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hints.json");
        let hints = HintsFile::new(file.clone());
        let write = |dir: &str| {
            let text = format!(r#"{{"all_hosts":[{{"full_path":"/a","mounts":[{{"host_dir":"{dir}"}}]}}]}}"#);
            std::fs::write(&file, text).unwrap();
        };
        assert!(hints.mounts("/a").is_empty());
        write("/x");
        assert_eq!(hints.mounts("/a"), [PathBuf::from("/x")]);
        write("/longer");
        assert_eq!(hints.mounts("/a"), [PathBuf::from("/longer")]);
        assert!(hints.mounts("/b").is_empty());
        std::fs::write(&file, "{").unwrap();
        assert!(hints.mounts("/a").is_empty());
        assert!(HintsFile::new(PathBuf::new()).mounts("/a").is_empty());
    }
}
