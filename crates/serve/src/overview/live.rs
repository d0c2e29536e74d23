//! Overviews at a pace, for all who look on at once.
//!
//! Cost: one look each interval while anybody is there, whoever many they are; none while nobody is. A reader that is
//!       too slow for [`BEHIND`] deltas loses them and is given the whole once more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use plimsoll_core::time::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Delta, Observer, Overview};
use crate::past::Past;

/// The paces there are, in seconds: few, since each is computed for itself.
const PACES: [u64; 6] = [1, 2, 5, 10, 30, 60];
/// The one that an overview without a pace is taken from.
pub const PACE: Duration = Duration::from_secs(2);
/// Readers at the same time.
pub const CLIENTS: usize = 64;
/// Deltas that a reader may lag behind.
pub const BEHIND: usize = 8;

/// All paces.
pub struct Live {
    feeds: Vec<Arc<Feed>>,
    places: Arc<Semaphore>,
}

/// There is no place for one more reader.
#[derive(Debug, PartialEq, Eq)]
pub struct Crowded;

/// What a reader is told.
#[derive(Clone, Debug)]
pub enum Told {
    /// Everything, with its number.
    Full(u64, Arc<Overview>),
    /// What changed since the one before, with its number.
    Delta(u64, Arc<Delta>),
}

impl Live {
    /// Nothing is looked at yet.
    pub fn new(past: &Arc<dyn Past>) -> Self {
        let feeds =
            PACES.iter().map(|seconds| Arc::new(Feed::new(past.clone(), Duration::from_secs(*seconds))));
        Self { feeds: feeds.collect(), places: Arc::new(Semaphore::new(CLIENTS)) }
    }

    /// The feed whose pace is nearest, but not faster than asked unless that is slower than all.
    fn feed(&self, pace: Duration) -> Option<&Arc<Feed>> {
        self.feeds.iter().find(|feed| feed.pace >= pace).or(self.feeds.last())
    }

    /// How it is now: at most one [`PACE`] old where somebody looks on, else half of it.
    pub async fn overview(&self) -> Option<Arc<Overview>> {
        let feed = self.feed(PACE)?.clone();
        // the first look decodes the kept past of every container
        tokio::task::spawn_blocking(move || feed.newest()).await.ok()
    }

    /// Looks on at this pace.
    ///
    /// # Errors
    /// Too many do already.
    pub async fn join(&self, pace: Duration) -> Result<Reader, Crowded> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Crowded)?;
        let feed = self.feed(pace).ok_or(Crowded)?;
        let (weak, feed) = (Arc::downgrade(feed), feed.clone());
        let joined = tokio::task::spawn_blocking(move || feed.join()).await.map_err(|_| Crowded)?;
        Ok(Reader { feed: weak, told: joined.1, first: Some(joined.0), _place: place })
    }
}

/// Numbered, to those who look on.
type Deltas = Receiver<(u64, Arc<Delta>)>;

/// One who looks on.
pub struct Reader {
    /// Weak, so that a stopped host is let go.
    feed: Weak<Feed>,
    told: Deltas,
    first: Option<Told>,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next to be told; `None` when the host is gone. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Told> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        match self.told.recv().await {
            Ok((number, delta)) => Some(Told::Delta(number, delta)),
            Err(RecvError::Lagged(_)) => {
                let feed = self.feed.upgrade()?;
                let (full, told) = feed.again()?;
                self.told = told;
                Some(full)
            }
            Err(RecvError::Closed) => None,
        }
    }
}

/// One pace.
struct Feed {
    past: Arc<dyn Past>,
    pace: Duration,
    state: Mutex<State>,
    teller: broadcast::Sender<(u64, Arc<Delta>)>,
}

struct State {
    observer: Observer,
    newest: Option<Arc<Overview>>,
    /// Of the newest.
    number: u64,
    /// Whether the task runs that looks.
    running: bool,
}

