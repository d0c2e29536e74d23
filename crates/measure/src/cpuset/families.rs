//! Outward names of `cpuset`.

use plimsoll_core::family::Row;

use crate::sample::Sample;

/// The rows.
pub static ROWS: &[Row<Sample>] = &[];
