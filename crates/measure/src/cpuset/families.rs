//! Outward names of the cpuset controller.

use plimsoll_core::family::{Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::gauge;
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[gauge(
    "container_memory_migrate",
    "Memory migrate status.",
    Kind::CpuSet,
    &[],
    Source { v1: "cpuset.memory_migrate", v2: "-" },
    |s, out| out.maybe(s.cpuset.as_ref().and_then(|cpuset| cpuset.memory_migrate)),
)];
