//! What cannot move is not read: groups of v1, whose CPU time stands in several files.

use super::*;

/// A v1 group, `/a`, whose files say what a kernel would.
struct Group {
    _folder: tempfile::TempDir,
    root: Root,
    cpus: [u64; 2],
    throttled: u64,
    failed: u64,
}

impl Group {
    fn new() -> Self {
        let (folder, root) = v1_alone();
        let group = Self { _folder: folder, root, cpus: [5, 6], throttled: 0, failed: 0 };
        group.write("memory/a/memory.usage_in_bytes", "4096\n");
        group.tell();
        group
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root.cgroup.join(name), text).unwrap();
    }

    fn run(&mut self, cpu: usize, nanos: u64) {
        self.cpus[cpu] += nanos;
        self.tell();
    }

    fn tell(&self) {
        let [a, b] = self.cpus;
        self.write("cpuacct/a/cpuacct.usage", &format!("{}\n", a + b));
        self.write("cpuacct/a/cpuacct.usage_percpu", &format!("{a} {b} \n"));
        self.write("cpuacct/a/cpuacct.stat", &format!("user {a}\nsystem {b}\n"));
        self.write("cpu/a/cpu.stat", &format!("nr_throttled {}\n", self.throttled));
        self.write("memory/a/memory.failcnt", &format!("{}\n", self.failed));
    }

    fn host(&self, kinds: Kinds) -> Arc<Host> {
        Arc::new(Host::new(self.root.clone(), kinds, 100).unwrap())
    }
}

/// One side that reads it.
struct Side {
    reader: Reader,
    sample: Sample,
    buffer: Vec<u8>,
}

impl Side {
    fn new(host: &Arc<Host>) -> Self {
        Self { reader: Reader::new(host, "/a"), sample: Sample::default(), buffer: Vec::new() }
    }

    fn read(&mut self, secs: i64, effort: Effort) -> Outcome {
        self.reader.read(at(secs), effort, &mut self.buffer, &mut self.sample)
    }

    /// How many files that took.
    fn files(&mut self, secs: i64) -> u32 {
        self.read(secs, Effort::Thrifty).files
    }

    fn total(&self) -> Option<u64> {
        self.sample.cpu.as_ref()?.usage.total
    }

    fn throttled(&self) -> Option<u64> {
        self.sample.cpu.as_ref()?.cfs.throttled_periods
    }
}

const NO_LIMITS: Limits = Limits { quota: false, memory: false };

#[test]
fn a_group_that_runs_is_read_by_its_parts_and_one_that_rests_by_their_sum() {
    let mut group = Group::new();
    let mut side = Side::new(&group.host(Kinds::default()));
    // usage, its parts, stat, cpu.stat, memory usage, failcnt
    assert_eq!((side.files(0), side.total()), (6, Some(11)));
    group.run(0, 100);
    group.write("cpuacct/a/cpuacct.usage", "999\n");
    assert_eq!((side.files(1), side.total()), (5, Some(111)), "it ran before, so the parts tell");
    assert_eq!((side.files(2), side.total()), (3, Some(111)), "it rests");
    assert_eq!((side.files(3), side.total()), (6, Some(999)), "so now the sum tells");
}

#[test]
fn where_the_parts_cannot_be_read_the_sum_tells() {
    for damage in ["", "nonsense\n", "18446744073709551615 18446744073709551615 \n"] {
        let mut group = Group::new();
        let mut side = Side::new(&group.host(Kinds::default()));
        side.files(0);
        for secs in 1..4 {
            group.run(1, 10);
            group.write("cpuacct/a/cpuacct.usage_percpu", damage);
            side.files(secs);
            assert_eq!(side.total(), Some(11 + 10 * secs as u64), "{damage:?}");
        }
    }
    let group = Group::new();
    let mut side = Side::new(&group.host(Kinds::default()));
    fs::remove_file(group.root.cgroup.join("cpuacct/a/cpuacct.usage_percpu")).unwrap();
    for secs in 0..4 {
        side.files(secs);
        assert_eq!(side.total(), Some(11), "not there, {secs} s");
    }
    let mut group = Group::new();
    let mut side = Side::new(&group.host(Kinds::default().without(Kind::PerCpu)));
    side.files(0);
    group.run(1, 10);
    side.files(1);
    let usage = side.sample.cpu.as_ref().map(|cpu| &cpu.usage);
    assert_eq!(usage.map(|usage| (usage.total, usage.per_cpu_usage.len())), Some((Some(21), 0)));
}

