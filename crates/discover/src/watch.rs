//! The cgroup tree as events.

use std::path::PathBuf;

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

/// A watch over the tree, on a thread of its own.
pub struct Watch {}

impl Watch {
    /// Starts.
    ///
    /// # Errors
    /// No thread or no epoll.
    pub fn start(
        dirs: Vec<PathBuf>,
        limits: Limits,
        on: impl FnMut(TreeEvent) + Send + 'static,
    ) -> Result<Self, Error> {
        let _ = (dirs, limits, on);
        Ok(Self {})
    }
    /// Asks for a full scan soon; returns at once.
    pub fn rescan(&self) {}
    /// How it fares.
    pub fn health(&self) -> Health {
        Health::default()
    }
    /// Stops and waits for the thread.
    pub fn stop(self) {}
}
