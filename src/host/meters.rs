//! What the host counts of itself: `plimsoll_*` on `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::container::Reading;

/// Counters that the sampling side adds to.
#[derive(Default)]
pub(crate) struct Meters {
    /// Container samples read.
    pub(crate) samples: AtomicU64,
    /// Kernel files read for them.
    pub(crate) files: AtomicU64,
    /// Kernel files that could not be read or understood.
    pub(crate) faults: AtomicU64,
    /// Times a sampling thread woke to read.
    pub(crate) sweeps: AtomicU64,
    /// Nanoseconds that sampling threads were at it.
    pub(crate) sweeping_nanos: AtomicU64,
    /// Records of the kernel log that were overwritten before they were read.
    pub(crate) kernel_log_lost: AtomicU64,
}

impl Meters {
    pub(crate) fn read(&self, reading: &Reading) {
        self.samples.fetch_add(u64::from(!reading.gone), Relaxed);
        self.files.fetch_add(reading.files.into(), Relaxed);
        self.faults.fetch_add(reading.faults.into(), Relaxed);
    }

    pub(crate) fn swept(&self, _containers: usize, took: Duration) {
        self.sweeps.fetch_add(1, Relaxed);
        self.sweeping_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}
