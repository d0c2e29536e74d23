//! What containers' writable layers and volumes take: measured on one thread of low priority, kept with its instant.
//!
//! Reads: see [`super::layer`], [`super::own`] and [`super::usage`]
//! Gives: `filesystem` of a container
//! Cost:  a few microseconds where the filesystem itself counts the layer; else a walk. All together take at most
//!        a twentieth of a core besides a second that may be saved up. A layer is measured at once when it is known,
//!        then every interval; later where a walk fails or is long
//!
//! Several walks take turns, so that a large layer keeps no small one waiting.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::accounting::Counted;
use plimsoll_kernel::error::{Errno, Error};
use plimsoll_kernel::root::Root;
use rustix::fs::{FileType, OFlags};

use super::FsStats;
use super::layer::{Layer, Place};
use super::own::{self, Own, Projects, Search};
use super::purse::Purse;
use super::table::Table;
use super::usage::{self, Buffer, Usage, Walk};
use super::view::View;

/// Walks that take turns.
const AT_ONCE: usize = 8;
/// How long one walk goes on before it is the next one's turn.
const TURN: Duration = Duration::from_millis(5);
/// The longest pause between two walks of a layer, as cAdvisor's.
const LONGEST_PAUSE: Duration = Duration::from_secs(20 * 60);
/// One layer takes at most one part in so many of a core.
const PARTS: u32 = 200;

/// The thread that measures layers. Dropping it ends the thread.
pub struct Tracker {
    shared: Arc<Shared>,
}

/// A layer that is being measured for as long as this lives.
pub struct Tracked {
    slot: Arc<Slot>,
}

/// Counters of a tracker.
#[derive(Debug, Default)]
pub struct Meters {
    /// Layers that were measured.
    pub walks: AtomicU64,
    /// Those of them that the filesystem counts by itself.
    pub counted: AtomicU64,
    /// Layers that could not be.
    pub failures: AtomicU64,
    /// Nanoseconds spent.
    pub nanos: AtomicU64,
    /// Names looked at.
    pub names: AtomicU64,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    woken: Condvar,
    meters: Meters,
    /// Those that are volumes, which containers share.
    volumes: Mutex<HashMap<PathBuf, Weak<Slot>>>,
    /// Reasons that were told of a layer.
    told: Mutex<Vec<Errno>>,
}

#[derive(Default)]
struct Queue {
    due: BinaryHeap<Reverse<Due>>,
    stopping: bool,
}

struct Due {
    at: Instant,
    pause: Duration,
    slot: Weak<Slot>,
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

struct Slot {
    layer: Layer,
    value: Mutex<Option<Value>>,
    /// Why the last walk failed; none after one that did not.
    trouble: Mutex<Option<String>>,
}

/// What was found, and when it was true: at the beginning of the walk.
struct Value {
    at: Timestamp,
    stats: FsStats,
}

/// What the thread looks at.
struct World<N> {
    root: Root,
    table: Arc<Mutex<Table>>,
    now: N,
    interval: Duration,
    projects: Projects<Slot>,
}

impl Tracker {
    /// Starts the thread. `table` tells on which filesystem of the machine a layer is; `now` is the clock that
    /// values are stamped with.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        root: Root,
        table: Arc<Mutex<Table>>,
        interval: Duration,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let world = World { root, table, now, interval, projects: Projects::default() };
        let theirs = shared.clone();
        std::thread::Builder::new()
            .name("layers".to_owned())
            .stack_size(256 << 10)
            .spawn(move || run(&theirs, &world))?;
        Ok(Self { shared })
    }

    /// Measures a layer, at once and then again and again.
    pub fn track(&self, layer: Layer) -> Tracked {
        let slot = Arc::new(Slot { layer, value: Mutex::default(), trouble: Mutex::default() });
        self.shared.enter(Due { at: Instant::now(), pause: Duration::ZERO, slot: Arc::downgrade(&slot) });
        Tracked { slot }
    }

    /// Measures a volume, once for all who ask for it.
    pub(super) fn track_volume(&self, path: &Path) -> Tracked {
        let mut volumes = lock(&self.shared.volumes);
        if let Some(slot) = volumes.get(path).and_then(Weak::upgrade) {
            return Tracked { slot };
        }
        volumes.retain(|_, slot| slot.strong_count() > 0);
        let tracked = self.track(Layer { upper: Some(path.to_owned()), is_volume: true, ..Layer::default() });
        volumes.insert(path.to_owned(), Arc::downgrade(&tracked.slot));
        tracked
    }

