use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::*;

/// Long enough for any machine; a test that passes does not wait.
const LONG: Duration = Duration::from_secs(20);

/// A watch and what it told.
struct Seen {
    watch: Watch,
    events: Receiver<(Instant, TreeEvent)>,
    told: Vec<(Instant, TreeEvent)>,
}

impl Seen {
    fn start(dirs: &[&Path], limits: Limits) -> Self {
        let (to, events) = channel();
        let dirs = dirs.iter().map(|dir| dir.to_path_buf()).collect();
        let watch = Watch::start(dirs, limits, move |event| {
            let _ = to.send((Instant::now(), event));
        });
        let mut seen = Self { watch: watch.unwrap(), events, told: Vec::new() };
        seen.until(|event| *event == TreeEvent::Ready);
        seen
    }

    /// Takes events until one fits; that one's instant.
    fn until(&mut self, fits: impl Fn(&TreeEvent) -> bool) -> Instant {
        self.until_within(LONG, fits).unwrap_or_else(|| panic!("not told; told was: {:?}", self.told))
    }

    fn until_within(&mut self, within: Duration, fits: impl Fn(&TreeEvent) -> bool) -> Option<Instant> {
        let end = Instant::now() + within;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(event) => {
                    self.told.push(event.clone());
                    if fits(&event.1) {
                        return Some(event.0);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Makes a directory and waits until it is told: all before it has been told then.
    fn sync(&mut self, root: &Path) {
        let name = format!("/sync{}", self.told.len());
        fs::create_dir(root.join(&name[1..])).unwrap();
        self.until(|event| matches!(event, TreeEvent::Appeared { name: n, .. } if *n == name));
        fs::remove_dir(root.join(&name[1..])).unwrap();
        self.until(|event| matches!(event, TreeEvent::Vanished { name: n, .. } if *n == name));
    }

    fn count(&self, fits: impl Fn(&TreeEvent) -> bool) -> usize {
        self.told.iter().filter(|(_, event)| fits(event)).count()
    }

    /// Replays what was told; panics where it makes no sense. What is there now: name and hierarchy.
    fn there(&self) -> BTreeSet<(String, usize)> {
        let mut there = BTreeSet::new();
        for (_, event) in &self.told {
            match event {
                TreeEvent::Appeared { name, dir } => {
                    if let Some((parent, _)) = name.rsplit_once('/').filter(|_| name != "/") {
                        let parent = if parent.is_empty() { "/" } else { parent };
                        assert!(there.contains(&(parent.to_owned(), *dir)), "{name} came before its parent");
                    }
                    assert!(there.insert((name.clone(), *dir)), "{name} appeared twice");
                }
                TreeEvent::Vanished { name, dir, last } => {
                    assert!(there.remove(&(name.clone(), *dir)), "{name} vanished and was not there");
                    assert_eq!(*last, !there.iter().any(|(n, _)| n == name), "last of {name}");
                }
                _ => {}
            }
        }
        there
    }
}

fn appeared(name: &str, dir: usize) -> TreeEvent {
    TreeEvent::Appeared { name: name.to_owned(), dir }
}

fn vanished(name: &str, dir: usize, last: bool) -> TreeEvent {
    TreeEvent::Vanished { name: name.to_owned(), dir, last }
}

fn emptied(name: &str) -> TreeEvent {
    TreeEvent::Emptied { name: name.to_owned() }
}

/// A group of the test's own in real hierarchies, removed with all below it.
struct Own(Vec<PathBuf>);

impl Own {
    /// `None`, with a message, where the test may not make groups.
    fn new(hierarchies: &[&str], test: &str) -> Option<Self> {
        let name = format!("plimsoll-test-{}-{test}", std::process::id());
        let mut own = Self(Vec::new());
        for hierarchy in hierarchies {
            let dir = Path::new("/sys/fs/cgroup").join(hierarchy).join(&name);
            if let Err(cause) = fs::create_dir(&dir) {
                println!("skipped: {} cannot be made: {cause}", dir.display());
                return None;
            }
            own.0.push(dir);
        }
        Some(own)
    }

    fn dirs(&self) -> Vec<&Path> {
        self.0.iter().map(PathBuf::as_path).collect()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        for dir in &self.0 {
            remove(dir);
        }
    }
}

fn remove(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    // processes that were just killed keep a group for a moment
    for _ in 0..200 {
        if fs::remove_dir(dir).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[allow(clippy::disallowed_methods, reason = "a real process to watch")]
fn sleeper() -> Child {
    // not for ever, and holding nobody's output, should the test fail before it ends it
    Command::new("sleep").arg("60").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn put(child: &Child, group: &Path) {
    fs::write(group.join("cgroup.procs"), child.id().to_string()).unwrap();
}

/// Hierarchies to test on: v1 ones, and the unified one.
fn v1() -> [&'static str; 3] {
    ["memory", "cpu", "pids"]
}

/// Two hierarchies; one where there is one alone.
fn some() -> Vec<&'static str> {
    if Path::new("/sys/fs/cgroup/memory").exists() { vec!["memory", "cpu"] } else { vec![unified()] }
}

fn unified() -> &'static str {
    if Path::new("/sys/fs/cgroup/unified/cgroup.controllers").exists() { "unified" } else { "" }
}

#[test]
fn what_is_there_is_told_parents_first_then_ready() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir_all(tmp.path().join("a/b/c")).unwrap();
    fs::create_dir(tmp.path().join("x")).unwrap();
    fs::write(tmp.path().join("a/file"), "").unwrap();
    let seen = Seen::start(&[tmp.path()], Limits::default());
    let names: Vec<String> = seen.there().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["/", "/a", "/a/b", "/a/b/c", "/x"]);
    assert_eq!(seen.watch.health().watches, 5);
    assert_eq!(seen.watch.health().groups, 5);
}

#[test]
fn mount_units_are_neither_watched_nor_told() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir_all(tmp.path().join("before.mount/a")).unwrap();
    let mut seen = Seen::start(&[tmp.path()], Limits::default());
    fs::create_dir_all(tmp.path().join("after.mount/a")).unwrap();
    seen.sync(tmp.path());
    assert_eq!(seen.count(|event| format!("{event:?}").contains(".mount")), 0);
    assert_eq!(seen.watch.health().watches, 1);
}

#[test]
fn nested_directories_made_at_once_are_all_told() {
    let tmp = tempfile::tempdir().unwrap();
    let mut seen = Seen::start(&[tmp.path()], Limits::default());
    for i in 0..200 {
        fs::create_dir_all(tmp.path().join(format!("a{i}/b/c/d/e"))).unwrap();
    }
    seen.sync(tmp.path());
    assert_eq!(seen.there().len(), 1 + 200 * 5);
    assert_eq!(seen.watch.health().scans, 1, "no scan helped");
}

#[test]
fn a_thousand_short_groups_are_told_in_every_hierarchy() {
    let Some(own) = Own::new(&some(), "thousand") else { return };
    let dirs = own.dirs();
    let mut seen = Seen::start(&dirs, Limits::default());
    for i in 0..1000 {
        for dir in &dirs {
            fs::create_dir(dir.join(format!("g{i}"))).unwrap();
        }
        for dir in &dirs {
            fs::remove_dir(dir.join(format!("g{i}"))).unwrap();
        }
    }
    dirs.iter().for_each(|dir| seen.sync(dir));
    assert_eq!(seen.there(), (0..dirs.len()).map(|dir| ("/".to_owned(), dir)).collect());
    for dir in 0..dirs.len() {
        let told = |i: usize| seen.count(|event| *event == appeared(&format!("/g{i}"), dir));
        assert!((0..1000).all(|i| told(i) == 1), "hierarchy {dir}");
    }
    let ends = seen.count(
        |event| matches!(event, TreeEvent::Vanished { name, last: true, .. } if name.starts_with("/g")),
    );
    assert!(ends >= 1000, "{ends}");
    assert_eq!(seen.watch.health().groups, 1);
    assert_eq!(
        seen.watch.health().watches,
        dirs.len() as u64,
        "the watches of removed groups are given back"
    );
}

#[test]
fn a_group_that_lives_two_milliseconds_is_told_with_its_end() {
    let Some(own) = Own::new(&[unified()], "brief") else { return };
    let mut seen = Seen::start(&own.dirs(), Limits::default());
    let group = own.0[0].join("brief");
    fs::create_dir(&group).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    fs::remove_dir(&group).unwrap();
    seen.until(|event| *event == vanished("/brief", 0, true));
    assert_eq!(seen.count(|event| *event == appeared("/brief", 0)), 1);
}

#[test]
fn a_group_made_anew_vanishes_and_appears() {
    let tmp = tempfile::tempdir().unwrap();
    let mut seen = Seen::start(&[tmp.path()], Limits::default());
    for _ in 0..100 {
        fs::create_dir_all(tmp.path().join("a/b")).unwrap();
        fs::remove_dir_all(tmp.path().join("a")).unwrap();
    }
    fs::create_dir_all(tmp.path().join("a/b")).unwrap();
    seen.sync(tmp.path());
    assert_eq!(seen.count(|event| *event == appeared("/a", 0)), 101);
    assert!(seen.there().contains(&("/a/b".to_owned(), 0)));
}

#[test]
fn a_renamed_group_goes_with_all_below_it() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir_all(tmp.path().join("a/b")).unwrap();
    let mut seen = Seen::start(&[tmp.path()], Limits::default());
    fs::rename(tmp.path().join("a"), tmp.path().join("z")).unwrap();
    fs::create_dir(tmp.path().join("z/b/c")).unwrap();
    seen.until(|event| *event == appeared("/z/b/c", 0));
    let names: Vec<String> = seen.there().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["/", "/z", "/z/b", "/z/b/c"]);
}

