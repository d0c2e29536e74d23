//! Numbers that are too dear for every sample: taken in rounds on a thread of low priority, kept with their
//! instant, and copied into samples.
//!
//! Reads: what a [`Survey`] reads
//! Gives: the newest value of each member and its instant
//! Cost:  at most a twentieth of a core a survey: rounds come later where one takes long
//!
//! Who comes new is measured at once, and then with the others.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use plimsoll_core::time::Timestamp;

/// A survey takes at most one part in so many of a core.
const PARTS: u32 = 20;

/// What is measured in rounds.
pub trait Survey: Send + 'static {
    /// What of a container has to be known.
    type Target: PartialEq + Send + Sync + 'static;
    /// What is found.
    type Value: Send + 'static;

    /// Measures these members. `now` is the clock that values are stamped with.
    fn measure(&mut self, members: &[Arc<Member<Self>>], now: &dyn Fn() -> Timestamp);

    /// Gives back what was kept for members that are gone.
    fn tidy(&mut self) {}
}

/// One of those that are measured.
pub struct Member<S: Survey + ?Sized> {
    /// What is measured.
    pub target: S::Target,
    value: Mutex<Option<(Timestamp, S::Value)>>,
}

impl<S: Survey + ?Sized> Member<S> {
    fn new(target: S::Target) -> Self {
        Self { target, value: Mutex::new(None) }
    }

    /// Puts down what was found, or that nothing is there any more.
    pub fn put(&self, value: Option<(Timestamp, S::Value)>) {
        *lock(&self.value) = value;
    }

    /// What was found last.
    pub fn last<R>(&self, read: impl FnOnce(&(Timestamp, S::Value)) -> R) -> Option<R> {
        lock(&self.value).as_ref().map(read)
    }
}

/// A member for as long as this lives.
pub struct Tracked<S: Survey> {
    member: Arc<Member<S>>,
    shared: Arc<Shared<S>>,
}

impl<S: Survey> Tracked<S> {
    /// Whether this is what is measured.
    pub fn is(&self, target: &S::Target) -> bool {
        self.member.target == *target
    }

    /// Shows the newest value, or that there is none. Not called while the thread of low priority puts a new one
    /// down, which is not waited for; what was shown before then stays.
    pub fn show(&self, show: impl FnOnce(Option<(Timestamp, &S::Value)>)) {
        if let Ok(value) = self.member.value.try_lock() {
            show(value.as_ref().map(|(at, value)| (*at, value)));
        }
    }
}

impl<S: Survey> Drop for Tracked<S> {
    fn drop(&mut self) {
        // what is kept open for it holds something of the container alive
        lock(&self.shared.queue).left = true;
        self.shared.woken.notify_all();
    }
}

/// Counters of a survey.
#[derive(Debug, Default)]
pub struct Meters {
    /// Rounds over all members.
    pub rounds: AtomicU64,
    /// Nanoseconds spent.
    pub nanos: AtomicU64,
}

struct Shared<S: Survey> {
    queue: Mutex<Queue<S>>,
    woken: Condvar,
    meters: Meters,
}

struct Queue<S: Survey> {
    members: Vec<Weak<Member<S>>>,
    /// Of them, at the end, those that have not been measured.
    new: usize,
    /// Somebody has left.
    left: bool,
    stopping: bool,
}

/// The thread of a survey. Dropping it ends the thread, without waiting.
pub struct Rounds<S: Survey> {
    shared: Arc<Shared<S>>,
}

impl<S: Survey> Rounds<S> {
    /// Starts the thread, with a round at most every `interval`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: &str,
        survey: S,
        interval: Duration,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> std::io::Result<Self> {
        let queue = Queue { members: Vec::new(), new: 0, left: false, stopping: false };
        let shared =
            Arc::new(Shared { queue: Mutex::new(queue), woken: Condvar::new(), meters: Meters::default() });
        let theirs = shared.clone();
        std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(256 << 10)
            .spawn(move || run(&theirs, survey, interval, &now))?;
        Ok(Self { shared })
    }

    /// Measures this from now on.
    pub fn track(&self, target: S::Target) -> Tracked<S> {
        let member = Arc::new(Member::new(target));
        let mut queue = lock(&self.shared.queue);
        queue.members.push(Arc::downgrade(&member));
        queue.new += 1;
        drop(queue);
        self.shared.woken.notify_all();
        Tracked { member, shared: self.shared.clone() }
    }

    /// What it counts of itself.
    pub fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// Ends the thread after the round that it is at.
    pub fn stop(&self) {
        lock(&self.shared.queue).stopping = true;
        self.shared.woken.notify_all();
    }
}

impl<S: Survey> Drop for Rounds<S> {
    fn drop(&mut self) {
        self.stop();
    }
}