    /// What it counts of itself.
    pub fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// Ends the thread, in the middle of a walk if need be.
    pub fn stop(&self) {
        lock(&self.shared.queue).stopping = true;
        self.shared.woken.notify_all();
    }
}

impl Drop for Tracker {
    /// Does not wait for the thread, which a filesystem that does not answer may hold for ever.
    fn drop(&mut self) {
        self.stop();
    }
}

impl Tracked {
    /// Whether this is what is measured.
    pub fn is(&self, layer: &Layer) -> bool {
        self.slot.layer == *layer
    }

    /// Writes the newest numbers into a sample's filesystems; nothing while there are none. Never waits for the
    /// thread of low priority: while that puts new numbers down, the old ones stay. Says whether anything was
    /// written.
    pub fn fill(&self, filesystem: &mut Vec<FsStats>) -> bool {
        let news = self.read(|stats| {
            let news = filesystem.as_slice() != std::slice::from_ref(stats);
            if news {
                filesystem.clear();
                filesystem.push(stats.clone());
            }
            news
        });
        news == Some(true)
    }

    /// Shows the newest numbers; `None` while there are none, or the thread puts new ones down.
    pub(super) fn read<T>(&self, look: impl FnOnce(&FsStats) -> T) -> Option<T> {
        let value = self.slot.value.try_lock().ok()?;
        value.as_ref().map(|value| look(&value.stats))
    }

    /// Why the last walk failed; `None` when it did not.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.slot.trouble).clone()
    }

    /// The instant at which the newest numbers were true.
    pub fn at(&self) -> Option<Timestamp> {
        lock(&self.slot.value).as_ref().map(|value| value.at)
    }
}

impl Shared {
    fn enter(&self, due: Due) {
        lock(&self.queue).due.push(Reverse(due));
        self.woken.notify_all();
    }