fn emptied_before_it_vanishes(hierarchies: &[&str], test: &str) {
    let Some(own) = Own::new(hierarchies, test) else { return };
    let dirs = own.dirs();
    let mut seen = Seen::start(&dirs, Limits::default());
    let mut took = Vec::new();
    for round in 0..20 {
        let name = format!("/g{round}");
        let groups: Vec<PathBuf> = dirs.iter().map(|dir| dir.join(&name[1..])).collect();
        groups.iter().for_each(|group| fs::create_dir(group).unwrap());
        let (mut first, mut second) = (sleeper(), sleeper());
        for child in [&first, &second] {
            groups.iter().for_each(|group| put(child, group));
        }
        std::thread::sleep(Duration::from_millis(15));
        first.kill().unwrap();
        first.wait().unwrap();
        let early = seen.until_within(Duration::from_millis(20), |event| *event == emptied(&name));
        assert!(early.is_none(), "told as empty while a process was in it");
        let killed = Instant::now();
        second.kill().unwrap();
        took.push(seen.until(|event| *event == emptied(&name)).saturating_duration_since(killed));
        second.wait().unwrap();
        assert!(groups[0].exists());
        groups.iter().for_each(|group| fs::remove_dir(group).unwrap());
        seen.until(|event| matches!(event, TreeEvent::Vanished { name: n, last: true, .. } if *n == name));
        assert_eq!(seen.count(|event| *event == emptied(&name)), 1);
    }
    took.sort();
    println!(
        "{hierarchies:?}: kill to Emptied, median {:?}, worst {:?}",
        took[took.len() / 2],
        took[took.len() - 1]
    );
    assert_eq!(seen.watch.health().descriptors, 0, "descriptors are given back");
}

