//! The thread that keeps the monitoring groups of all containers and reads them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_core::time::Timestamp;

use super::Resctrl;
use super::group::{Group, Kernel, Trouble};
use super::tree::Tree;
use crate::host::Host;
use crate::reader::Reader;
use crate::rounds::{self, Member, Meters, Rounds};

/// Monitors all containers. Dropping it ends the thread.
pub struct Tracker {
    rmids: Option<u64>,
    rounds: Rounds<Survey>,
}

/// A container that is monitored for as long as this lives.
pub struct Tracked(rounds::Tracked<Survey>);

/// The thread's own.
struct Survey {
    host: Arc<Host>,
    tree: Tree,
    /// How often groups are filled again; zero is once.
    fill: Duration,
    buffer: Vec<u8>,
}

struct Slot {
    name: Box<str>,
    state: Mutex<State>,
    trouble: Mutex<Option<String>>,
}

#[derive(Default)]
struct State {
    group: Group,
    /// When its threads are looked for again; `None` is never.
    next: Option<Instant>,
    begun: bool,
    read: Resctrl,
}

impl Tracker {
    /// Starts the thread, which reads each group once an interval and fills it again once in `fill` (zero: once).
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        host: Arc<Host>,
        tree: Tree,
        interval: Duration,
        fill: Duration,
        now: fn() -> Timestamp,
    ) -> std::io::Result<Self> {
        let rmids = tree.rmids;
        let survey = Survey { host, tree, fill, buffer: Vec::new() };
        Ok(Self { rmids, rounds: Rounds::start("resctrl", survey, interval, now)? })
    }

    /// How many groups the CPU can monitor at once.
    pub fn rmids(&self) -> Option<u64> {
        self.rmids
    }

    /// Monitors the container, from now on.
    pub fn track(&self, name: &str) -> Tracked {
        let slot = Slot { name: name.into(), state: Mutex::default(), trouble: Mutex::default() };
        Tracked(self.rounds.track(slot))
    }

    /// What it counts of itself.
    pub fn meters(&self) -> &Meters {
        self.rounds.meters()
    }

    /// Ends the thread and removes every group that it made.
    pub fn stop(&self) {
        self.rounds.finish();
    }
}

impl Tracked {
    /// Writes the newest numbers; `None` while there are none. Returns whether they are others.
    pub fn fill(&self, resctrl: &mut Option<Resctrl>) -> bool {
        self.0.fill(resctrl)
    }

    /// Why it is not monitored.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.0.member().target.trouble).clone()
    }
}

impl Survey {
    /// Sees to it that the container's threads are in its group.
    fn place(&mut self, slot: &Slot, state: &mut State) {
        let Self { host, tree, fill, buffer } = self;
        let name = &*slot.name;
        let due = state.next.is_some_and(|next| next <= Instant::now());
        if state.begun && !due {
            return;
        }
        let placed = if host.sees_processes || name == "/" {
            let pids = Reader::new(host, name).processes(buffer);
            state.group.place(tree, name, &pids, &host.root.proc, &Kernel)
        } else {
            Err(Trouble::Other("processes of other containers are not seen; add --pid=host".to_owned()))
        };
        // one that has no processes yet is asked again in the next round
        state.begun = !matches!(placed, Err(Trouble::NoProcesses));
        let again = !fill.is_zero() && name != "/";
        state.next = again.then(|| Instant::now() + *fill);
        let why = match placed {
            Ok(()) | Err(Trouble::NoProcesses) => None,
            Err(trouble) => Some(trouble.to_string()),
        };
        // numbers of a group in which the container is no longer would be another's
        if why.is_some() {
            state.group.remove(&Kernel);
        }
        let before = std::mem::replace(&mut *lock(&slot.trouble), why.clone());
        if let Some(why) = why.filter(|why| before.as_ref() != Some(why)) {
            tracing::warn!(container = name, "not monitored by resctrl: {why}");
        }
    }
}

impl rounds::Survey for Survey {
    type Target = Slot;
    type Value = Resctrl;

    /// Who comes new has its group before its threads are many.
    const LOT: usize = 1;

    /// Threads that a container starts before it has a group are not counted.
    const LOW: bool = false;

    fn measure(&mut self, members: &[Arc<Member<Self>>], now: &dyn Fn() -> Timestamp) {
        for member in members {
            let mut guard = lock(&member.target.state);
            let state = &mut *guard;
            self.place(&member.target, state);
            let at = now();
            match &state.group.path {
                Some(path) if self.tree.read(path, &mut self.buffer, &mut state.read) => {
                    member.put_copy(at, &state.read);
                }
                _ => member.put(None),
            }
        }
    }

    fn end(&mut self, slot: &Slot) {
        lock(&slot.state).group.remove(&Kernel);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
