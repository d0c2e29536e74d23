//! Tasks of one container by state: netlink taskstats, v1 only.

pub mod families;

use plimsoll_core::columnar;
use serde::Serialize;

use crate::sample::or_zero;

/// `task_stats` in JSON; absent unless the load reader runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
    /// Tasks waiting for io.
    #[serde(serialize_with = "or_zero")]
    pub nr_io_wait: Option<u64>,
}

columnar!(TaskStats { nr_sleeping, nr_running, nr_stopped, nr_uninterruptible, nr_io_wait });
