//! What goes wrong around it must stay small: vanishing groups, an ill daemon, ill clients, no descriptors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use common::docker::Daemon;
use common::http;
use common::kernel::{self, Group};
use common::program::Plimsoll;
use common::{Need, eventually, number, seconds, unique};
use rustix::process::Signal;
use serde_json::Value;

/// Alive, and the root is still being sampled.
#[track_caller]
fn well(program: &mut Plimsoll) {
    assert!(program.child.try_wait().unwrap().is_none(), "it ended:\n{}", program.log());
    assert_eq!(program.get("/healthz").text(), "ok");
    let stamp = |program: &Plimsoll| {
        let root = program.json("/api/v1.3/containers/");
        root["stats"]
            .as_array()
            .and_then(|all| all.last())
            .map_or_else(String::new, |last| last["timestamp"].to_string())
    };
    let first = stamp(program);
    eventually("the root's next sample", 10.0, || {
        if stamp(program) == first { Err(first.clone()) } else { Ok(()) }
    });
    assert_eq!(program.get("/metrics").status, 200);
}

#[test]
fn a_thousand_groups_that_come_and_go_leave_nothing() {
    require!(Need::Root);
    let mut program = Plimsoll::start(&["--allow_dynamic_housekeeping=false"]);
    let prefix = unique("plimsoll-churn");
    let count = 1000;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..count {
                drop(Group::new(&format!("/{prefix}-{n}")));
            }
        });
        for _ in 0..5 {
            assert_eq!(program.get("/metrics").status, 200);
            program.json("/api/v1.3/subcontainers/");
        }
    });
    eventually("none of them is left", 20.0, || {
        let left = program.get("/metrics?max_age=0s").text().matches(&prefix).count();
        let listed = program.get("/api/v1.3/subcontainers/").text().matches(&prefix).count();
        if left + listed == 0 { Ok(()) } else { Err(format!("{left} in /metrics, {listed} in the API")) }
    });
    well(&mut program);
}

#[test]
fn a_daemon_that_stops_hangs_and_returns_costs_only_names() {
    require!(Need::Docker);
    let mut daemon = Daemon::start();
    let docker = daemon.docker.clone();
    let first = docker.container(&[]);
    let mut program = Plimsoll::start(&[&docker.flag(), "--allow_dynamic_housekeeping=false"]);
    let served = |program: &Plimsoll, group: &str| {
        let info = program.try_json(&format!("/api/v1.3/containers{group}"))?;
        info.pointer("/stats/0/cpu/usage/total")
            .and_then(Value::as_f64)
            .map(|_| info.clone())
            .ok_or(format!("no sample in {info}"))
    };
    let named = |program: &Plimsoll, group: &str, name: &str| {
        let info = served(program, group)?;
        if info["aliases"][0] == name { Ok(()) } else { Err(format!("aliases {}", info["aliases"])) }
    };
    eventually("the container has its name", 10.0, || named(&program, &first.group, &first.name));

    daemon.signal(Signal::STOP);
    well(&mut program);
    named(&program, &first.group, &first.name).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(program.get("/metrics").status, 200);
    assert!(start.elapsed() < seconds(3.0), "/metrics waits for a hung daemon: {:?}", start.elapsed());
    daemon.signal(Signal::CONT);

    daemon.stop();
    well(&mut program);
    served(&program, &first.group).unwrap();

    daemon.start_again();
    let second = docker.container(&[]);
    eventually("a new container has its name after the restart", 30.0, || {
        named(&program, &second.group, &second.name)
    });
    eventually("the first one still has", 10.0, || named(&program, &first.group, &first.name));
    well(&mut program);
    drop((first, second));
}