#[test]
fn what_no_limit_bounds_is_checked_seldom_though_the_group_runs() {
    let mut group = Group::new();
    let mut side = Side::new(&group.host(Kinds::default()));
    let mut counts = |side: &mut Side, secs: std::ops::Range<i64>| -> Vec<u32> {
        let each = secs.map(|secs| {
            group.run(0, 1);
            side.files(secs)
        });
        each.collect()
    };
    assert_eq!(counts(&mut side, 0..4), [6, 5, 5, 5], "it may have limits");
    side.reader.set_limits(NO_LIMITS);
    // the parts, stat, memory usage; and now and then cpu.stat and failcnt
    assert_eq!(counts(&mut side, 4..17), [5, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 3, 3]);
    side.reader.set_limits(Limits { quota: true, memory: false });
    assert_eq!(counts(&mut side, 17..20), [5, 4, 4]);
    assert_eq!(side.read(20, Effort::Full).files, 5);
    // somebody wrote one of its files
    side.reader.set_limits(NO_LIMITS);
    group.throttled = 7;
    group.tell();
    side.files(21);
    assert_eq!(side.throttled(), Some(7));
}

#[test]
fn what_moves_with_the_cpu_time_is_not_checked_while_that_stands() {
    let group = Group::new();
    let mut side = Side::new(&group.host(Kinds::default()));
    side.reader.set_limits(NO_LIMITS);
    let files: Vec<u32> = (0..400).map(|secs| side.files(secs)).collect();
    assert_eq!(files[..3], [6, 3, 2]);
    // cpu.stat and failcnt are checked; stat and the parts but once
    let checks = [3, 13, 23, 33, 43, 73, 103, 133, 163, 193, 223, 253, 283, 301, 313, 343, 373];
    let four: Vec<usize> = (2..400).filter(|secs| files[*secs] == 4).collect();
    assert_eq!(four, checks);
    assert!(files[2..].iter().all(|files| [2, 4].contains(files)));
}

#[test]
fn a_file_that_comes_late_is_found_though_nothing_moves() {
    for rescan in [true, false] {
        let group = Group::new();
        let stat = group.root.cgroup.join("cpuacct/a/cpuacct.stat");
        fs::remove_file(&stat).unwrap();
        let mut side = Side::new(&group.host(Kinds::default()));
        for secs in 0..3 {
            side.files(secs);
        }
        group.tell();
        if rescan {
            side.reader.rescan();
        }
        for secs in [3, 33] {
            side.files(secs);
            let user = side.sample.cpu.as_ref().and_then(|cpu| cpu.usage.user);
            assert_eq!(user.is_some(), rescan || secs == 33, "{secs}");
        }
    }
}

