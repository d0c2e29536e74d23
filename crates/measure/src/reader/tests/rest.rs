//! A group at rest: what is passed over, and for how long.

use super::*;

#[test]
fn a_quiet_group_costs_three_files_and_is_checked_every_ten_seconds() {
    let (_folder, tree) = whole();
    tree.process(7, "/a/b", 70);
    let host = Arc::new(Host::new(tree.root.clone(), Kinds::default(), 100).unwrap());
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let mut reader = Reader::new(&host, "/a/b");
    reader.set_pid(Some(7));
    let mut read = |secs, sample: &mut Sample| {
        let outcome = reader.read(at(secs), Effort::Thrifty, &mut buffer, sample);
        (outcome.files, outcome.full)
    };
    // cpu.stat, memory.current, net/dev, memory.stat, memory.events, io.stat, io.pressure
    assert_eq!(read(0, &mut sample), (7, true));
    assert_eq!(
        (read(1, &mut sample), read(2, &mut sample)),
        ((3, false), (3, false)),
        "it may lack a part yet"
    );
    assert_eq!(read(3, &mut sample), (7, true), "what the kernel added up since");
    assert_eq!(read(4, &mut sample), (3, false));
    tree.write("a/b/io.stat", "8:0 rbytes=9 wbytes=2 rios=3 wios=4\n");
    let bytes = |sample: &Sample| sample.diskio.as_ref().unwrap().io_service_bytes[0].stats.read;
    assert_eq!((read(12, &mut sample), bytes(&sample)), ((3, false), Some(1)), "late");
    assert_eq!((read(13, &mut sample), bytes(&sample)), ((7, true), Some(9)), "but no more than 10 s");
    assert_eq!((read(14, &mut sample), read(15, &mut sample)), ((3, false), (3, false)));
    assert_eq!(read(16, &mut sample), (4, false), "what moved is read until it stands still");
    assert_eq!(read(17, &mut sample), (3, false));
    tree.write("a/b/memory.current", "8192\n");
    assert_eq!(read(18, &mut sample), (7, true), "not quiet any more");
    assert_eq!((read(20, &mut sample), read(21, &mut sample)), ((3, false), (7, true)));
    // the clock was set back
    assert_eq!(read(22, &mut sample), (3, false));
    assert_eq!(read(-100, &mut sample), (7, true));
}

#[test]
fn a_read_says_whether_anything_moved() {
    let (_folder, tree) = whole();
    let host = tree.host(100);
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let mut reader = Reader::new(&host, "/a/b");
    tree.process(7, "/a/b", 1);
    fs::write(tree.root.proc.join("7/net/dev"), "head\nhead\n").unwrap();
    reader.read(at(-1), Effort::Thrifty, &mut buffer, &mut sample);
    reader.set_pid(Some(7));
    let mut moved = |secs, effort| reader.read(at(secs), effort, &mut buffer, &mut sample).moved;
    assert!(moved(0, Effort::Thrifty), "a network without interfaces is news as well");
    assert!(!moved(1, Effort::Thrifty) && !moved(2, Effort::Thrifty) && !moved(3, Effort::Full));
    tree.write("a/b/io.stat", "8:0 rbytes=9 wbytes=2 rios=3 wios=4\n");
    assert!(moved(4, Effort::Full) && !moved(5, Effort::Full));
    tree.write("a/b/cpu.stat", "nonsense");
    assert!(moved(6, Effort::Thrifty), "numbers that are not there any more");
}

#[test]
fn what_the_kernel_adds_up_after_the_group_has_stopped_is_not_missed() {
    let (_folder, tree) = whole();
    let host = tree.host(100);
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let mut reader = Reader::new(&host, "/a/b");
    let mut anon = |secs| {
        reader.read(at(secs), Effort::Thrifty, &mut buffer, &mut sample);
        sample.memory.as_ref().and_then(|memory| memory.rss)
    };
    tree.write("a/b/memory.stat", "anon 0\n");
    for secs in 0..20 {
        // it ran until 8 s; of that memory.stat tells at its next flush
        tree.write("a/b/memory.current", &format!("{}\n", 4096 * secs.min(8)));
        if secs == 10 {
            tree.write("a/b/memory.stat", "anon 32768\n");
        }
        assert_eq!(anon(secs), Some(if secs < 11 { 0 } else { 32768 }), "{secs}");
    }
}

#[test]
fn a_group_that_stays_quiet_is_checked_every_thirty_seconds() {
    let (_folder, tree) = whole();
    let host = tree.host(100);
    let (mut sample, mut buffer) = (Sample::default(), Vec::new());
    let mut reader = Reader::new(&host, "/a/b");
    let mut full = |secs: std::ops::Range<i64>, sample: &mut Sample| -> Vec<i64> {
        secs.filter(|secs| reader.read(at(*secs), Effort::Thrifty, &mut buffer, sample).files > 2).collect()
    };
    assert_eq!(full(0..140, &mut sample), [0, 3, 13, 23, 33, 43, 73, 103, 133]);
    let bytes = |sample: &Sample| sample.diskio.as_ref().unwrap().io_service_bytes[0].stats.read;
    tree.write("a/b/io.stat", "8:0 rbytes=9 wbytes=2 rios=3 wios=4\n");
    full(140..163, &mut sample);
    assert_eq!(bytes(&sample), Some(1), "late");
    full(163..165, &mut sample);
    assert_eq!(bytes(&sample), Some(9), "but no more than 30 s");
    tree.write("a/b/io.stat", "8:0 rbytes=10 wbytes=2 rios=3 wios=4\n");
    full(165..175, &mut sample);
    assert_eq!(bytes(&sample), Some(10), "what has moved is checked after 10 s again");
}
