//! Huge pages of one container.
//!
//! Reads: v1 hugetlb.<size>[.rsvd].usage_in_bytes, .max_usage_in_bytes, .failcnt
//!        | v2 hugetlb.<size>[.rsvd].current, hugetlb.<size>.events
//! Gives: bytes in use, their peak, how often the limit was hit, by page size
//! Cost:  3 files a page size, opened each time; off by default (kind `hugetlb`)
//!
//! Of a quiet group (see [`crate::reader::Effort::Thrifty`]) all are passed over: a task that takes huge pages
//! takes CPU time. What its end gives back may show up to 30 s late.

mod read;

pub(crate) use read::{page_sizes, read};

pub mod families;

use plimsoll_core::columnar;
use plimsoll_core::container::is_zero;
use serde::Serialize;

use crate::sample::{none_or_zero, or_zero};

/// Huge pages of one size.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HugeTlb {
    /// Bytes. v1 `hugetlb.<size>[.rsvd].usage_in_bytes` | v2 `hugetlb.<size>[.rsvd].current`.
    #[serde(skip_serializing_if = "is_zero")]
    pub usage: u64,
    /// Bytes at the peak. v1 `hugetlb.<size>[.rsvd].max_usage_in_bytes` | v2 absent.
    #[serde(skip_serializing_if = "none_or_zero")]
    pub max_usage: Option<u64>,
    /// Times the limit was hit. v1 `hugetlb.<size>[.rsvd].failcnt` | v2 `hugetlb.<size>.events` max, absent before
    /// 5.6.
    #[serde(serialize_with = "or_zero")]
    pub failcnt: Option<u64>,
}

columnar!(HugeTlb { usage, max_usage, failcnt });
