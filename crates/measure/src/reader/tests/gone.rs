//! Groups, directories and files that come and go.

use super::*;

#[test]
fn a_group_that_will_go_has_no_file_open() {
    let (_folder, tree) = whole();
    let host = tree.host(100);
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let mut reader = Reader::new(&host, "/a/b");
    let mut read = |reader: &mut Reader, nth| {
        let outcome = reader.read(at(nth), Effort::Full, &mut buffer, &mut sample);
        assert_eq!((outcome.gone, outcome.faults), (false, 0));
        (host.budget.in_use(), sample.memory.clone())
    };
    let (kept, memory) = read(&mut reader, 0);
    reader.let_go(at(1));
    assert_eq!((kept, host.budget.in_use()), (WHOLE.len(), 0));
    let (brief, again) = read(&mut reader, 2);
    // but its directory, which the kernel forgets by itself
    assert!(brief <= 1, "{brief}");
    assert_eq!(again, memory, "it is read all the same");
    // it is used again
    let (used, again) = read(&mut reader, 6);
    assert!(used >= kept && again == memory, "{used}");
}

#[test]
fn a_broken_file_costs_only_its_own_numbers() {
    let damages =
        ["", "garbage\n", "anon x\nusage_usec x\nhigh x\n8:0 rbytes=x\nsome avg10=x\n", "\0\u{fffd}"];
    for (broken, _) in WHOLE {
        for damage in damages {
            let (_folder, tree) = whole();
            let host = tree.host(100);
            let (mut sample, mut buffer) = (Sample::default(), Vec::new());
            let mut reader = Reader::new(&host, "/a/b");
            let good = reader.read(at(0), Effort::Full, &mut buffer, &mut sample);
            assert_eq!(good.faults, 0);
            let before = sample.clone();
            tree.write(&format!("a/b/{broken}"), damage);
            for round in 1..3 {
                let outcome = reader.read(at(round), Effort::Full, &mut buffer, &mut sample);
                assert!(outcome.faults <= 1 && !outcome.gone, "{broken} {damage:?}: {outcome:?}");
            }
            let same = [
                (*broken == "cpu.stat", before.cpu == sample.cpu),
                (broken.starts_with("memory"), before.memory == sample.memory),
                (broken.starts_with("io"), before.diskio == sample.diskio),
                (broken.starts_with("pids"), before.processes == sample.processes),
            ];
            assert!(same.iter().all(|(mine, same)| *mine != *same), "{broken} {damage:?}: {same:?}");
            // and back, once it is whole again
            let (_, text) = WHOLE.iter().find(|(name, _)| name == broken).unwrap();
            tree.write(&format!("a/b/{broken}"), text);
            reader.read(at(9), Effort::Full, &mut buffer, &mut sample);
            assert_eq!(sample, Sample { at: at(9), ..before }, "{broken}");
        }
    }
}

#[test]
fn a_missing_file_is_no_fault() {
    let (_folder, tree) = Tree::v2();
    tree.write("a/b/cpu.stat", "usage_usec 5\nuser_usec 3\n");
    let host = tree.host(100);
    let (sample, outcome) = read(&host, "/a/b", None);
    assert_eq!(outcome.faults, 0);
    let cpu = sample.cpu.unwrap();
    assert_eq!((cpu.usage.user, cpu.usage.system, cpu.cfs.periods), (Some(3000), None, None));
    assert_eq!((sample.memory, sample.diskio, sample.network), (None, None, None));
}

#[test]
fn a_file_that_appears_is_found_by_a_rescan_or_after_a_while() {
    for rescan in [true, false] {
        let (_folder, tree) = Tree::v2();
        tree.write("a/b/cpu.stat", "usage_usec 5\n");
        let host = tree.host(100);
        let (mut sample, mut buffer) = (Sample::default(), Vec::new());
        let mut reader = Reader::new(&host, "/a/b");
        reader.read(at(0), Effort::Full, &mut buffer, &mut sample);
        tree.write("a/b/memory.current", "4096\n");
        reader.read(at(1), Effort::Full, &mut buffer, &mut sample);
        assert_eq!(sample.memory, None);
        if rescan {
            reader.rescan();
        }
        reader.read(at(if rescan { 2 } else { 30 }), Effort::Full, &mut buffer, &mut sample);
        assert_eq!(sample.memory.as_ref().unwrap().usage, Some(4096), "rescan: {rescan}");
    }
}

