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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpuset::CpuSet;
    use crate::families::tests::text;

    #[test]
    fn every_number_has_its_line() {
        let sample = Sample { cpuset: Some(CpuSet { memory_migrate: Some(1) }), ..Sample::default() };
        assert_eq!(text(ROWS, &sample), "container_memory_migrate 1\n");
    }
}
