//! Outward names of huge pages.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::{counter, gauge};
use crate::hugetlb::HugeTlb;
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    counter(
        "container_hugetlb_failcnt",
        "Number of hugepage usage hits limits",
        Kind::HugeTlb,
        PAGESIZE,
        Source { v1: "hugetlb.<size>.failcnt", v2: "hugetlb.<size>.events max" },
        |s, out| each(s, out, |size| size.failcnt),
    ),
    gauge(
        "container_hugetlb_max_usage_bytes",
        "Maximum hugepage usage recorded in bytes",
        Kind::HugeTlb,
        PAGESIZE,
        Source { v1: "hugetlb.<size>.max_usage_in_bytes", v2: "-" },
        |s, out| each(s, out, |size| size.max_usage),
    ),
    gauge(
        "container_hugetlb_usage_bytes",
        "Current hugepage usage in bytes",
        Kind::HugeTlb,
        PAGESIZE,
        Source { v1: "hugetlb.<size>.usage_in_bytes", v2: "hugetlb.<size>.current" },
        |s, out| each(s, out, |size| Some(size.usage)),
    ),
];

const PAGESIZE: &[&str] = &["pagesize"];

fn each(s: &Sample, out: &mut dyn Emit, number: impl Fn(&HugeTlb) -> Option<u64>) {
    for size in &s.hugetlb {
        if let Some(number) = number(&size.value) {
            out.int(&[&size.name], number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;
    use plimsoll_core::columns::Named;

    #[test]
    fn every_size_has_its_lines() {
        let size = |name: &str, usage, max_usage: Option<u64>, failcnt: Option<u64>| Named {
            name: name.into(),
            value: HugeTlb { usage, max_usage, failcnt },
        };
        let sample = Sample {
            hugetlb: vec![size("1GB", 0, None, None), size("2MB", 4, Some(10), Some(1))],
            ..Sample::default()
        };
        assert_eq!(
            text(ROWS, &sample),
            r#"container_hugetlb_failcnt{pagesize="2MB"} 1
container_hugetlb_max_usage_bytes{pagesize="2MB"} 10
container_hugetlb_usage_bytes{pagesize="1GB"} 0
container_hugetlb_usage_bytes{pagesize="2MB"} 4
"#
        );
    }
}
