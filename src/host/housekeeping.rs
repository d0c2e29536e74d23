//! The schedule: which container is read when, on a few threads of its own.
//!
//! One timer heap a thread instead of a task a container. Containers that fall due within a short while of
//! each other are read in one go, so that a thread wakes a few dozen times a second however many there are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plimsoll_measure::reader::Effort;

use super::container::{Container, Work};
use super::lock;
use super::stages::Stages;

/// cAdvisor's housekeeping flags.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The interval while something moves: `--housekeeping_interval`.
    pub base: Duration,
    /// The longest interval while nothing moves: `--max_housekeeping_interval`.
    pub longest: Duration,
    /// Whether the interval doubles while nothing moves: `--allow_dynamic_housekeeping`.
    pub dynamic: bool,
    /// The first wait is up to `1 + splay` intervals: `--initial_splay_factor`.
    pub splay: f64,
    /// Every later wait is up to `1 + jitter` intervals: `--jitter_factor`.
    pub jitter: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            dynamic: true,
            splay: 1.0,
            jitter: 1.0,
        }
    }
}

impl Pace {
    /// The interval after one in which numbers moved or did not. Unlike cAdvisor's it stays at the longest
    /// until something moves.
    fn next(&self, interval: Duration, changed: bool) -> Duration {
        if !self.dynamic || changed {
            self.base
        } else {
            (interval * 2).clamp(self.base, self.longest.max(self.base))
        }
    }

    /// `interval` made longer by up to `factor` of itself; `chance` is in 0..1.
    fn spread(interval: Duration, factor: f64, chance: f64) -> Duration {
        interval.mul_f64(1.0 + factor.max(0.0) * chance)
    }
}

