//! The machine as readers see it: where its trees are, what is wanted of them, what its disks are called.
//!
//! Reads: `<sys>/block/*/dev` for names of disks; otherwise what [`Hierarchy::detect`] reads
//! Gives: `Host`, shared by all readers
//! Cost:  once at start; the disks again when an unknown one is met, at most every 30 s

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::dir::read_path;
use plimsoll_kernel::error::Error;
use plimsoll_kernel::file::Budget;
use plimsoll_kernel::format;
use plimsoll_kernel::hierarchy::Hierarchy;
use plimsoll_kernel::root::Root;
use plimsoll_kernel::sys;

use crate::meters::Meters;
use crate::pressure::Resource;
use crate::reader::above::Family;
use crate::reader::place::below;
use crate::reader::plan::Plan;

/// What all readers share.
#[derive(Debug)]
pub struct Host {
    /// Where the kernel's trees are.
    pub root: Root,
    /// Where the controllers are mounted.
    pub hierarchy: Hierarchy,
    /// What is wanted; the rest is neither opened nor read.
    pub kinds: Kinds,
    /// Descriptors that may be kept open, shared by all readers.
    pub budget: Arc<Budget>,
    /// Names of disks by device number.
    pub disks: Disks,
    /// Ticks of `cpuacct.stat` in a second; 100 on every Linux.
    pub ticks_per_second: u64,
    /// Whether `cgroup.procs` lists the processes of other groups: not in a container with a PID namespace of
    /// its own, to which the kernel shows only those of that namespace.
    pub sees_processes: bool,
    /// Bytes of a page of memory.
    pub page_size: u64,
    /// When the machine was last seen to have no swap.
    pub(crate) swapless: Seen,
    /// When the machine's root last named no disk in a v1 io family, in the plan's order.
    pub(crate) diskless: Box<[Seen]>,
    /// What the machine's root told of waits, by [`Resource`].
    pub(crate) stalls: [Stalls; Resource::ALL.len()],
    /// Groups above others.
    pub(crate) family: Family,
    /// What reading costs.
    pub meters: Meters,
    /// Which files are read of a group.
    pub(crate) plan: Plan,
    /// Which files are read of `/`.
    pub(crate) root_plan: Plan,
}

impl Host {
    /// Looks at the machine.
    ///
    /// # Errors
    /// It has no cgroup hierarchy.
    pub fn new(root: Root, kinds: Kinds, max_descriptors: usize) -> Result<Self, Error> {
        let hierarchy = Hierarchy::detect(&root)?;
        let plan = Plan::of_group(&hierarchy, kinds, &root.sys);
        Ok(Self {
            diskless: plan.io_families.iter().map(|_| Seen::default()).collect(),
            plan,
            root_plan: Plan::of_root(&hierarchy, kinds, &root.sys),
            disks: Disks::of(&root),
            budget: Budget::new(max_descriptors),
            ticks_per_second: sys::ticks_per_second(),
            sees_processes: same_pids(&root),
            page_size: sys::page_size(),
            swapless: Seen::default(),
            stalls: Default::default(),
            family: Family::default(),
            meters: Meters::default(),
            root,
            hierarchy,
            kinds,
        })
    }

    /// Whether a hierarchy that is read has this group.
    pub fn has_group(&self, name: &str) -> bool {
        let mut paths = self.hierarchy.watch_dirs(&self.kinds).into_iter();
        paths.any(|root| below(&root, name).is_some_and(|path| path.is_dir()))
    }

    /// Has kills for want of memory read of groups on v1 too, at the cost of a file: for where the kernel's log, which
    /// tells of them otherwise, cannot be read. On v2 they stand in a file that is read in any case.
    pub fn count_kills(&mut self) {
        if self.kinds.has(Kind::OomEvent) && self.kinds.has(Kind::Memory) {
            self.plan.count_kills(&self.hierarchy);
        }
    }
}

/// Whether the processes below `proc` have the numbers that this process sees: there its own is the same.
fn same_pids(root: &Root) -> bool {
    // no link in a captured machine
    std::fs::read_link(root.proc.join("self"))
        .map_or(true, |own| own.as_os_str() == std::process::id().to_string().as_str())
}

/// When something was last seen by one reader that others rely on.
#[derive(Debug)]
pub(crate) struct Seen(AtomicI64);

impl Default for Seen {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Seen {
    /// It was seen.
    pub(crate) fn note(&self, at: Timestamp) {
        self.0.store(at.nanos(), Ordering::Relaxed);
    }

    /// Whether that is less than `nanos` away from `at`, on either side: readers do not read in step.
    pub(crate) fn lately(&self, at: Timestamp, nanos: u64) -> bool {
        at.since(Timestamp(self.0.load(Ordering::Relaxed))).unsigned_abs() < nanos
    }

    /// Whether that is `nanos` or more before `at`, or never was.
    fn is_before(&self, at: Timestamp, nanos: i64) -> bool {
        self.0.load(Ordering::Relaxed) <= at.nanos().saturating_sub(nanos)
    }
}

/// What the machine's root tells of waits for one resource. Whenever a task of any group waits, one of the machine does:
/// while its total stands, those of all groups do.
#[derive(Debug, Default)]
pub(crate) struct Stalls {
    /// Microseconds in which some task waited.
    total: AtomicU64,
    moved: Seen,
    told: Seen,
}

impl Stalls {
    /// The kernel brings the total of each group up to date when two seconds have passed since it last did, each at an
    /// instant of its own.
    const SETTLES: i64 = 3_000_000_000;

