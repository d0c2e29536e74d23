//! What do perf events cost, a container?
//!
//! Makes groups of its own (`plimsoll-perf-bench-<pid>`) in the hierarchy of perf_event, each with a process that is
//! always on the CPU or asleep, and counts four software events in three groups for each.
//! Prints microseconds a container, in the median: opening its counters, reading them. Needs root; removes what it made.
//! `CONTAINERS=100 ROUNDS=100 cargo bench -p plimsoll-measure --bench perf_events`

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plimsoll_core::kinds::Kinds;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::hierarchy::Controller;
use plimsoll_kernel::root::Root;
use plimsoll_measure::perf::{Config, Plan, Tracked, Tracker};
use plimsoll_measure::reader::Host;

const CONFIG: &str =
    r#"{"core":{"events":["context-switches",["page-faults","minor-faults"],"cpu-migrations"]}}"#;

fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64)
}

struct Groups {
    dirs: Vec<PathBuf>,
    tasks: Vec<Child>,
}

impl Drop for Groups {
    fn drop(&mut self) {
        for task in &mut self.tasks {
            let _ = task.kill();
            let _ = task.wait();
        }
        for dir in self.dirs.iter().rev() {
            for _ in 0..100 {
                if std::fs::remove_dir(dir).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn main() {
    let env = |name: &str, usual: usize| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (count, rounds) = (env("CONTAINERS", 100), env("ROUNDS", 100));
    let host = Arc::new(Host::new(Root::detect(), Kinds::default(), 0).unwrap());
    let Some((_, root)) = host.hierarchy.controller(Controller::PerfEvent) else {
        return println!("skipped: no hierarchy has perf_event");
    };
    let parent = format!("plimsoll-perf-bench-{}", std::process::id());
    let mut groups = Groups { dirs: Vec::new(), tasks: Vec::new() };
    let names: Vec<String> = (0..count).map(|n| format!("/{parent}/{n}")).collect();
    for name in std::iter::once(&format!("/{parent}")).chain(&names) {
        let dir = root.join(&name[1..]);
        if let Err(error) = std::fs::create_dir(&dir) {
            return println!("skipped: cannot make groups here: {error}");
        }
        groups.dirs.push(dir.clone());
        if name.ends_with(&parent) {
            continue;
        }
        let task = Command::new("sleep").arg("100000").spawn().unwrap();
        std::fs::write(dir.join("cgroup.procs"), task.id().to_string()).unwrap();
        groups.tasks.push(task);
    }
    let plan = Plan::new(&Config::parse(CONFIG.as_bytes()).unwrap(), &host.root.sys);
    let hour = Duration::from_secs(3600);
    let tracker = Tracker::start(host.clone(), plan, 1_000_000, hour, now).unwrap();
    let tracked: Vec<Tracked> = names.iter().filter_map(|name| tracker.track(name)).collect();
    while tracked.iter().any(|one| one.at().is_none()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let opened = tracker.meters().nanos.load(Relaxed) as f64 / 1e3 / count as f64;
    let mut buffer = Vec::new();
    let mut took: Vec<f64> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            tracked.iter().for_each(|one| one.read_now(&mut buffer));
            began.elapsed().as_secs_f64() * 1e6 / count as f64
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let counters = tracker.descriptors() / count;
    println!("{count} groups, {counters} counters each (4 events, {} CPUs)", counters / 4);
    println!("opening and the first reading: {opened:.1} µs a group");
    println!("reading: median {:.2} µs a group, best {:.2}", took[took.len() / 2], took[0]);
    let began = Instant::now();
    drop(tracked);
    tracker.stop();
    println!("closing: {:.1} µs a group", began.elapsed().as_secs_f64() * 1e6 / count as f64);
}
