//! Derived statistics of one container: what it used over the last minute, hour and day.

use plimsoll_core::summary::DerivedStats;
use plimsoll_core::time::Timestamp;

/// The statistics of one container as they grow.
#[derive(Default)]
pub struct Summary {}

impl Summary {
    /// Takes the numbers of one sample. Absent ones are left out of the statistics.
    pub fn push(&mut self, _at: Timestamp, _cpu_total_nanos: Option<u64>, _working_set: Option<u64>) {}

    /// The statistics up to the last sample; absent before the first one that had a number.
    pub fn derived(&self) -> Option<DerivedStats> {
        None
    }
}
