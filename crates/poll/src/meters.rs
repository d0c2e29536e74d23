//! What polling costs.

use std::sync::atomic::AtomicU64;

/// Counters of all pollers of a program.
#[derive(Debug, Default)]
pub struct Meters {
    /// Answers that were taken.
    pub polls: AtomicU64,
    /// Polls, and readings of a configuration, that failed.
    pub failures: AtomicU64,
    /// Bytes of answers.
    pub bytes: AtomicU64,
    /// Nanoseconds spent on understanding them.
    pub nanos: AtomicU64,
    /// Lines of answers that were not understood.
    pub bad_lines: AtomicU64,
}