#[test]
fn emptied_comes_before_the_end_on_v1() {
    emptied_before_it_vanishes(&v1(), "v1");
}

#[test]
fn emptied_comes_before_the_end_on_v2() {
    emptied_before_it_vanishes(&[unified()], "v2");
}

#[test]
fn emptied_comes_before_the_end_on_hybrid() {
    emptied_before_it_vanishes(&[v1()[0], unified(), v1()[1]], "hybrid");
}

#[test]
fn a_group_that_is_found_with_its_processes_is_told_as_emptied() {
    let Some(own) = Own::new(&v1()[..1], "found") else { return };
    let group = own.0[0].join("g");
    fs::create_dir(&group).unwrap();
    let mut child = sleeper();
    put(&child, &group);
    let mut seen = Seen::start(&own.dirs(), Limits::default());
    child.kill().unwrap();
    seen.until(|event| *event == emptied("/g"));
    child.wait().unwrap();
}

#[test]
fn a_process_that_ended_before_anybody_looked_is_told_as_emptied() {
    let Some(own) = Own::new(&v1()[..1], "unseen") else { return };
    let (to, events) = channel();
    let (go, gate) = channel::<()>();
    let watch = Watch::start(vec![own.0[0].clone()], Limits::default(), move |event| {
        let is_gate = event == appeared("/gate", 0);
        let _ = to.send((Instant::now(), event));
        if is_gate {
            let _ = gate.recv();
        }
    });
    let mut seen = Seen { watch: watch.unwrap(), events, told: Vec::new() };
    let group = own.0[0].join("g");
    fs::create_dir(&group).unwrap();
    seen.until(|event| *event == appeared("/g", 0));
    fs::create_dir(own.0[0].join("gate")).unwrap();
    seen.until(|event| *event == appeared("/gate", 0));
    let mut child = sleeper();
    put(&child, &group);
    child.kill().unwrap();
    child.wait().unwrap();
    go.send(()).unwrap();
    seen.until(|event| *event == emptied("/g"));
}