#[test]
fn a_group_that_is_removed_is_gone_and_keeps_its_last_numbers() {
    let (_folder, tree) = whole();
    let host = tree.host(0);
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let mut reader = Reader::new(&host, "/a/b");
    assert!(!reader.read(at(0), Effort::Full, &mut buffer, &mut sample).gone);
    fs::remove_dir_all(&tree.group).unwrap();
    let outcome = reader.read(at(1), Effort::Full, &mut buffer, &mut sample);
    assert_eq!((outcome.gone, outcome.faults), (true, 0));
    assert_eq!(sample.cpu.as_ref().unwrap().usage.total, Some(5000));

    // one that is made anew under its name is another one
    fs::create_dir(&tree.group).unwrap();
    tree.write("a/b/cgroup.procs", "");
    tree.write("a/b/cpu.stat", "usage_usec 1\n");
    assert!(reader.read(at(2), Effort::Full, &mut buffer, &mut sample).gone);
    reader.rescan();
    assert!(reader.read(at(3), Effort::Full, &mut buffer, &mut sample).gone);
    assert_eq!(sample.cpu.as_ref().unwrap().usage.total, Some(5000));
    let (sample, _) = read(&host, "/a/b", None);
    assert_eq!(sample.cpu.unwrap().usage.total, Some(1000));
}

#[test]
fn a_hierarchy_that_a_group_leaves_keeps_its_last_numbers_for_a_while_and_is_found_again() {
    let (_folder, root) = v1_alone();
    let usage = |bytes: &str| {
        fs::create_dir_all(root.cgroup.join("memory/a")).unwrap();
        fs::write(root.cgroup.join("memory/a/cgroup.procs"), "").unwrap();
        fs::write(root.cgroup.join("memory/a/memory.usage_in_bytes"), bytes).unwrap();
    };
    let cpu =
        |nanos: u32| fs::write(root.cgroup.join("cpuacct/a/cpuacct.usage"), format!("{nanos}\n")).unwrap();
    usage("4096\n");
    cpu(1);
    let host = Arc::new(Host::new(root.clone(), all_kinds(), 0).unwrap());
    let (mut sample, mut buffer, mut reader) = (Sample::default(), Vec::new(), Reader::new(&host, "/a"));
    let mut read = |secs, effort, rescan| {
        if rescan {
            reader.rescan();
        }
        let outcome = reader.read(at(secs), effort, &mut buffer, &mut sample);
        assert_eq!((outcome.gone, outcome.faults), (false, 0), "{secs}");
        assert!(sample.cpu.is_some(), "{secs}");
        sample.memory.as_ref().and_then(|memory| memory.usage)
    };
    assert_eq!(read(0, Effort::Full, false), Some(4096));
    fs::remove_dir_all(root.cgroup.join("memory/a")).unwrap();
    // it may be about to go from the others too
    assert_eq!(read(1, Effort::Full, false), Some(4096));
    assert_eq!(read(5, Effort::Full, false), Some(4096));
    assert_eq!(read(7, Effort::Full, false), None);
    usage("8192\n");
    assert_eq!(read(8, Effort::Full, false), None, "nobody says that it is there again");
    assert_eq!(read(9, Effort::Full, true), Some(8192));

    // gone and there again before anybody looks; then without a word
    fs::remove_dir_all(root.cgroup.join("memory/a")).unwrap();
    assert_eq!(read(10, Effort::Full, false), Some(8192));
    usage("12288\n");
    cpu(2);
    assert_eq!(read(11, Effort::Thrifty, true), Some(12288));
    fs::remove_dir_all(root.cgroup.join("memory/a")).unwrap();
    assert_eq!(read(12, Effort::Full, false), Some(12288));
    assert_eq!(read(18, Effort::Full, false), None);
    usage("16384\n");
    assert_eq!(read(49, Effort::Full, false), Some(16384));
}

#[test]
fn a_group_that_never_was_is_gone() {
    let (_folder, tree) = Tree::v2();
    let host = tree.host(10);
    for name in ["/nothing", "/../..", "/a/../../.."] {
        let outcome =
            Reader::new(&host, name).read(at(0), Effort::Full, &mut Vec::new(), &mut Sample::default());
        assert_eq!((outcome.gone, outcome.faults), (true, 0), "{name}");
    }
}

#[test]
fn descriptors_are_kept_within_the_budget_and_given_back() {
    for budget in [0, 1, 5, 100] {
        let (_folder, tree) = whole();
        tree.process(7, "/a/b", 70);
        let host = tree.host(budget);
        let (mut sample, mut buffer) = (Sample::default(), Vec::new());
        let mut reader = Reader::new(&host, "/a/b");
        reader.set_pid(Some(7));
        for secs in 0..3 {
            reader.read(at(secs), Effort::Full, &mut buffer, &mut sample);
        }
        assert!(host.budget.in_use() <= budget);
        assert_eq!(host.budget.in_use() == 0, budget == 0);
        assert_eq!(sample.network.as_ref().unwrap().interfaces[0].rx_bytes, 70);
        assert_eq!(sample.memory.as_ref().unwrap().failcnt, Some(2));
        drop(reader);
        assert_eq!(host.budget.in_use(), 0);
    }
}
