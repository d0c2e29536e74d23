//! perf events of the whole program: known work in a group, beside the kernel's own count.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::kernel::{self, Group};
use common::program::{self, Plimsoll};
use common::{Need, close, eventually, unique, workload};
use serde_json::Value;

/// A group that is in the hierarchy of perf_event too, which on a hybrid machine may be the unified one.
struct PerfGroup {
    group: Option<Group>,
    more: Option<PathBuf>,
}

impl PerfGroup {
    fn new() -> Self {
        let group = Group::new(&format!("/{}", unique("plimsoll-perf")));
        let hierarchies = ["/sys/fs/cgroup/perf_event", "/sys/fs/cgroup/unified"];
        let place = hierarchies.iter().map(Path::new).find(|place| place.join("cgroup.procs").exists());
        let more = place.filter(|_| !kernel::v2()).map(|place| place.join(&group.name[1..]));
        more.iter().for_each(|dir| std::fs::create_dir(dir).unwrap());
        Self { group: Some(group), more }
    }

    fn name(&self) -> &str {
        &self.group.as_ref().unwrap().name
    }

    /// A command that runs the helper with these words in here.
    #[allow(clippy::disallowed_methods)]
    fn enter(&self, words: &str) -> Command {
        let more = self.more.iter().map(|dir| format!("echo 0 >{}/cgroup.procs && ", dir.display()));
        let enter = self.group.as_ref().unwrap().enter() + &more.collect::<String>();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{enter} exec {} {words}", workload::path().unwrap().display()));
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for PerfGroup {
    fn drop(&mut self) {
        if let Some(dir) = &self.more {
            while std::fs::remove_dir(dir).is_err_and(|error| error.raw_os_error() == Some(16)) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        self.group.take();
    }
}

/// Whether this machine lets events be counted.
fn able() -> bool {
    let counts = plimsoll_kernel::perf::open(&plimsoll_kernel::perf::Event::DUMMY, None, 0, None);
    if let Err(error) = &counts {
        common::say(&format!("SKIP: perf events are not to be had: {error}"));
    }
    counts.is_ok()
}

fn config(folder: &Path) -> String {
    let file = folder.join("perf.json");
    let text = r#"{"core":{"events":["page-faults",["context-switches","moves"],"no-such-event"],
        "custom_events":[{"type":1,"config":["0x4"],"name":"moves"}]}}"#;
    std::fs::write(&file, text).unwrap();
    format!("--perf_events_config={}", file.display())
}

/// The sum over CPUs of an event.
fn event(stats: &Value, name: &str) -> Option<f64> {
    let events = stats["perf_stats"].as_array()?.iter().filter(|event| event["name"] == name);
    Some(events.map(|event| event["value"].as_f64().unwrap()).sum())
}

fn counted(program: &Plimsoll, name: &str) -> Value {
    eventually(&format!("events of {name} are counted"), 10.0, || {
        let stats = program.fresh("name", name)?["stats"][0].clone();
        if event(&stats, "page-faults").is_some() { Ok(stats) } else { Err(stats.to_string()) }
    })
}

fn faults_of(worker: &Child) -> f64 {
    let stat = kernel::read(format!("/proc/{}/stat", worker.id()).as_ref());
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[7].parse::<f64>().unwrap() + fields[9].parse::<f64>().unwrap()
}

#[test]
fn faults_of_a_group_are_the_kernels() {
    require!(Need::Root, Need::Workload);
    if !able() {
        return;
    }
    let folder = common::folder();
    let program = Plimsoll::start(&[&config(folder.path())]);
    let group = PerfGroup::new();
    let socket = folder.path().join("sock");
    let mut worker =
        group.enter(&format!("serve {}", socket.display())).stdout(Stdio::null()).spawn().unwrap();
    workload::order(&socket, "sleep 0");
    let before = counted(&program, group.name());
    let faults_before = faults_of(&worker);
    workload::order(&socket, "hold 32");
    let (after, faults) = (counted(&program, group.name()), faults_of(&worker) - faults_before);
    let told = event(&after, "page-faults").unwrap() - event(&before, "page-faults").unwrap();
    close("page faults", told, faults, 2.0);
    assert!(faults > 0.0);
    assert!(event(&after, "context-switches") > Some(0.0));
    // an event and CPU each
    let cpus = std::thread::available_parallelism().unwrap().get();
    assert_eq!(after["perf_stats"].as_array().unwrap().len(), 3 * cpus);

    let metrics = program.metrics();
    let lines = |name: &str| {
        let of_group = metrics.iter().filter(|m| m.name == name && m.label("id") == group.name());
        of_group.cloned().collect::<Vec<_>>()
    };
    let totals = lines("container_perf_events_total");
    assert_eq!(totals.len(), 3 * cpus, "{totals:?}");
    let sum: f64 = totals.iter().filter(|m| m.label("event") == "page-faults").map(|m| m.value).sum();
    assert!(sum >= event(&after, "page-faults").unwrap());
    assert!(lines("container_perf_events_scaling_ratio").iter().all(|m| m.value == 1.0));
    let open = metrics.iter().find(|m| m.name == "plimsoll_perf_counters").unwrap().value;
    assert!(open >= (2 * 3 * cpus) as f64, "{open}");
    // the event that no kernel has is said and missing
    assert!(!totals.iter().any(|m| m.label("event") == "no-such-event"));
    assert!(program.log().contains("no-such-event"), "{}", program.log());
    assert!(program.get("/validate/").text().contains("no-such-event"));
    let _ = worker.kill();
    let _ = worker.wait();
}

#[test]
fn the_last_totals_have_everything() {
    require!(Need::Root, Need::Workload);
    if !able() {
        return;
    }
    let folder = common::folder();
    let program = Plimsoll::start(&[&config(folder.path()), "--disable_metrics=percpu"]);
    let group = PerfGroup::new();
    counted(&program, group.name());
    let lines = program.metrics();
    let mut of_group = lines.iter().filter(|m| m.name == "container_perf_events_total");
    assert!(of_group.all(|m| m.label("cpu").is_empty()));
    let job = program::run(&mut group.enter("do 'hold 32' 'burn 20'"), 30.0);
    assert_eq!(job.code, Some(0), "{}{}", job.stdout, job.stderr);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let name = group.name().to_owned();
    drop(group);
    let ended = eventually("it is in the ended list", 10.0, || {
        let all = program.try_json("/api/plimsoll/v1/ended")?;
        let found = all.as_array().ok_or("no list")?.iter().find(|one| one["name"] == name.as_str()).cloned();
        found.ok_or(format!("not in {all}"))
    });
    let faults = event(&ended["stats"], "page-faults").unwrap();
    // 32 MiB in pages of 4 KiB, if the kernel takes no larger ones
    let huge = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let least = if huge.contains("[always]") { 50.0 } else { 8192.0 };
    assert!(faults >= least, "{faults}");
}

#[test]
fn a_configuration_that_cannot_be_read_ends_the_start() {
    let folder = common::folder();
    std::fs::write(folder.path().join("perf.json"), "[]").unwrap();
    for (file, said) in [("perf.json", "expected an object"), ("none.json", "No such file")] {
        let flag = format!("--perf_events_config={}", folder.path().join(file).display());
        #[allow(clippy::disallowed_methods)]
        let mut command = Command::new(program::binary());
        let done = program::run(command.arg("--port=0").arg(flag), 10.0);
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(done.stderr.contains("-perf_events_config") && done.stderr.contains(said), "{}", done.stderr);
    }
}
