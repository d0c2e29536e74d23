//! The thread that keeps the monitoring groups of all containers and reads them.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_core::columns::Columnar;
use plimsoll_core::time::Timestamp;

use super::Resctrl;
use super::group::{Group, Kernel, Trouble};
use super::tree::Tree;
use crate::host::Host;
use crate::reader::Reader;
use crate::turns::{Item, Meters, Rounds};

/// Monitors all containers. Dropping it ends the thread.
pub struct Tracker {
    world: Arc<World>,
    rounds: Rounds<Slot>,
}

/// A container that is monitored for as long as this lives.
pub struct Tracked {
    slot: Arc<Slot>,
}

struct World {
    host: Arc<Host>,
    tree: Tree,
    /// How often groups are filled again; zero is once.
    fill: Duration,
    now: fn() -> Timestamp,
}

struct Slot {
    world: Arc<World>,
    name: Box<str>,
    state: Mutex<State>,
    value: Mutex<Resctrl>,
    /// When the value was true, in nanoseconds; 0 while there is none.
    at: AtomicI64,
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
        let world = Arc::new(World { host, tree, fill, now });
        Ok(Self { world, rounds: Rounds::start("resctrl", interval)? })
    }

    /// How many groups the CPU can monitor at once.
    pub fn rmids(&self) -> Option<u64> {
        self.world.tree.rmids
    }

    /// Monitors the container, from now on.
    pub fn track(&self, name: &str) -> Tracked {
        let slot = Arc::new(Slot {
            world: self.world.clone(),
            name: name.into(),
            state: Mutex::default(),
            value: Mutex::default(),
            at: AtomicI64::new(0),
            trouble: Mutex::default(),
        });
        self.rounds.track(slot.clone());
        Tracked { slot }
    }

    /// What it counts of itself.
    pub fn meters(&self) -> &Meters {
        self.rounds.meters()
    }

    /// Ends the thread and removes every group that it made.
    pub fn stop(&self) {
        self.rounds.stop();
    }
}

impl Tracked {
    /// Writes the newest numbers; `None` while there are none.
    pub fn fill(&self, resctrl: &mut Option<Resctrl>) {
        if self.slot.at.load(Relaxed) == 0 {
            *resctrl = None;
        } else {
            resctrl.get_or_insert_default().assign(&lock(&self.slot.value));
        }
    }

    /// Why it is not monitored.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.slot.trouble).clone()
    }
}

impl Slot {
    /// Sees to it that the container's threads are in its group.
    fn place(&self, state: &mut State, buffer: &mut Vec<u8>) {
        let World { host, tree, fill, .. } = &*self.world;
        let due = state.next.is_some_and(|next| next <= Instant::now());
        if state.begun && !due {
            return;
        }
        let placed = if host.sees_processes || &*self.name == "/" {
            let pids = Reader::new(host, &self.name).processes(buffer);
            state.group.place(tree, &self.name, &pids, &host.root.proc, &Kernel)
        } else {
            Err(Trouble::Other("processes of other containers are not seen; add --pid=host".to_owned()))
        };
        // one that has no processes yet is asked again in the next round
        state.begun = !matches!(placed, Err(Trouble::NoProcesses));
        let again = !fill.is_zero() && &*self.name != "/";
        state.next = again.then(|| Instant::now() + *fill);
        let why = match placed {
            Ok(()) | Err(Trouble::NoProcesses) => None,
            Err(trouble) => Some(trouble.to_string()),
        };
        // numbers of a group in which the container is no longer would be another's
        if why.is_some() {
            state.group.remove(&Kernel);
        }
        let before = std::mem::replace(&mut *lock(&self.trouble), why.clone());
        if let Some(why) = why.filter(|why| before.as_ref() != Some(why)) {
            tracing::warn!(container = &*self.name, "not monitored by resctrl: {why}");
        }
    }
}

impl Item for Slot {
    fn turn(&self, buffer: &mut Vec<u8>) {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        self.place(state, buffer);
        let at = (self.world.now)();
        let read = match &state.group.path {
            Some(path) => self.world.tree.read(path, buffer, &mut state.read),
            None => false,
        };
        if read {
            lock(&self.value).assign(&state.read);
        }
        self.at.store(if read { at.nanos() } else { 0 }, Relaxed);
    }

    fn end(&self) {
        lock(&self.state).group.remove(&Kernel);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
