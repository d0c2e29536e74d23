//! A kind that is off costs nothing: none of its files is opened, none of its families shown; one that is on shows
//! them. What is opened is told by the kernel (inotify), on captured machines.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::family::Emit;
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;
use plimsoll_measure::families;
use plimsoll_measure::reader::{Effort, Host, Reader};
use plimsoll_measure::sample::Sample;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

const MACHINES: [(&str, &str, u32); 2] = [
    ("v1-hybrid", "/docker/e86aaafe827a4a6c1c6db7af42ec46c83d6b692c128730f66d051217056eb124", 18191),
    ("v2-cgroupfs", "/docker/288f62a616353b8ef2761793813f646259cc7ae73faf1bde70f704c751c303ff", 836),
];

/// The files of each kind: beginnings of paths below the group or the process. A kind of which nothing stands here
/// has files that no reader of containers opens: those of the machine, or of a thread of its own. Disks have their names
/// from the machine's list.
const FILES: &[(Kind, &[&str])] = &[
    (Kind::Cpu, &["cpu.stat", "cpuacct."]),
    (Kind::PerCpu, &["cpuacct.usage_percpu"]),
    (Kind::Sched, &["schedstat"]),
    (Kind::Memory, &["memory."]),
    (Kind::MemoryNuma, &["memory.numa_stat"]),
    (Kind::DiskIo, &["sys/block/", "io.stat", "blkio."]),
    (Kind::Network, &["net/dev"]),
    (Kind::Tcp, &["net/tcp", "net/tcp6"]),
    (Kind::Udp, &["net/udp", "net/udp6"]),
    (Kind::AdvancedTcp, &["net/netstat", "net/snmp"]),
    (Kind::Process, &["pids.", "limits", "fd"]),
    (Kind::HugeTlb, &["hugetlb."]),
    (Kind::ReferencedMemory, &["smaps", "clear_refs"]),
    (Kind::CpuSet, &["cpuset."]),
    (Kind::Pressure, &["cpu.pressure", "memory.pressure", "io.pressure"]),
];

/// Who is in a group and whether a process still is, which several kinds ask.
const SHARED: &[&str] = &["cgroup.procs", "stat", "cgroup"];

/// All folders of a captured machine, watched.
struct Watch {
    fd: OwnedFd,
    folders: BTreeMap<i32, PathBuf>,
}

impl Watch {
    fn on(root: &Path) -> Self {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
        let mut watch = Self { fd, folders: BTreeMap::new() };
        watch.add(root);
        watch
    }

    fn add(&mut self, folder: &Path) {
        let number = inotify::add_watch(&self.fd, folder, WatchFlags::OPEN | WatchFlags::ONLYDIR).unwrap();
        self.folders.insert(number, folder.to_owned());
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                self.add(&entry.path());
            }
        }
    }

    /// The files that were opened since this was asked last.
    fn opened(&self) -> BTreeSet<PathBuf> {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 1 << 16];
        let mut reader = inotify::Reader::new(&self.fd, &mut buffer);
        let mut opened = BTreeSet::new();
        while let Ok(event) = reader.next() {
            assert!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW));
            if let Some(name) = event.file_name().filter(|_| !event.events().contains(ReadFlags::ISDIR)) {
                opened.insert(self.folders[&event.wd()].join(name.to_str().unwrap()));
            }
        }
        opened
    }
}

/// What reading a container with these kinds opens, by the path below its group or process, and what it shows.
fn read(machine: &(&str, &str, u32), kinds: Kinds) -> (BTreeSet<String>, BTreeSet<&'static str>) {
    // what another test opens meanwhile would be told too
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (name, group, pid) = machine;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let host = Arc::new(Host::new(Root::at(&folder), kinds, 100).unwrap());
    let mut reader = Reader::new(&host, group);
    reader.set_pid(Some(*pid));
    let watch = Watch::on(&folder);
    watch.opened();
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let outcome = reader.read(Timestamp::from_secs(1_000_000), Effort::Full, &mut buffer, &mut sample);
    assert!(!outcome.gone);
    let below = |path: &PathBuf| {
        let path = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let in_group = path.split_once(group).map(|(_, rest)| rest.trim_start_matches('/').to_owned());
        let of_process = path.strip_prefix("proc/").and_then(|rest| Some(rest.split_once('/')?.1.to_owned()));
        in_group.or(of_process).unwrap_or(path)
    };
    (watch.opened().iter().map(below).collect(), shown(&sample))
}

