mod above;
mod gone;
mod process;
mod rest;
mod still;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use plimsoll_core::kinds::Kinds;
use plimsoll_kernel::hierarchy::Controller;
use plimsoll_kernel::root::Root;
use proptest::prelude::*;

use super::*;
use crate::cpu::{Cfs, CpuUsage};
use crate::io::Ops;
use crate::memory::{Memory, MemoryEvents};
use crate::network::Interface;
use crate::sample::{Psi, PsiLine};

pub(crate) const V1_WEB: &str = "/docker/e86aaafe827a4a6c1c6db7af42ec46c83d6b692c128730f66d051217056eb124";
const V1_IDLE: &str = "/docker/4ce0c20fb35053e5ac4f2e5e4c8a8f72c443f91452d595a2a2e3a317887564f2";
pub(crate) const V2_WEB: &str =
    "/system.slice/docker-2dec48f92cfeedce7285cf4cc065806e8023af19213677db33b68f4a3e5cb6a6.scope";
pub(crate) const V2_HUGE: &str = "/docker/288f62a616353b8ef2761793813f646259cc7ae73faf1bde70f704c751c303ff";

/// A v2 machine without groups.
pub(crate) fn host_of_nothing() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path());
    fs::create_dir_all(&root.cgroup).unwrap();
    fs::write(root.cgroup.join("cgroup.controllers"), "").unwrap();
    let host = Host::new(root, Kinds::default(), 100).unwrap();
    (folder, host)
}

pub(crate) fn all_kinds() -> Kinds {
    Kind::ALL.iter().copied().collect()
}

/// A captured machine.
pub(crate) fn captured(name: &str, kinds: Kinds) -> Arc<Host> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    Arc::new(Host::new(Root::at(&folder), kinds, 100).unwrap())
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn read(host: &Arc<Host>, name: &str, pid: Option<u32>) -> (Sample, Outcome) {
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let mut reader = Reader::new(host, name);
    if pid.is_some() {
        reader.set_pid(pid);
    }
    let outcome = reader.read(at(0), Effort::Full, &mut buffer, &mut sample);
    assert_eq!((outcome.gone, outcome.faults, outcome.full), (false, 0, true), "{outcome:?}");
    (sample, outcome)
}

fn line(avg10: u64, avg60: u64, avg300: u64, total: u64) -> PsiLine {
    PsiLine { avg10, avg60, avg300, total }
}

fn faults(memory: &Memory) -> [Option<u64>; 4] {
    let (own, all) = (&memory.container_data, &memory.hierarchical_data);
    [own.pgfault, own.pgmajfault, all.pgfault, all.pgmajfault]
}

#[test]
fn a_container_on_a_hybrid_host() {
    let host = captured("v1-hybrid", Kinds::default());
    let (sample, _) = read(&host, V1_WEB, Some(18191));

    let cpu = sample.cpu.unwrap();
    let (total, user, system) = (Some(528_373_622), Some(80_000_000), Some(430_000_000));
    assert_eq!(cpu.usage, CpuUsage { total, per_cpu_usage: vec![278_991_993, 249_381_629], user, system });
    let cfs = Cfs {
        periods: Some(232),
        throttled_periods: Some(0),
        throttled_time: Some(0),
        bursts_periods: Some(0),
        burst_time: Some(0),
    };
    assert_eq!(cpu.cfs, cfs);
    let psi = Psi { some: line(102, 47, 12, 712_421), full: line(100, 45, 12, 699_865) };
    assert_eq!(cpu.psi, Some(psi), "from the unified hierarchy");

    let memory = sample.memory.unwrap();
    assert_eq!(memory.usage, Some(3_338_240));
    assert_eq!(memory.max_usage, Some(4_087_808));
    assert_eq!(memory.failcnt, Some(0));
    assert_eq!(memory.kernel, Some(684_032));
    assert_eq!(memory.cache, Some(2_011_136));
    assert_eq!(memory.rss, Some(311_296));
    assert_eq!(memory.swap, Some(0));
    assert_eq!(memory.mapped_file, Some(1_765_376));
    assert_eq!(memory.total_active_file, Some(1_859_584));
    assert_eq!(memory.total_inactive_file, Some(151_552));
    assert_eq!(memory.working_set, Some(3_338_240 - 151_552));
    assert_eq!(memory.file_dirty, Some(4096));
    assert_eq!(memory.file_writeback, Some(0));
    assert_eq!(memory.pgscan, None, "v1 does not tell");
    assert_eq!(memory.events, MemoryEvents::default());
    assert_eq!(faults(&memory), [Some(16_768), Some(1), Some(16_768), Some(1)]);
    assert_eq!(memory.psi, Some(Psi::default()));

    let io = sample.diskio.unwrap();
    let disk = &io.io_service_bytes[0];
    assert_eq!((disk.device.as_str(), disk.major, disk.minor), ("/dev/vda", 254, 0));
    let ops = Ops {
        read: Some(194_920_448),
        write: Some(192_937_984),
        sync: Some(576_782_336),
        asynchronous: Some(0),
        discard: Some(188_923_904),
        total: Some(576_782_336),
        count: None,
    };
    assert_eq!((io.io_service_bytes.len(), &disk.stats), (1, &ops));
    assert_eq!(io.io_serviced[0].stats.total, Some(6203));
    assert_eq!(io.psi.unwrap().some, line(1123, 702, 201, 6_651_510));

    let interfaces = sample.network.unwrap().interfaces;
    let [eth0] = interfaces.as_slice() else { panic!("{interfaces:?}") };
    let Interface { name, rx_bytes, rx_packets, tx_bytes, tx_packets, .. } = eth0;
    assert_eq!((name.as_str(), *rx_bytes, *rx_packets), ("eth0", 28_268, 355));
    assert_eq!((*tx_bytes, *tx_packets), (33_746, 330));
    assert_eq!((sample.processes, sample.cpuset), (None, None), "off by default");
}

