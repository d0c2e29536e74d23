//! perf events of groups of the running kernel, beside the kernel's own counts. Skipped where groups cannot be made
//! or perf events are forbidden.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]
#![allow(clippy::indexing_slicing)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::hierarchy::Controller;
use plimsoll_kernel::perf::Event;
use plimsoll_kernel::root::Root;
use plimsoll_measure::perf::{Config, Perf, Plan, Tracked, Tracker};
use plimsoll_measure::reader::Host;

fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64)
}

/// A group of perf_event's hierarchy with a shell in it that obeys lines.
struct Group {
    name: String,
    dir: PathBuf,
    shell: Child,
}

impl Group {
    fn new(host: &Host, name: &str) -> Option<Self> {
        let name = format!("/plimsoll-perf-{name}-{}", std::process::id());
        let Some((_, root)) = host.hierarchy.controller(Controller::PerfEvent) else {
            eprintln!("skipped: no hierarchy has perf_event");
            return None;
        };
        let dir = root.join(&name[1..]);
        if let Err(error) = fs::create_dir(&dir) {
            eprintln!("skipped: cannot make {}: {error}", dir.display());
            return None;
        }
        let open = fs::File::open(&dir).unwrap();
        let faults = Event::new(Event::SOFTWARE, 2);
        if let Err(error) =
            plimsoll_kernel::perf::open(&faults, Some(std::os::fd::AsFd::as_fd(&open)), 0, None)
        {
            eprintln!("skipped: perf events are not to be had: {error}");
            fs::remove_dir(&dir).unwrap();
            return None;
        }
        let shell = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        fs::write(dir.join("cgroup.procs"), shell.id().to_string()).unwrap();
        Some(Self { name, dir, shell })
    }

    /// What the shell prints in answer to a line.
    fn ask(&mut self, line: &str) -> String {
        writeln!(self.shell.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        let mut byte = BufReader::with_capacity(1, self.shell.stdout.as_mut().unwrap());
        byte.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// Of the shell alone: context switches, minor and major faults.
    fn kernel_counts(&self) -> (u64, u64) {
        let pid = self.shell.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let switches = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
        let switches = switches.map(|(_, count)| count.trim().parse::<u64>().unwrap()).sum();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<u64> =
            stat.rsplit_once(") ").unwrap().1.split(' ').map(|n| n.parse().unwrap_or(0)).collect();
        (switches, fields[7] + fields[9])
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        while fs::remove_dir(&self.dir).is_err_and(|error| error.kind() == std::io::ErrorKind::ResourceBusy) {
            std::thread::yield_now();
        }
    }
}

fn host(kinds: Kinds) -> Option<Arc<Host>> {
    Host::new(Root::detect(), kinds, 100)
        .inspect_err(|error| eprintln!("skipped: {error}"))
        .ok()
        .map(Arc::new)
}

fn tracker(host: &Arc<Host>, config: &str, descriptors: usize, interval: Duration) -> Tracker {
    let plan = Plan::new(&Config::parse(config.as_bytes()).unwrap(), &host.root.sys);
    Tracker::start(host.clone(), plan, descriptors, interval, now).unwrap()
}

const HOUR: Duration = Duration::from_secs(3600);

/// Waits for the first numbers.
fn counted(tracked: &Tracked) {
    while tracked.at().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn read(tracked: &Tracked) -> Perf {
    tracked.read_now(&mut Vec::new());
    let mut perf = None;
    tracked.fill(&mut perf);
    perf.unwrap()
}

fn total(perf: &Perf, name: &str) -> u64 {
    let event = perf.core.iter().find(|event| event.name == name);
    event.unwrap_or_else(|| panic!("no {name} in {perf:?}")).cpus.iter().map(|cpu| cpu.value).sum()
}

#[test]
fn switches_and_faults_of_a_group_are_the_kernels() {
    let Some(host) = host(Kinds::default()) else { return };
    let Some(mut group) = Group::new(&host, "counts") else { return };
    let config = r#"{"core":{"events":["context-switches",["page-faults","minor-faults","moves"],"cpu-clock"],
        "custom_events":[{"type":1,"config":["0x4"],"name":"moves"}]}}"#;
    let tracker = tracker(&host, config, 1000, HOUR);
    assert_eq!(tracker.left_out(), [""; 0]);
    let tracked = tracker.track(&group.name).unwrap();
    counted(&tracked);
    group.ask("echo ready");
    let (before, kernel_before) = (read(&tracked), group.kernel_counts());
    // each is a wait for the other end of a pipe
    for _ in 0..200 {
        group.ask("echo");
    }
    let (between, kernel_between) = (read(&tracked), group.kernel_counts());
    let switches = kernel_between.0 - kernel_before.0;
    let switched = total(&between, "context-switches") - total(&before, "context-switches");
    // the last wait may only be about to begin
    assert!(switches >= 199 && switched.abs_diff(switches) <= 2, "{switched} of {switches}");
    // memory that the shell has not touched yet, without a process beside it
    group.ask(
        "x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do x=$x$x; done; echo",
    );
    let (after, kernel_after) = (read(&tracked), group.kernel_counts());
    let more = |name| total(&after, name) - total(&before, name);
    let faults = kernel_after.1 - kernel_between.1;
    let faulted = total(&after, "page-faults") - total(&between, "page-faults");
    assert!(faults >= 500 && faulted.abs_diff(faults) <= faults / 50, "{faulted} of {faults}");
    assert!(more("minor-faults") <= more("page-faults") && more("minor-faults") > 0);
    assert!(more("cpu-clock") > 0);
    assert!(more("moves") <= more("context-switches"));
    let cpus = std::thread::available_parallelism().unwrap().get();
    for event in &after.core {
        assert_eq!(event.cpus.len(), cpus, "{event:?}");
        assert!(event.cpus.iter().all(|cpu| cpu.scaling_ratio.0 == 1.0), "{event:?}");
    }
    assert_eq!(tracker.descriptors(), 5 * cpus);
    // nothing of other groups
    let rest = (read(&tracked), group.kernel_counts());
    for _ in 0..100 {
        Command::new("true").status().unwrap();
    }
    let later = read(&tracked);
    assert_eq!(total(&later, "page-faults"), total(&rest.0, "page-faults"));
    drop(tracked);
    tracker.stop();
    assert_eq!(tracker.descriptors(), 0);
}

#[test]
fn the_root_counts_everybody_and_others_not_at_all_without_core_events() {
    let Some(host) = host(Kinds::default().without(Kind::PerCpu)) else { return };
    let Some(group) = Group::new(&host, "root") else { return };
    let tracker = tracker(&host, r#"{"core":{"events":["page-faults"]}}"#, 1000, Duration::from_millis(5));
    let tracked = tracker.track("/").unwrap();
    counted(&tracked);
    let before = total(&read(&tracked), "page-faults");
    // one after the other on each CPU
    let mut least = u64::MAX;
    for cpu in 0..std::thread::available_parallelism().unwrap().get() {
        let mut cpus = rustix::thread::CpuSet::new();
        cpus.set(cpu);
        let on = |perf: &Perf| perf.core[0].cpus[cpu].value;
        let first = on(&read(&tracked));
        std::thread::spawn(move || {
            rustix::thread::sched_setaffinity(None, &cpus).unwrap();
            for _ in 0..10 {
                assert!(Command::new("true").status().unwrap().success());
            }
        })
        .join()
        .unwrap();
        least = least.min(on(&read(&tracked)) - first);
    }
    let after = read(&tracked);
    assert!(!after.per_cpu && least >= 200, "{least} {after:?}");
    assert!(total(&after, "page-faults") >= before + least);
    // the thread reads by itself
    let at = tracked.at();
    while tracked.at() == at {
        std::thread::sleep(Duration::from_millis(1));
    }
    let only_uncore = r#"{"uncore":{"events":["uncore_imc/cas_count_read"]}}"#;
    let plan = Plan::new(&Config::parse(only_uncore.as_bytes()).unwrap(), &host.root.sys);
    let other = Tracker::start(host.clone(), plan, 1000, HOUR, now).unwrap();
    assert!(other.track(&group.name).is_none() && other.track("/").is_some());
}

#[test]
fn an_event_that_the_machine_lacks_costs_only_itself() {
    let Some(host) = host(Kinds::default()) else { return };
    let Some(group) = Group::new(&host, "lacks") else { return };
    let config = r#"{"core":{"events":[["nonsense","never","page-faults"],"no-such-name"],
        "custom_events":[{"type":4000000000,"config":["1"],"name":"never"}]}}"#;
    let tracker = tracker(&host, config, 1000, HOUR);
    let tracked = tracker.track(&group.name).unwrap();
    counted(&tracked);
    let perf = read(&tracked);
    let names: Vec<&str> = perf.core.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["page-faults"]);
    let left_out = tracker.left_out();
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(
        left_out.iter().any(|why| why == "perf event \"never\": this machine has no such counter"),
        "{left_out:?}"
    );
    assert_eq!(tracker.descriptors(), perf.core[0].cpus.len());
}

