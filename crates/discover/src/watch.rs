//! The cgroup tree as events: groups that appear, empty and vanish, in every hierarchy, as they do.
//!
//! Reads: the hierarchies' directories through inotify; `cgroup.events` (v2); `cgroup.procs` (v1), whose
//!        first process is waited for through a pidfd.
//! Gives: [`TreeEvent`]s, from one thread, in an order that makes sense to a reader.
//! Cost:  one inotify watch for each group and hierarchy (about 1 KiB in the kernel, 40 bytes here); a
//!        descriptor for each group with processes that is in v1 hierarchies alone. A full scan is one
//!        stat for each, and a listing where there are children.
//!
//! Nothing is missed between looking and watching: a directory is watched first and listed then, and what
//! both tell is told once. On v2 the kernel itself tells that a group became empty, though not within
//! 10 ms after it told that the group had its first process (`CGROUP_FILE_NOTIFY_MIN_INTV`).

mod files;
mod groups;
mod worker;

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, eventfd};

use self::worker::Worker;

/// What happened in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeEvent {
    /// A group is in a hierarchy. Parents come before their children.
    Appeared {
        /// Path below the hierarchy, `/` for the root.
        name: String,
        /// Which hierarchy: index in the directories given to [`Watch::start`].
        dir: usize,
    },
    /// A group is gone from a hierarchy. Children come before their parents.
    Vanished {
        /// Path below the hierarchy.
        name: String,
        /// Which hierarchy.
        dir: usize,
        /// Whether no hierarchy has it any more.
        last: bool,
    },
    /// The group's last process ended and its directory is still there: the moment for a last sample.
    /// May come again after other processes came.
    Emptied {
        /// Path below the hierarchy.
        name: String,
    },
    /// Somebody wrote one of the group's files, such as a limit.
    Written {
        /// Path below the hierarchy.
        name: String,
        /// Which hierarchy.
        dir: usize,
        /// The file's name.
        file: String,
    },
    /// The first full scan is done.
    Ready,
}

/// How much a watch may take. The numbers are bounds, not reservations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Descriptors of processes that are waited for.
    pub descriptors: usize,
    /// inotify watches.
    pub watches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { descriptors: 1024, watches: usize::MAX }
    }
}

/// How a watch fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// inotify watches in use.
    pub watches: u64,
    /// Process descriptors in use.
    pub descriptors: u64,
    /// Groups that are known.
    pub groups: u64,
    /// Groups whose end is not told because descriptors had run out.
    pub unguarded: u64,
    /// How often the kernel's queue was too short.
    pub overflows: u64,
    /// Whether some directory has no watch; the tree is then scanned every second.
    pub limit_hit: bool,
    /// Full scans.
    pub scans: u64,
}

/// Why a watch cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the watch over the cgroup tree cannot start: {step}")]
pub struct Error {
    step: &'static str,
    #[source]
    cause: std::io::Error,
}

impl Error {
    fn at(step: &'static str) -> impl Fn(rustix::io::Errno) -> Self {
        move |cause| Self { step, cause: cause.into() }
    }
}

/// A watch over the tree, on a thread of its own. Dropping it stops it.
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its owner both see.
struct Shared {
    wake: OwnedFd,
    stop: AtomicBool,
    rescan: AtomicBool,
    watches: AtomicU64,
    descriptors: AtomicU64,
    groups: AtomicU64,
    unguarded: AtomicU64,
    overflows: AtomicU64,
    limit_hit: AtomicBool,
    scans: AtomicU64,
}

impl Watch {
    /// Starts to watch the hierarchies mounted at `dirs`, any number of them. `on` is called from the
    /// watch's thread; while it does not return, nothing further is seen (though nothing is lost either).
    /// A hierarchy that is named twice is told under its first index alone; one that is not there is
    /// looked for at each scan.
    ///
    /// # Errors
    /// No thread, no epoll or no eventfd can be had. Without inotify the tree is scanned every second.
    pub fn start(
        dirs: Vec<PathBuf>,
        limits: Limits,
        on: impl FnMut(TreeEvent) + Send + 'static,
    ) -> Result<Self, Error> {
        let wake =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(Error::at("eventfd"))?;
        let shared = Arc::new(Shared {
            wake,
            stop: AtomicBool::default(),
            rescan: AtomicBool::default(),
            watches: AtomicU64::default(),
            descriptors: AtomicU64::default(),
            groups: AtomicU64::default(),
            unguarded: AtomicU64::default(),
            overflows: AtomicU64::default(),
            limit_hit: AtomicBool::default(),
            scans: AtomicU64::default(),
        });
        let worker = Worker::new(dirs, limits, Arc::clone(&shared), Box::new(on))?;
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || worker.run())
            .map_err(|cause| Error { step: "thread", cause })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Asks for a full scan soon; returns at once.
    pub fn rescan(&self) {
        self.shared.rescan.store(true, Relaxed);
        self.shared.wake();
    }

    /// How it fares.
    pub fn health(&self) -> Health {
        let s = &self.shared;
        Health {
            watches: s.watches.load(Relaxed),
            descriptors: s.descriptors.load(Relaxed),
            groups: s.groups.load(Relaxed),
            unguarded: s.unguarded.load(Relaxed),
            overflows: s.overflows.load(Relaxed),
            limit_hit: s.limit_hit.load(Relaxed),
            scans: s.scans.load(Relaxed),
        }
    }

    /// Stops, and returns when the last event has been given out.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        self.shared.wake();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches the cgroup tree had panicked");
        }
    }
}

impl Shared {
    /// Wakes the thread. The counter of an eventfd cannot be full here.
    fn wake(&self) {
        let _ = rustix::io::write(self.wake.as_fd(), &1_u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests;
