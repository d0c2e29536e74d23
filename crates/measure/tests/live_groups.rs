//! Groups of the running kernel: made, read, removed. Skipped where they cannot be made.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing)]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;

use plimsoll_core::kinds::Kinds;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;
use plimsoll_measure::reader::{Effort, Host, Outcome, Reader};
use plimsoll_measure::sample::Sample;

/// A group in every hierarchy with one process in it; removed in the end.
struct Group {
    name: String,
    dirs: Vec<PathBuf>,
    task: Child,
}

impl Group {
    fn new(host: &Host, name: &str) -> Option<Self> {
        let name = format!("/plimsoll-test-{name}-{}", std::process::id());
        let mut dirs = Vec::new();
        for root in host.hierarchy.watch_dirs(&host.kinds) {
            let dir = root.join(&name[1..]);
            if let Err(error) = fs::create_dir(&dir) {
                eprintln!("skipped: cannot make {}: {error}", dir.display());
                dirs.iter().for_each(|dir| _ = fs::remove_dir(dir));
                return None;
            }
            dirs.push(dir);
        }
        let task = Command::new("sleep").arg("1000").spawn().unwrap();
        for dir in &dirs {
            let _ = fs::write(dir.join("cgroup.procs"), task.id().to_string());
        }
        Some(Self { name, dirs, task })
    }

    fn end_process(&mut self) {
        let _ = self.task.kill();
        let _ = self.task.wait();
    }

    fn remove(&mut self) {
        self.end_process();
        for dir in self.dirs.drain(..) {
            while let Err(error) = fs::remove_dir(&dir) {
                assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy, "{}", dir.display());
                std::thread::yield_now();
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.remove();
    }
}

fn host(budget: usize) -> Option<Arc<Host>> {
    match Host::new(Root::detect(), Kinds::default(), budget) {
        Ok(host) => Some(Arc::new(host)),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

struct Side {
    reader: Reader,
    sample: Sample,
    secs: i64,
}

impl Side {
    fn new(host: &Arc<Host>, group: &str) -> Self {
        Self { reader: Reader::new(host, group), sample: Sample::default(), secs: 1_000_000 }
    }

    fn read(&mut self, effort: Effort) -> Outcome {
        self.secs += 1;
        self.reader.read(Timestamp::from_secs(self.secs), effort, &mut Vec::new(), &mut self.sample)
    }
}

#[test]
fn a_removed_group_is_gone_at_the_next_read_with_or_without_kept_files() {
    for (budget, effort) in
        [(0, Effort::Full), (0, Effort::Thrifty), (1000, Effort::Full), (1000, Effort::Thrifty)]
    {
        let Some(host) = host(budget) else { return };
        let Some(mut group) = Group::new(&host, "gone") else { return };
        let mut side = Side::new(&host, &group.name);
        side.reader.set_pid(Some(group.task.id()));
        for _ in 0..5 {
            let outcome = side.read(effort);
            assert_eq!((outcome.gone, outcome.faults), (false, 0), "{budget} {effort:?}: {outcome:?}");
        }
        assert!(side.sample.network.is_some());
        assert!(side.sample.memory.as_ref().unwrap().working_set.is_some());
        assert!(side.sample.diskio.is_some());
        assert_eq!(side.reader.processes(&mut Vec::new()), [group.task.id()]);

        group.end_process();
        let last = side.read(Effort::Full);
        assert!(!last.gone);
        let total = side.sample.cpu.as_ref().unwrap().usage.total;
        group.remove();
        let outcome = side.read(effort);
        assert_eq!((outcome.gone, outcome.faults), (true, 0), "{budget} {effort:?}: {outcome:?}");
        assert_eq!(side.sample.cpu.as_ref().unwrap().usage.total, total, "the last numbers stay");
        assert_eq!(side.reader.first_pid(&mut Vec::new()), None);
        drop(side);
        assert_eq!(host.budget.in_use(), 0);
    }
}

/// Kept files of what is switched off answer as those of a group that has ended.
#[test]
fn what_is_switched_off_in_a_living_group_is_absent_and_comes_back() {
    let Some(host) = host(1000) else { return };
    let Some(unified) = host.hierarchy.unified() else { return eprintln!("skipped: no unified hierarchy") };
    let Some(group) = Group::new(&host, "off") else { return };
    let switch = unified.join(&group.name[1..]).join("cgroup.pressure");
    if !switch.exists() {
        return eprintln!("skipped: this kernel has no cgroup.pressure");
    }
    let mut side = Side::new(&host, &group.name);
    let stalls = |side: &mut Side| {
        let outcome = side.read(Effort::Full);
        assert_eq!((outcome.gone, outcome.faults), (false, 0), "{outcome:?}");
        assert!(side.sample.memory.as_ref().unwrap().working_set.is_some());
        side.sample.cpu.as_ref().unwrap().psi.is_some()
    };
    assert!(stalls(&mut side));
    fs::write(&switch, "0").unwrap();
    // once the last numbers stay, since most groups whose files go have ended
    stalls(&mut side);
    assert!(!stalls(&mut side));
    fs::write(&switch, "1").unwrap();
    side.secs += 30;
    assert!(stalls(&mut side));
}

#[test]
fn a_group_made_anew_under_its_name_is_another_one() {
    let Some(host) = host(1000) else { return };
    let Some(mut first) = Group::new(&host, "anew") else { return };
    let mut side = Side::new(&host, &first.name);
    assert!(!side.read(Effort::Full).gone);
    first.remove();
    let Some(second) = Group::new(&host, "anew") else { return };
    assert!(side.read(Effort::Full).gone);
    assert!(!Side::new(&host, &second.name).read(Effort::Full).gone);
}

#[test]
fn thrifty_and_full_agree_on_a_group_at_rest() {
    let Some(host) = host(1000) else { return };
    let Some(group) = Group::new(&host, "rest") else { return };
    let (mut full, mut thrifty) = (Side::new(&host, &group.name), Side::new(&host, &group.name));
    // its process may still be starting, and the kernel adds up what was counted every two seconds
    let mut quiet = 0;
    let rests = (0..60).any(|_| {
        std::thread::sleep(std::time::Duration::from_secs(1));
        full.read(Effort::Full);
        let outcome = thrifty.read(Effort::Thrifty);
        quiet = if outcome.moved { 0 } else { quiet + 1 };
        quiet == 5 && !outcome.full
    });
    assert!(rests);
    full.read(Effort::Full);
    assert_eq!(thrifty.sample.cpu, full.sample.cpu);
    assert_eq!(thrifty.sample.memory, full.sample.memory);
    assert_eq!(thrifty.sample.diskio, full.sample.diskio);
}