#[test]
fn a_container_without_io_has_empty_lists() {
    let (sample, _) = read(&captured("v1-hybrid", Kinds::default()), V1_IDLE, None);
    let io = sample.diskio.unwrap();
    assert_eq!((io.io_service_bytes.len(), io.io_serviced.len()), (0, 0));
    assert_eq!(sample.network, None);
}

#[test]
fn the_kinds_that_are_off_by_default_on_a_hybrid_host() {
    let (sample, _) = read(&captured("v1-hybrid", all_kinds()), V1_WEB, Some(18191));
    let processes = sample.processes.unwrap();
    assert_eq!((processes.threads_current, processes.threads_max), (Some(6), Some(64)));
    assert!(processes.process_count.unwrap() >= 1);
    assert_eq!(sample.cpuset.unwrap().memory_migrate, Some(0));
    let numa = &sample.memory.unwrap().hierarchical_data.numa_stats;
    assert_eq!((numa.anon.len(), numa.anon[0].name.as_str()), (1, "0"));
}

#[test]
fn a_kind_that_is_off_is_not_read() {
    let none = captured("v1-hybrid", Kinds::NONE);
    let (sample, outcome) = read(&none, V1_WEB, Some(18191));
    assert_eq!((outcome.files, sample), (0, Sample { at: at(0), ..Sample::default() }));
    let no_pressure = captured("v1-hybrid", Kinds::default().without(Kind::Pressure).without(Kind::PerCpu));
    let (sample, _) = read(&no_pressure, V1_WEB, None);
    let cpu = sample.cpu.unwrap();
    assert_eq!((cpu.psi, cpu.usage.per_cpu_usage.len()), (None, 0));
}

#[test]
fn a_container_under_systemd_on_v2() {
    let (sample, _) = read(&captured("v2-systemd", Kinds::default()), V2_WEB, Some(438));

    let cpu = sample.cpu.unwrap();
    let (total, user, system) = (Some(10_174_101_000), Some(663_759_000), Some(9_510_342_000));
    assert_eq!(cpu.usage, CpuUsage { total, per_cpu_usage: vec![], user, system });
    assert_eq!(cpu.cfs.throttled_time, Some(1_046_991_000));
    assert_eq!((cpu.cfs.periods, cpu.cfs.throttled_periods), (Some(504), Some(30)));
    assert_eq!(cpu.psi.unwrap().full, line(255, 215, 79, 3_317_242));

    let memory = sample.memory.unwrap();
    assert_eq!(memory.usage, Some(819_200));
    assert_eq!(memory.max_usage, Some(9_064_448));
    assert_eq!(memory.working_set, Some(819_200 - 4096));
    assert_eq!((memory.rss, memory.cache, memory.kernel), (Some(294_912), Some(77_824), Some(606_208)));
    assert_eq!((memory.swap, memory.failcnt), (Some(0), Some(0)));
    assert_eq!(memory.events, MemoryEvents { high: Some(0), max: Some(0), oom_kill: Some(0) });
    assert_eq!(faults(&memory), [Some(28_096), Some(1), Some(28_096), Some(1)]);
    assert_eq!((memory.pgscan, memory.workingset_refault_file), (Some(0), Some(0)));

    let io = sample.diskio.unwrap();
    let ops = Ops { read: Some(339_738_624), write: Some(339_742_720), ..Ops::default() };
    assert_eq!((&io.io_service_bytes[0].stats, io.io_service_bytes[0].device.as_str()), (&ops, "/dev/vda"));
    assert_eq!((io.io_serviced[0].stats.read, io.io_serviced[0].stats.write), (Some(5184), Some(5185)));
    assert_eq!(sample.network.unwrap().interfaces[0].rx_bytes, 43_938);
}

