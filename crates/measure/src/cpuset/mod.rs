//! The cpuset controller of one container; v1 only.
//!
//! Reads: v1 cpuset.memory_migrate
//! Gives: whether memory moves with the set
//! Cost:  1 file; off by default (kind `cpuset`). A setting: of a quiet group it may show up to 30 s late.

mod v1;

pub(crate) use v1::FILE;

pub mod families;

use plimsoll_core::columnar;
use serde::Serialize;

use crate::sample::or_zero;

/// `cpuset` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CpuSet {
    /// Whether memory moves with the set: `cpuset.memory_migrate`.
    #[serde(serialize_with = "or_zero")]
    pub memory_migrate: Option<u64>,
}

columnar!(CpuSet { memory_migrate });