#[test]
fn a_daemon_that_comes_later_is_found() {
    require!(Need::Docker);
    let folder = common::folder();
    let link = folder.path().join("docker.sock");
    let mut program = Plimsoll::start(&[&format!("--docker=unix://{}", link.display())]);
    well(&mut program);
    let daemon = Daemon::start();
    std::os::unix::fs::symlink(&daemon.docker.socket, &link).unwrap();
    let container = daemon.docker.container(&[]);
    eventually("its container has its name", 60.0, || {
        let all = program.try_json("/api/v1.3/docker/")?;
        match all.get(&container.group) {
            Some(info) if info["aliases"][0] == container.name.as_str() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn no_inotify_watch_left_is_no_reason_to_miss_groups() {
    require!(Need::Root);
    let limit = Limit::set("/proc/sys/fs/inotify/max_user_watches", "1");
    let mut program = Plimsoll::start(&["--global_housekeeping_interval=1s"]);
    let group = Group::new(&format!("/{}", unique("plimsoll-raw")));
    eventually("the group is served without inotify", 20.0, || {
        program.try_json(&format!("/api/v1.3/containers{}", group.name))
    });
    drop(limit);
    well(&mut program);
}

/// A kernel setting, put back when dropped.
struct Limit {
    path: &'static Path,
    old: String,
}

impl Limit {
    fn set(path: &'static str, value: &str) -> Self {
        let path = Path::new(path);
        let old = kernel::read(path);
        std::fs::write(path, value).unwrap();
        Self { path, old }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = std::fs::write(self.path, self.old.trim());
    }
}

#[test]
fn few_descriptors_are_enough() {
    require!(Need::Root, Need::Program("prlimit"));
    let groups: Vec<_> = (0..40).map(|_| Group::new(&format!("/{}", unique("plimsoll-raw")))).collect();
    let mut program =
        Plimsoll::start_as(&["prlimit", "--nofile=96:96"], "", &["--allow_dynamic_housekeeping=false"]);
    for group in &groups {
        eventually("the group has a sample", 20.0, || {
            let info = program.fresh("name", &group.name)?;
            info.pointer("/stats/0/cpu").cloned().ok_or(format!("no cpu in {info}"))
        });
    }
    well(&mut program);
}

#[test]
fn idle_connections_use_up_nothing() {
    require!(Need::Root, Need::Program("prlimit"));
    let mut program =
        Plimsoll::start_as(&["prlimit", "--nofile=128:128"], "", &["--allow_dynamic_housekeeping=false"]);
    let held: Vec<_> =
        (0..200).filter_map(|_| TcpStream::connect_timeout(&program.address, seconds(1.0)).ok()).collect();
    assert!(held.len() > 50);
    std::thread::sleep(seconds(1.0));
    assert!(program.child.try_wait().unwrap().is_none(), "it ended:\n{}", program.log());
    drop(held);
    eventually("it answers again", 20.0, || http::get(program.address, "/healthz").map(drop));
    well(&mut program);
}

#[test]
fn clients_that_do_not_read_delay_nobody() {
    require!(Need::Root);
    let mut program = Plimsoll::start(&[]);
    let mut lazy = Vec::new();
    for n in 0..30 {
        let mut stream = TcpStream::connect(program.address).unwrap();
        let path = [
            "/metrics",
            "/api/v1.3/events?stream=true&all_events=true&subcontainers=true",
            "/api/v1.3/subcontainers/",
        ][n % 3];
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        lazy.push(stream);
    }
    // events for those who stream them and do not read
    for _ in 0..200 {
        drop(Group::new(&format!("/{}", unique("plimsoll-lazy"))));
    }
    let start = std::time::Instant::now();
    well(&mut program);
    assert!(start.elapsed() < seconds(8.0), "{:?}", start.elapsed());
    let group = Group::new(&format!("/{}", unique("plimsoll-raw")));
    eventually("a new group is still found", 5.0, || {
        program.try_json(&format!("/api/v1.3/containers{}", group.name))
    });
    drop(lazy);
}

#[test]
fn broken_requests_are_refused_and_hurt_nobody() {
    require!(Need::Root);
    let mut program = Plimsoll::start(&[]);
    for path in [
        "/api/",
        "/api/v9",
        "/api/v1.3/nonsense",
        "/api/v1.3/containers/no/such",
        "/api/v1.3/docker/no/such/thing",
        "/api/v2.0/stats/?count=x",
        "/api/v2.0/stats/?count=-5",
        "/api/v2.0/stats/?type=bogus",
        "/api/v2.0/stats/?max_age=1",
        "/api/v2.1/machinestats?type=docker&recursive=true",
        "/api/v2.0/storage?label=nonsense",
        "/metrics?max_age=x",
        "/api/v1.3/containers/%FF%FE",
        "/api/v1.3/containers/..%2f..%2fetc",
    ] {
        let response = program.get(path);
        assert!(
            (400..=500).contains(&response.status) || response.status == 200 && path.contains("machinestats"),
            "{path}: {} {}",
            response.status,
            response.text()
        );
        assert!(!response.body.is_empty(), "{path} is refused without a word");
    }
    for body in ["{", "[]", "nonsense", "{\"num_stats\":\"x\"}", "{\"num_stats\":-7}"] {
        let response =
            http::request(program.address, "POST", "/api/v1.3/containers/", &[], body.as_bytes()).unwrap();
        assert!([200, 500].contains(&response.status), "{body}: {}", response.status);
    }
    for raw in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\0\u{1}\u{2}",
        "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(program.address).unwrap();
        stream.set_read_timeout(Some(seconds(2.0))).unwrap();
        let _ = stream.write_all(raw.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read(&mut [0; 1024]);
    }
    // a head and a body without end
    for start in [
        "GET / HTTP/1.1\r\nX: ",
        "POST /api/v1.3/containers/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n",
    ] {
        let mut stream = TcpStream::connect(program.address).unwrap();
        stream.set_write_timeout(Some(seconds(2.0))).unwrap();
        let block = vec![b'a'; 1 << 20];
        let _ = stream.write_all(start.as_bytes());
        for _ in 0..64 {
            if stream.write_all(&block).is_err() {
                break;
            }
        }
    }
    let status = kernel::read(Path::new(&format!("/proc/{}/status", program.child.id())));
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
    assert!(kib < 100_000.0, "{kib} KiB resident after broken requests");
    well(&mut program);
}

/// The descriptors that the program has open, and the containers that it knows.
#[track_caller]
fn held(program: &Plimsoll) -> (usize, f64) {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", program.child.id())).unwrap().count();
    let all = program.metrics();
    let containers = all.iter().find(|one| one.name == "plimsoll_containers").unwrap();
    (descriptors, containers.value)
}

#[test]
fn containers_that_ended_leave_no_descriptor_and_no_container_behind() {
    require!(Need::Root, Need::Workload);
    let cycles = 300;
    let program = Plimsoll::start(&["--allow_dynamic_housekeeping=false", "--ended_containers=50"]);
    let prefix = unique("plimsoll-soak");
    let cycle = |n: usize| {
        let group = Group::new(&format!("/{prefix}-{n}"));
        // every tenth lives on until it has been read more than once
        let work = if n.is_multiple_of(10) { "sleep 1200" } else { "sleep 5" };
        let done = common::program::run(&mut workload_in(&group, &format!("do '{work}'")), 30.0);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    };
    (0..20).for_each(cycle);
    let gone = |program: &Plimsoll| {
        eventually("none of them is left", 20.0, || {
            let left = program.get("/api/v1.3/subcontainers/").text().matches(&prefix).count();
            if left == 0 { Ok(()) } else { Err(format!("{left} left")) }
        });
    };
    gone(&program);
    let before = held(&program);
    std::thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || (20..20 + cycles).filter(|n| n % 4 == part).for_each(cycle));
        }
    });
    gone(&program);
    // other tests make groups at the same time
    eventually("as many descriptors and containers as before", 30.0, || {
        let now = held(&program);
        let others = (now.1 - before.1).abs() as usize;
        if now.0 <= before.0 + 20 * others { Ok(()) } else { Err(format!("{now:?}, but {before:?} before")) }
    });
    let ended = program.json("/api/plimsoll/v1/ended");
    let ended = ended.as_array().unwrap();
    assert_eq!(ended.len(), 50, "as many of the ended as were asked for");
    let mut known: Vec<_> = ended.iter().map(|one| one["name"].as_str().unwrap()).collect();
    known.sort_unstable();
    known.dedup();
    assert_eq!(known.len(), 50, "each of them once");
}