#[test]
fn a_group_can_empty_more_than_once() {
    for (hierarchy, test) in [(v1()[0], "again1"), (unified(), "again2")] {
        let Some(own) = Own::new(&[hierarchy], test) else { continue };
        let group = own.0[0].join("g");
        fs::create_dir(&group).unwrap();
        let mut seen = Seen::start(&own.dirs(), Limits::default());
        for _ in 0..3 {
            let mut child = sleeper();
            put(&child, &group);
            std::thread::sleep(Duration::from_millis(15));
            child.kill().unwrap();
            seen.until(|event| *event == emptied("/g"));
            child.wait().unwrap();
        }
    }
}

#[test]
fn without_descriptors_the_end_is_not_told_but_counted() {
    let Some(own) = Own::new(&v1()[..1], "bound") else { return };
    let limits = Limits { descriptors: 1, ..Limits::default() };
    let mut seen = Seen::start(&own.dirs(), limits);
    let mut children = Vec::new();
    for name in ["a", "b"] {
        let group = own.0[0].join(name);
        fs::create_dir(&group).unwrap();
        let child = sleeper();
        put(&child, &group);
        children.push(child);
        seen.sync(&own.0[0]);
    }
    assert_eq!(seen.watch.health().descriptors, 1);
    assert!(seen.watch.health().unguarded >= 1);
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    seen.until(|event| *event == emptied("/a"));
    seen.sync(&own.0[0]);
    assert_eq!(seen.count(|event| *event == emptied("/b")), 0);
}

