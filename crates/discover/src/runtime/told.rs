//! What a runtime tells, the same words for all of them.

use std::sync::Arc;

use plimsoll_core::container::Identity;
use plimsoll_core::runtime::Status;

/// What a runtime told. An id is the one that a [`super::Claim`] gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Who the container is: new, asked for, or changed (started, renamed, other health).
    Known {
        /// The container's id.
        id: String,
        /// All that is known of it now.
        identity: Arc<Identity>,
    },
    /// Its process ended. May come twice: the second time when the runtime says late that it was for memory.
    Ended {
        /// The container's id.
        id: String,
        /// What the process returned; absent when the runtime does not say.
        exit_code: Option<i64>,
        /// Whether it was killed for want of memory.
        oom_killed: bool,
        /// Whether this end was told before.
        again: bool,
    },
    /// It was removed.
    Gone {
        /// The container's id.
        id: String,
    },
    /// The runtime answers and has no such container.
    Unknown {
        /// The id that was asked for.
        id: String,
    },
    /// The runtime answers; all that runs is being told again.
    Up {
        /// Its description, without the images.
        status: Arc<Status>,
    },
    /// The runtime does not answer (any more). What was told stays true as far as anyone knows.
    Down {
        /// Why.
        reason: String,
    },
}