#[test]
fn huge_pages_and_limits_on_v2() {
    let (sample, _) = read(&captured("v2-cgroupfs", all_kinds()), V2_HUGE, Some(836));
    let huge: Vec<_> = sample.hugetlb.iter().map(|size| (size.name.as_str(), size.value.usage)).collect();
    assert_eq!(huge, [("2MB", 4_194_304)]);
    let processes = sample.processes.unwrap();
    assert_eq!((processes.process_count, processes.threads_max), (Some(1), Some(0)));
    assert_eq!((processes.ulimits[0].soft_limit, processes.ulimits[0].hard_limit), (4096, 4096));
    let numa = &sample.memory.unwrap().container_data.numa_stats;
    assert_eq!(numa.anon[0].value, 53_248 / host_page());
}

fn host_page() -> u64 {
    plimsoll_kernel::sys::page_size()
}

#[test]
fn the_v2_root_is_the_machine() {
    let (sample, _) = read(&captured("v2-systemd", Kinds::default()), "/", None);
    assert_eq!(sample.cpu.unwrap().usage.total, Some(116_336_000_000));
    let memory = sample.memory.unwrap();
    let (anon, file) = (123_856 << 10, (466_972 + 1020 + 20) << 10);
    assert_eq!((memory.rss, memory.cache, memory.usage), (Some(anon), Some(file), Some(anon + file)));
    assert_eq!(memory.swap, Some((262_140 - 261_764) << 10));
    assert_eq!(memory.working_set, Some(anon + file - (355_076 << 10)));
    assert_eq!((memory.max_usage, memory.failcnt), (None, None), "the root has no such files");
    assert_eq!(faults(&memory), [Some(422_960), Some(1764), Some(422_960), Some(1764)]);
    assert_eq!((memory.pgscan, memory.pgsteal), (Some(786_991), Some(208_228)));
    assert!(memory.psi.is_some());
    let disks: Vec<_> = sample.diskio.unwrap().io_service_bytes.iter().map(|d| d.device.clone()).collect();
    assert_eq!(disks, ["/dev/vda"], "loop devices without numbers are left out");
    assert_eq!(sample.network.unwrap().interfaces, [], "only the host's ends of cables");
}

#[test]
fn the_v1_root_is_the_machine() {
    let (sample, _) = read(&captured("v1-hybrid", Kinds::default()), "/", None);
    let memory = sample.memory.unwrap();
    assert_eq!(memory.usage, Some(3_340_664_832));
    assert_eq!(memory.cache, Some((28_476 + 2_698_072) << 10));
    assert_eq!(memory.total_inactive_file, Some(1_304_464 << 10));
    assert_eq!(memory.hierarchical_data.pgfault, Some(43_964_301));
    assert!(sample.cpu.unwrap().psi.is_some());
    assert_eq!(sample.diskio.unwrap().io_serviced[0].stats.read, Some(135_487));
}

#[test]
fn a_namespaces_root_is_a_group_like_any_other() {
    let (_folder, tree) = Tree::v2();
    tree.write("cgroup.events", "populated 1\n");
    tree.write("cgroup.procs", "");
    tree.write("memory.current", "4096\n");
    tree.write("cpu.stat", "usage_usec 5\n");
    let host = tree.host(100);
    let (sample, _) = read(&host, "/", None);
    assert_eq!(sample.memory.unwrap().usage, Some(4096));
}

/// A v2 tree that a test writes.
struct Tree {
    root: Root,
    group: PathBuf,
}

