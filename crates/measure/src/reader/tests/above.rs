//! What did not run above is not asked below.

use super::*;

/// A v1 group, `/a`, with groups in it; the kernel's words are kept true.
struct Kin {
    _folder: tempfile::TempDir,
    root: Root,
    used: Vec<u64>,
}

impl Kin {
    fn new(count: usize) -> Self {
        let (folder, root) = v1_alone();
        let kin = Self { _folder: folder, root, used: vec![5; count] };
        for child in 0..count {
            for controller in ["cpu", "cpuacct", "memory", "blkio"] {
                fs::create_dir_all(kin.root.cgroup.join(format!("{controller}/a/{child}"))).unwrap();
                kin.write(&format!("{controller}/a/{child}/cgroup.procs"), "");
            }
            kin.write(&format!("memory/a/{child}/memory.usage_in_bytes"), "4096\n");
            kin.tell(child);
        }
        kin
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root.cgroup.join(name), text).unwrap();
    }

    fn run(&mut self, child: usize, nanos: u64) {
        self.used[child] += nanos;
        self.tell(child);
    }

    fn tell(&self, child: usize) {
        self.write(&format!("cpuacct/a/{child}/cpuacct.usage"), &format!("{}\n", self.used[child]));
        self.write("cpuacct/a/cpuacct.usage", &format!("{}\n", self.used.iter().sum::<u64>()));
    }

    fn sides(&self) -> Vec<Side> {
        let host = Arc::new(Host::new(self.root.clone(), Kinds::default(), 1000).unwrap());
        (0..self.used.len()).map(|child| Side::new(&host, &format!("/a/{child}"))).collect()
    }
}

struct Side {
    reader: Reader,
    sample: Sample,
    buffer: Vec<u8>,
}

impl Side {
    fn new(host: &Arc<Host>, name: &str) -> Self {
        Self { reader: Reader::new(host, name), sample: Sample::default(), buffer: Vec::new() }
    }

    fn read(&mut self, at: Timestamp, effort: Effort) -> u32 {
        self.reader.read(at, effort, &mut self.buffer, &mut self.sample).files
    }

    fn total(&self) -> Option<u64> {
        self.sample.cpu.as_ref()?.usage.total
    }
}

/// So many files of all of them, one after the other within a millisecond.
fn sweep(sides: &mut [Side], secs: i64) -> Vec<u32> {
    let each = sides.iter_mut().enumerate();
    each.map(|(nth, side)| side.read(at(secs).plus_nanos(20_000 * nth as i64), Effort::Thrifty)).collect()
}

#[test]
fn a_family_at_rest_costs_one_file_and_its_memory() {
    let mut kin = Kin::new(3);
    let mut sides = kin.sides();
    sweep(&mut sides, 0);
    assert_eq!(sweep(&mut sides, 1), [2, 2, 2], "whether they rest is not known yet");
    assert_eq!(sweep(&mut sides, 2), [3, 2, 2], "the first of them asks above");
    assert_eq!(sweep(&mut sides, 3), [2, 1, 1]);
    kin.run(2, 7);
    assert_eq!((sweep(&mut sides, 4), sides[2].total()), (vec![3, 2, 2], Some(12)), "one ran: all are asked");
    assert_eq!(sweep(&mut sides, 5)[..2], [2, 2], "and above is not, for a while");
    let rested: Vec<i64> = (6..70).filter(|secs| sweep(&mut sides, *secs) == [2, 1, 1]).collect();
    assert_eq!((rested.first(), rested.contains(&40)), (Some(&35), true));
}

#[test]
fn whoever_is_asked_for_all_asks_nobody_else() {
    let kin = Kin::new(2);
    let mut sides = kin.sides();
    for secs in 0..4 {
        sweep(&mut sides, secs);
    }
    // a kernel does not; but what is read in full is read
    kin.write("cpuacct/a/1/cpuacct.usage", "77\n");
    assert_eq!((sweep(&mut sides, 4), sides[1].total()), (vec![2, 1], Some(5)));
    sides[1].read(at(5), Effort::Full);
    assert_eq!(sides[1].total(), Some(77));
}

#[test]
fn where_it_does_not_pay_above_is_asked_seldom() {
    let asked = |sides: &mut [Side], apart: i64| {
        let mut files = 0;
        for secs in 0..90 {
            for (nth, side) in sides.iter_mut().enumerate() {
                files += side.read(at(secs).plus_nanos(apart * nth as i64), Effort::Thrifty);
            }
        }
        files
    };
    // the same without anything above
    let (kin, alone) = (Kin::new(2), Kin::new(2));
    fs::remove_file(alone.root.cgroup.join("cpuacct/a/cpuacct.usage")).unwrap();
    let most = asked(&mut alone.sides(), 2_000_000) + 3;
    let files = asked(&mut kin.sides(), 2_000_000);
    assert!((most - 2..=most).contains(&files), "{files} files, nobody shares: {most}");
    let files = asked(&mut kin.sides(), 20_000);
    assert!(files < most - 60, "{files} files where they share");
}

#[test]
fn without_room_for_its_descriptor_above_is_not_asked() {
    let kin = Kin::new(3);
    let host = Arc::new(Host::new(kin.root.clone(), Kinds::default(), 0).unwrap());
    let mut sides: Vec<Side> = (0..3).map(|child| Side::new(&host, &format!("/a/{child}"))).collect();
    for secs in 0..4 {
        sweep(&mut sides, secs);
    }
    assert_eq!(sweep(&mut sides, 4), [2, 2, 2]);
}

#[test]
fn who_has_no_readers_below_is_forgotten() {
    let kin = Kin::new(3);
    let host = Arc::new(Host::new(kin.root.clone(), Kinds::default(), 0).unwrap());
    drop(Reader::new(&host, "/a/0"));
    assert_eq!(host.family.len(), 1);
    let _reader = Reader::new(&host, "/b/0");
    assert_eq!(host.family.len(), 1);
    assert!(host.family.above("/a").is_none() && host.family.above("/").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever runs when, and whoever is read in which order: at its instant each is told as the kernel has it.
    #[test]
    fn nothing_is_late_by_it(
        steps in prop::collection::vec((0..4usize, 0..3u64, 1..40i64, any::<bool>()), 1..60),
    ) {
        let mut kin = Kin::new(4);
        let mut sides = kin.sides();
        let mut now = 0;
        for (child, nanos, pause, backwards) in steps {
            kin.run(child, nanos);
            now += pause;
            if backwards {
                sides.reverse();
                sweep(&mut sides, now);
                sides.reverse();
            } else {
                sweep(&mut sides, now);
            }
            let totals: Vec<_> = sides.iter().map(|side| side.total().unwrap()).collect();
            prop_assert_eq!(&totals, &kin.used);
        }
    }
}
