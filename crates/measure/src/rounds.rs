//! Numbers that are too dear for every sample: taken in rounds on a thread of their own, of low priority if nobody
//! waits for it, kept with their instant, and copied into samples.
//!
//! Reads: what a [`Survey`] reads
//! Gives: the newest value of each member and its instant
//! Cost:  at most a twentieth of a core a survey: rounds come later where one takes long
//!
//! Who comes new is measured at once, in the middle of a round if need be, and then with the others.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plimsoll_core::columns::Columnar;
use plimsoll_core::time::Timestamp;

/// A survey takes at most one part in so many of a core.
const PARTS: u32 = 20;

/// What is measured in rounds.
pub trait Survey: Send + Sized + 'static {
    /// What of a container has to be known.
    type Target: Send + Sync + 'static;
    /// What is found.
    type Value: Send + 'static;

    /// So many members of a round are measured together; between two such lots, new ones are.
    const LOT: usize = usize::MAX;

    /// Whether the thread stands back for all others, as it must not where somebody waits for it.
    const LOW: bool = true;

    /// Measures these members. `now` is the clock that values are stamped with.
    fn measure(&mut self, members: &[Arc<Member<Self>>], now: &dyn Fn() -> Timestamp);

    /// Gives back what was kept for one that nobody tracks any more, or because the thread ends.
    fn end(&mut self, _: &Self::Target) {}
}

/// One of those that are measured.
pub struct Member<S: Survey> {
    /// What is measured.
    pub target: S::Target,
    value: Mutex<Option<(Timestamp, S::Value)>>,
}

impl<S: Survey> Member<S> {
    fn new(target: S::Target) -> Self {
        Self { target, value: Mutex::new(None) }
    }

    /// Puts down what was found, or that nothing is there any more.
    pub fn put(&self, value: Option<(Timestamp, S::Value)>) {
        *lock(&self.value) = value;
    }

    /// Puts down a copy of what was found, in the place of the last one.
    pub(crate) fn put_copy(&self, at: Timestamp, value: &S::Value)
    where
        S::Value: Columnar + Default,
    {
        let mut place = lock(&self.value);
        let (then, kept) = place.get_or_insert_with(|| (at, S::Value::default()));
        *then = at;
        kept.assign(value);
    }

    /// What was found last.
    pub fn last<R>(&self, read: impl FnOnce(&(Timestamp, S::Value)) -> R) -> Option<R> {
        lock(&self.value).as_ref().map(read)
    }
}

/// A member for as long as this lives.
pub struct Tracked<S: Survey> {
    // gone before it is told
    member: Arc<Member<S>>,
    _leaves: Leaves<S>,
}

impl<S: Survey> Tracked<S> {
    /// Whether this is what is measured.
    pub fn is(&self, target: &S::Target) -> bool
    where
        S::Target: PartialEq,
    {
        self.member.target == *target
    }

    /// What is measured, and what was found.
    pub(crate) fn member(&self) -> &Member<S> {
        &self.member
    }

    /// Shows the newest value, or that there is none. Not called while the thread of low priority puts a new one
    /// down, which is not waited for; what was shown before then stays.
    pub fn show(&self, show: impl FnOnce(Option<(Timestamp, &S::Value)>)) {
        if let Ok(value) = self.member.value.try_lock() {
            show(value.as_ref().map(|(at, value)| (*at, value)));
        }
    }

    /// Copies the newest value, which is waited for while it is put down; `None` while there is none. Returns
    /// whether it is another than was there.
    pub(crate) fn fill(&self, place: &mut Option<S::Value>) -> bool
    where
        S::Value: Columnar + Default + PartialEq,
    {
        let value = lock(&self.member.value);
        let value = value.as_ref().map(|(_, value)| value);
        let moved = place.as_ref() != value;
        match value {
            Some(value) if moved => place.get_or_insert_default().assign(value),
            Some(_) => {}
            None => *place = None,
        }
        moved
    }
}

/// Tells the thread that a member has gone: what is kept open for it holds something of the container alive.
struct Leaves<S: Survey>(Arc<Shared<S>>);