impl Tree {
    fn v2() -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let group = root.cgroup.join("a/b");
        fs::create_dir_all(&group).unwrap();
        fs::write(root.cgroup.join("cgroup.controllers"), "").unwrap();
        let tree = Self { root, group };
        tree.write("a/b/cgroup.procs", "7\n");
        (folder, tree)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root.cgroup.join(name), text).unwrap();
    }

    fn process(&self, pid: u32, group: &str, received: u64) {
        let proc = self.root.proc.join(pid.to_string());
        fs::create_dir_all(proc.join("net")).unwrap();
        fs::write(proc.join("stat"), "").unwrap();
        fs::write(proc.join("cgroup"), format!("0::{group}\n")).unwrap();
        let text = format!("head\nhead\neth0: {received} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
        fs::write(proc.join("net/dev"), text).unwrap();
    }

    fn host(&self, budget: usize) -> Arc<Host> {
        Arc::new(Host::new(self.root.clone(), all_kinds().without(Kind::Sched), budget).unwrap())
    }
}

const WHOLE: &[(&str, &str)] = &[
    ("cpu.stat", "usage_usec 5\n"),
    ("memory.current", "4096\n"),
    ("memory.stat", "anon 4096\nfile 0\ninactive_file 0\n"),
    ("memory.events", "low 0\nhigh 1\nmax 2\n"),
    ("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n"),
    ("io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"),
    ("pids.current", "3\n"),
];

fn whole() -> (tempfile::TempDir, Tree) {
    let (folder, tree) = Tree::v2();
    for (name, text) in WHOLE {
        tree.write(&format!("a/b/{name}"), text);
    }
    (folder, tree)
}

/// A v1 machine without a unified hierarchy.
fn v1_alone() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path());
    let mut mounts = String::new();
    for (number, controller) in ["cpu", "cpuacct", "memory", "blkio"].iter().enumerate() {
        let mount = root.cgroup.join(controller);
        fs::create_dir_all(mount.join("a")).unwrap();
        fs::write(mount.join("release_agent"), "").unwrap();
        fs::write(mount.join("cgroup.procs"), "").unwrap();
        fs::write(mount.join("a/cgroup.procs"), "").unwrap();
        let at = format!("/sys/fs/cgroup/{controller}");
        mounts += &format!("3{number} 24 0:2{number} / {at} rw - cgroup cgroup rw,{controller}\n");
    }
    for process in ["1", "self"] {
        fs::create_dir_all(root.proc.join(process)).unwrap();
        fs::write(root.proc.join(process).join("mountinfo"), &mounts).unwrap();
    }
    (folder, root)
}

#[test]
fn on_v1_alone_the_machine_has_its_pressure_from_proc() {
    let (_folder, root) = v1_alone();
    fs::create_dir_all(root.proc.join("pressure")).unwrap();
    for group in ["memory", "memory/a"] {
        fs::write(root.cgroup.join(group).join("memory.usage_in_bytes"), "4096\n").unwrap();
    }
    for (name, total) in [("cpu", 1), ("memory", 2), ("io", 3)] {
        let text = format!(
            "some avg10=0.00 avg60=0.00 avg300=0.00 total={total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
        );
        fs::write(root.proc.join("pressure").join(name), text).unwrap();
    }
    let host = Arc::new(Host::new(root.clone(), all_kinds().without(Kind::Sched), 100).unwrap());
    let totals = |name| {
        let (sample, _) = read(&host, name, None);
        let all = [
            sample.cpu.and_then(|cpu| cpu.psi),
            sample.memory.and_then(|memory| memory.psi),
            sample.diskio.and_then(|io| io.psi),
        ];
        all.map(|psi| psi.map(|psi| (psi.some.total, psi.full.total)))
    };
    assert_eq!(totals("/"), [Some((1, 7)), Some((2, 7)), Some((3, 7))]);
    // no group has any of its own
    assert_eq!(totals("/a"), [None; 3]);
    let host =
        Arc::new(Host::new(root, all_kinds().without(Kind::Pressure).without(Kind::Sched), 100).unwrap());
    assert!(read(&host, "/", None).0.memory.is_none_or(|memory| memory.psi.is_none()));
}

