//! The kernel's files: where they are and the shapes they have.
//!
//! Comes in: paths below a movable root. Goes out: bytes, and numbers parsed in place.
//! Refuses to know: containers, runtimes, metrics.

pub mod root;

pub mod error;
pub mod nvml;
pub mod sys;

pub mod accounting;
pub mod clock;
pub mod code;
pub mod heap;

pub mod dir;
pub mod file;
pub mod inside;

pub mod format;
pub mod hierarchy;
pub mod netlink;
pub mod process;

pub mod perf;