impl<S: Survey> Drop for Leaves<S> {
    fn drop(&mut self) {
        lock(&self.0.queue).left = true;
        self.0.woken.notify_all();
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
    /// Those that have not been measured.
    new: Vec<Arc<Member<S>>>,
    /// Somebody has left.
    left: bool,
    stopping: bool,
}

/// The thread of a survey. Dropping it ends the thread, without waiting.
pub struct Rounds<S: Survey> {
    shared: Arc<Shared<S>>,
    thread: Mutex<Option<JoinHandle<()>>>,
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
        let queue = Queue { new: Vec::new(), left: false, stopping: false };
        let shared =
            Arc::new(Shared { queue: Mutex::new(queue), woken: Condvar::new(), meters: Meters::default() });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(256 << 10)
            .spawn(move || run(&theirs, survey, interval, &now))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Measures this from now on.
    pub fn track(&self, target: S::Target) -> Tracked<S> {
        let member = Arc::new(Member::new(target));
        lock(&self.shared.queue).new.push(member.clone());
        self.shared.woken.notify_all();
        Tracked { member, _leaves: Leaves(self.shared.clone()) }
    }

    /// What it counts of itself.
    pub fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// Ends the thread after the lot that it is at.
    pub fn stop(&self) {
        lock(&self.shared.queue).stopping = true;
        self.shared.woken.notify_all();
    }

