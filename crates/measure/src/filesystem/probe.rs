//! statvfs that cannot block for long: mounts on other machines are asked by a thread of its own.
//!
//! A mount that does not answer in time keeps that thread, and another one asks the rest; the mount is left out,
//! and not asked again, until the answer comes. So there is at most one thread for each mount that hangs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long all mounts on other machines together may take.
const LIMIT: Duration = Duration::from_secs(2);
/// With so many threads held by mounts that hang, no further mount is asked.
const MOST_STUCK: usize = 16;

/// What statvfs says, in bytes and inodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) capacity: u64,
    pub(super) free: u64,
    pub(super) available: u64,
    pub(super) inodes: u64,
    pub(super) inodes_free: u64,
}

/// How a mount is asked.
pub(super) type Ask = dyn Fn(&Path) -> io::Result<Sizes> + Send + Sync;

/// Asks mounts.
pub(super) struct Probe {
    ask: Arc<Ask>,
    limit: Duration,
    remote: Mutex<Remote>,
}

#[derive(Default)]
struct Remote {
    worker: Option<Worker>,
    stuck: Vec<Stuck>,
}

/// A thread that answers paths in order; it ends when its sender is dropped.
struct Worker {
    paths: Sender<PathBuf>,
    answers: Receiver<io::Result<Sizes>>,
}

/// A mount that holds a thread.
struct Stuck {
    device: (u32, u32),
    answers: Receiver<io::Result<Sizes>>,
}

impl Probe {
    /// Asks the kernel.
    pub(super) fn new() -> Self {
        Self::with(Arc::new(statvfs), LIMIT)
    }

    pub(super) fn with(ask: Arc<Ask>, limit: Duration) -> Self {
        Self { ask, limit, remote: Mutex::default() }
    }

    /// Asks a local mount, here and now.
    pub(super) fn local(&self, path: &Path) -> io::Result<Sizes> {
        (self.ask)(path)
    }

    /// Asks mounts on other machines (path and device number); in the place of one that does not answer now is
    /// `None`. All of them together are given the limit.
    pub(super) fn remote(&self, mounts: &[(PathBuf, (u32, u32))]) -> Vec<Option<io::Result<Sizes>>> {
        let deadline = Instant::now() + self.limit;
        // while another caller waits for them, nothing is known here
        let Ok(mut remote) = self.remote.try_lock() else { return mounts.iter().map(|_| None).collect() };
        remote.stuck.retain(|stuck| matches!(stuck.answers.try_recv(), Err(TryRecvError::Empty)));
        mounts.iter().map(|(path, device)| self.one(&mut remote, path, *device, deadline)).collect()
    }

    fn one(
        &self,
        remote: &mut Remote,
        path: &Path,
        device: (u32, u32),
        deadline: Instant,
    ) -> Option<io::Result<Sizes>> {
        let hangs = remote.stuck.iter().any(|stuck| stuck.device == device);
        let left = deadline.saturating_duration_since(Instant::now());
        if hangs || left.is_zero() || remote.stuck.len() >= MOST_STUCK {
            return None;
        }
        let worker = match remote.worker.take() {
            Some(worker) => worker,
            None => match self.worker() {
                Ok(worker) => worker,
                Err(error) => return Some(Err(error)),
            },
        };
        worker.paths.send(path.to_owned()).ok()?;
        match worker.answers.recv_timeout(left) {
            Ok(answer) => {
                remote.worker = Some(worker);
                Some(answer)
            }
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!(path = %path.display(), "the mount does not answer; left out until it does");
                remote.stuck.push(Stuck { device, answers: worker.answers });
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn worker(&self) -> io::Result<Worker> {
        let (paths, asked) = channel::<PathBuf>();
        let (answered, answers) = channel();
        let ask = Arc::clone(&self.ask);
        std::thread::Builder::new().name("statvfs".to_owned()).spawn(move || {
            for path in asked {
                if answered.send(ask(&path)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Worker { paths, answers })
    }
}

fn statvfs(path: &Path) -> io::Result<Sizes> {
    let stat = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| stat.f_frsize.saturating_mul(blocks);
    Ok(Sizes {
        capacity: bytes(stat.f_blocks),
        free: bytes(stat.f_bfree),
        available: bytes(stat.f_bavail),
        inodes: stat.f_files,
        inodes_free: stat.f_ffree,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Asks mounts of which those named `hung` wait until the sender is dropped.
    fn probe(asked: &Arc<AtomicUsize>, limit: Duration) -> (Probe, Sender<()>) {
        let (release, hung) = channel::<()>();
        let (hung, asked) = (Mutex::new(hung), Arc::clone(asked));
        let ask = move |path: &Path| {
            asked.fetch_add(1, Ordering::SeqCst);
            if path.ends_with("hung") {
                let _ = hung.lock().map(|hung| hung.recv());
            }
            Ok(Sizes { capacity: 1, ..Sizes::default() })
        };
        (Probe::with(Arc::new(ask), limit), release)
    }

    fn answers(probe: &Probe, mounts: &[(&str, u32)]) -> Vec<bool> {
        let mounts: Vec<_> = mounts.iter().map(|(path, minor)| (PathBuf::from(path), (0, *minor))).collect();
        probe.remote(&mounts).iter().map(Option::is_some).collect()
    }

    #[test]
    fn a_mount_that_hangs_is_asked_once_and_costs_the_others_one_round() {
        let asked = Arc::default();
        // long enough for a busy machine to answer for /a
        let (probe, release) = probe(&asked, Duration::from_secs(2));
        let mounts = [("/a", 1), ("/hung", 2), ("/b", 3), ("/b/same-server/hung", 2)];
        assert_eq!(answers(&probe, &mounts), [true, false, false, false]);
        for _ in 0..3 {
            assert_eq!(answers(&probe, &mounts), [true, false, true, false]);
        }
        // /a and /b each time, and /hung once
        assert_eq!(asked.load(Ordering::SeqCst), 4 + 3 + 1);
        drop(release);
        // the answer that came late ends the waiting, whenever it arrives
        while answers(&probe, &[("/hung", 2)]) != [true] {
            std::thread::yield_now();
        }
    }

    #[test]
    fn threads_are_bounded() {
        let asked = Arc::default();
        let (probe, _release) = probe(&asked, Duration::from_millis(20));
        for minor in 0..40 {
            answers(&probe, &[("/hung", minor)]);
        }
        assert_eq!(probe.remote.lock().unwrap().stuck.len(), MOST_STUCK);
    }

    #[test]
    fn the_kernel_counts_in_bytes() {
        let sizes = statvfs(Path::new("/")).unwrap();
        assert!(sizes.capacity >= sizes.free && sizes.free >= sizes.available && sizes.capacity > 1 << 20);
        assert!(statvfs(Path::new("/there/is/none")).is_err());
    }
}
