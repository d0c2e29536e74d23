//! The thread that opens and reads the counters of all containers.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_core::kinds::Kind;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::dir::read_path;
use plimsoll_kernel::file::Budget;
use plimsoll_kernel::format;
use plimsoll_kernel::hierarchy::Controller;

use super::Perf;
use super::counting::{Counting, Refusal};
use super::plan::Plan;
use super::pmu::cpu_list;
use crate::host::Host;
use crate::reader::place::below;
use crate::rounds::{self, Member, Meters, Rounds};

/// Counts perf events of all containers. Dropping it ends the thread.
pub struct Tracker {
    world: Arc<World>,
    rounds: Rounds<Survey>,
}

/// A container whose events are counted for as long as this lives.
pub struct Tracked(rounds::Tracked<Survey>);

/// The thread's own.
struct Survey {
    buffer: Vec<u8>,
}

/// What all containers share.
struct World {
    host: Arc<Host>,
    plan: Plan,
    /// Descriptors for counters; not those of the readers' files.
    budget: Arc<Budget>,
    now: fn() -> Timestamp,
    /// Containers that wait for descriptors.
    waiting: AtomicUsize,
    said: AtomicBool,
    /// The hierarchy is there and does not count.
    foreign: AtomicBool,
}

const FOREIGN: &str = "the hierarchy of cgroups that is mounted has no perf_event; a v1 hierarchy that is not mounted \
                       here has it (see /proc/cgroups)";

struct Slot {
    world: Arc<World>,
    group: Box<str>,
    state: Mutex<State>,
}

struct State {
    counting: Option<Counting>,
    waits: bool,
    /// Written here, then shown: who asks for the value does not wait for the kernel.
    perf: Perf,
}

impl Tracker {
    /// Starts the thread, which reads each container's counters once an interval. At most `descriptors` are open;
    /// `now` is the clock that values are stamped with.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        host: Arc<Host>,
        plan: Plan,
        descriptors: usize,
        interval: Duration,
        now: fn() -> Timestamp,
    ) -> std::io::Result<Self> {
        plan.left_out().iter().for_each(|why| tracing::warn!("{why}; it is left out"));
        let world = World {
            host,
            plan,
            budget: Budget::new(descriptors),
            now,
            waiting: AtomicUsize::new(0),
            said: AtomicBool::new(false),
            foreign: AtomicBool::new(false),
        };
        let survey = Survey { buffer: Vec::new() };
        Ok(Self { world: Arc::new(world), rounds: Rounds::start("perf", survey, interval, now)? })
    }

    /// Counts for the group of this name, from now on; nothing for a container while only uncore events are
    /// wanted, which are of `/`.
    pub fn track(&self, group: &str) -> Option<Tracked> {
        if group != "/" && !self.world.plan.has_core() {
            return None;
        }
        let per_cpu = self.world.host.kinds.has(Kind::PerCpu);
        let perf = Perf { per_cpu, ..Perf::default() };
        let state = Mutex::new(State { counting: None, waits: false, perf });
        Some(Tracked(self.rounds.track(Slot { world: self.world.clone(), group: group.into(), state })))
    }

    /// What it counts of itself.
    pub fn meters(&self) -> &Meters {
        self.rounds.meters()
    }

    /// Descriptors that are open.
    pub fn descriptors(&self) -> usize {
        self.world.budget.in_use()
    }

    /// What is not counted and why, a sentence each.
    pub fn left_out(&self) -> Vec<String> {
        let mut all = self.world.plan.left_out();
        let waiting = self.world.waiting.load(Relaxed);
        if waiting > 0 {
            all.push(format!("{waiting} containers wait for descriptors: {}", self.world.room()));
        }
        if self.world.foreign.load(Relaxed) {
            all.push(FOREIGN.to_owned());
        }
        if self.world.host.hierarchy.controller(Controller::PerfEvent).is_none() {
            all.push("no hierarchy of cgroups here has the controller perf_event".to_owned());
        }
        all
    }

    /// Ends the thread and closes all counters.
    pub fn stop(&self) {
        self.rounds.finish();
    }
}

impl Tracked {
    /// Writes the newest numbers; `None` while there are none. Returns whether they are others.
    pub fn fill(&self, perf: &mut Option<Perf>) -> bool {
        self.0.fill(perf)
    }