/// One container on a thread's schedule.
struct Due {
    at: Instant,
    interval: Duration,
    reads: u32,
    container: Weak<Container>,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

struct Queue {
    due: BinaryHeap<Reverse<Due>>,
    stopping: bool,
}

struct Lane {
    queue: Mutex<Queue>,
    woken: Condvar,
}

/// What is called with a container after a reading while its creation is not told.
pub(crate) type OnRead = Arc<dyn Fn(&Arc<Container>) + Send + Sync>;

/// The threads that read. Dropping it ends them, without waiting.
pub(crate) struct Housekeeping {
    lanes: Vec<Arc<Lane>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Housekeeping {
    /// Starts `threads` of them (at least one).
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        stages: &Arc<Stages>,
        pace: Pace,
        threads: usize,
        on_read: &OnRead,
    ) -> std::io::Result<Self> {
        let lanes: Vec<Arc<Lane>> = (0..threads.max(1))
            .map(|_| {
                let queue = Mutex::new(Queue { due: BinaryHeap::new(), stopping: false });
                Arc::new(Lane { queue, woken: Condvar::new() })
            })
            .collect();
        let threads = lanes
            .iter()
            .enumerate()
            .map(|(number, lane)| {
                let (stages, lane, on_read) = (stages.clone(), lane.clone(), on_read.clone());
                std::thread::Builder::new()
                    .name(format!("sample-{number}"))
                    .stack_size(256 * 1024)
                    .spawn(move || run(&stages, pace, &lane, &on_read))
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self { lanes, threads: Mutex::new(threads) })
    }

    /// Puts a container on the schedule, due at once.
    pub(crate) fn add(&self, container: &Arc<Container>) {
        self.enter(container, Duration::ZERO);
    }

    /// Has a container read soon, besides its ordinary readings.
    pub(crate) fn hurry(&self, container: &Arc<Container>) {
        self.enter(container, ONCE);
    }

    fn enter(&self, container: &Arc<Container>, interval: Duration) {
        let number = Arc::as_ptr(container) as usize / align_of::<Container>().max(1);
        let Some(lane) = self.lanes.get(number % self.lanes.len().max(1)) else { return };
        let due = Due { at: Instant::now(), interval, reads: 0, container: Arc::downgrade(container) };
        lock(&lane.queue).due.push(Reverse(due));
        lane.woken.notify_one();
    }

    /// Ends the threads, each after the reading that it is at.
    pub(crate) fn stop(&self) {
        self.end();
        for thread in lock(&self.threads).drain(..) {
            // a thread that panicked has said so itself
            let _ = thread.join();
        }
    }

    fn end(&self) {
        for lane in &self.lanes {
            lock(&lane.queue).stopping = true;
            lane.woken.notify_one();
        }
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        // the last owner may be one of the threads itself, so none is waited for
        self.end();
    }
}

/// When a reading that came too early is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// Marks an entry that is read once and not put back.
const ONCE: Duration = Duration::MAX;

fn run(stages: &Stages, pace: Pace, lane: &Lane, on_read: &OnRead) {
    let mut work = Work::default();
    let mut chance = Chance::new();
    // what falls due within a twentieth of the base interval is read together
    let slack = (pace.base / 20).min(Duration::from_millis(50));
    let mut batch = Vec::new();
    while take_due(lane, slack, &mut batch) {
        let started = Instant::now();
        let count = batch.len();
        for due in batch.drain(..) {
            if let Some(next) = keep(stages, &pace, due, &mut chance, &mut work, on_read) {
                lock(&lane.queue).due.push(Reverse(next));
            }
        }
        stages.meters.swept(count, started.elapsed());
    }
}

/// Waits for what is due; false when the thread shall end.
fn take_due(lane: &Lane, slack: Duration, batch: &mut Vec<Due>) -> bool {
    let mut queue = lock(&lane.queue);
    loop {
        if queue.stopping {
            return false;
        }
        let now = Instant::now();
        match queue.due.peek() {
            None => queue = lane.woken.wait(queue).unwrap_or_else(PoisonError::into_inner),
            Some(Reverse(first)) if first.at > now => {
                let wait = first.at - now;
                queue = lane.woken.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0;
            }
            Some(_) => {
                while queue.due.peek().is_some_and(|Reverse(next)| next.at <= now + slack) {
                    batch.extend(queue.due.pop().map(|Reverse(due)| due));
                }
                return true;
            }
        }
    }
}

/// Reads one container, unless somebody asked for it meanwhile; gives its next turn.
fn keep(
    stages: &Stages,
    pace: &Pace,
    due: Due,
    chance: &mut Chance,
    work: &mut Work,
    on_read: &OnRead,
) -> Option<Due> {
    let container = due.container.upgrade()?;
    let reading = container.sample(stages, Effort::Thrifty, work);
    stages.meters.read(&reading);
    if !container.creation_is_told() && !reading.early {
        on_read(&container);
    }
    if container.is_gone() || due.interval == ONCE {
        return None;
    }
    if reading.early {
        return Some(Due { at: Instant::now() + AGAIN, ..due });
    }
    let interval = if due.reads == 0 { pace.base } else { pace.next(due.interval, reading.changed) };
    let factor = if due.reads == 0 { pace.splay } else { pace.jitter };
    let wait = Pace::spread(interval, factor, chance.next());
    // from when it was due, so that reading late once does not shift every later reading
    let at = (due.at + wait).max(Instant::now());
    Some(Due { at, interval, reads: due.reads.saturating_add(1), container: due.container })
}

/// Even numbers in 0..1 for jitter: xorshift64*, seeded by the clock. Not for secrets.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let seed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |since| since.as_nanos() as u64);
        Self(seed | 1)
    }

    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_doubles_while_nothing_moves_and_stays_at_the_longest() {
        let pace = Pace { longest: Duration::from_secs(5), ..Pace::default() };
        let mut interval = pace.base;
        let seen: Vec<u64> = (0..5)
            .map(|_| {
                interval = pace.next(interval, false);
                interval.as_secs()
            })
            .collect();
        assert_eq!(seen, [2, 4, 5, 5, 5]);
        assert_eq!(pace.next(interval, true), pace.base);
    }

    #[test]
    fn interval_is_fixed_without_dynamic_housekeeping() {
        let pace = Pace { dynamic: false, ..Pace::default() };
        assert_eq!(pace.next(pace.base, false), pace.base);
    }

    #[test]
    fn a_longest_below_the_base_is_the_base() {
        let pace = Pace { longest: Duration::ZERO, ..Pace::default() };
        assert_eq!(pace.next(pace.base, false), pace.base);
    }

    #[test]
    fn spread_lies_between_one_and_one_plus_factor() {
        let second = Duration::from_secs(1);
        assert_eq!(Pace::spread(second, 1.0, 0.0), second);
        assert_eq!(Pace::spread(second, 1.0, 0.5), Duration::from_millis(1500));
        assert_eq!(Pace::spread(second, -3.0, 0.9), second);
        let mut chance = Chance::new();
        assert!((0..1000).all(|_| (0.0..1.0).contains(&chance.next())));
    }
}
