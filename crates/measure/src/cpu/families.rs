//! Outward names of `cpu`.

use plimsoll_core::family::Row;

use crate::sample::Sample;

/// The rows.
pub static ROWS: &[Row<Sample>] = &[];

/// Rows for containers that have a CPU quota.
pub static WITH_QUOTA: &[Row<Sample>] = &[];