#[test]
fn without_room_a_container_waits_and_says_so() {
    let Some(host) = host(Kinds::default()) else { return };
    let (Some(first), Some(second)) = (Group::new(&host, "room-a"), Group::new(&host, "room-b")) else {
        return;
    };
    let cpus = std::thread::available_parallelism().unwrap().get();
    let config = r#"{"core":{"events":["page-faults","cs"]}}"#;
    let tracker = tracker(&host, config, 3 * cpus, Duration::from_millis(5));
    let one = tracker.track(&first.name).unwrap();
    counted(&one);
    let other = tracker.track(&second.name).unwrap();
    while tracker.left_out().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let said = tracker.left_out().remove(0);
    assert!(said.starts_with("1 containers wait for descriptors") && said.contains("-open_files"), "{said}");
    assert!(other.at().is_none() && tracker.descriptors() == 2 * cpus);
    drop(one);
    counted(&other);
    assert_eq!(tracker.left_out(), [""; 0]);
}

#[test]
fn a_group_that_has_ended_is_no_fault_of_the_event() {
    let Some(host) = host(Kinds::default()) else { return };
    let Some(mut group) = Group::new(&host, "ended") else { return };
    let tracker = tracker(&host, r#"{"core":{"events":["page-faults"]}}"#, 1000, Duration::from_millis(5));
    let tracked = tracker.track(&group.name).unwrap();
    counted(&tracked);
    group.ask("x=$(echo); echo");
    let name = group.name.clone();
    drop(group);
    let last = read(&tracked);
    assert!(total(&last, "page-faults") > 0, "the last numbers can be read after the end");
    let late = tracker.track(&name).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    assert!(late.at().is_none());
    assert_eq!(tracker.left_out(), [""; 0]);
}
