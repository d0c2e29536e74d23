//! Processes and threads of one container.
//!
//! Reads: pids.current, pids.max; cgroup.procs, of a container also those of the groups below its own;
//!        /proc/<pid>/fd of each process, /proc/<pid>/limits of the first
//! Gives: processes, threads, their limit, open descriptors, sockets
//! Cost:  2 files a container and a listing a process; off by default (kind `process`)
//!
//! Of a quiet group (see [`crate::reader::Effort::Thrifty`]) all are passed over: a task that forks or opens
//! takes CPU time; one that is moved in from outside, or a changed limit, may show up to 30 s late.

pub mod families;

mod controller;
mod procs;

pub(crate) use controller::FILES;
use plimsoll_core::columnar;
pub(crate) use procs::read;
use serde::Serialize;

use crate::sample::{none_or_zero, or_zero};

/// Process numbers; `processes` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Processes {
    /// Lines of `cgroup.procs`.
    #[serde(serialize_with = "or_zero")]
    pub process_count: Option<u64>,
    /// Entries of `/proc/<pid>/fd` of those processes; absent where one of them may not be looked into.
    #[serde(serialize_with = "or_zero")]
    pub fd_count: Option<u64>,
    /// Those entries that are sockets; absent where one may not be followed.
    #[serde(serialize_with = "or_zero")]
    pub socket_count: Option<u64>,
    /// `pids.current`.
    #[serde(skip_serializing_if = "none_or_zero")]
    pub threads_current: Option<u64>,
    /// `pids.max`; 0 is no limit.
    #[serde(skip_serializing_if = "none_or_zero")]
    pub threads_max: Option<u64>,
    /// Limits of the first process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<Ulimit>,
}

/// One line of `/proc/<pid>/limits`; -1 is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ulimit {
    /// `max_open_files`.
    pub name: String,
    /// The soft limit.
    pub soft_limit: i64,
    /// The hard limit.
    pub hard_limit: i64,
}

columnar!(Processes { process_count, fd_count, socket_count, threads_current, threads_max, ulimits });
columnar!(Ulimit { name, soft_limit, hard_limit });