#[test]
fn a_changed_limit_is_told_and_the_kernels_own_notes_are_not() {
    let Some(own) = Own::new(&v1()[..1], "limit") else { return };
    let group = own.0[0].join("g");
    fs::create_dir(&group).unwrap();
    let mut seen = Seen::start(&own.dirs(), Limits::default());
    let mut child = sleeper();
    put(&child, &group);
    fs::write(group.join("memory.limit_in_bytes"), "104857600").unwrap();
    let file = "memory.limit_in_bytes".to_owned();
    seen.until(|event| *event == TreeEvent::Written { name: "/g".to_owned(), dir: 0, file: file.clone() });
    assert_eq!(seen.count(|event| matches!(event, TreeEvent::Written { .. })), 1);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_changed_limit_is_told_on_v2() {
    let Some(own) = Own::new(&[unified()], "limit2") else { return };
    let group = own.0[0].join("g");
    fs::create_dir(&group).unwrap();
    let mut seen = Seen::start(&own.dirs(), Limits::default());
    fs::write(group.join("cgroup.max.depth"), "5").unwrap();
    let file = "cgroup.max.depth".to_owned();
    seen.until(|event| *event == TreeEvent::Written { name: "/g".to_owned(), dir: 0, file: file.clone() });
}

#[test]
fn an_overflow_is_mended_by_a_scan() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir(tmp.path().join("goes")).unwrap();
    let (to, events) = channel();
    let (go, gate) = channel::<()>();
    let mut closed = false;
    let watch = Watch::start(vec![tmp.path().to_path_buf()], Limits::default(), move |event| {
        let is_gate = event == appeared("/gate", 0);
        let _ = to.send((Instant::now(), event));
        if is_gate && !std::mem::replace(&mut closed, true) {
            let _ = gate.recv();
        }
    });
    let mut seen = Seen { watch: watch.unwrap(), events, told: Vec::new() };
    seen.until(|event| *event == TreeEvent::Ready);
    fs::create_dir(tmp.path().join("gate")).unwrap();
    seen.until(|event| *event == appeared("/gate", 0));
    let queue: usize =
        fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    for _ in 0..queue / 2 + 10 {
        fs::create_dir(tmp.path().join("x")).unwrap();
        fs::remove_dir(tmp.path().join("x")).unwrap();
    }
    fs::create_dir_all(tmp.path().join("late/below")).unwrap();
    fs::remove_dir(tmp.path().join("goes")).unwrap();
    go.send(()).unwrap();
    seen.until(|event| *event == appeared("/late/below", 0));
    seen.sync(tmp.path());
    let names: Vec<String> = seen.there().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["/", "/gate", "/late", "/late/below"]);
    assert!(seen.watch.health().overflows >= 1);
    assert!(seen.watch.health().scans >= 2);
}

#[test]
fn beyond_the_limit_of_watches_the_tree_is_scanned_until_it_fits() {
    let tmp = tempfile::tempdir().unwrap();
    let mut seen = Seen::start(&[tmp.path()], Limits { watches: 3, ..Limits::default() });
    assert!(!seen.watch.health().limit_hit);
    fs::create_dir_all(tmp.path().join("a/b/c/d")).unwrap();
    seen.until(|event| *event == appeared("/a/b/c/d", 0));
    assert!(seen.watch.health().limit_hit);
    assert!(seen.watch.health().watches <= 3);
    // below a directory without a watch
    fs::create_dir(tmp.path().join("a/b/c/d/e")).unwrap();
    seen.until(|event| *event == appeared("/a/b/c/d/e", 0));
    fs::remove_dir(tmp.path().join("a/b/c/d/e")).unwrap();
    seen.until(|event| *event == vanished("/a/b/c/d/e", 0, true));
    fs::remove_dir_all(tmp.path().join("a/b")).unwrap();
    seen.until(|event| *event == vanished("/a/b", 0, true));
    let end = Instant::now() + LONG;
    while seen.watch.health().limit_hit && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!seen.watch.health().limit_hit, "it fits again");
    seen.there();
}

#[test]
fn without_any_watch_everything_is_found_by_scans() {
    let tmp = tempfile::tempdir().unwrap();
    let mut seen = Seen::start(&[tmp.path()], Limits { watches: 0, ..Limits::default() });
    fs::create_dir_all(tmp.path().join("a/b")).unwrap();
    seen.until(|event| *event == appeared("/a/b", 0));
    fs::remove_dir_all(tmp.path().join("a")).unwrap();
    seen.until(|event| *event == vanished("/a", 0, true));
    assert_eq!(seen.watch.health().watches, 0);
    assert!(seen.watch.health().limit_hit);
}

#[test]
fn a_rescan_finds_a_hierarchy_that_was_not_there() {
    let tmp = tempfile::tempdir().unwrap();
    let late = tmp.path().join("late");
    let mut seen = Seen::start(&[&late], Limits::default());
    assert!(seen.there().is_empty());
    fs::create_dir_all(late.join("a")).unwrap();
    seen.watch.rescan();
    seen.until(|event| *event == appeared("/a", 0));
    assert!(seen.there().contains(&("/".to_owned(), 0)));
}

