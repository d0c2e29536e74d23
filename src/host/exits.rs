//! How containers ended, as their runtimes tell it: the word may come before or after the cgroup's end.

use std::collections::VecDeque;
use std::sync::{Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{Inner, lock};

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exit {
    /// What it returned.
    pub(crate) code: Option<i64>,
    /// Whether the runtime says that it was killed for want of memory.
    pub(crate) oom_killed: bool,
}

/// Words not yet taken; the oldest go first when there are too many.
#[derive(Default)]
pub(crate) struct Exits {
    told: Mutex<VecDeque<(String, Instant, Exit)>>,
    arrived: Notify,
}

/// How long a deletion event waits for the runtime's word, and how old a word may be.
const WAIT: Duration = Duration::from_secs(2);
const STALE: Duration = Duration::from_secs(10);
const MOST: usize = 4096;

impl Exits {
    /// A runtime's word; `again` where it told of this end before.
    pub(crate) fn told(&self, id: String, exit: Exit, again: bool) {
        let mut told = lock(&self.told);
        // what was taken already would stay for the end of the next run
        if again && !told.iter().any(|(other, ..)| *other == id) {
            return;
        }
        told.retain(|(other, at, _)| *other != id && at.elapsed() < STALE);
        if told.len() >= MOST {
            told.pop_front();
        }
        told.push_back((id, Instant::now(), exit));
        drop(told);
        self.arrived.notify_waiters();
    }

    fn take(&self, id: &str) -> Option<Exit> {
        let mut told = lock(&self.told);
        let place = told.iter().position(|(other, at, _)| other == id && at.elapsed() < STALE)?;
        told.remove(place).map(|(_, _, exit)| exit)
    }
}

/// The word on this container, if it comes in time.
pub(crate) async fn wait(inner: &Weak<Inner>, id: &str) -> Option<Exit> {
    let deadline = tokio::time::Instant::now() + WAIT;
    loop {
        let inner = inner.upgrade()?;
        let arrived = inner.exits.arrived.notified();
        tokio::pin!(arrived);
        // from here on a word that arrives is noticed, so none is missed between looking and waiting
        arrived.as_mut().enable();
        if let Some(exit) = inner.exits.take(id) {
            return Some(exit);
        }
        tokio::time::timeout_at(deadline, arrived).await.ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_once_and_the_newest_counts() {
        let exits = Exits::default();
        let exit = |code| Exit { code: Some(code), oom_killed: false };
        exits.told("a".into(), exit(1), false);
        exits.told("a".into(), exit(2), true);
        assert_eq!(exits.take("b"), None);
        assert_eq!(exits.take("a"), Some(exit(2)));
        assert_eq!(exits.take("a"), None);
        // late, it is not the next run's
        exits.told("a".into(), exit(3), true);
        assert_eq!(exits.take("a"), None);
        exits.told("a".into(), exit(4), false);
        assert_eq!(exits.take("a"), Some(exit(4)));
    }

    #[test]
    fn words_that_nobody_takes_are_bounded() {
        let exits = Exits::default();
        for n in 0..2 * MOST {
            exits.told(n.to_string(), Exit { code: None, oom_killed: false }, false);
        }
        assert_eq!(lock(&exits.told).len(), MOST);
    }
}