struct Any(bool);

impl Emit for Any {
    fn int(&mut self, _: &[&str], _: u64) {
        self.0 = true;
    }
    fn float(&mut self, _: &[&str], _: f64) {
        self.0 = true;
    }
}

/// The families that a sample has values of.
fn shown(sample: &Sample) -> BTreeSet<&'static str> {
    let rows = families::container().iter();
    let has = |row: &&&'static plimsoll_core::family::Row<Sample>| {
        let mut any = Any(false);
        (row.values)(sample, &mut any);
        any.0
    };
    rows.filter(has).map(|row| row.name).collect()
}

fn of(kind: Kind) -> BTreeSet<&'static str> {
    families::container().iter().filter(|row| row.switch == Some(kind)).map(|row| row.name).collect()
}

fn files_of(kind: Kind) -> &'static [&'static str] {
    FILES.iter().find(|(other, _)| *other == kind).map_or(&[], |(_, files)| files)
}

fn begins(file: &str, with: &[&str]) -> bool {
    with.iter().any(|start| file.starts_with(start))
}

#[test]
fn a_kind_that_is_off_opens_no_file_and_shows_no_family() {
    for machine in &MACHINES {
        let (all_files, all_shown) = read(machine, Kinds::all());
        for kind in Kind::ALL.iter().copied() {
            let (opened, shown) = read(machine, Kinds::all().without(kind));
            // files that belong to this kind alone: `cpuacct.usage_percpu` is also one of cpu's
            let own = |file: &&String| {
                let longest = |kind: Kind| {
                    files_of(kind)
                        .iter()
                        .filter(|start| file.starts_with(**start))
                        .map(|start| start.len())
                        .max()
                };
                longest(kind)
                    > Kind::ALL
                        .iter()
                        .filter(|other| **other != kind)
                        .map(|other| longest(*other))
                        .max()
                        .flatten()
            };
            let left: Vec<&String> = opened.iter().filter(own).collect();
            // cpu is the whole sum where the single CPUs are not wanted
            assert!(left.is_empty(), "{}: {kind} is off, but {left:?} are opened", machine.0);
            let left: Vec<_> = shown.intersection(&of(kind)).copied().collect();
            assert!(left.is_empty(), "{}: {kind} is off, but {left:?} are shown", machine.0);
            assert!(opened.is_subset(&all_files) || kind == Kind::PerCpu, "{}: {kind}", machine.0);
            assert!(shown.is_subset(&all_shown), "{}: {kind}", machine.0);
        }
    }
}

#[test]
fn a_kind_alone_opens_its_own_files_only() {
    for machine in &MACHINES {
        for kind in Kind::ALL.iter().copied() {
            let (opened, shown) = read(machine, Kinds::NONE.with(kind));
            let foreign: Vec<_> =
                opened.iter().filter(|file| !begins(file, files_of(kind)) && !begins(file, SHARED)).collect();
            assert!(foreign.is_empty(), "{}: {kind} alone opens {foreign:?}", machine.0);
            let foreign: Vec<_> = shown.difference(&of(kind)).copied().collect();
            assert!(foreign.is_empty(), "{}: {kind} alone shows {foreign:?}", machine.0);
        }
        let (opened, shown) = read(machine, Kinds::NONE);
        assert!(opened.is_empty() && shown.is_empty(), "{}: nothing is on: {opened:?} {shown:?}", machine.0);
    }
}

#[test]
fn a_kind_that_is_on_shows_its_families() {
    let [v1, v2] = MACHINES.each_ref().map(|machine| read(machine, Kinds::all()).1);
    for kind in [
        Kind::Cpu,
        Kind::Sched,
        Kind::Memory,
        Kind::MemoryNuma,
        Kind::DiskIo,
        Kind::Network,
        Kind::Process,
        Kind::HugeTlb,
        Kind::CpuSet,
        Kind::Pressure,
    ] {
        let families = of(kind);
        let missing = families.iter().filter(|name| !v1.contains(*name) && !v2.contains(*name));
        assert!(missing.clone().count() < families.len(), "{kind} is on and shows nothing");
    }
}
