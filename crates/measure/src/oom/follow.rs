//! The kernel's log as it grows.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_core::time::Timestamp;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::kill::{Kill, Parser};
use super::record;

/// The longest record that the kernel gives (`PRINTK_MESSAGE_MAX` is 2 KiB, before 6.x 8 KiB with escapes).
const LONGEST: usize = 16 * 1024;

/// From where to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// What is said from now on.
    Now,
    /// All that the log still holds. Kills that were in it at the start are marked as replayed.
    Oldest,
}

/// Follows the log until `stop` can be read (or its other end is closed), and gives each kill. The wall time of
/// a kill is `began`, asked at each record, and the log's own clock. Records that the kernel overwrote before they were read are added to
/// `lost`, and following goes on.
///
/// # Errors
/// The log cannot be opened: it needs CAP_SYSLOG where `kernel.dmesg_restrict` is 1, and the device itself in a
/// container. Or reading it fails.
pub fn follow(
    kmsg: &Path,
    began: impl Fn() -> Timestamp,
    since: Since,
    lost: &AtomicU64,
    on_kill: impl FnMut(Kill),
    stop: BorrowedFd<'_>,
) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let log = rustix::fs::open(kmsg, flags, Mode::empty()).map_err(|error| named(kmsg, error))?;
    if since == Since::Now {
        rustix::fs::seek(&log, SeekFrom::End(0)).map_err(|error| named(kmsg, error))?;
    }
    follow_fd(log.as_fd(), began, since, lost, on_kill, stop).map_err(|error| named(kmsg, error))
}

/// The same on an open log that gives a record each read.
pub(super) fn follow_fd(
    log: BorrowedFd<'_>,
    began: impl Fn() -> Timestamp,
    since: Since,
    lost: &AtomicU64,
    mut on_kill: impl FnMut(Kill),
    stop: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let mut buffer = vec![0; LONGEST];
    let mut state = State { parser: Parser::default(), next: None, replayed: since == Since::Oldest };
    loop {
        match rustix::io::read(log, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                if let Some(kill) = buffer.get(..n).and_then(|bytes| state.record(bytes, &began, lost)) {
                    on_kill(kill);
                }
            }
            // the oldest records were overwritten; the next read goes on with those that are left
            Err(Errno::PIPE) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // all that was there at the start is read
                state.replayed = false;
                if wait(log, stop)? {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        if stopped(stop)? {
            return Ok(());
        }
    }
}

struct State {
    parser: Parser,
    /// The number that the next record should have.
    next: Option<u64>,
    replayed: bool,
}

impl State {
    fn record(&mut self, bytes: &[u8], began: impl Fn() -> Timestamp, lost: &AtomicU64) -> Option<Kill> {
        let record = record::parse(bytes)?;
        let gap = self.next.map_or(0, |next| record.seq.saturating_sub(next));
        if gap > 0 {
            lost.fetch_add(gap, Ordering::Relaxed);
            self.parser.reset();
            tracing::warn!(records = gap, "the kernel's log was overwritten before it was read");
        }
        self.next = Some(record.seq.saturating_add(1));
        if !record.of_kernel() {
            return None;
        }
        let nanos = i64::try_from(record.usec.saturating_mul(1000)).unwrap_or(i64::MAX);
        let kill = self.parser.line(&record.text, began().plus_nanos(nanos))?;
        Some(Kill { replayed: self.replayed, ..kill })
    }
}

/// Sleeps until the log or `stop` can be read; whether to stop.
fn wait(log: BorrowedFd<'_>, stop: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mut fds = [PollFd::new(&stop, PollFlags::IN), PollFd::new(&log, PollFlags::IN)];
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => Ok(fds.first().is_some_and(|stop| !stop.revents().is_empty())),
        Err(error) => Err(error),
    }
}

/// Whether `stop` can be read now.
fn stopped(stop: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mut fds = [PollFd::new(&stop, PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut fds, Some(&now)) {
        Ok(n) => Ok(n > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error),
    }
}

fn named(path: &Path, error: Errno) -> io::Error {
    let error = io::Error::from(error);
    let kind = error.kind();
    let hint = match kind {
        ErrorKind::PermissionDenied => {
            "; CAP_SYSLOG gives it (and the device must be allowed in a container)"
        }
        _ => "",
    };
    io::Error::new(kind, format!("{}: {error}{hint}", path.display()))
}