#[test]
fn swap_is_checked_seldom_while_the_machine_has_none() {
    let (_folder, tree) = whole();
    tree.write("a/b/memory.swap.current", "0\n");
    let host = Arc::new(Host::new(tree.root.clone(), Kinds::default(), 100).unwrap());
    let meminfo = |text: &str| {
        fs::create_dir_all(&tree.root.proc).unwrap();
        fs::write(tree.root.proc.join("meminfo"), text).unwrap();
    };
    let (mut root, mut buffer) = (Reader::new(&host, "/"), Vec::new());
    let (mut reader, mut sample) = (Reader::new(&host, "/a/b"), Sample::default());
    let mut read = |secs: i64| {
        root.read(at(secs), Effort::Thrifty, &mut buffer, &mut Sample::default());
        tree.write("a/b/cpu.stat", &format!("usage_usec {secs}\n"));
        reader.read(at(secs), Effort::Thrifty, &mut buffer, &mut sample);
        sample.memory.as_ref().and_then(|memory| memory.swap)
    };
    let swap = |bytes: u64| tree.write("a/b/memory.swap.current", &format!("{bytes}\n"));
    meminfo("MemTotal: 9 kB\nSwapTotal: 8 kB\nSwapFree: 7 kB\n");
    for secs in 0..5 {
        swap(4096 * secs);
        assert_eq!(read(secs as i64), Some(4096 * secs), "it has");
    }
    meminfo("MemTotal: 9 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
    swap(0);
    assert_eq!((5..8).map(&mut read).collect::<Vec<_>>(), [Some(0); 3]);
    // a kernel would not; but nothing is believed for good
    swap(4096);
    assert_eq!((8..18).map(&mut read).filter(|swap| *swap == Some(0)).count(), 8);
}

#[test]
fn pressure_is_checked_seldom_while_the_machine_has_none() {
    let (_folder, tree) = whole();
    tree.write("cgroup.procs", "1\n");
    let host = Arc::new(Host::new(tree.root.clone(), Kinds::default(), 100).unwrap());
    let text = |total: u64, avg: u64| format!("some avg10={avg}.00 avg60=0.00 avg300=0.00 total={total}\n");
    let (mut root, mut root_sample) = (Reader::new(&host, "/"), Sample::default());
    let (mut reader, mut sample, mut buffer) = (Reader::new(&host, "/a/b"), Sample::default(), Vec::new());
    // what the machine's file says, the group's, and when the group's is read
    let mut read = |secs: i64, machine: u64, (total, avg): (u64, u64)| {
        tree.write("io.pressure", &text(machine, 9));
        tree.write("a/b/io.pressure", &text(total, avg));
        tree.write("cpu.stat", &format!("usage_usec {secs}\n"));
        tree.write("a/b/cpu.stat", &format!("usage_usec {secs}\n"));
        root.read(at(secs), Effort::Thrifty, &mut buffer, &mut root_sample);
        reader.read(at(secs), Effort::Thrifty, &mut buffer, &mut sample);
        let some = sample.diskio.as_ref().and_then(|io| io.psi).map(|psi| psi.some);
        some.map(|some| (some.total, some.avg10 / 100))
    };
    for secs in 0..6 {
        assert_eq!(read(secs, 700, (5, 0)), Some((5, 0)));
    }
    // a kernel would not; it shows when it is read, and that nothing is believed for good
    let late = (6..20).filter(|secs| read(*secs, 700, (6, 0)) == Some((5, 0))).count();
    assert!((5..10).contains(&late), "{late} s");
    for secs in 20..26 {
        assert_eq!(read(secs, 700, (6, 0)), Some((6, 0)));
    }
    // the group's own file follows up to two seconds later, and then its averages fade
    assert_eq!(read(26, 701, (6, 0)), Some((6, 0)));
    assert_eq!(read(27, 701, (6, 0)), Some((6, 0)));
    assert_eq!(read(28, 701, (7, 3)), Some((7, 3)));
    for (secs, avg) in (29..41).zip([3, 3, 3, 3, 3, 2, 2, 2, 1, 1, 1, 0]) {
        assert_eq!(read(secs, 701, (7, avg)), Some((7, avg)), "{secs}");
    }
    // without the machine's word it is read each time
    for secs in 60..64 {
        assert_eq!(read(secs, 701, (7, 0)), Some((7, 0)));
    }
    let mut alone = |secs: i64, total: u64| {
        tree.write("a/b/cpu.stat", &format!("usage_usec {secs}\n"));
        tree.write("a/b/io.pressure", &text(total, 0));
        reader.read(at(secs), Effort::Thrifty, &mut buffer, &mut sample);
        sample.diskio.as_ref().and_then(|io| io.psi).map(|psi| psi.some.total)
    };
    assert_eq!(alone(64, 8), Some(7), "the machine told a second ago");
    assert_eq!(alone(66, 9), Some(9));
    assert_eq!(alone(67, 10), Some(10));
}

/// A group `/a` and the machine's root, with the files of a scheduler and of the throttle.
struct Disks {
    group: Group,
    host: Arc<Host>,
    root: Reader,
    side: Side,
}

const SCHEDULER: &str = "blkio.bfq.io_service_bytes_recursive";
const THROTTLE: &str = "blkio.throttle.io_service_bytes_recursive";
const NO_DISK: &str = "Total 0\n";
const UNUSED: &str = "8:0 Read 0\n8:0 Total 0\nTotal 0\n";

impl Disks {
    fn new() -> Self {
        let group = Group::new();
        for (file, text) in [(SCHEDULER, NO_DISK), (THROTTLE, UNUSED)] {
            group.write(&format!("blkio/{file}"), text);
            group.write(&format!("blkio/a/{file}"), NO_DISK);
        }
        let host = group.host(Kinds::default());
        Self { root: Reader::new(&host, "/"), side: Side::new(&host), host, group }
    }

    fn read_root(&mut self, secs: i64) -> Outcome {
        self.root.read(at(secs), Effort::Thrifty, &mut Vec::new(), &mut Sample::default())
    }

    /// The group runs and is read: bytes read from a disk.
    fn read(&mut self, secs: i64) -> Option<u64> {
        self.group.run(0, 1);
        self.side.files(secs);
        let io = self.side.sample.diskio.as_ref().expect("its lists are there, empty or not");
        io.io_service_bytes.first()?.stats.read
    }

    /// Whether the scheduler's file is read of the group, which runs.
    fn asks_scheduler(&mut self, secs: i64) -> bool {
        self.group.write(&format!("blkio/a/{SCHEDULER}"), "8:0 Read 77\n");
        let asks = self.read(secs) == Some(77);
        self.group.write(&format!("blkio/a/{SCHEDULER}"), NO_DISK);
        self.read(secs);
        asks
    }
}

#[test]
fn of_a_scheduler_without_disks_no_group_is_asked() {
    let mut disks = Disks::new();
    assert!(disks.asks_scheduler(0), "the root has not told");
    let kept = disks.host.budget.in_use();
    disks.read_root(1);
    let roots = disks.host.budget.in_use() - kept;
    assert!(!disks.asks_scheduler(2));
    assert_eq!(disks.host.budget.in_use(), kept + roots - 1, "nor is its file kept open");
    assert_eq!(disks.side.read(3, Effort::Full).files, 7, "but whoever wants every file is given it");
    assert!(disks.asks_scheduler(11), "the root told long ago");
    // as long as the root is read
    for secs in 12..60 {
        disks.read_root(secs);
        assert!(!disks.asks_scheduler(secs), "{secs}");
    }
    // the throttle's is read meanwhile
    disks.group.write(&format!("blkio/a/{THROTTLE}"), "8:0 Read 5\n");
    assert_eq!(disks.read(60), Some(5));
}

#[test]
fn a_scheduler_that_gets_a_disk_is_noticed() {
    let mut disks = Disks::new();
    assert!((0..3).all(|secs| disks.read_root(secs).faults == 0));
    disks.group.write(&format!("blkio/{SCHEDULER}"), UNUSED);
    let noticed = (3..30).find(|secs| {
        let outcome = disks.read_root(*secs);
        assert_eq!(outcome.faults, 0);
        disks.asks_scheduler(*secs)
    });
    assert!(noticed.is_some_and(|secs| secs <= 15), "{noticed:?}");
    assert!((30..90).all(|secs| disks.read_root(secs).faults == 0 && disks.asks_scheduler(secs)));
}

#[test]
fn what_cannot_be_read_of_the_root_tells_of_no_group() {
    for text in ["8:0 Read x\n", UNUSED] {
        let mut disks = Disks::new();
        disks.group.write(&format!("blkio/{SCHEDULER}"), text);
        disks.read_root(0);
        assert!(disks.asks_scheduler(1), "{text}");
    }
    // the root of a namespace is a group like any other
    let mut disks = Disks::new();
    for controller in ["cpuacct", "memory"] {
        fs::remove_file(disks.group.root.cgroup.join(controller).join("release_agent")).unwrap();
    }
    disks.host = disks.group.host(Kinds::default());
    (disks.root, disks.side) = (Reader::new(&disks.host, "/"), Side::new(&disks.host));
    disks.read_root(0);
    assert!(disks.asks_scheduler(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A kernel that keeps to its word: then nothing of the CPU time is ever late.
    #[test]
    fn as_the_kernel_counts_nothing_of_the_cpu_time_is_late(
        steps in prop::collection::vec((0..3u64, 0..2usize, any::<bool>(), 0..3u8, 1..400i64), 1..40),
    ) {
        let mut group = Group::new();
        let host = group.host(Kinds::default());
        let (mut full, mut thrifty) = (Side::new(&host), Side::new(&host));
        let (mut now, mut limits) = (0, Limits::default());
        for (nanos, cpu, throttle, change, pause) in steps {
            if change == 0 {
                limits = Limits { quota: throttle, memory: cpu == 0 };
                thrifty.reader.set_limits(limits);
            }
            if nanos > 0 {
                group.throttled += u64::from(throttle && limits.quota);
                group.failed += u64::from(throttle && limits.memory);
                group.run(cpu, nanos);
            }
            now += pause;
            full.read(now, Effort::Full);
            let before = thrifty.sample.clone();
            let outcome = thrifty.read(now, Effort::Thrifty);
            prop_assert_eq!(&thrifty.sample, &full.sample);
            let same = thrifty.sample == Sample { at: at(now), ..before };
            prop_assert!(outcome.moved || same);
        }
    }
}
