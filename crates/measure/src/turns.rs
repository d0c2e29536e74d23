//! Readings that may be slow: taken on a thread of their own, round after round over all that is tracked.
//!
//! Cost: at most a twentieth of a core; where a round takes longer than that allows, the next one begins later. One
//!       that is new has its turn at once, in the middle of a round if need be.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One round takes at most one part in so many of a core.
const PARTS: u32 = 20;

/// What has its turn.
pub(crate) trait Item: Send + Sync + 'static {
    /// Reads it. The buffer is shared by all.
    fn turn(&self, buffer: &mut Vec<u8>);

    /// Nobody tracks it any more, or the thread ends.
    fn end(&self) {}
}

/// The thread. Dropping it ends the thread, without waiting.
pub(crate) struct Rounds<T: Item> {
    shared: Arc<Shared<T>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Counters of a thread.
#[derive(Debug, Default)]
pub struct Meters {
    /// Rounds over everything that is tracked.
    pub rounds: AtomicU64,
    /// Nanoseconds spent.
    pub nanos: AtomicU64,
}

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    woken: Condvar,
    meters: Meters,
}

struct Queue<T> {
    new: Vec<Arc<T>>,
    stopping: bool,
}

impl<T: Item> Rounds<T> {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(name: &str, interval: Duration) -> std::io::Result<Self> {
        let queue = Mutex::new(Queue { new: Vec::new(), stopping: false });
        let shared = Arc::new(Shared { queue, woken: Condvar::new(), meters: Meters::default() });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(256 << 10)
            .spawn(move || run(&theirs, interval))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Gives it its turn, at once and then every round for as long as the caller keeps it.
    pub(crate) fn track(&self, item: Arc<T>) {
        lock(&self.shared.queue).new.push(item);
        self.shared.woken.notify_all();
    }

    /// What it counts of itself.
    pub(crate) fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// Ends the thread and waits until it has ended everything that it tracks.
    pub(crate) fn stop(&self) {
        self.end();
        if let Some(thread) = lock(&self.thread).take() {
            // a thread that panicked has said so itself
            let _ = thread.join();
        }
    }

    fn end(&self) {
        lock(&self.shared.queue).stopping = true;
        self.shared.woken.notify_all();
    }
}

impl<T: Item> Drop for Rounds<T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T: Item> Shared<T> {
    /// Waits for something new, at most until the next round; `None`: end.
    fn wait(&self, until: Option<Instant>) -> Option<Vec<Arc<T>>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.stopping {
                return None;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if !queue.new.is_empty() || left == Some(Duration::ZERO) {
                return Some(std::mem::take(&mut queue.new));
            }
            queue = match left {
                None => self.woken.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.woken.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

fn run<T: Item>(shared: &Shared<T>, interval: Duration) {
    let mut items: Vec<Arc<T>> = Vec::new();
    let mut buffer = Vec::new();
    let mut next = Instant::now();
    // the turns of one round, those of new items in between left out
    let mut left = 0;
    let mut spent = Duration::ZERO;
    // between two items of a round nothing is waited for
    while let Some(new) = shared.wait(match (left, items.is_empty()) {
        (0, true) => None,
        (0, false) => Some(next),
        _ => Some(Instant::now()),
    }) {
        let began = Instant::now();
        for item in new {
            item.turn(&mut buffer);
            items.push(item);
        }
        if left == 0 && Instant::now() >= next {
            items.retain(|item| {
                let kept = Arc::strong_count(item) > 1;
                if !kept {
                    item.end();
                }
                kept
            });
            left = items.len();
            next = began + interval;
        }
        // those that came in the middle of the round stand at the end and have had their turn
        if let Some(at) = left.checked_sub(1) {
            if let Some(item) = items.get(at) {
                item.turn(&mut buffer);
            }
            left = at;
            if left == 0 {
                shared.meters.rounds.fetch_add(1, Relaxed);
                next = next.max(began + (spent + began.elapsed()) * PARTS);
            }
        }
        let took = began.elapsed();
        spent = if left == 0 { Duration::ZERO } else { spent + took };
        shared.meters.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
    items.iter().for_each(|item| item.end());
    lock(&shared.queue).new.drain(..).for_each(|item| item.end());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[derive(Default)]
    struct Count {
        turns: AtomicU64,
        ended: AtomicBool,
        takes: Duration,
    }

    impl Item for Count {
        fn turn(&self, _: &mut Vec<u8>) {
            std::thread::sleep(self.takes);
            self.turns.fetch_add(1, Relaxed);
        }

        fn end(&self) {
            self.ended.store(true, Relaxed);
        }
    }

    fn until(mut fits: impl FnMut() -> bool) {
        while !fits() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn all_have_a_turn_at_once_and_in_each_round() {
        let rounds = Rounds::start("test", Duration::from_millis(5)).unwrap();
        let items: Vec<Arc<Count>> = (0..3).map(|_| Arc::default()).collect();
        items.iter().for_each(|item| rounds.track(item.clone()));
        until(|| items.iter().all(|item| item.turns.load(Relaxed) >= 3));
        assert!(rounds.meters().rounds.load(Relaxed) >= 1);
    }

    #[test]
    fn a_new_one_does_not_wait_for_the_round() {
        let rounds = Rounds::start("test", Duration::from_secs(3600)).unwrap();
        let first: Arc<Count> = Arc::default();
        rounds.track(first.clone());
        until(|| rounds.meters().rounds.load(Relaxed) == 1);
        let late: Arc<Count> = Arc::default();
        rounds.track(late.clone());
        until(|| late.turns.load(Relaxed) == 1);
        assert!(first.turns.load(Relaxed) <= 2);
    }

    #[test]
    fn one_that_nobody_keeps_is_ended() {
        let rounds = Rounds::start("test", Duration::from_millis(2)).unwrap();
        let item: Arc<Count> = Arc::default();
        rounds.track(item.clone());
        until(|| item.turns.load(Relaxed) > 0);
        let weak = Arc::downgrade(&item);
        drop(item);
        until(|| weak.strong_count() == 0);
    }

    #[test]
    fn the_end_ends_all() {
        let rounds = Rounds::start("test", Duration::from_secs(3600)).unwrap();
        let item: Arc<Count> = Arc::default();
        rounds.track(item.clone());
        rounds.stop();
        assert!(item.ended.load(Relaxed));
    }

    #[test]
    fn long_rounds_come_seldom() {
        let rounds = Rounds::start("test", Duration::from_millis(1)).unwrap();
        let item = Arc::new(Count { takes: Duration::from_millis(10), ..Count::default() });
        let began = Instant::now();
        rounds.track(item.clone());
        // its first turn, then two rounds of which the second begins 200 ms after the first
        until(|| item.turns.load(Relaxed) >= 3);
        assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    }
}
