//! The runtimes that are followed, and how each of them is.

use std::sync::{Arc, Mutex};

use plimsoll_core::runtime::Status;
use plimsoll_discover::runtime::daemon::Daemon;

use super::lock;

/// One runtime.
pub(crate) struct Followed {
    pub(crate) daemon: Daemon,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why it does not answer; absent while it does, or has not been reached yet.
    down: Option<String>,
    /// Whether it has answered ever.
    seen: bool,
    /// As it told when it answered last; empty where it tells none.
    version: String,
}

impl Followed {
    pub(crate) fn new(daemon: Daemon) -> Self {
        Self { daemon, state: Mutex::default() }
    }

    pub(crate) fn up(&self, status: &Status) {
        *lock(&self.state) = State { down: None, seen: true, version: status.version.clone() };
    }

    pub(crate) fn down(&self, reason: String) {
        lock(&self.state).down = Some(reason);
    }

    /// Why it does not answer.
    pub(crate) fn why_down(&self) -> Option<String> {
        lock(&self.state).down.clone()
    }

    pub(crate) fn is_down(&self) -> bool {
        lock(&self.state).down.is_some()
    }

    /// Whether it answers; absent while it never has, since most hosts have one runtime or two.
    pub(crate) fn is_up(&self) -> Option<bool> {
        let state = lock(&self.state);
        state.seen.then_some(state.down.is_none())
    }

    /// Its version, if it told one.
    pub(crate) fn version(&self) -> Option<String> {
        Some(lock(&self.state).version.clone()).filter(|version| !version.is_empty())
    }

    /// What it tells of itself, asked now.
    pub(crate) async fn status(&self) -> Result<Status, String> {
        self.daemon.status().await
    }
}

/// All of them; empty until the host starts.
pub(crate) type All = Vec<Arc<Followed>>;
