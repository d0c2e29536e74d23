//! Outward names of the CPU's monitoring.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::{Digits, gauge};
use crate::resctrl::MemoryBandwidth;
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    gauge(
        "container_llc_occupancy_bytes",
        "Last level cache usage statistics for container counted with RDT Memory Bandwidth Monitoring (MBM).",
        Kind::Resctrl,
        NODE,
        Source::both("resctrl mon_data/*/llc_occupancy"),
        |s, out| {
            let caches = s.resctrl.iter().flat_map(|resctrl| &resctrl.cache);
            each(caches.map(|cache| cache.llc_occupancy), out);
        },
    ),
    gauge(
        "container_memory_bandwidth_bytes",
        "Total memory bandwidth usage statistics for container counted with RDT Memory Bandwidth Monitoring (MBM).",
        Kind::Resctrl,
        NODE,
        Source::both("resctrl mon_data/*/mbm_total_bytes"),
        |s, out| each(bandwidth(s).map(|domain| domain.total), out),
    ),
    gauge(
        "container_memory_bandwidth_local_bytes",
        "Local memory bandwidth usage statistics for container counted with RDT Memory Bandwidth Monitoring (MBM).",
        Kind::Resctrl,
        NODE,
        Source::both("resctrl mon_data/*/mbm_local_bytes"),
        |s, out| each(bandwidth(s).map(|domain| domain.local), out),
    ),
];

const NODE: &[&str] = &["node_id"];

fn bandwidth(s: &Sample) -> impl Iterator<Item = &MemoryBandwidth> {
    s.resctrl.iter().flat_map(|resctrl| &resctrl.memory_bandwidth)
}

fn each(numbers: impl Iterator<Item = Option<u64>>, out: &mut dyn Emit) {
    for (node, number) in numbers.enumerate() {
        if let Some(number) = number {
            out.int(&[Digits::new("", node as u64, 0).as_str()], number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;
    use crate::resctrl::{Cache, Resctrl};

    #[test]
    fn every_domain_has_its_lines_and_an_absent_number_none() {
        let domain = |total, local| MemoryBandwidth { total, local };
        let resctrl = Resctrl {
            memory_bandwidth: vec![domain(Some(4_512_312), Some(2_390_393)), domain(None, Some(0))],
            cache: vec![Cache { llc_occupancy: Some(162_626) }, Cache { llc_occupancy: Some(213_777) }],
        };
        let sample = Sample { resctrl: Some(resctrl), ..Sample::default() };
        assert_eq!(
            text(ROWS, &sample),
            r#"container_llc_occupancy_bytes{node_id="0"} 162626
container_llc_occupancy_bytes{node_id="1"} 213777
container_memory_bandwidth_bytes{node_id="0"} 4512312
container_memory_bandwidth_local_bytes{node_id="0"} 2390393
container_memory_bandwidth_local_bytes{node_id="1"} 0
"#
        );
    }
}
