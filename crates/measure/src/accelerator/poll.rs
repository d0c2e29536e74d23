//! The thread that asks about GPUs, and what it found last.
//!
//! Reads: see [`super::reading`], [`super::given`], [`super::owner`]
//! Gives: the accelerators of each container, by its group's name
//! Cost:  without a driver a look at three paths every 30 s; a sample of a machine without GPUs reads one flag
//!
//! A driver can hang for minutes, or for ever. Then only this thread waits: the numbers of before are shown for ten
//! seconds more than a look is due, and are absent after that; [`Accelerators::trouble`] says why.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::dir::read_path;
use plimsoll_kernel::hierarchy::{Controller, Version};
use plimsoll_kernel::nvml::{Error, Library};

use super::driver::{self, Capability};
use super::given::{self, Given};
use super::owner::{self, Known};
use super::reading::{self, Gpu, Look};
use super::{Accelerator, Process};
use crate::host::Host;
use crate::reader::place;

/// How long it is waited before a library with a lost GPU is loaded anew.
const LOAD_AGAIN: Duration = Duration::from_secs(60);
/// How long what a container was given is believed.
const GIVEN_FOR: Duration = Duration::from_secs(60);
/// How long numbers are shown when no new ones come although they should.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// Time between two looks where nothing but names is known.
const SELDOM: Duration = Duration::from_secs(5);
/// The longest pause after a look that took long.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long the end of the thread is waited for.
const END_WITHIN: Duration = Duration::from_millis(500);
/// Asking takes at most one part in so many of the time.
const PARTS: u32 = 20;

/// A group whose GPUs are wanted.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: Arc<str>,
    /// Whether a runtime claims it: it is a container and not only a group.
    pub claimed: bool,
    /// Its first process, where a runtime told it.
    pub pid: Option<u32>,
}

/// What the thread needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time between two looks.
    pub interval: Duration,
    /// NVIDIA's library; absent is searched for, once there is a driver.
    pub library: Option<PathBuf>,
    /// How often it is looked for a driver, or for the library, that is not there.
    pub look_again: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), library: None, look_again: Duration::from_secs(30) }
    }
}

/// Why numbers of GPUs are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is a driver, and this program is static and cannot load the library.
    Static,
    /// There is a driver, and the library cannot be used.
    Library(String),
    /// The library does not answer.
    Hangs(Duration),
    /// Of some GPU something could not be told.
    Gpu(String),
    /// The processes on the GPUs have numbers of another PID namespace.
    Processes,
}

/// Counters of the thread.
#[derive(Debug, Default)]
pub struct Meters {
    /// Looks at all GPUs.
    pub looks: AtomicU64,
    /// Calls that failed, and looks that could not be made.
    pub failures: AtomicU64,
    /// Nanoseconds spent.
    pub nanos: AtomicU64,
}

/// The thread. Dropping it ends the thread, if the driver lets it.
pub struct Accelerators {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    ending: Mutex<Ending>,
    woken: Condvar,
    /// Whether there is anything to show; a sample looks no further where there is not.
    any: AtomicBool,
    found: Mutex<Option<Arc<Found>>>,
    trouble: Mutex<Option<Trouble>>,
    /// Since when a look is going on.
    asking: Mutex<Option<Instant>>,
    meters: Meters,
}

/// How far the thread's end is.
#[derive(Default)]
struct Ending {
    wanted: bool,
    ended: bool,
}

/// What one look found.
struct Found {
    at: Timestamp,
    fresh_until: Instant,
    gpus: Vec<Gpu>,
    by_group: HashMap<Arc<str>, Vec<Accelerator>>,
}