    /// The root was read.
    pub(crate) fn note(&self, at: Timestamp, total: u64) {
        if self.total.swap(total, Ordering::Relaxed) != total {
            self.moved.note(at);
        }
        self.told.note(at);
    }

    /// Whether what was read of a group at that instant still stands, as the root lately told.
    pub(crate) fn stand_since(&self, read: Timestamp, at: Timestamp) -> bool {
        self.told.lately(at, Self::SETTLES.unsigned_abs()) && self.moved.is_before(read, Self::SETTLES)
    }
}

/// How long an unknown disk is not looked for again.
const DISKS_EVERY: i64 = 30_000_000_000;

/// How long the names of known ones are believed: the number of a disk that was taken out may be given to another.
const NAMES_FOR: i64 = 60_000_000_000;

/// Names of disks, `/dev/vda`, by device number.
#[derive(Debug)]
pub struct Disks {
    block: PathBuf,
    names: RwLock<HashMap<(u64, u64), String>>,
    looked: AtomicI64,
    /// How often the names have changed.
    changes: AtomicU64,
}

impl Disks {
    fn of(root: &Root) -> Self {
        let disks = Self {
            block: root.sys.join("block"),
            names: RwLock::default(),
            looked: AtomicI64::new(0),
            changes: AtomicU64::new(0),
        };
        disks.refresh();
        disks
    }

    /// Lists the disks anew.
    pub fn refresh(&self) {
        let names = list_disks(&self.block);
        let mut known = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if *known != names {
            *known = names;
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often the names have changed, as of the last minute: what was named before the last change has to be named
    /// anew.
    pub fn changes(&self, at: Timestamp) -> u64 {
        self.look(at, NAMES_FOR);
        self.changes.load(Ordering::Relaxed)
    }

    /// Lists the disks anew unless that was done lately; says whether it was.
    fn look(&self, at: Timestamp, every: i64) -> bool {
        let before = self.looked.load(Ordering::Relaxed);
        let due = at.since(Timestamp(before)).unsigned_abs() >= every.unsigned_abs();
        // one of the readers is enough
        let mine = due
            && self.looked.compare_exchange(before, at.nanos(), Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            self.refresh();
        }
        mine
    }

    /// Writes the name of a disk into `name`, empty if it has none. An unknown one makes it list the disks
    /// anew, at most every 30 s.
    pub fn name(&self, major: u64, minor: u64, at: Timestamp, name: &mut String) {
        if self.known(major, minor, name) {
            return;
        }
        if self.look(at, DISKS_EVERY) {
            self.known(major, minor, name);
        }
    }

    fn known(&self, major: u64, minor: u64, name: &mut String) -> bool {
        name.clear();
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = names.get(&(major, minor)) else { return false };
        name.push_str(known);
        true
    }
}

/// Whole disks, to which the kernel accounts what goes to their partitions. Loop devices and the like, which the
/// machine's `disk_map` does not have, are called as a filesystem on them is called.
fn list_disks(block: &std::path::Path) -> HashMap<(u64, u64), String> {
    let mut names = HashMap::new();
    let mut buffer = Vec::new();
    for entry in std::fs::read_dir(block).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if read_path(&entry.path().join("dev"), &mut buffer).is_ok()
            && let Some((major, minor)) = format::device(buffer.trim_ascii())
        {
            names.insert((major.into(), minor.into()), format!("/dev/{name}"));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn add(block: &Path, name: &str, dev: &str) {
        std::fs::create_dir_all(block.join(name)).unwrap();
        std::fs::write(block.join(name).join("dev"), dev).unwrap();
    }

    #[test]
    fn what_was_seen_is_believed_for_a_while_and_what_was_not_never() {
        let (seen, at) = (Seen::default(), Timestamp::from_secs);
        assert!(!seen.lately(Timestamp(i64::MIN), 0) && !seen.lately(at(0), u64::MAX / 4));
        seen.note(at(100));
        let lately = |secs| seen.lately(at(secs), 10_000_000_000);
        assert_eq!([90, 91, 100, 109, 110].map(lately), [false, true, true, true, false]);
    }

    #[test]
    fn an_unknown_disk_is_looked_for_but_not_all_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let block = root.sys.join("block");
        add(&block, "vda", "254:0\n");
        add(&block, "loop0", "7:0\n");
        let disks = Disks::of(&root);
        let name = |minor, secs| {
            let mut name = "old".to_owned();
            disks.name(254, minor, Timestamp::from_secs(secs), &mut name);
            name
        };
        assert_eq!(name(0, 1000), "/dev/vda");
        assert_eq!(name(16, 1000), "");
        add(&block, "vdb", "254:16\n");
        assert_eq!(name(16, 1029), "");
        assert_eq!(name(16, 1030), "/dev/vdb");
    }

    #[test]
    fn every_kind_of_disk_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let disks = [
            ("dm-3", "253:3"),
            ("loop12", "7:12"),
            ("md127", "9:127"),
            ("mmcblk0", "179:0"),
            ("nbd0", "43:0"),
            ("nvme0n1", "259:0"),
            ("sda", "8:0"),
            ("sr0", "11:0"),
            ("zram0", "252:0"),
        ];
        for (name, dev) in disks {
            add(&root.sys.join("block"), name, &format!("{dev}\n"));
        }
        let known = Disks::of(&root);
        for (disk, dev) in disks {
            let (major, minor) = dev.split_once(':').unwrap();
            let mut name = String::new();
            let [major, minor] = [major, minor].map(|number| number.parse().unwrap());
            known.name(major, minor, Timestamp::from_secs(1000), &mut name);
            assert_eq!(name, format!("/dev/{disk}"));
        }
    }
}
