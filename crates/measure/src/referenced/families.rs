//! Outward name of referenced memory.

use plimsoll_core::family::{Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::gauge;
use crate::sample::Sample;

/// Rows for every container. They carry the time of their own round.
pub static ROWS: &[Row<Sample>] = &[gauge(
    "container_referenced_bytes",
    "Container referenced bytes during last measurements cycle",
    Kind::ReferencedMemory,
    &[],
    Source::both("/proc/<pid>/smaps_rollup"),
    |s, out| {
        s.rounds.referenced.iter().for_each(|at| out.at(*at));
        out.maybe(s.referenced_memory);
    },
)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;

    #[test]
    fn it_has_its_line() {
        let sample = Sample { referenced_memory: Some(1234), ..Sample::default() };
        assert_eq!(text(ROWS, &sample), "container_referenced_bytes 1234\n");
    }
}