impl Accelerators {
    /// Starts the thread. `groups` lists those that are there now; it is asked only while there is a GPU.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        host: Arc<Host>,
        options: Options,
        groups: impl Fn() -> Vec<Group> + Send + 'static,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        std::thread::Builder::new().name("accelerators".to_owned()).spawn(move || {
            let mut poll = Poll::new(host, options);
            loop {
                let began = Instant::now();
                *lock(&theirs.asking) = Some(began);
                let pause = poll.look(&theirs, &groups, now(), began);
                *lock(&theirs.asking) = None;
                let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                theirs.meters.nanos.fetch_add(took, Relaxed);
                if !theirs.rest(pause) {
                    break;
                }
            }
            // the library is shut down by then
            drop(poll);
            lock(&theirs.ending).ended = true;
            theirs.woken.notify_all();
        })?;
        Ok(Self { shared })
    }

    /// Writes a group's accelerators into its sample; none when there are none, or only old numbers. Says whether
    /// anything is new.
    pub fn fill(&self, group: &str, out: &mut Vec<Accelerator>) -> bool {
        let found = if self.shared.any.load(Relaxed) { lock(&self.shared.found).clone() } else { None };
        let fresh = found.as_ref().filter(|found| Instant::now() < found.fresh_until);
        let new = fresh.and_then(|found| found.by_group.get(group)).map_or(&[][..], Vec::as_slice);
        let changed = out.as_slice() != new;
        if changed {
            out.clear();
            out.extend_from_slice(new);
        }
        changed
    }

    /// The GPUs of the machine, as they were seen last.
    pub fn gpus(&self) -> Vec<Gpu> {
        lock(&self.shared.found).as_ref().map(|found| found.gpus.clone()).unwrap_or_default()
    }

    /// When they were.
    pub fn at(&self) -> Option<Timestamp> {
        lock(&self.shared.found).as_ref().filter(|found| !found.gpus.is_empty()).map(|found| found.at)
    }

    /// Why numbers are missing now.
    pub fn trouble(&self) -> Option<Trouble> {
        let hanging = lock(&self.shared.asking).map(|since| since.elapsed()).filter(|age| *age >= FRESH_FOR);
        hanging.map(Trouble::Hangs).or_else(|| lock(&self.shared.trouble).clone())
    }

    /// What it counts of itself.
    pub fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// Ends the thread. It is waited for, since the program must not end while the library runs, but not for long,
    /// since the driver may hold it for ever.
    pub fn stop(&self) {
        let mut ending = lock(&self.shared.ending);
        ending.wanted = true;
        self.shared.woken.notify_all();
        let waited = self.shared.woken.wait_timeout_while(ending, END_WITHIN, |ending| !ending.ended);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Accelerators {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Waits; false when the thread is to end.
    fn rest(&self, time: Duration) -> bool {
        let ending = lock(&self.ending);
        let waited = self.woken.wait_timeout_while(ending, time, |ending| !ending.wanted);
        !waited.unwrap_or_else(PoisonError::into_inner).0.wanted
    }

    fn show(&self, found: Option<Found>) {
        self.any.store(found.is_some(), Relaxed);
        *lock(&self.found) = found.map(Arc::new);
    }
}

/// The thread's own state.
struct Poll {
    host: Arc<Host>,
    options: Options,
    library: Option<Library>,
    /// When it was tried to load the library.
    tried: Option<Instant>,
    /// Why that failed.
    why: Option<Trouble>,
    /// Troubles that were told.
    said: BTreeSet<String>,
    given: HashMap<Arc<str>, Kept>,
    capabilities: Vec<Capability>,
    caps_major: Option<u32>,
    capabilities_read: Option<Instant>,
    buffer: Vec<u8>,
}

/// What a group was given, and when that was looked up, first and last.
struct Kept {
    pid: Option<u32>,
    first: Instant,
    at: Instant,
    given: Given,
}

impl Kept {
    /// A container that is being made gets its devices one after another: the younger, the sooner it is looked at
    /// again.
    fn holds(&self, group: &Group) -> bool {
        let holds_for = (self.at - self.first).clamp(Duration::from_secs(1), GIVEN_FOR);
        self.pid == group.pid && self.at.elapsed() < holds_for
    }
}

impl Poll {
    fn new(host: Arc<Host>, options: Options) -> Self {
        Self {
            host,
            options,
            library: None,
            tried: None,
            why: None,
            said: BTreeSet::new(),
            given: HashMap::new(),
            capabilities: Vec::new(),
            caps_major: None,
            capabilities_read: None,
            buffer: Vec::new(),
        }
    }

    /// One look; gives the pause before the next.
    fn look(
        &mut self,
        shared: &Shared,
        groups: &dyn Fn() -> Vec<Group>,
        now: Timestamp,
        began: Instant,
    ) -> Duration {
        if !self.has_driver() {
            self.library = None;
            self.given.clear();
            shared.show(None);
            *lock(&shared.trouble) = None;
            return self.options.look_again;
        }
        let (look, trouble) = self.ask(shared, now);
        let groups = if look.gpus.is_empty() { Vec::new() } else { groups() };
        let by_group = self.share_out(&look.gpus, &groups);
        // names do not move
        let base =
            if self.library.is_none() { self.options.interval.max(SELDOM) } else { self.options.interval };
        let pause = (began.elapsed() * PARTS).min(LONGEST_PAUSE).max(base);
        let fresh_until = Instant::now() + pause + FRESH_FOR;
        shared.show(Some(Found { at: now, fresh_until, gpus: look.gpus, by_group }));
        if let Some(Trouble::Library(text) | Trouble::Gpu(text)) = &trouble {
            shared.meters.failures.fetch_add(look.faults.len().max(1) as u64, Relaxed);
            self.tell(text.clone());
        }
        let blind = !self.host.sees_processes && self.library.is_some();
        *lock(&shared.trouble) = trouble.or_else(|| blind.then_some(Trouble::Processes));
        shared.meters.looks.fetch_add(1, Relaxed);
        pause
    }

    /// Asks the library, or the driver where there is none.
    fn ask(&mut self, shared: &Shared, now: Timestamp) -> (Look, Option<Trouble>) {
        if let Err(trouble) = self.load() {
            return (Look { gpus: reading::names(&self.host.root.proc), ..Look::default() }, Some(trouble));
        }
        let micros = u64::try_from(now.nanos() / 1000).unwrap_or(0);
        let asked = self.library.as_ref().map(|library| reading::ask(library, micros));
        match asked {
            Some(Ok(look)) => {
                if look.is_broken() && self.tried.is_none_or(|tried| tried.elapsed() >= LOAD_AGAIN) {
                    self.library = None;
                }
                let trouble =
                    look.faults.first().map(|(index, error)| Trouble::Gpu(format!("GPU {index}: {error}")));
                (look, trouble)
            }
            Some(Err(error)) => {
                // loaded anew at the next chance
                self.library = None;
                shared.show(None);
                (Look::default(), Some(Trouble::Library(error.to_string())))
            }
            None => (Look::default(), None),
        }
    }

    /// Whether there is an NVIDIA driver (`/dev/dxg` is that of WSL), or the user named its library.
    fn has_driver(&self) -> bool {
        let root = &self.host.root;
        self.options.library.is_some()
            || root.proc.join("driver/nvidia/version").exists()
            || ["dev/nvidiactl", "dev/dxg"].iter().any(|name| root.rootfs.join(name).exists())
    }

    fn load(&mut self) -> Result<(), Trouble> {
        if self.library.is_some() {
            return Ok(());
        }
        if let (Some(tried), Some(why)) = (self.tried, &self.why)
            && tried.elapsed() < self.options.look_again
        {
            return Err(why.clone());
        }
        self.tried = Some(Instant::now());
        let why = match self.open() {
            Ok(library) => {
                let version = library.driver_version().unwrap_or_default();
                tracing::info!(driver = version, "NVIDIA's library answers");
                self.said.clear();
                self.why = None;
                self.library = Some(library);
                return Ok(());
            }
            Err(Error::Static) => {
                self.tell(Error::Static.to_string());
                Trouble::Static
            }
            Err(error) => Trouble::Library(error.to_string()),
        };
        self.why = Some(why.clone());
        Err(why)
    }

    /// The library that the user named, else the first that can be used; of the faults the one that says most.
    fn open(&self) -> Result<Library, Error> {
        if let Some(library) = &self.options.library {
            return Library::open(library.as_os_str());
        }
        let mut fault = None;
        for name in places(&self.host.root.rootfs) {
            match Library::open(&name) {
                Ok(library) => return Ok(library),
                Err(error @ Error::Static) => return Err(error),
                // one that is there and refuses says more than one that is not there
                Err(error) => {
                    let says_more = !matches!(error, Error::Load(_)) || fault.is_none();
                    fault = if says_more { Some(error) } else { fault };
                }
            }
        }
        Err(fault.unwrap_or(Error::Lacks("nvmlInit_v2")))
    }

    /// Who has which GPU.
    fn share_out(&mut self, gpus: &[Gpu], groups: &[Group]) -> HashMap<Arc<str>, Vec<Accelerator>> {
        let mut by_group: HashMap<Arc<str>, Vec<Accelerator>> = HashMap::new();
        let known: Known = groups.iter().map(|group| (group.name.clone(), group.claimed)).collect();
        let mut owners = HashMap::new();
        self.look_up_given(groups, &known);
        let sees = self.host.sees_processes;
        for gpu in gpus {
            let mut users: HashMap<Arc<str>, Vec<Process>> = HashMap::new();
            // those on its instances are told there
            let processes = gpu.processes.iter().filter(|_| sees && !gpu.is_cut).flatten();
            for process in processes {
                let owner = owners.entry(process.pid).or_insert_with(|| {
                    let pid = u32::try_from(process.pid).ok()?;
                    owner::of_process(&self.host.root.proc, pid, &known)
                });
                if let Some(owner) = owner {
                    users.entry(owner.clone()).or_default().push(*process);
                }
            }
            for (name, kept) in &self.given {
                if self.is_given(gpu, &kept.given) {
                    users.entry(name.clone()).or_default();
                }
            }
            for (name, processes) in users {
                let processes = Some(processes).filter(|_| sees && gpu.processes.is_some());
                by_group.entry(name).or_default().push(accelerator(gpu, processes));
            }
        }
        by_group
    }

    fn is_given(&self, gpu: &Gpu, given: &Given) -> bool {
        let Some(minor) = gpu.minor.filter(|minor| given.gpus.contains(minor) && !gpu.is_cut) else {
            return false;
        };
        let Some((gpu_instance, compute_instance)) = gpu.instance else { return true };
        let node = |part| {
            self.capabilities.iter().any(|node| {
                (node.gpu, node.gpu_instance, node.compute_instance) == (minor, gpu_instance, part)
                    && given.capabilities.contains(&node.minor)
            })
        };
        node(None) && node(Some(compute_instance))
    }

    /// Looks up what groups were given that are new, have another first process, or were looked at long ago.
    fn look_up_given(&mut self, groups: &[Group], known: &Known) {
        if self.capabilities_read.is_none_or(|read| read.elapsed() >= GIVEN_FOR) {
            self.capabilities_read = Some(Instant::now());
            self.capabilities = driver::capabilities(&self.host.root.proc);
            let devices = read_path(&self.host.root.proc.join("devices"), &mut self.buffer);
            self.caps_major = devices.ok().and_then(|()| given::caps_major(&self.buffer));
        }
        self.given.retain(|name, _| known.contains_key(name));
        for group in
            groups.iter().filter(|group| &*group.name != "/" && !owner::is_inside(&group.name, known))
        {
            let before = self.given.get(&group.name);
            if before.is_some_and(|kept| kept.holds(group)) {
                continue;
            }
            let at = Instant::now();
            let first = before.map_or(at, |kept| kept.first);
            if let Some(given) = self.given_to(group) {
                self.given.insert(group.name.clone(), Kept { pid: group.pid, first, at, given });
            }
        }
    }

    /// What the kernel lets a group open; none while that is not known yet.
    fn given_to(&mut self, group: &Group) -> Option<Given> {
        let hierarchy = &self.host.hierarchy;
        if let Some((Version::V1, root)) = hierarchy.controller(Controller::Devices) {
            let list = place::below(root, &group.name)?.join("devices.list");
            read_path(&list, &mut self.buffer).ok()?;
            return Some(given::of_list(&self.buffer, self.caps_major));
        }
        // a service sees the machine's nodes, whatever it may open
        if !group.claimed {
            return Some(Given::default());
        }
        let pid = match group.pid {
            Some(pid) => pid,
            None => {
                let procs = place::below(hierarchy.unified()?, &group.name)?.join("cgroup.procs");
                read_path(&procs, &mut self.buffer).ok()?;
                let first = plimsoll_kernel::format::values(&self.buffer).next()?.ok()?;
                u32::try_from(first).ok().filter(|pid| *pid != 0)?
            }
        };
        Some(given::of_process(&self.host.root.proc, pid))
    }

    /// Tells a trouble, once.
    fn tell(&mut self, text: String) {
        if !self.said.contains(&text) {
            tracing::warn!("numbers of GPUs are missing: {text}");
            self.said.insert(text);
        }
    }
}

fn accelerator(gpu: &Gpu, processes: Option<Vec<Process>>) -> Accelerator {
    Accelerator {
        make: "nvidia".to_owned(),
        model: gpu.model.clone(),
        id: gpu.uuid.clone(),
        memory_total: gpu.memory.map(|(total, _)| total),
        memory_used: gpu.memory.map(|(_, used)| used),
        duty_cycle: gpu.duty_cycle,
        processes,
    }
}

/// Where the library may be: as the dynamic loader finds it, then where the host has it: distributions, WSL, GKE,
/// NVIDIA's operator.
fn places(rootfs: &Path) -> impl Iterator<Item = OsString> {
    const NAME: &str = "libnvidia-ml.so.1";
    const FOLDERS: &[&str] = &[
        "usr/lib64",
        "usr/lib/x86_64-linux-gnu",
        "usr/lib/aarch64-linux-gnu",
        "usr/lib/x86_64-linux-gnu/nvidia/current",
        "usr/lib/aarch64-linux-gnu/nvidia/current",
        "usr/local/nvidia/lib64",
        "home/kubernetes/bin/nvidia/lib64",
        "run/nvidia/driver/usr/lib/x86_64-linux-gnu",
        "run/nvidia/driver/usr/lib/aarch64-linux-gnu",
        "run/nvidia/driver/usr/lib64",
        "usr/lib/wsl/lib",
    ];
    // in an image without a cache of libraries the loader does not look where NVIDIA's toolkit puts it
    let own = Path::new("/");
    let roots = [own, rootfs].into_iter().take(if rootfs == own { 1 } else { 2 });
    let paths = roots.flat_map(|root| FOLDERS.iter().map(move |folder| root.join(folder).join(NAME)));
    let there = paths.filter(|path| path.exists()).map(PathBuf::into_os_string);
    std::iter::once(OsStr::new(NAME).to_owned()).chain(there)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