#[test]
fn a_hierarchy_that_is_named_twice_is_told_once() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir_all(tmp.path().join("real/a")).unwrap();
    let link = tmp.path().join("link");
    std::os::unix::fs::symlink(tmp.path().join("real"), &link).unwrap();
    let seen = Seen::start(&[&tmp.path().join("real"), &link], Limits::default());
    assert_eq!(seen.there(), BTreeSet::from([("/".to_owned(), 0), ("/a".to_owned(), 0)]));
}

#[test]
fn names_that_are_no_text_are_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    let tmp = tempfile::tempdir().unwrap();
    let odd = |bytes| tmp.path().join(std::ffi::OsStr::from_bytes(bytes));
    fs::create_dir(odd(b"\xff1")).unwrap();
    let mut seen = Seen::start(&[tmp.path()], Limits::default());
    fs::create_dir(odd(b"\xff2")).unwrap();
    fs::create_dir(odd(b"new\nline")).unwrap();
    seen.sync(tmp.path());
    let names: Vec<String> = seen.there().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["/", "/new\nline"]);
}

#[test]
fn a_tree_that_changes_under_the_watch_is_told_as_it_is() {
    let Some(own) = Own::new(&some(), "churn") else { return };
    let dirs = own.dirs();
    let mut seen = Seen::start(&dirs, Limits::default());
    // a fixed sequence that looks random
    let mut state = 12345_u32;
    for _ in 0..3000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let dir = dirs[(state >> 8) as usize % dirs.len()];
        let path = dir.join(["a", "b", "a/x", "b/y", "a/x/z"][(state >> 16) as usize % 5]);
        if (state >> 24).is_multiple_of(2) {
            let _ = fs::create_dir(path);
        } else {
            let _ = fs::remove_dir(path);
        }
        if (state >> 12).is_multiple_of(500) {
            seen.watch.rescan();
        }
    }
    dirs.iter().for_each(|dir| seen.sync(dir));
    let mut want = BTreeMap::new();
    for (dir, root) in dirs.iter().enumerate() {
        for name in ["", "a", "b", "a/x", "b/y", "a/x/z"] {
            if root.join(name).is_dir() {
                want.insert((format!("/{name}"), dir), ());
            }
        }
    }
    assert_eq!(seen.there(), want.into_keys().collect());
}

#[test]
fn dropping_stops_the_thread() {
    let tmp = tempfile::tempdir().unwrap();
    let Seen { watch, events, .. } = Seen::start(&[tmp.path()], Limits::default());
    watch.stop();
    assert!(events.recv_timeout(LONG).is_err_and(|error| error == RecvTimeoutError::Disconnected));
}

#[test]
fn a_scan_tells_the_end_of_a_group_that_was_replaced_in_every_hierarchy() {
    let [one, two, beside] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    for root in [&one, &two] {
        fs::create_dir_all(root.path().join("a/b")).unwrap();
    }
    // no watch is to be had: only scans tell
    let mut seen = Seen::start(&[one.path(), two.path()], Limits { watches: 0, ..Limits::default() });
    for (root, number) in [(&one, 1), (&two, 2)] {
        // another directory, with another inode, under the same name
        let new = beside.path().join(format!("new{number}"));
        fs::create_dir(&new).unwrap();
        fs::rename(root.path().join("a"), beside.path().join(format!("old{number}"))).unwrap();
        fs::rename(&new, root.path().join("a")).unwrap();
    }
    let ended = |group: &'static str| move |event: &TreeEvent| matches!(event, TreeEvent::Vanished { name, last: true, .. } if name == group);
    seen.until(ended("/a"));
    seen.until(|event| *event == appeared("/a", 0));
    let told =
        |fits: &dyn Fn(&TreeEvent) -> bool| seen.told.iter().position(|(_, event)| fits(event)).unwrap();
    assert!(told(&ended("/a/b")) < told(&ended("/a")), "{:?}", seen.told);
}