/// The helper in a group.
#[allow(clippy::disallowed_methods)]
fn workload_in(group: &Group, words: &str) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    let workload = common::workload::path().unwrap();
    command.arg("-c").arg(format!("{} exec {} {words}", group.enter(), workload.display()));
    command
}

#[test]
fn a_file_that_cannot_be_read_costs_its_own_numbers_and_one_warning() {
    require!(Need::Root, Need::Workload, Need::Program("setpriv"));
    let group = Group::new(&format!("/{}", unique("plimsoll-unreadable")));
    let file = kernel::file("memory", &group.name, "memory.stat", "memory.stat");
    rustix::fs::chmod(&file, rustix::fs::Mode::empty()).unwrap();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut program = Plimsoll::start_as(&nobody, "", &["--allow_dynamic_housekeeping=false"]);
    let done = common::program::run(&mut workload_in(&group, "do 'burn 50'"), 20.0);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let value = |program: &Plimsoll, name: &str| {
        let all = program.metrics_of("/metrics?max_age=0s");
        all.iter().find(|one| one.name == name && one.label("id") == group.name).map(|one| one.value)
    };
    eventually("the group's other numbers", 10.0, || {
        value(&program, "container_memory_usage_bytes").ok_or("no usage".to_owned())
    });
    let info = program.fresh("name", &group.name).unwrap();
    assert!(number(&info, "/stats/0/cpu/usage/total") >= 50e6);
    // what the file would have told is absent, not 0
    for name in ["container_memory_rss", "container_memory_cache", "container_memory_working_set_bytes"] {
        assert_eq!(value(&program, name), None, "{name}");
    }
    let faults = |program: &Plimsoll| {
        let all = program.metrics();
        all.iter().find(|one| one.name == "plimsoll_read_faults_total").unwrap().value
    };
    let first = faults(&program);
    assert!(first >= 1.0);
    program.fresh("name", &group.name).unwrap();
    eventually("each fault is counted", 15.0, || {
        let now = faults(&program);
        if now > first { Ok(()) } else { Err(now.to_string()) }
    });
    let log = program.log();
    let named: Vec<_> = log.lines().filter(|line| line.contains(&file.display().to_string())).collect();
    assert_eq!(named.len(), 1, "said once:\n{log}");
    assert!(named[0].contains("WARN") && named[0].contains("ermission"), "{}", named[0]);
    // who may read it is told all
    let root = Plimsoll::start(&[]);
    eventually("the numbers of the file", 10.0, || {
        value(&root, "container_memory_working_set_bytes").ok_or("none".to_owned())
    });
    well(&mut program);
}

#[test]
fn without_root_it_still_gives_what_it_may_read() {
    require!(Need::Root, Need::Program("setpriv"));
    let mut program =
        Plimsoll::start_as(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], "", &[]);
    well(&mut program);
    let root = program.json("/api/v1.3/containers/");
    assert!(number(&root, "/stats/0/cpu/usage/total") > 0.0);
    assert_eq!(program.get("/validate/").status, 200);
}