#[test]
fn kills_of_v1_are_read_where_they_are_asked_for() {
    let (_folder, root) = v1_alone();
    fs::write(root.cgroup.join("memory/a/memory.usage_in_bytes"), "4096\n").unwrap();
    fs::write(
        root.cgroup.join("memory/a/memory.oom_control"),
        "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    )
    .unwrap();
    let kills = |kinds: Kinds, ask: bool| {
        let mut host = Host::new(root.clone(), kinds, 100).unwrap();
        if ask {
            host.count_kills();
        }
        read(&Arc::new(host), "/a", None).0.memory.unwrap().events.oom_kill
    };
    let kinds = all_kinds().without(Kind::Sched);
    assert_eq!(kills(kinds, true), Some(3));
    assert_eq!(kills(kinds, false), None);
    assert_eq!(kills(kinds.without(Kind::OomEvent), true), None);
}

#[test]
fn a_number_that_another_disk_has_now_has_its_name_within_a_minute() {
    let (_folder, tree) = whole();
    let block = tree.root.sys.join("block");
    let add = |name: &str| {
        fs::create_dir_all(block.join(name)).unwrap();
        fs::write(block.join(name).join("dev"), "8:0\n").unwrap();
    };
    add("sda");
    let host = tree.host(10);
    let (mut sample, mut buffer, mut reader) = (Sample::default(), Vec::new(), Reader::new(&host, "/a/b"));
    let mut name = |secs| {
        let outcome = reader.read(at(secs), Effort::Thrifty, &mut buffer, &mut sample);
        (sample.diskio.as_ref().unwrap().io_service_bytes[0].device.clone(), outcome.moved)
    };
    assert_eq!(name(1000), ("/dev/sda".to_owned(), true));
    fs::remove_dir_all(block.join("sda")).unwrap();
    add("sdb");
    assert_eq!(name(1059), ("/dev/sda".to_owned(), false));
    assert_eq!(name(1060), ("/dev/sdb".to_owned(), true));
    assert_eq!(name(1061), ("/dev/sdb".to_owned(), false));
}

#[test]
fn a_foreign_sample_is_filled_from_the_ground_up() {
    let (_folder, tree) = whole();
    let host = tree.host(100);
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let mut reader = Reader::new(&host, "/a/b");
    for secs in 0..4 {
        reader.read(at(secs), Effort::Thrifty, &mut buffer, &mut sample);
    }
    let mut foreign = Sample { cpuset: Some(crate::cpuset::CpuSet::default()), ..Sample::default() };
    let outcome = reader.read(at(4), Effort::Thrifty, &mut buffer, &mut foreign);
    assert!(outcome.full);
    assert_eq!(foreign, Sample { at: at(4), ..sample });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Files move at random; a thrifty reader beside a full one.
    #[test]
    fn thrifty_is_full_but_for_what_may_be_late(
        steps in prop::collection::vec((0..12usize, 0..3u64, 1..6i64), 1..60),
        budget in prop::sample::select(vec![0usize, 3, 100]),
    ) {
        let (_folder, tree) = whole();
        tree.process(7, "/a/b", 70);
        let host = tree.host(budget);
        let mut sides = [Effort::Full, Effort::Thrifty].map(|effort| {
            let mut reader = Reader::new(&host, "/a/b");
            reader.set_pid(Some(7));
            (effort, reader, Sample::default())
        });
        let mut buffer = Vec::new();
        let mut now = 0;
        // what the full side said in the last 30 s
        let mut past: Vec<(i64, Sample)> = Vec::new();
        for (file, value, pause) in steps {
            match file {
                0 => tree.write("a/b/cpu.stat", &format!("usage_usec {value}\n")),
                1 => tree.write("a/b/memory.current", &format!("{value}\n")),
                2 => tree.process(7, "/a/b", value),
                3 => tree.write("a/b/memory.stat", &format!("anon {value}\ninactive_file {value}\n")),
                4 => tree.write("a/b/io.stat", &format!("8:{value} rbytes={value} wbytes=2 rios=3 wios=4\n")),
                5 => tree.write("a/b/io.pressure", &format!("some avg10=0.0{value} total={value}\n")),
                6 => tree.write("a/b/memory.events", &format!("high {value}\nmax 0\n")),
                7 => tree.write("a/b/pids.current", &format!("{value}\n")),
                _ => {} // nothing moves
            }
            now += pause;
            for (effort, reader, sample) in &mut sides {
                let before = sample.clone();
                let outcome = reader.read(at(now), *effort, &mut buffer, sample);
                if !outcome.moved {
                    prop_assert_eq!(&*sample, &Sample { at: at(now), ..before });
                }
            }
            let [(_, _, full), (_, _, thrifty)] = &sides;
            past.push((now, full.clone()));
            past.retain(|(then, _)| now - then < 30);
            // what shows activity is never late
            prop_assert_eq!(&thrifty.cpu, &full.cpu);
            prop_assert_eq!(&thrifty.network, &full.network);
            let usage = |sample: &Sample| sample.memory.as_ref().and_then(|memory| memory.usage);
            prop_assert_eq!(usage(thrifty), usage(full));
            // the rest is what it was at some instant less than 30 s ago, file by file
            let memory_stat = |s: &Sample| s.memory.as_ref().map(|m| (m.rss, m.total_inactive_file));
            let events = |s: &Sample| s.memory.as_ref().map(|m| m.events.clone());
            let lists = |s: &Sample| s.diskio.as_ref().map(|io| (io.io_service_bytes.clone(), io.io_serviced.clone()));
            let psi = |s: &Sample| s.diskio.as_ref().map(|io| io.psi);
            let threads = |s: &Sample| s.processes.as_ref().map(|p| p.threads_current);
            prop_assert!(past.iter().any(|(_, s)| memory_stat(s) == memory_stat(thrifty)));
            prop_assert!(past.iter().any(|(_, s)| events(s) == events(thrifty)));
            prop_assert!(past.iter().any(|(_, s)| lists(s) == lists(thrifty)));
            prop_assert!(past.iter().any(|(_, s)| psi(s) == psi(thrifty)));
            prop_assert!(past.iter().any(|(_, s)| threads(s) == threads(thrifty)));
        }
        // and right again after 30 s of quiet
        for secs in [now + 30, now + 31, now + 61] {
            for (effort, reader, sample) in &mut sides {
                reader.read(at(secs), *effort, &mut buffer, sample);
            }
        }
        prop_assert_eq!(&sides[0].2, &sides[1].2);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in prop::collection::vec(any::<u8>(), 0..120)) {
        static HOSTS: LazyLock<[Arc<Host>; 2]> =
            LazyLock::new(|| ["v1-hybrid", "v2-systemd"].map(|name| captured(name, all_kinds())));
        let [v1, v2] = &*HOSTS;
        let context = Context { host: v1, at: at(0) };
        let mut sample = Sample::default();
        for plan in [&v1.plan, &v1.root_plan, &v2.plan, &v2.root_plan] {
            for file in plan.files.iter().chain(plan.io_families.iter().flatten()) {
                let _ = (file.parse)(&context, Some(&text), &mut sample);
                (file.parse)(&context, None, &mut sample).unwrap();
            }
        }
    }
}

#[test]
fn a_reader_is_small() {
    let host = captured("v1-hybrid", Kinds::default());
    let bytes = size_of::<Reader>() + host.plan.slots() * size_of::<Slot>();
    assert!(bytes <= 2048, "{bytes} bytes");
}

#[test]
fn this_machines_root_is_read_as_a_naive_reader_would() {
    let Ok(host) = Host::new(Root::at(Path::new("/")), Kinds::default(), 100) else {
        eprintln!("skipped: no cgroups here");
        return;
    };
    let host = Arc::new(host);
    let naive = || -> Option<u64> {
        let (version, path) = host.hierarchy.controller(Controller::CpuAcct)?;
        let v1 = version == plimsoll_kernel::hierarchy::Version::V1;
        let text = fs::read_to_string(path.join(if v1 { "cpuacct.usage" } else { "cpu.stat" })).ok()?;
        if v1 {
            return text.trim().parse().ok();
        }
        let usec = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
        usec.parse::<u64>().ok()?.checked_mul(1000)
    };
    let before = naive();
    let (sample, _) = read(&host, "/", None);
    let after = naive();
    assert!((before..=after).contains(&sample.cpu.unwrap().usage.total), "{before:?} {after:?}");
    let total = fs::read_to_string("/proc/meminfo").unwrap();
    let total: u64 = total.split_whitespace().nth(1).unwrap().parse().unwrap();
    let memory = sample.memory.unwrap();
    assert!(memory.usage.is_some_and(|usage| usage > 0 && usage <= total << 10), "{memory:?}");
    assert!(memory.working_set <= memory.usage);
}
