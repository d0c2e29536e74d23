//! Kills for want of memory, from the kernel's log, on a thread of its own.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::clock;
use plimsoll_measure::oom::{self, Since};

use super::{Inner, lock};

/// Starts following the kernel's log. Without the right to read it everything else goes on. The thread ends
/// when `stop` can be read.
pub(super) fn start(host: &Arc<Inner>, stop: OwnedFd) {
    let weak = Arc::downgrade(host);
    let stages = host.stages.clone();
    let log = host.options.kernel_log.clone();
    let follow = move || {
        let began = || Timestamp(clock::log_began());
        let on_kill = |kill| {
            if let Some(host) = weak.upgrade() {
                host.killed(kill);
            }
        };
        let lost = &stages.meters.kernel_log_lost;
        // kills that are in the log already are told as events, as cAdvisor does, but count for nothing
        let ended = oom::follow(&log, began, Since::Oldest, lost, on_kill, stop.as_fd());
        if let (Err(error), Some(host)) = (ended, weak.upgrade()) {
            tracing::warn!(%error, "no events of kills for want of memory: see /validate/");
            *lock(&host.oom_missing) = Some(error.to_string());
        }
    };
    if let Err(error) = std::thread::Builder::new().name("kernel-log".into()).spawn(follow) {
        let log = host.options.kernel_log.display();
        *lock(&host.oom_missing) = Some(format!("no thread to read {log}: {error}"));
    }
}
