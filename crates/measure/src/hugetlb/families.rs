//! Outward names of `hugetlb`.

use plimsoll_core::family::Row;

use crate::sample::Sample;

/// The rows.
pub static ROWS: &[Row<Sample>] = &[];
