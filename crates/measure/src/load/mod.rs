//! Tasks of one container by state, and the load that they are.
//!
//! Reads: cgroup v1: the kernel's count by netlink (taskstats); where there is none, as on v2, the state of each
//!        thread in /proc/<tid>/task/<tid>/stat of those in cgroup.threads (v1: tasks)
//! Gives: tasks by state; runnable and uninterruptible ones averaged over ten seconds
//! Cost:  benches/rounds.rs; in rounds of its own ([`crate::rounds`]), off by default (`-enable_load_reader`)
//!
//! cAdvisor's netlink reader knows cgroup v1 only: the kernel refuses the question for a group of v2.

pub mod families;

mod netlink;
mod survey;
mod threads;

use plimsoll_core::columnar;
use serde::Serialize;

use crate::sample::or_zero;

pub use netlink::parse;
pub use survey::{Load, Survey, Target};

/// `task_stats` in JSON; absent unless the load reader runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TaskStats {
    /// Sleeping tasks.
    #[serde(serialize_with = "or_zero")]
    pub nr_sleeping: Option<u64>,
    /// Running tasks.
    #[serde(serialize_with = "or_zero")]
    pub nr_running: Option<u64>,
    /// Stopped tasks.
    #[serde(serialize_with = "or_zero")]
    pub nr_stopped: Option<u64>,
    /// Tasks that cannot be interrupted.
    #[serde(serialize_with = "or_zero")]
    pub nr_uninterruptible: Option<u64>,
    /// Tasks waiting for io that are in none of the other states; absent where threads are counted one by one,
    /// since their files do not tell.
    #[serde(serialize_with = "or_zero")]
    pub nr_io_wait: Option<u64>,
}

impl TaskStats {
    /// Adds those of a group below. What one of them lacks is not known of both.
    fn add(&mut self, other: &Self) {
        let sum = |a: &mut Option<u64>, b: Option<u64>| *a = a.zip(b).map(|(a, b)| a.saturating_add(b));
        sum(&mut self.nr_sleeping, other.nr_sleeping);
        sum(&mut self.nr_running, other.nr_running);
        sum(&mut self.nr_stopped, other.nr_stopped);
        sum(&mut self.nr_uninterruptible, other.nr_uninterruptible);
        sum(&mut self.nr_io_wait, other.nr_io_wait);
    }
}

columnar!(TaskStats { nr_sleeping, nr_running, nr_stopped, nr_uninterruptible, nr_io_wait });