impl Feed {
    fn new(past: Arc<dyn Past>, pace: Duration) -> Self {
        let state = State { observer: Observer::new(pace), newest: None, number: 0, running: false };
        Self { past, pace, state: Mutex::new(state), teller: broadcast::channel(BEHIND).0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // a look that panicked left the state of the one before
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, state: &mut State) -> Arc<Overview> {
        let newest = Arc::new(state.observer.look(&*self.past));
        state.newest = Some(newest.clone());
        state.number += 1;
        newest
    }

    fn is_fresh(&self, at: Timestamp) -> bool {
        let half = i64::try_from(self.pace.as_nanos() / 2).unwrap_or(i64::MAX);
        (0..half).contains(&self.past.host_state().at.since(at))
    }

    fn newest_of(&self, state: &mut State) -> Arc<Overview> {
        match &state.newest {
            Some(newest) if state.running || self.is_fresh(newest.at) => newest.clone(),
            _ => self.look(state),
        }
    }

    fn newest(&self) -> Arc<Overview> {
        self.newest_of(&mut self.state())
    }

    /// All, and the deltas from there on. Starts looking if nobody has yet.
    fn join(self: &Arc<Self>) -> (Told, Deltas) {
        let mut state = self.state();
        let newest = self.newest_of(&mut state);
        let told = self.teller.subscribe();
        if !std::mem::replace(&mut state.running, true) {
            tokio::spawn(run(Arc::downgrade(self), self.pace));
        }
        (Told::Full(state.number, newest), told)
    }

    /// The same for one who has lost some.
    fn again(&self) -> Option<(Told, Deltas)> {
        let state = self.state();
        Some((Told::Full(state.number, state.newest.clone()?), self.teller.subscribe()))
    }

    /// Looks once and tells what changed. False when nobody listens, and then it will not be looked again.
    fn tick(&self) -> bool {
        let mut state = self.state();
        if self.teller.receiver_count() == 0 {
            state.running = false;
            return false;
        }
        let before = state.newest.clone().unwrap_or_default();
        let now = self.look(&mut state);
        // fails only when the last reader has gone meanwhile
        let _ = self.teller.send((state.number, Arc::new(Delta::between(&before, &now))));
        true
    }
}

/// Looks at a pace until nobody listens or the host is gone.
async fn run(feed: Weak<Feed>, pace: Duration) {
    let mut beat = interval_at(Instant::now() + pace, pace);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let Some(feed) = feed.upgrade() else { return };
        let looking = feed.clone();
        match tokio::task::spawn_blocking(move || looking.tick()).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, "an overview could not be made");
                feed.state().running = false;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn feed() -> Arc<Feed> {
        Arc::new(Feed::new(Arc::new(Fake::host()), Duration::from_secs(3600)))
    }

    #[tokio::test]
    async fn one_look_serves_all_and_the_last_reader_ends_it() {
        let feed = feed();
        let (first, one) = feed.join();
        let (second, mut two) = feed.join();
        let (Told::Full(1, first), Told::Full(1, second)) = (first, second) else { panic!("no full") };
        assert!(Arc::ptr_eq(&first, &second), "the second reader costs no look");
        assert!(feed.tick());
        assert_eq!(two.recv().await.unwrap().0, 2);
        drop(one);
        assert!(feed.tick());
        drop(two);
        assert!(!feed.tick(), "nobody is there");
        assert!(!feed.state().running);
        assert_eq!(feed.state().number, 3);
    }

    #[tokio::test]
    async fn a_slow_reader_is_given_the_whole_and_goes_on_from_there() {
        let feed = feed();
        let (first, told) = feed.join();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let mut reader = Reader { feed: Arc::downgrade(&feed), told, first: Some(first), _place: place };
        assert!(matches!(reader.next().await, Some(Told::Full(1, _))));
        for _ in 0..=BEHIND {
            assert!(feed.tick());
        }
        assert!(matches!(reader.next().await, Some(Told::Full(10, _))));
        assert!(feed.tick());
        assert!(matches!(reader.next().await, Some(Told::Delta(11, _))));
        drop(feed);
        assert!(reader.next().await.is_none(), "the host is gone");
    }

    #[tokio::test]
    async fn there_are_so_many_places() {
        let past: Arc<dyn Past> = Arc::new(Fake::host());
        let live = Live::new(&past);
        let mut readers = Vec::new();
        for _ in 0..CLIENTS {
            readers.push(live.join(PACE).await.unwrap_or_else(|_| panic!("crowded")));
        }
        assert!(live.join(PACE).await.is_err());
        readers.pop();
        assert!(live.join(PACE).await.is_ok());
    }

    #[test]
    fn a_pace_is_not_faster_than_asked() {
        let past: Arc<dyn Past> = Arc::new(Fake::host());
        let live = Live::new(&past);
        for (asked, given) in [(0, 1), (1000, 1), (1001, 2), (2000, 2), (7000, 10), (3_600_000, 60)] {
            let pace = live.feed(Duration::from_millis(asked)).unwrap().pace;
            assert_eq!(pace, Duration::from_secs(given), "{asked} ms");
        }
    }
}
