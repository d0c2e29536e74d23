//! The cpuset controller of one container; v1 only.

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
