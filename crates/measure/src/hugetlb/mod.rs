//! Huge pages of one container.

pub mod families;

use plimsoll_core::columnar;
use plimsoll_core::container::is_zero;
use serde::Serialize;

/// Huge pages of one size.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HugeTlb {
    /// Bytes. v1 `hugetlb.<size>[.rsvd].usage_in_bytes` | v2 `hugetlb.<size>[.rsvd].current`.
    #[serde(skip_serializing_if = "is_zero")]
    pub usage: u64,
    /// Bytes at the peak. v1 `hugetlb.<size>[.rsvd].max_usage_in_bytes` | v2 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_usage: u64,
    /// Times the limit was hit. v1 `hugetlb.<size>[.rsvd].failcnt` | v2 `hugetlb.<size>.events` max.
    pub failcnt: u64,
}

columnar!(HugeTlb { usage, max_usage, failcnt });
