//! A file that is read again when it changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

/// What tells one content from the next.
type Stamp = (u64, u64, i64, i64, i64, i64);

/// A file and what was seen of it.
#[derive(Debug)]
pub(crate) struct Followed {
    path: PathBuf,
    seen: Mutex<Option<Stamp>>,
}

impl Followed {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, seen: Mutex::new(None) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its content, if that is another than at the last call. After an error the next call reads again.
    pub(crate) async fn changed(&self) -> std::io::Result<Option<Vec<u8>>> {
        let mut seen = self.seen.lock().await;
        let meta = tokio::fs::metadata(&self.path).await.inspect_err(|_| *seen = None)?;
        let now = (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
        if *seen == Some(now) {
            return Ok(None);
        }
        *seen = None;
        let content = tokio::fs::read(&self.path).await?;
        *seen = Some(now);
        Ok(Some(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_once_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let file = Followed::new(path.clone());
        assert!(file.changed().await.is_err());
        std::fs::write(&path, "one").unwrap();
        assert_eq!(file.changed().await.unwrap().unwrap(), b"one");
        assert_eq!(file.changed().await.unwrap(), None);
        std::fs::write(folder.path().join("y"), "two").unwrap();
        std::fs::rename(folder.path().join("y"), &path).unwrap();
        assert_eq!(file.changed().await.unwrap().unwrap(), b"two");
        std::fs::remove_file(&path).unwrap();
        assert!(file.changed().await.is_err());
        std::fs::write(&path, "two").unwrap();
        assert_eq!(file.changed().await.unwrap().unwrap(), b"two");
    }
}
