//! A file that is read again when it changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_client::FileVersion;
use tokio::sync::Mutex;

/// How long a file must have been left alone to be read, and how often that is waited for.
const SETTLES: Duration = Duration::from_millis(50);
const TRIES: u32 = 20;

/// A file and what was seen of it.
#[derive(Debug)]
pub(crate) struct Followed {
    path: PathBuf,
    seen: Mutex<Option<FileVersion>>,
}

impl Followed {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, seen: Mutex::new(None) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its content, if that is another than at the last call. One that was changed a moment ago is left alone until it
    /// rests: who writes over a file empties it first. After an error the next call reads again.
    pub(crate) async fn changed(&self) -> std::io::Result<Option<Vec<u8>>> {
        let mut seen = self.seen.lock().await;
        let (mut version, age) = self.version().await.inspect_err(|_| *seen = None)?;
        if *seen == Some(version) {
            return Ok(None);
        }
        *seen = None;
        let mut rests = age.is_none_or(|age| age >= SETTLES);
        for _ in 0..TRIES {
            if rests {
                let content = tokio::fs::read(&self.path).await?;
                if self.version().await?.0 == version {
                    *seen = Some(version);
                    return Ok(Some(content));
                }
            }
            tokio::time::sleep(SETTLES).await;
            let (now, _) = self.version().await?;
            rests = now == version;
            version = now;
        }
        Err(std::io::Error::other("it is written over again and again"))
    }

    /// Which one it is, and how long ago it was changed; that is not known if the clock was set back since.
    async fn version(&self) -> std::io::Result<(FileVersion, Option<Duration>)> {
        let found = tokio::fs::metadata(&self.path).await?;
        Ok((FileVersion::from(&found), found.modified()?.elapsed().ok()))
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
    #[tokio::test(start_paused = true)]
    async fn one_that_is_written_over_is_read_when_that_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let file = Followed::new(path.clone());
        std::fs::write(&path, "").unwrap();
        let write = async {
            tokio::time::sleep(SETTLES / 2).await;
            std::fs::write(&path, "half").unwrap();
            tokio::time::sleep(SETTLES).await;
            std::fs::write(&path, "the whole").unwrap();
        };
        let (read, ()) = tokio::join!(file.changed(), write);
        assert_eq!(read.unwrap().unwrap(), b"the whole");
        assert_eq!(file.changed().await.unwrap(), None);
    }
}