    /// Ends the thread and waits until it has given back all that it kept.
    pub(crate) fn finish(&self) {
        self.stop();
        if let Some(thread) = lock(&self.thread).take() {
            // a thread that panicked has said so itself
            let _ = thread.join();
        }
    }
}

impl<S: Survey> Drop for Rounds<S> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<S: Survey> Shared<S> {
    /// Waits until somebody is new or has left, at most until the next round; `None`: end.
    fn wait(&self, until: Option<Instant>) -> Option<Vec<Arc<Member<S>>>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.stopping {
                return None;
            }
            let rest = until.map(|until| until.saturating_duration_since(Instant::now()));
            let left = std::mem::take(&mut queue.left);
            if left || !queue.new.is_empty() || rest == Some(Duration::ZERO) {
                return Some(std::mem::take(&mut queue.new));
            }
            queue = match rest {
                None => self.woken.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(rest) => self.woken.wait_timeout(queue, rest).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

fn run<S: Survey>(shared: &Shared<S>, mut survey: S, interval: Duration, now: &dyn Fn() -> Timestamp) {
    if S::LOW {
        // without the right it is as it was
        let _ = rustix::process::setpriority_process(None, 19);
    }
    let mut members: Vec<Arc<Member<S>>> = Vec::new();
    let mut next = Instant::now() + interval;
    // of the round, so many at the beginning of the list have not been measured
    let mut pending = 0;
    let mut spent = Duration::ZERO;
    // between two lots of a round nothing is waited for
    while let Some(new) = shared.wait(match (pending, members.is_empty()) {
        (0, true) => None,
        (0, false) => Some(next),
        _ => Some(Instant::now()),
    }) {
        let began = Instant::now();
        if members.is_empty() {
            // who comes after a long time is not measured twice at once
            next = next.max(began + interval);
        }
        if !new.is_empty() {
            survey.measure(&new, now);
            // in the middle of a round they stand behind those who wait
            members.extend(new);
        }
        if pending == 0 && began >= next {
            pending = members.len();
            next = began + interval;
        }
        let ends = pending > 0 && pending <= S::LOT;
        if pending > 0 {
            let rest = pending.saturating_sub(S::LOT);
            survey.measure(members.get(rest..pending).unwrap_or_default(), now);
            pending = rest;
        }
        if pending == 0 {
            members.retain(|member| {
                let kept = Arc::strong_count(member) > 1;
                if !kept {
                    survey.end(&member.target);
                }
                kept
            });
        }
        let took = began.elapsed();
        shared.meters.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        // new ones hold up no round; it is the one after it that comes later for them
        spent += took;
        if ends {
            shared.meters.rounds.fetch_add(1, Relaxed);
            next = next.max(Instant::now() + spent * PARTS);
            spent = Duration::ZERO;
        }
    }
    members.iter().for_each(|member| survey.end(&member.target));
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

    /// Counts how often each member was measured, and those that ended.
    #[derive(Default)]
    struct Counting {
        ended: Arc<AtomicU64>,
        takes: Duration,
    }

    impl Survey for Counting {
        type Target = u32;
        type Value = u64;
        const LOT: usize = 2;

        fn measure(&mut self, members: &[Arc<Member<Self>>], now: &dyn Fn() -> Timestamp) {
            for member in members {
                std::thread::sleep(self.takes);
                let before = member.last(|(_, times)| *times).unwrap_or(0);
                member.put(Some((now(), before + 1)));
            }
        }

        fn end(&mut self, _: &u32) {
            self.ended.fetch_add(1, Relaxed);
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

    fn times(tracked: &Tracked<Counting>) -> u64 {
        let mut times = 0;
        tracked.show(|value| times = value.map_or(0, |(_, times)| *times));
        times
    }

    #[test]
    fn who_is_new_is_measured_at_once_and_then_with_the_others() {
        let survey = Counting::default();
        let ended = survey.ended.clone();
        let rounds = Rounds::start("test", survey, Duration::from_secs(3600), || Timestamp(7)).unwrap();
        let first = rounds.track(1);
        eventually("the first", || times(&first) == 1);
        let second = rounds.track(2);
        eventually("the second", || times(&second) == 1);
        assert_eq!(times(&first), 1, "it waits for the next round");
        first.show(|value| assert_eq!(value, Some((Timestamp(7), &1))));
        assert!(first.is(&1) && !first.is(&2));
        drop(second);
        eventually("what was kept for it is given back", || ended.load(Relaxed) == 1);
        assert_eq!(rounds.meters().rounds.load(Relaxed), 0);
    }

    #[test]
    fn rounds_go_on_over_all() {
        let rounds =
            Rounds::start("test", Counting::default(), Duration::from_millis(1), || Timestamp(7)).unwrap();
        let all: Vec<_> = (0..5).map(|number| rounds.track(number)).collect();
        eventually("five times", || all.iter().all(|tracked| times(tracked) >= 5));
        assert!(rounds.meters().rounds.load(Relaxed) > 0);
    }

    #[test]
    fn a_copy_says_whether_it_is_news() {
        let survey = Counting::default();
        let rounds = Rounds::start("test", survey, Duration::from_secs(3600), || Timestamp(7)).unwrap();
        let tracked = rounds.track(1);
        eventually("a value", || times(&tracked) == 1);
        let mut place = None;
        assert!(tracked.fill(&mut place) && !tracked.fill(&mut place));
        assert_eq!(place, Some(1));
        tracked.member().put_copy(Timestamp(8), &2);
        assert!(tracked.fill(&mut place) && place == Some(2));
        tracked.show(|value| assert_eq!(value, Some((Timestamp(8), &2))));
        tracked.member().put(None);
        assert!(tracked.fill(&mut place) && place.is_none() && !tracked.fill(&mut place));
    }

    #[test]
    fn who_is_new_does_not_wait_for_the_end_of_a_round() {
        let survey = Counting { takes: Duration::from_millis(20), ..Counting::default() };
        let rounds = Rounds::start("test", survey, Duration::from_millis(1), || Timestamp(7)).unwrap();
        let all: Vec<_> = (0..20).map(|number| rounds.track(number)).collect();
        // the end of the list is first, and its beginning 360 ms later
        eventually("a round", || all.last().is_some_and(|last| times(last) == 2));
        let late = rounds.track(20);
        eventually("the new one", || times(&late) == 1);
        assert_eq!(all.first().map(times), Some(1));
    }

    #[test]
    fn the_end_ends_all() {
        let survey = Counting::default();
        let ended = survey.ended.clone();
        let rounds = Rounds::start("test", survey, Duration::from_secs(3600), || Timestamp(7)).unwrap();
        let all = [rounds.track(1), rounds.track(2)];
        eventually("both", || all.iter().all(|tracked| times(tracked) == 1));
        rounds.finish();
        assert_eq!(ended.load(Relaxed), 2);
    }

    #[test]
    fn long_rounds_come_seldom() {
        let survey = Counting { takes: Duration::from_millis(10), ..Counting::default() };
        let rounds = Rounds::start("test", survey, Duration::from_millis(1), || Timestamp(7)).unwrap();
        let began = Instant::now();
        let tracked = rounds.track(1);
        // its first time, then two rounds of which the second begins 200 ms after the first
        eventually("three times", || times(&tracked) >= 3);
        assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    }
}
