//! Waits for a socket that is not there, without asking for it again and again.
//!
//! Reads: inotify, on the directory that would have the socket, or on the nearest above it that exists.
//! Cost:  nothing while nothing appears in that directory, but for a look a minute; one inotify instance and watch for
//!        each who waits.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{sleep, timeout};

use super::backoff::until_beat;

/// A directory that was mounted over tells of nothing, so all who wait look whether it is still the same, together. Each
/// timer of that length wakes the program three times, which on a host with few containers shows.
pub(super) const BEAT: Duration = Duration::from_secs(60);
/// The least time between two looks, in a directory in which much happens.
const LEAST: Duration = Duration::from_millis(100);

/// Returns when something is at `path`. Without inotify, or of a path that is there already, after `otherwise`.
pub(super) async fn appears(path: &Path, otherwise: Duration) {
    if path.exists() {
        return sleep(otherwise).await;
    }
    if let Err(error) = watch(path, BEAT).await {
        tracing::debug!("{}: looked for on a clock, since inotify fails: {error}", path.display());
        sleep(otherwise).await;
    }
}

async fn watch(path: &Path, beat: Duration) -> io::Result<()> {
    loop {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let folder = nearest(path);
        let this = which(&folder);
        let what =
            WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        match inotify::add_watch(&inotify, &folder, what) {
            // it went while it was looked at
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) if path.exists() => return Ok(()),
            // a further part of the path came while it was looked at
            Ok(_) if nearest(path) != folder => {}
            Ok(_) => told(inotify, path, &folder, this, beat).await?,
        }
        if path.exists() {
            return Ok(());
        }
        sleep(LEAST).await;
    }
}

/// Waits until something has happened to the part of the path that is missing, or `folder` is no longer `this` one.
async fn told(
    inotify: OwnedFd,
    path: &Path,
    folder: &Path,
    this: Option<(u64, u64)>,
    beat: Duration,
) -> io::Result<()> {
    let event = next(inotify, path, folder);
    tokio::pin!(event);
    loop {
        match timeout(until_beat(beat), &mut event).await {
            Ok(event) => return event,
            Err(_) if path.exists() || this.is_none() || which(&nearest(path)) != this => return Ok(()),
            Err(_) => {}
        }
    }
}

/// Waits until something has happened to the part of the path that is missing.
async fn next(inotify: OwnedFd, path: &Path, folder: &Path) -> io::Result<()> {
    // deprecated for types that hand out another descriptor each time, which an `OwnedFd` does not
    #[allow(deprecated, reason = "the new name is unsafe")]
    let fd = AsyncFd::with_interest(inotify, Interest::READABLE)?;
    let wanted = path.strip_prefix(folder).ok().and_then(|rest| rest.components().next());
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    loop {
        let mut ready = fd.readable().await?;
        let mut reader = inotify::Reader::new(fd.get_ref(), &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_bytes());
                    let is_it = wanted.is_some_and(|part| Some(part.as_os_str().as_encoded_bytes()) == name);
                    let lost = ReadFlags::DELETE_SELF
                        | ReadFlags::MOVE_SELF
                        | ReadFlags::IGNORED
                        | ReadFlags::UNMOUNT
                        | ReadFlags::QUEUE_OVERFLOW;
                    if is_it || event.events().intersects(lost) {
                        return Ok(());
                    }
                }
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        ready.clear_ready();
    }
}

/// Device and inode.
fn which(folder: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(folder).ok().map(|folder| (folder.dev(), folder.ino()))
}

/// The deepest directory above the path that is there.
fn nearest(path: &Path) -> PathBuf {
    let above = path.ancestors().skip(1).find(|folder| folder.is_dir());
    above.unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Longer than any of the tests.
    const NEVER: Duration = Duration::from_secs(600);

    async fn waits(path: &Path) -> bool {
        timeout(Duration::from_millis(150), appears(path, NEVER)).await.is_err()
    }

    #[tokio::test]
    async fn a_socket_is_seen_when_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/socket");
        assert!(waits(&path).await);
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { appears(&path, NEVER).await }
        });
        let pause = || sleep(Duration::from_millis(50));
        pause().await;
        std::fs::write(folder.path().join("other"), "").unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        pause().await;
        std::fs::create_dir(folder.path().join("a/b")).unwrap();
        pause().await;
        assert!(!waiting.is_finished());
        std::fs::write(folder.path().join("a/b/other"), "").unwrap();
        let begin = Instant::now();
        std::fs::write(&path, "").unwrap();
        waiting.await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(20));
    }

    /// Inotify tells nothing of it. Mounting needs root.
    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "a test, not the agent")]
    async fn a_directory_that_is_mounted_over_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let path = run.join("socket");
        std::fs::create_dir(&run).unwrap();
        let mut waiting = Box::pin(watch(&path, Duration::from_millis(20)));
        assert!(timeout(Duration::from_millis(100), &mut waiting).await.is_err());
        let mount = |command: &str, more: &[&str]| {
            std::process::Command::new(command)
                .args(more)
                .arg(&run)
                .output()
                .is_ok_and(|it| it.status.success())
        };
        if !mount("mount", &["-t", "tmpfs", "none"]) {
            return eprintln!("skipped: nothing can be mounted here");
        }
        std::fs::write(&path, "").unwrap();
        let seen = timeout(Duration::from_secs(20), waiting).await;
        assert!(mount("umount", &[]));
        seen.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_directory_that_goes_and_comes_again_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let path = run.join("socket");
        std::fs::create_dir(&run).unwrap();
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { appears(&path, NEVER).await }
        });
        sleep(Duration::from_millis(50)).await;
        std::fs::remove_dir(&run).unwrap();
        sleep(Duration::from_millis(300)).await;
        std::fs::create_dir(&run).unwrap();
        std::os::unix::net::UnixListener::bind(&path).unwrap();
        timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn of_one_that_is_there_the_clock_decides() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        std::fs::write(&path, "").unwrap();
        assert!(waits(&path).await);
        timeout(Duration::from_secs(20), appears(&path, Duration::from_millis(1))).await.unwrap();
    }
}
