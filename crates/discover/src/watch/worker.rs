//! The thread of the watch.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::groups::{Group, Groups, Guard, Life, Slot};
use super::{Error, Limits, Shared, TreeEvent, files};

/// Between two scans while the watches do not suffice.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// How many times the queue is emptied before other things have their turn.
const READS_A_TURN: usize = 64;

const INOTIFY: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;

pub(super) struct Worker {
    dirs: Vec<Hierarchy>,
    limits: Limits,
    shared: Arc<Shared>,
    on: Box<dyn FnMut(TreeEvent) + Send>,
    epoll: OwnedFd,
    inotify: Option<Arc<OwnedFd>>,
    groups: Groups,
    guards: usize,
    serial: u32,
    /// Groups whose processes are to be looked at before the thread sleeps again; `true` where some are
    /// known to have come.
    to_check: Vec<(Slot, bool)>,
    /// Some directory has no watch: scan until all have.
    short: bool,
    scanned: Option<Instant>,
    scan_at: Option<Instant>,
    said: Said,
    entries: Vec<MaybeUninit<u8>>,
}

struct Hierarchy {
    path: String,
    /// v2: the groups have `cgroup.events`.
    unified: bool,
    /// The same directory stands earlier in the list, or the path is not text.
    skipped: bool,
}

/// What is logged once.
#[derive(Default)]
struct Said {
    limit: bool,
    overflow: bool,
    name: std::cell::Cell<bool>,
    descriptors: bool,
    listing: bool,
}

/// What became of the wish to watch a directory.
enum Watched {
    Yes(i32),
    /// There is no such directory (any more), or it cannot be watched.
    No,
    /// No watch is to be had.
    Limit,
}

/// Whether a group has a process that can be waited for.
enum Found {
    Process,
    Nobody,
    CannotTell,
}