enum Work<S: Survey> {
    New(Vec<Arc<Member<S>>>),
    All(Vec<Arc<Member<S>>>),
    Tidy,
    Stop,
}

impl<S: Survey> Shared<S> {
    fn wait(&self, next: Instant) -> Work<S> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.stopping {
                return Work::Stop;
            }
            if std::mem::take(&mut queue.left) {
                let known = queue.members.len() - queue.new.min(queue.members.len());
                let alive = |members: &[Weak<Member<S>>]| {
                    members.iter().filter(|member| member.strong_count() > 0).count()
                };
                let new = alive(queue.members.get(known..).unwrap_or_default());
                queue.members.retain(|member| member.strong_count() > 0);
                queue.new = new;
                return Work::Tidy;
            }
            if queue.new > 0 {
                let known = queue.members.len() - queue.new.min(queue.members.len());
                queue.new = 0;
                let new = queue.members.get(known..).unwrap_or_default();
                return Work::New(new.iter().filter_map(Weak::upgrade).collect());
            }
            let now = Instant::now();
            if queue.members.is_empty() {
                queue = self.woken.wait(queue).unwrap_or_else(PoisonError::into_inner);
            } else if next > now {
                let waited = self.woken.wait_timeout(queue, next - now);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else {
                return Work::All(queue.members.iter().filter_map(Weak::upgrade).collect());
            }
        }
    }
}

fn run<S: Survey>(shared: &Shared<S>, mut survey: S, interval: Duration, now: &dyn Fn() -> Timestamp) {
    // without the right it is as it was
    let _ = rustix::process::setpriority_process(None, 19);
    let mut next = Instant::now() + interval;
    loop {
        let began = Instant::now();
        match shared.wait(next) {
            Work::Stop => return,
            Work::Tidy => survey.tidy(),
            Work::New(members) => {
                let began = Instant::now();
                survey.measure(&members, now);
                drop(members);
                let spent = shared.spent(began);
                next = next.max(Instant::now() + spent * PARTS);
            }
            Work::All(members) => {
                // a survey that waited long begins its interval now
                let due = next.max(began);
                let began = Instant::now();
                survey.measure(&members, now);
                drop(members);
                survey.tidy();
                let spent = shared.spent(began);
                shared.meters.rounds.fetch_add(1, Relaxed);
                next = (due + interval).max(Instant::now() + spent * PARTS);
            }
        }
    }
}

impl<S: Survey> Shared<S> {
    fn spent(&self, began: Instant) -> Duration {
        let spent = began.elapsed();
        self.meters.nanos.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        spent
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A member outside of a survey's thread.
    pub(crate) fn member<S: Survey>(target: S::Target) -> Arc<Member<S>> {
        Arc::new(Member::new(target))
    }

    /// Counts how often each member was measured, and tidied.
    struct Counting {
        tidied: Arc<AtomicU64>,
    }

    impl Survey for Counting {
        type Target = u32;
        type Value = u32;

        fn measure(&mut self, members: &[Arc<Member<Self>>], now: &dyn Fn() -> Timestamp) {
            for member in members {
                let before = member.last(|(_, times)| *times).unwrap_or(0);
                member.put(Some((now(), before + 1)));
            }
        }

        fn tidy(&mut self) {
            self.tidied.fetch_add(1, Relaxed);
        }
    }

    fn eventually(what: &str, mut is: impl FnMut() -> bool) {
        for _ in 0..5000 {
            if is() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("never: {what}");
    }

    fn times(tracked: &Tracked<Counting>) -> u32 {
        let mut times = 0;
        tracked.show(|value| times = value.map_or(0, |(_, times)| *times));
        times
    }

    #[test]
    fn who_is_new_is_measured_at_once_and_then_with_the_others() {
        let tidied = Arc::new(AtomicU64::new(0));
        let survey = Counting { tidied: tidied.clone() };
        let rounds = Rounds::start("test", survey, Duration::from_secs(3600), || Timestamp(7)).unwrap();
        let first = rounds.track(1);
        eventually("the first", || times(&first) == 1);
        let second = rounds.track(2);
        eventually("the second", || times(&second) == 1);
        assert_eq!(times(&first), 1, "it waits for the next round");
        first.show(|value| assert_eq!(value, Some((Timestamp(7), &1))));
        assert!(first.is(&1) && !first.is(&2));
        drop(second);
        eventually("what was kept for it is given back", || tidied.load(Relaxed) > 0);
        assert_eq!(rounds.meters().rounds.load(Relaxed), 0);
    }

    #[test]
    fn rounds_go_on() {
        let survey = Counting { tidied: Arc::default() };
        let rounds = Rounds::start("test", survey, Duration::from_millis(1), || Timestamp(7)).unwrap();
        let tracked = rounds.track(1);
        eventually("five times", || times(&tracked) >= 5);
        assert!(rounds.meters().rounds.load(Relaxed) > 0);
    }
}