    /// Fills up the walks from what is due; waits when there is nothing else to do. False: end.
    fn take(&self, walks: &mut VecDeque<Turn>) -> bool {
        let mut queue = lock(&self.queue);
        loop {
            if queue.stopping {
                return false;
            }
            let now = Instant::now();
            while walks.len() < AT_ONCE && queue.due.peek().is_some_and(|Reverse(due)| due.at <= now) {
                walks.extend(queue.due.pop().map(|Reverse(due)| Turn::of(due)));
            }
            if !walks.is_empty() {
                return true;
            }
            let wait = queue.due.peek().map(|Reverse(due)| due.at - now);
            queue = match wait {
                None => self.woken.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => self.woken.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    fn rest(&self, time: Duration) {
        if !time.is_zero() {
            let wait = self.woken.wait_timeout_while(lock(&self.queue), time, |queue| !queue.stopping);
            drop(wait.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Whether the reason has not been told of any layer: of hundreds that cannot be read for want of the same right,
    /// one line speaks.
    fn is_news(&self, error: &Error) -> bool {
        let Error::Read { cause, .. } = error else { return true };
        let mut told = lock(&self.told);
        let news = !told.contains(cause);
        if news {
            told.push(*cause);
        }
        news
    }

    /// Notes how a walk ended; gives the pause before the next.
    fn ended(&self, slot: &Slot, turn: &Turn, outcome: &Result<(), Error>, interval: Duration) -> Duration {
        match outcome {
            Ok(()) => {
                self.meters.walks.fetch_add(1, Relaxed);
                *lock(&slot.trouble) = None;
                interval.max(turn.spent * PARTS).min(LONGEST_PAUSE.max(interval))
            }
            Err(error) => {
                self.meters.failures.fetch_add(1, Relaxed);
                let said = with_cause(error);
                let before = lock(&slot.trouble).replace(said.clone());
                // a container that ends takes its layer along: an everyday thing, unless it stays
                let everyday = error.is_absent() && before.is_none();
                let what = if slot.layer.is_volume { "volume" } else { "layer" };
                if everyday || !self.is_news(error) {
                    tracing::debug!("a container's {what} is not measured: {said}");
                } else {
                    tracing::warn!("a container's {what} is not measured: {said}");
                }
                (turn.pause * 2).clamp(interval, LONGEST_PAUSE.max(interval))
            }
        }
    }
}

/// A layer whose turn it is now and then until it is measured.
struct Turn {
    slot: Weak<Slot>,
    pause: Duration,
    /// What its steps counted as: see [`cost`].
    spent: Duration,
    began: Option<Timestamp>,
    place: Option<Place>,
    /// The trees, and what those that are through came to.
    upper: Part,
    extra: Part,
}

#[derive(Default)]
enum Part {
    /// Not begun.
    #[default]
    Ahead,
    Walking(Box<Walk>),
    Searching(Box<Search>),
    /// Through: what it takes, and on which device it is.
    Through(Counted, u64),
    /// There is no such tree.
    None,
}

impl Turn {
    fn of(due: Due) -> Self {
        Self {
            slot: due.slot,
            pause: due.pause,
            spent: Duration::ZERO,
            began: None,
            place: None,
            upper: Part::default(),
            extra: Part::default(),
        }
    }

    /// Goes on for a while; true when there is nothing more to do.
    fn go_on<N: Fn() -> Timestamp>(
        &mut self,
        slot: &Arc<Slot>,
        world: &World<N>,
        buffer: &mut Buffer,
        meters: &Meters,
    ) -> Result<bool, Error> {
        let began = Instant::now();
        self.began.get_or_insert_with(|| (world.now)());
        loop {
            match (&mut self.upper, &mut self.extra) {
                (Part::Ahead, _) => self.begin(slot, world, meters)?,
                (Part::None, _) => return Ok(true),
                (Part::Through(..), Part::Ahead) => {
                    self.extra = match extra(&slot.layer, &world.root) {
                        // no log yet, or none any more
                        Err(error) if error.is_absent() => Part::None,
                        begun => begun?,
                    }
                }
                (Part::Through(..), Part::Through(..) | Part::None) => return Ok(true),
                (Part::Through(..), extra) => match extra.step(buffer, meters) {
                    Err(error) if error.is_absent() => *extra = Part::None,
                    stepped => stepped?,
                },
                (upper, _) => upper.step(buffer, meters)?,
            }
            if began.elapsed() >= TURN {
                return Ok(false);
            }
        }
    }

    fn begin<N>(&mut self, slot: &Arc<Slot>, world: &World<N>, meters: &Meters) -> Result<(), Error> {
        let Some(place) = slot.layer.find(&world.root, &world.table)? else {
            self.upper = Part::None;
            return Ok(());
        };
        let device = |device: u64| {
            let table = lock(&world.table);
            table.on_device(device, &place.path).map(|(source, _)| on_host(&world.root, Path::new(&source)))
        };
        self.upper = match own::begin(&place, &world.projects, slot, device)? {
            Own::Counted(counted, device) => {
                meters.counted.fetch_add(1, Relaxed);
                Part::Through(counted, device)
            }
            Own::Search(search) => Part::Searching(search),
            Own::None => Part::Walking(Box::new(Walk::at(&place.dir, &place.path)?)),
        };
        self.place = Some(place);
        Ok(())
    }

    /// Keeps what was found. A layer on a filesystem that the machine's table does not have shows nothing.
    fn keep<N: Fn() -> Timestamp>(&self, slot: &Slot, world: &World<N>) -> Result<(), Error> {
        let (Part::Through(upper, device), Some(at)) = (&self.upper, self.began) else { return Ok(()) };
        let extra = match &self.extra {
            Part::Through(counted, _) => counted.bytes,
            _ => 0,
        };
        let Some(place) = &self.place else { return Ok(()) };
        let known = lock(&world.table).on_device(*device, &place.path);
        let known = known.map(|(key, r#type)| (key, r#type.to_owned()));
        let own = || {
            let (source, fs_type) = place.whole.as_ref()?;
            Some((source.clone(), if fs_type == "zfs" { "zfs" } else { "vfs" }.to_owned()))
        };
        let Some((device, r#type)) = known.or_else(own) else { return Ok(()) };
        let stat = rustix::fs::fstatvfs(&place.dir).map_err(|cause| Error::read(&place.path, cause))?;
        let stats = FsStats {
            device,
            r#type,
            capacity: stat.f_frsize.saturating_mul(stat.f_blocks),
            usage: upper.bytes + extra,
            base_usage: upper.bytes,
            inodes: upper.inodes.unwrap_or(0),
            ..FsStats::default()
        };
        *lock(&slot.value) = Some(Value { at, stats });
        Ok(())
    }
}

impl Part {
    fn step(&mut self, buffer: &mut Buffer, meters: &Meters) -> Result<(), Error> {
        match self {
            Self::Walking(walk) => {
                if let Some(usage) = walk.step(buffer)? {
                    meters.names.fetch_add(walk.seen(), Relaxed);
                    *self = Self::Through(counted(usage), walk.device());
                }
            }
            Self::Searching(search) => {
                if let Some(counted) = search.step()? {
                    meters.names.fetch_add(search.seen(), Relaxed);
                    *self = Self::Through(counted, search.device());
                }
            }
            Self::Ahead | Self::Through(..) | Self::None => {}
        }
        Ok(())
    }
}

fn counted(usage: Usage) -> Counted {
    Counted { bytes: usage.bytes, inodes: Some(usage.inodes) }
}

/// Begins with what belongs to a container beside its layer: a folder, or a log.
fn extra(layer: &Layer, root: &Root) -> Result<Part, Error> {
    let Some(path) = &layer.extra else { return Ok(Part::None) };
    let view = View::host(root);
    let fault = |cause| Error::read(view.name(path), cause);
    let at = view.open(path, OFlags::empty()).map_err(fault)?;
    let stat = rustix::fs::fstat(&at).map_err(fault)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Ok(Part::Walking(Box::new(Walk::at(&at, path)?)));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Part::None) };
    let name = CString::new(name.as_bytes()).map_err(|_| fault(Errno::INVAL))?;
    let folder = view.place(folder)?;
    Ok(Part::Through(counted(usage::of_log(&folder.dir, &name, path)?), stat.st_dev))
}

fn run<N: Fn() -> Timestamp>(shared: &Shared, world: &World<N>) {
    // the kernel's disk scheduler goes by it too; without the right it is as it was
    let _ = rustix::process::setpriority_process(None, 19);
    let mut walks = VecDeque::new();
    let mut buffer = Buffer::default();
    let mut purse = Purse::full(Instant::now());
    while shared.take(&mut walks) {
        let Some(mut turn) = walks.pop_front() else { continue };
        // the container ended
        let Some(slot) = turn.slot.upgrade() else { continue };
        let (began, cpu) = (Instant::now(), cpu_time());
        let mut outcome = turn.go_on(&slot, world, &mut buffer, &shared.meters);
        if let Ok(true) = outcome {
            outcome = turn.keep(&slot, world).map(|()| true);
        }
        let now = Instant::now();
        let elapsed = now - began;
        shared.meters.nanos.fetch_add(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        let took = cost(cpu_time().saturating_sub(cpu), elapsed);
        turn.spent += took;
        match outcome {
            Ok(false) => walks.push_back(turn),
            ended => {
                let pause = shared.ended(&slot, &turn, &ended.map(drop), world.interval);
                shared.enter(Due { at: now + pause, pause, slot: turn.slot });
            }
        }
        drop(slot);
        shared.rest(purse.pay(took, now));
    }
}

/// What a piece of work counts as: its CPU time, and a tenth of what it waited. A disk is to be spared too, but a thread
/// of low priority waits for the CPU as well, and a busy machine would find every layer a long one.
fn cost(cpu: Duration, elapsed: Duration) -> Duration {
    cpu + elapsed.saturating_sub(cpu) / 10
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// A path of the host, as this process sees it.
fn on_host(root: &Root, path: &Path) -> PathBuf {
    root.rootfs.join(path.strip_prefix("/").unwrap_or(path))
}

fn with_cause(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(7);

    /// A host with one filesystem, on which the layers are.
    pub(in super::super) struct Host {
        dir: tempfile::TempDir,
        pub(in super::super) tracker: Tracker,
    }

    impl Host {
        pub(in super::super) fn new(interval: Duration) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let device = fs::metadata(dir.path()).unwrap().dev();
            let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
            fs::create_dir_all(dir.path().join("proc/1")).unwrap();
            let mounts = format!("1 0 {major}:{minor} / / rw - ext4 /dev/sdx1 rw\n");
            fs::write(dir.path().join("proc/1/mountinfo"), mounts).unwrap();
            let root = Root::at(dir.path());
            let table = Arc::new(Mutex::new(Table::read(&root)));
            Self { tracker: Tracker::start(root, table, interval, || NOW).unwrap(), dir }
        }

        /// A further mount.
        pub(in super::super) fn mount(&self, source: &str, fs_type: &str, at: &str) {
            let table = self.dir.path().join("proc/1/mountinfo");
            let mounts = fs::read_to_string(&table).unwrap();
            fs::write(table, format!("{mounts}2 1 0:99 / {at} rw - {fs_type} {source} rw\n")).unwrap();
        }

        pub(in super::super) fn write(&self, name: &str, bytes: usize) {
            let path = self.dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![1; bytes]).unwrap();
        }

        fn track(&self, upper: &str, extra: &str) -> Tracked {
            let upper = (!upper.is_empty()).then(|| upper.into());
            let extra = (!extra.is_empty()).then(|| extra.into());
            self.tracker.track(Layer { upper, extra, ..Layer::default() })
        }

        pub(in super::super) fn blocks(&self, names: &[&str]) -> u64 {
            let of = |name: &&str| fs::metadata(self.dir.path().join(name)).unwrap().blocks() * 512;
            names.iter().map(of).sum()
        }

        /// Waits for as long as it takes.
        pub(in super::super) fn until(&self, mut fits: impl FnMut(&Meters) -> bool) {
            while !fits(self.tracker.meters()) {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    fn only(tracked: &Tracked) -> FsStats {
        let mut filesystem = Vec::new();
        tracked.fill(&mut filesystem);
        filesystem.pop().unwrap()
    }

    #[test]
    fn a_layer_and_its_log_are_measured_at_once_and_again() {
        let host = Host::new(Duration::from_millis(20));
        host.write("layer/etc/file", 1 << 20);
        host.write("containers/a/log", 5000);
        let tracked = host.track("/layer", "/containers/a");
        host.until(|_| tracked.at().is_some());
        let stats = only(&tracked);
        let base = host.blocks(&["layer", "layer/etc", "layer/etc/file"]);
        assert_eq!((stats.base_usage, stats.inodes), (base, 3));
        assert_eq!(stats.usage, base + host.blocks(&["containers/a", "containers/a/log"]));
        assert_eq!((stats.device.as_str(), stats.r#type.as_str()), ("/dev/sdx1", "vfs"));
        assert!(stats.capacity > 1 << 20 && !stats.has_inodes && stats.available == 0);
        assert_eq!(tracked.at(), Some(NOW));
        host.write("layer/more", 1 << 20);
        host.until(|_| only(&tracked).inodes == 4);
        assert!(only(&tracked).base_usage >= 2 << 20);
    }

    #[test]
    fn a_layer_without_log_is_measured_all_the_same() {
        let host = Host::new(Duration::from_secs(60));
        host.write("layer/file", 1);
        let (without, vanished) = (host.track("/layer", ""), host.track("/layer", "/containers/gone"));
        host.until(|_| without.at().is_some() && vanished.at().is_some());
        assert_eq!(only(&without).usage, only(&without).base_usage);
        assert_eq!(only(&vanished).usage, only(&vanished).base_usage);
    }

    #[test]
    fn a_failure_is_counted_and_said_and_the_others_go_on() {
        let host = Host::new(Duration::from_millis(5));
        host.write("layer/file", 1);
        let gone = host.track("/there/is/none", "");
        host.until(|meters| meters.failures.load(Relaxed) >= 2);
        assert!(gone.at().is_none());
        let said = gone.trouble().unwrap();
        assert!(said.contains("/there/is/none"), "{said}");
        let good = host.track("/layer", "");
        host.until(|_| good.at().is_some());
        assert_eq!(good.trouble(), None);
        // and it is asked for again until it can be had
        host.write("there/is/none/file", 1);
        host.until(|_| gone.at().is_some() && gone.trouble().is_none());
    }

    #[test]
    fn of_many_that_fail_for_one_reason_one_is_told() {
        let shared = Shared::default();
        let error = |name: usize, cause| Error::read(format!("/{name}"), cause);
        let told = (0..300).filter(|n| shared.is_news(&error(*n, Errno::ACCESS))).count();
        assert_eq!(told, 1);
        assert!(shared.is_news(&error(0, Errno::IO)));
    }

    #[test]
    fn a_log_file_counts_with_its_rotated_ones() {
        let host = Host::new(Duration::from_secs(60));
        host.write("layer/file", 1);
        ["pods/main/0.log", "pods/main/0.log.20261128-021700.gz", "pods/main/1.log"]
            .iter()
            .for_each(|name| host.write(name, 50_000));
        let tracked = host.track("/layer", "/pods/main/0.log");
        host.until(|_| tracked.at().is_some());
        let stats = only(&tracked);
        let logs = host.blocks(&["pods/main/0.log", "pods/main/0.log.20261128-021700.gz"]);
        assert_eq!(stats.usage - stats.base_usage, logs);
    }

    #[test]
    fn the_old_number_stays_while_a_new_one_cannot_be_had() {
        let host = Host::new(Duration::from_millis(5));
        host.write("layer/file", 1);
        let tracked = host.track("/layer", "");
        host.until(|_| tracked.at().is_some());
        let before = only(&tracked);
        fs::remove_dir_all(host.dir.path().join("layer")).unwrap();
        host.until(|meters| meters.failures.load(Relaxed) >= 1);
        assert_eq!(only(&tracked), before);
    }

    #[test]
    fn what_is_not_tracked_any_more_is_forgotten() {
        let host = Host::new(Duration::from_millis(5));
        host.write("layer/file", 1);
        let tracked = host.track("/layer", "");
        host.until(|_| tracked.at().is_some());
        drop(tracked);
        host.until(|_| lock(&host.tracker.shared.queue).due.is_empty());
    }

    #[test]
    fn a_layer_on_an_unknown_filesystem_shows_nothing() {
        let host = Host::new(Duration::from_secs(60));
        // of /proc the table knows nothing
        std::os::unix::fs::symlink("/proc/self", host.dir.path().join("self")).unwrap();
        let tracked = host.track("/self/attr", "");
        host.until(|meters| meters.walks.load(Relaxed) + meters.failures.load(Relaxed) > 0);
        assert!(tracked.at().is_none());
    }

    #[test]
    fn an_end_comes_in_the_middle_of_a_rest() {
        let host = Host::new(Duration::from_secs(3600));
        host.write("layer/file", 1);
        let tracked = host.track("/layer", "");
        host.until(|_| tracked.at().is_some());
        let thread = Arc::downgrade(&host.tracker.shared);
        drop(host);
        while thread.strong_count() > 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn waiting_counts_a_tenth() {
        let f = |cpu, elapsed| cost(Duration::from_millis(cpu), Duration::from_millis(elapsed)).as_millis();
        assert_eq!((f(5, 5), f(5, 105), f(0, 1_000)), (5, 15, 100));
        // clocks that are not read at the same instant
        assert_eq!(f(6, 5), 6);
        let begun = cpu_time();
        while cpu_time() == begun {}
        assert!(cpu_time() > begun);
    }

    #[test]
    fn pauses_grow_with_failures_and_with_long_walks() {
        let shared = Shared::default();
        let slot = Slot { layer: Layer::default(), value: Mutex::default(), trouble: Mutex::default() };
        let minute = Duration::from_secs(60);
        let turn = |pause, spent| {
            let due = Due { at: Instant::now(), pause, slot: Weak::new() };
            Turn { spent, ..Turn::of(due) }
        };
        let after = |spent| shared.ended(&slot, &turn(minute, spent), &Ok(()), minute);
        assert_eq!(after(Duration::from_millis(1)), minute);
        assert_eq!(after(Duration::from_secs(2)), Duration::from_secs(400));
        assert_eq!(after(Duration::from_secs(50)), LONGEST_PAUSE);
        let mut pause = Duration::ZERO;
        let pauses: Vec<u64> = (0..7)
            .map(|_| {
                let error = Error::read("/x", plimsoll_kernel::error::Errno::IO);
                pause = shared.ended(&slot, &turn(pause, Duration::ZERO), &Err(error), minute);
                pause.as_secs()
            })
            .collect();
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1200, 1200]);
        // one that was long or failed comes back to the interval
        assert_eq!(shared.ended(&slot, &turn(pause, Duration::ZERO), &Ok(()), minute), minute);
    }
}