impl Worker {
    pub(super) fn new(
        dirs: Vec<PathBuf>,
        limits: Limits,
        shared: Arc<Shared>,
        on: Box<dyn FnMut(TreeEvent) + Send>,
    ) -> Result<Self, Error> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(Error::at("epoll"))?;
        let add = |fd: &OwnedFd, token| {
            epoll::add(&epoll, fd, epoll::EventData::new_u64(token), epoll::EventFlags::IN)
        };
        add(&shared.wake, WAKE).map_err(Error::at("epoll"))?;
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .and_then(|fd| add(&fd, INOTIFY).map(|()| Arc::new(fd)))
            .inspect_err(|cause| {
                tracing::warn!(
                    "no inotify ({cause}): the cgroup tree is scanned every second instead; \
                     raising sysctl fs.inotify.max_user_instances may mend it"
                );
            })
            .ok();
        let dirs = hierarchies(dirs);
        Ok(Self {
            groups: Groups::new(dirs.len()),
            dirs,
            limits,
            shared,
            on,
            epoll,
            short: inotify.is_none(),
            inotify,
            guards: 0,
            serial: 0,
            to_check: Vec::new(),
            scanned: None,
            scan_at: None,
            said: Said::default(),
            entries: vec![MaybeUninit::uninit(); 32 << 10],
        })
    }

    pub(super) fn run(mut self) {
        // It seldom runs, but when a container ends it must run before the runtime removes the group: on a busy
        // machine it goes first. Without the right to it the machine must not be that busy.
        let _ = rustix::process::setpriority_process(None, -10);
        self.scan();
        self.settle();
        (self.on)(TreeEvent::Ready);
        let mut queue = vec![MaybeUninit::uninit(); 64 << 10];
        let mut woken = Vec::with_capacity(64);
        while !self.shared.stop.load(Relaxed) {
            woken.clear();
            match epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut woken),
                self.wait_for().as_ref(),
            ) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(cause) => {
                    tracing::error!("epoll over the cgroup tree: {cause}");
                    std::thread::sleep(SCAN_EVERY);
                }
            }
            for event in &woken {
                match event.data.u64() {
                    INOTIFY => self.read_queue(&mut queue),
                    WAKE => self.woken(),
                    token => self.process_ended(token),
                }
            }
            self.settle();
            if self.scan_at.is_some_and(|at| at <= Instant::now()) {
                self.scan();
                self.settle();
            }
        }
    }

    /// How long to sleep: until the next scan.
    fn wait_for(&self) -> Option<Timespec> {
        let left = self.scan_at?.saturating_duration_since(Instant::now());
        // the clock of epoll counts in milliseconds on older kernels: rounded up, or the thread spins
        Timespec::try_from(left + Duration::from_millis(1)).ok()
    }

    fn woken(&mut self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.shared.wake, &mut count);
        if self.shared.rescan.swap(false, Relaxed) {
            self.scan_at = Some(Instant::now());
        }
    }

    /// What is done before sleeping.
    fn settle(&mut self) {
        let mut slots = std::mem::take(&mut self.to_check);
        slots.sort_unstable_by_key(|(slot, came)| (*slot, !came));
        slots.dedup_by_key(|(slot, _)| *slot);
        for (slot, came) in slots.drain(..) {
            self.check(slot, came);
        }
        self.to_check = slots;
        self.shared.watches.store(self.groups.watches() as u64, Relaxed);
        self.shared.groups.store(self.groups.len() as u64, Relaxed);
        self.shared.descriptors.store(self.guards as u64, Relaxed);
    }

    // The queue of inotify.

    fn read_queue(&mut self, buffer: &mut [MaybeUninit<u8>]) {
        let Some(fd) = self.inotify.clone() else { return };
        let mut reader = inotify::Reader::new(fd.as_fd(), buffer);
        let mut reads = 0;
        loop {
            if reader.is_buffer_empty() {
                reads += 1;
                if reads > READS_A_TURN {
                    return;
                }
            }
            match reader.next() {
                Ok(event) => self.happened(event.wd(), event.events(), event.file_name()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(cause) => {
                    tracing::error!("reading inotify: {cause}");
                    self.scan_soon();
                    return;
                }
            }
        }
    }

    fn happened(&mut self, wd: i32, what: ReadFlags, file: Option<&CStr>) {
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            return self.overflowed();
        }
        // a watch that was given up meanwhile
        let Some((slot, dir)) = self.groups.watched(wd) else { return };
        if what.intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT) {
            self.groups.unwatch(slot, dir);
            return;
        }
        let Some(file) = file else { return };
        if !what.contains(ReadFlags::ISDIR) {
            if what.intersects(ReadFlags::MODIFY | ReadFlags::CLOSE_WRITE) {
                self.written(slot, dir, file, what.contains(ReadFlags::CLOSE_WRITE));
            }
            return;
        }
        let Some(name) = self.child(slot, file) else { return };
        if what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
            self.enter(dir, name);
        } else if what.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            self.vanish(dir, &name);
        }
    }

    fn overflowed(&mut self) {
        self.shared.overflows.fetch_add(1, Relaxed);
        if !std::mem::replace(&mut self.said.overflow, true) {
            tracing::warn!(
                "the kernel's queue of inotify events ran over; the cgroup tree is scanned to find what \
                 was lost. Raising sysctl fs.inotify.max_queued_events mends it"
            );
        }
        self.scan_soon();
    }

    /// At once, but not more often than every second.
    fn scan_soon(&mut self) {
        let now = Instant::now();
        let at = self.scanned.map_or(now, |scanned| now.max(scanned + SCAN_EVERY));
        self.scan_at = Some(self.scan_at.map_or(at, |due| due.min(at)));
    }

    /// A file changed. `closed`: who wrote it is done; before that, an opening with `O_TRUNC` looks like a
    /// change, though nothing was written yet.
    fn written(&mut self, slot: Slot, dir: usize, file: &CStr, closed: bool) {
        match file.to_bytes() {
            b"cgroup.events" => self.events_changed(slot, dir),
            b"cgroup.procs" | b"tasks" | b"cgroup.threads" => self.to_check.push((slot, closed)),
            _ if !closed => {}
            // told by the kernel, not written by anybody; and what asks for notice, which is no limit
            b"cgroup.event_control" => {}
            name if name.ends_with(b".events")
                || name.ends_with(b".events.local")
                || name.ends_with(b".pressure") => {}
            _ => {
                let Some(name) = self.groups.get(slot).map(|group| group.name.to_string()) else { return };
                let file = file.to_string_lossy().into_owned();
                (self.on)(TreeEvent::Written { name, dir, file });
            }
        }
    }

    // Groups that come and go.

    /// Watches and tells a directory and all below it, parents first.
    fn enter(&mut self, dir: usize, name: String) {
        let mut to_do = vec![name];
        while let Some(name) = to_do.pop() {
            if name.ends_with(".mount")
                || self.groups.find(&name).is_some_and(|slot| self.groups.place(slot, dir).is_some())
            {
                continue;
            }
            let Some(path) = self.path(dir, &name) else { return };
            // watched first, listed then: what comes in between is seen twice and told once
            let watch = self.watch(&path);
            let seen = files::look(&path);
            let slot = self.groups.or_new(&name);
            self.groups.put(slot, dir, watch, seen.map_or(0, |seen| seen.ino));
            self.to_check.push((slot, false));
            (self.on)(TreeEvent::Appeared { name, dir });
            if seen.is_some_and(|seen| !seen.childless) {
                self.children(slot, &path, &mut to_do);
            }
        }
    }

    /// The names of the groups below.
    fn children(&mut self, slot: Slot, path: &str, names: &mut Vec<String>) {
        let mut entries = std::mem::take(&mut self.entries);
        let listed = files::directories(path, &mut entries, |file| names.extend(self.child(slot, file)));
        self.entries = entries;
        if let Err(cause) = listed
            && !std::mem::replace(&mut self.said.listing, true)
        {
            tracing::warn!("{path}: cannot be listed, groups below it are not seen: {cause}");
        }
    }

    /// A group and all below it are gone from a hierarchy.
    fn vanish(&mut self, dir: usize, name: &str) {
        for slot in self.groups.subtree(name, dir) {
            // cgroup filesystems keep the watch of a removed directory
            if let (Some(wd), Some(inotify)) = (self.groups.unwatch(slot, dir), &self.inotify) {
                let _ = inotify::remove_watch(&**inotify, wd);
            }
            let Some((name, group)) = self.groups.remove(slot, dir) else { continue };
            let last = group.is_some();
            if group.is_some_and(|group| group.guard.is_some()) {
                self.guards -= 1;
            }
            (self.on)(TreeEvent::Vanished { name: name.to_string(), dir, last });
        }
    }

    /// Compares all that is known with what is there.
    fn scan(&mut self) {
        let was_short = std::mem::replace(&mut self.short, self.inotify.is_none());
        self.scan_at = None;
        for dir in 0..self.dirs.len() {
            self.enter_root(dir);
        }
        // for the time of the scan only: an open directory keeps a hierarchy mounted
        let roots: Vec<Option<OwnedFd>> = self.dirs.iter().map(|dir| files::open(&dir.path)).collect();
        for (name, slot) in self.groups.all() {
            // the slot may be another group's by now
            if self.groups.find(&name) == Some(slot) {
                self.compare(&name, slot, &roots);
            }
        }
        let now = Instant::now();
        self.scanned = Some(now);
        self.shared.scans.fetch_add(1, Relaxed);
        self.shared.limit_hit.store(self.short, Relaxed);
        if self.short {
            self.scan_at = Some(now + SCAN_EVERY);
        } else if was_short {
            tracing::info!("every directory of the cgroup tree is watched again");
        }
    }

    fn enter_root(&mut self, dir: usize) {
        let Some(hierarchy) = self.dirs.get_mut(dir) else { return };
        if hierarchy.skipped {
            return;
        }
        hierarchy.unified = files::look(&hierarchy.path).is_some()
            && rustix::fs::access(
                format!("{}/cgroup.controllers", hierarchy.path),
                rustix::fs::Access::EXISTS,
            )
            .is_ok();
        if files::look(&hierarchy.path).is_some() {
            self.enter(dir, "/".to_owned());
        }
    }

    /// Compares a group in all its hierarchies. Where it is not any more, or another stands under its name, it is
    /// told as gone from all of them before any is told anew: one that was replaced everywhere has ended.
    fn compare(&mut self, name: &str, slot: Slot, roots: &[Option<OwnedFd>]) {
        let below = match name.trim_start_matches('/') {
            "" => ".",
            below => below,
        };
        let (mut gone, mut same) = (Vec::new(), Vec::new());
        for dir in 0..self.dirs.len() {
            let Some(place) = self.groups.place(slot, dir) else { continue };
            let Some(path) = self.path(dir, name) else { continue };
            let root = roots.get(dir).and_then(Option::as_ref);
            match root.map_or_else(|| files::look(&path), |root| files::look_below(root, below)) {
                Some(seen) if place.ino == 0 || place.ino == seen.ino => same.push((dir, path, seen)),
                other => gone.push((dir, other.is_some())),
            }
        }
        for (dir, _) in &gone {
            self.vanish(*dir, name);
        }
        for (dir, path, seen) in same {
            self.compare_in(dir, &path, seen, slot);
        }
        for (dir, replaced) in gone {
            if replaced {
                self.enter(dir, name.to_owned());
            }
        }
    }

    fn compare_in(&mut self, dir: usize, path: &str, seen: files::Seen, slot: Slot) {
        let Some(place) = self.groups.place(slot, dir) else { return };
        if place.watch().is_none() {
            let watch = self.watch(path);
            self.groups.put(slot, dir, watch, seen.ino);
        }
        if !seen.childless {
            let mut names = Vec::new();
            self.children(slot, path, &mut names);
            for name in names {
                self.enter(dir, name);
            }
        }
    }

    /// Watches a directory, if that is to be had.
    fn watch(&mut self, path: &str) -> Option<i32> {
        match self.try_watch(path) {
            Watched::Yes(wd) => Some(wd),
            Watched::No => None,
            Watched::Limit => {
                if self.inotify.is_some() && !std::mem::replace(&mut self.said.limit, true) {
                    tracing::warn!(
                        "the limit of inotify watches is reached at {}; the cgroup tree is scanned every second \
                         until all of it can be watched. Raising sysctl fs.inotify.max_user_watches mends it",
                        self.groups.watches()
                    );
                }
                self.short = true;
                self.shared.limit_hit.store(true, Relaxed);
                self.scan_soon_as_short();
                None
            }
        }
    }

    fn scan_soon_as_short(&mut self) {
        if self.scan_at.is_none() {
            self.scan_at = Some(Instant::now() + SCAN_EVERY);
        }
    }

    fn try_watch(&mut self, path: &str) -> Watched {
        let Some(inotify) = &self.inotify else { return Watched::Limit };
        // one refusal a scan is enough to know
        if self.short || self.groups.watches() >= self.limits.watches {
            return Watched::Limit;
        }
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        match inotify::add_watch(&**inotify, path, flags) {
            Ok(wd) => Watched::Yes(wd),
            Err(Errno::NOSPC | Errno::NOMEM) => Watched::Limit,
            Err(_) => Watched::No,
        }
    }

    // The end of a group's last process.

    /// v2 told that a group got its first process or lost its last.
    fn events_changed(&mut self, slot: Slot, dir: usize) {
        match self.populated(slot, dir) {
            Some(true) => {
                if let Some(group) = self.groups.get_mut(slot) {
                    group.life = Life::Alive;
                }
                self.unguard(slot);
            }
            Some(false) => self.emptied(slot),
            None => {}
        }
    }

    fn emptied(&mut self, slot: Slot) {
        let Some(group) = self.groups.get_mut(slot) else { return };
        if group.life != Life::Empty {
            group.life = Life::Empty;
            let name = group.name.to_string();
            (self.on)(TreeEvent::Emptied { name });
        }
    }

    /// Processes may have come: somebody must tell when the last one goes.
    fn check(&mut self, slot: Slot, came: bool) {
        let Some(group) = self.groups.get(slot) else { return };
        if group.guard.is_some() || &*group.name == "/" {
            return;
        }
        let unified =
            (0..self.dirs.len()).find(|dir| self.is_unified(*dir) && self.groups.place(slot, *dir).is_some());
        if unified.is_some_and(|dir| self.populated(slot, dir) == Some(true)) {
            if let Some(group) = self.groups.get_mut(slot) {
                group.life = Life::Alive;
            }
            return;
        }
        match self.guard(slot, None) {
            Found::Process => {
                if let Some(group) = self.groups.get_mut(slot) {
                    group.life = Life::Alive;
                }
            }
            // gone before anybody looked
            Found::Nobody if came => self.emptied(slot),
            Found::Nobody | Found::CannotTell => {}
        }
    }

    /// The process that a group was guarded by has ended.
    fn process_ended(&mut self, token: u64) {
        let (serial, slot) = ((token >> 32) as u32, token as Slot);
        let fits = |group: &Group| {
            group.guard.as_ref().filter(|guard| guard.serial == serial).map(|guard| guard.pid)
        };
        let Some(pid) = self.groups.get(slot).and_then(fits) else { return };
        self.unguard(slot);
        if matches!(self.guard(slot, Some(pid)), Found::Nobody) {
            self.emptied(slot);
        }
    }

    fn unguard(&mut self, slot: Slot) {
        if let Some(group) = self.groups.get_mut(slot)
            && group.guard.take().is_some()
        {
            self.guards -= 1;
        }
    }

    /// Waits for some process of the group other than `ended`.
    fn guard(&mut self, slot: Slot, ended: Option<i32>) -> Found {
        let mut found = Found::CannotTell;
        let mut buffer = [0; 4096];
        for dir in 0..self.dirs.len() {
            // v2 tells by itself
            if self.is_unified(dir) || self.groups.place(slot, dir).is_none() {
                continue;
            }
            let Some(path) = self.file(slot, dir, "/cgroup.procs") else { continue };
            let Some(bytes) = files::read(&path, &mut buffer) else { continue };
            found = Found::Nobody;
            for pid in files::pids(bytes) {
                let Some(pid) = pid else {
                    self.cannot_guard("processes of another pid namespace have no number here");
                    return Found::CannotTell;
                };
                if Some(pid) == ended {
                    continue;
                }
                match self.wait_for_process(slot, pid) {
                    Ok(true) => return Found::Process,
                    // it has ended already
                    Err(Errno::SRCH) => {}
                    Ok(false) | Err(_) => return Found::CannotTell,
                }
            }
        }
        found
    }

    fn wait_for_process(&mut self, slot: Slot, pid: i32) -> Result<bool, Errno> {
        let Some(id) = Pid::from_raw(pid) else { return Err(Errno::SRCH) };
        if self.guards >= self.limits.descriptors {
            self.cannot_guard("all descriptors for it are in use");
            return Ok(false);
        }
        let pidfd = match pidfd_open(id, PidfdFlags::empty()) {
            Err(cause) if cause != Errno::SRCH => {
                self.cannot_guard("pidfd_open failed");
                return Err(cause);
            }
            other => other?,
        };
        // never u32::MAX: the two largest tokens are taken
        self.serial = (self.serial + 1) % u32::MAX;
        let token = u64::from(self.serial) << 32 | u64::from(slot);
        epoll::add(&self.epoll, &pidfd, epoll::EventData::new_u64(token), epoll::EventFlags::IN)?;
        let guard = Guard { _pidfd: pidfd, pid, serial: self.serial };
        if let Some(group) = self.groups.get_mut(slot) {
            group.guard = Some(guard);
            self.guards += 1;
        }
        Ok(true)
    }

    fn cannot_guard(&mut self, why: &str) {
        self.shared.unguarded.fetch_add(1, Relaxed);
        if !std::mem::replace(&mut self.said.descriptors, true) {
            tracing::warn!("{why}: the last sample of some containers is taken before their end, not at it");
        }
    }

    fn is_unified(&self, dir: usize) -> bool {
        self.dirs.get(dir).is_some_and(|dir| dir.unified)
    }

    fn populated(&self, slot: Slot, dir: usize) -> Option<bool> {
        files::populated(&self.file(slot, dir, "/cgroup.events")?)
    }

    // Names and paths.

    /// The name of a group from its parent and its directory. Names that are no UTF-8 cannot be shown.
    fn child(&self, parent: Slot, file: &CStr) -> Option<String> {
        let parent = &self.groups.get(parent)?.name;
        match file.to_str() {
            Ok(file) if &**parent == "/" => Some(format!("/{file}")),
            Ok(file) => Some(format!("{parent}/{file}")),
            Err(_) => {
                if !self.said.name.replace(true) {
                    tracing::warn!("{parent}: passed over the group {file:?} below, whose name is no UTF-8");
                }
                None
            }
        }
    }

    fn path(&self, dir: usize, name: &str) -> Option<String> {
        let root = &self.dirs.get(dir)?.path;
        Some(if name == "/" { root.clone() } else { format!("{root}{name}") })
    }

    fn file(&self, slot: Slot, dir: usize, file: &str) -> Option<String> {
        let mut path = self.path(dir, &self.groups.get(slot)?.name)?;
        path.push_str(file);
        Some(path)
    }
}

/// Real paths, since `cpu` may be a link to `cpu,cpuacct`; doubles are told under their first index.
fn hierarchies(dirs: Vec<PathBuf>) -> Vec<Hierarchy> {
    let mut all: Vec<Hierarchy> = Vec::with_capacity(dirs.len());
    for dir in dirs {
        let real = dir.canonicalize().unwrap_or(dir);
        let hierarchy = match real.to_str() {
            Some(path) => Hierarchy {
                path: path.to_owned(),
                unified: false,
                skipped: all.iter().any(|earlier| earlier.path == path),
            },
            None => {
                tracing::warn!("{}: not watched, the path is no UTF-8", real.display());
                Hierarchy { path: String::new(), unified: false, skipped: true }
            }
        };
        all.push(hierarchy);
    }
    all
}