    /// Reads the counters now, in the caller's own time: at the end of a container, and for who asks for fresh
    /// numbers.
    pub fn read_now(&self, buffer: &mut Vec<u8>) {
        // opening takes milliseconds on a large machine, which is the thread's to spend
        if self.at().is_some() {
            let member = self.0.member();
            read(member, &mut lock(&member.target.state), buffer);
        }
    }

    /// The instant at which the newest numbers were true.
    pub fn at(&self) -> Option<Timestamp> {
        self.0.member().last(|(at, _)| *at)
    }
}

impl World {
    /// What descriptors are there.
    fn room(&self) -> String {
        let (used, max) = (self.budget.in_use(), self.budget.max());
        format!(
            "{used} of the {max} for perf events are in use; raise -open_files or the limit of the process, or count fewer events"
        )
    }

    /// The machine's CPUs that are online.
    fn cpus(&self, buffer: &mut Vec<u8>) -> Vec<u32> {
        let file = self.host.root.sys.join("devices/system/cpu/online");
        let listed = read_path(&file, buffer).ok().and_then(|()| cpu_list(buffer));
        listed.unwrap_or_else(|| {
            let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            (0..u32::try_from(count).unwrap_or(1)).collect()
        })
    }
}

/// The socket of a CPU; -1 where it is not told.
fn socket(sys: &Path, cpu: u32) -> i64 {
    let file = sys.join(format!("devices/system/cpu/cpu{cpu}/topology/physical_package_id"));
    let mut buffer = Vec::new();
    read_path(&file, &mut buffer).ok().and_then(|()| format::signed(buffer.trim_ascii())).unwrap_or(-1)
}

impl Slot {
    fn open(&self, state: &mut State, buffer: &mut Vec<u8>) {
        let world = &*self.world;
        let Some((_, root)) = world.host.hierarchy.controller(Controller::PerfEvent) else { return };
        let Some(directory) = below(root, &self.group) else { return };
        // one that can be read from, as the call asks for; on v1 it may come later than the others
        let Ok(directory) = std::fs::File::open(directory) else { return };
        let cpus = world.cpus(buffer);
        let sys = &world.host.root.sys;
        let is_root = &*self.group == "/";
        let opened = Counting::open(
            &world.plan,
            directory.as_fd(),
            is_root,
            &cpus,
            |cpu| if is_root { socket(sys, cpu) } else { -1 },
            &world.budget,
        );
        match opened {
            Ok(counting) => {
                state.counting = Some(counting);
                self.waits(state, false);
                world.foreign.store(false, Relaxed);
            }
            Err(Refusal::NoRoom(wanted)) => {
                self.waits(state, true);
                if !world.said.swap(true, Relaxed) {
                    tracing::warn!(
                        container = &*self.group,
                        "perf events are not counted: they take {wanted} descriptors, and {}; it is tried again",
                        world.room()
                    );
                }
            }
            // the root never ends
            Err(Refusal::NoGroup) if is_root => {
                if !world.foreign.swap(true, Relaxed) {
                    tracing::warn!("no perf events are counted: {FOREIGN}");
                }
            }
            Err(Refusal::NoGroup) => {}
        }
    }

    /// Notes whether it waits for descriptors.
    fn waits(&self, state: &mut State, waits: bool) {
        if std::mem::replace(&mut state.waits, waits) != waits {
            let waiting = &self.world.waiting;
            if waits {
                waiting.fetch_add(1, Relaxed)
            } else {
                waiting.fetch_sub(1, Relaxed)
            };
        }
    }
}

impl rounds::Survey for Survey {
    type Target = Slot;
    type Value = Perf;

    /// Opening may be slow: who comes new waits for one other at most.
    const LOT: usize = 1;

    /// Who takes a container's last sample waits for a reading that has begun.
    const LOW: bool = false;

    fn measure(&mut self, members: &[Arc<Member<Self>>], _: &dyn Fn() -> Timestamp) {
        for member in members {
            let mut state = lock(&member.target.state);
            if state.counting.is_none() {
                member.target.open(&mut state, &mut self.buffer);
            }
            read(member, &mut state, &mut self.buffer);
        }
    }

    fn end(&mut self, slot: &Slot) {
        let mut state = lock(&slot.state);
        state.counting = None;
        slot.waits(&mut state, false);
    }
}

/// Reads the counters that are open, if they are.
fn read(member: &Member<Survey>, state: &mut State, buffer: &mut Vec<u8>) {
    let State { counting: Some(counting), perf, .. } = state else { return };
    let world = &*member.target.world;
    let at = (world.now)();
    counting.read(&world.plan, buffer, perf);
    member.put_copy(at, perf);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
