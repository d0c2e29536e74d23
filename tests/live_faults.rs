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
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use common::container::Container;
use common::docker::Daemon;
use common::exposition::Sample;
use common::http;
use common::ill::{Ill, OfContainerd, OfCrio, OfPodman};
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
    let stamp = || {
        let root = program.try_json("/api/v1.3/containers/")?;
        let last = root["stats"].as_array().and_then(|all| all.last());
        last.map(|last| last["timestamp"].to_string()).ok_or_else(|| root.to_string())
    };
    let first = eventually("a sample of the root", 10.0, stamp);
    eventually(
        "the root's next sample",
        10.0,
        || {
            if stamp()? == first { Err(first.clone()) } else { Ok(()) }
        },
    );
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

/// A container's series of one family in one scrape: never more than one, whatever is known of it.
#[track_caller]
fn series(program: &Plimsoll, container: &Container) -> Option<Sample> {
    let start = Instant::now();
    let all = program.metrics();
    assert!(start.elapsed() < seconds(3.0), "/metrics waits for a daemon: {:?}", start.elapsed());
    let mut mine = all.into_iter().filter(|sample| {
        sample.name == "container_memory_usage_bytes" && sample.label("id").contains(container.group.as_str())
    });
    let first = mine.next();
    let rest: Vec<_> = mine.collect();
    assert!(rest.is_empty(), "two series of one container: {first:?}, {rest:?}");
    first
}

/// The container as it is served, with its numbers.
fn served(program: &Plimsoll, container: &Container) -> Result<Value, String> {
    let info = program.fresh("name", &container.group)?;
    info.pointer("/stats/0/cpu/usage/total").cloned().ok_or(format!("no CPU time in {info}"))?;
    program.try_json(&format!("/api/v1.3/containers{}", container.group))
}

fn named(program: &Plimsoll, container: &Container, namespace: &str) -> Result<Sample, String> {
    let info = served(program, container)?;
    if info["namespace"] != namespace || info["aliases"][0] != container.name.as_str() {
        return Err(format!("{} {}", info["namespace"], info["aliases"]));
    }
    series(program, container)
        .filter(|series| series.label("name") == container.name)
        .ok_or("no series".into())
}

/// Through stops, hangs and returns of a daemon numbers go on, and names come when it is back.
#[track_caller]
fn costs_only_names(daemon: &mut dyn Ill) {
    let flags = [daemon.flags(), vec!["--allow_dynamic_housekeeping=false".to_owned()]].concat();
    let mut program = Plimsoll::start(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    let namespace = daemon.namespace();
    let first = daemon.container();
    let before = eventually("the container has its name", 20.0, || named(&program, &first, namespace));

    daemon.signal(Signal::STOP);
    well(&mut program);
    let burnt: f64 = first.order("burn 50").parse().unwrap();
    let used = program.fresh("name", &first.group).unwrap();
    assert!(number(&used, "/stats/0/cpu/usage/total") >= burnt);
    assert_eq!(named(&program, &first, namespace).unwrap().labels, before.labels);
    daemon.signal(Signal::CONT);

    daemon.stop();
    well(&mut program);
    assert_eq!(named(&program, &first, namespace).unwrap().labels, before.labels);
    if daemon.names_without() {
        let meanwhile = daemon.container();
        eventually("its files tell who it is", 20.0, || named(&program, &meanwhile, namespace));
    }

    daemon.start_again();
    let second = daemon.container();
    eventually("a new container has its name after the restart", 30.0, || {
        named(&program, &second, namespace)
    });
    let after = eventually("the first one still has", 10.0, || named(&program, &first, namespace));
    assert_eq!(after.labels, before.labels);
    well(&mut program);
}

#[test]
fn a_docker_that_stops_hangs_and_returns_costs_only_names() {
    require!(Need::Docker);
    costs_only_names(&mut Daemon::start());
}

#[test]
fn a_containerd_that_stops_hangs_and_returns_costs_only_names() {
    require!(Need::Root, Need::Workload, Need::Image, Need::Program("containerd"), Need::Program("ctr"));
    costs_only_names(&mut OfContainerd::start());
}

#[test]
fn a_podman_that_stops_hangs_and_returns_costs_only_names() {
    require!(Need::Root, Need::Workload, Need::Image, Need::Program("podman"), Need::Program("runc"));
    costs_only_names(&mut OfPodman::start());
}

#[test]
fn a_crio_that_stops_hangs_and_returns_costs_only_names() {
    require!(Need::Root, Need::Workload);
    costs_only_names(&mut OfCrio::start());
}

type Act = fn(UnixStream);

/// A socket behind which somebody does this with each connection.
fn impostor(socket: &Path, act: Act) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || act(stream));
        }
    });
}

fn ask_and_say(mut stream: UnixStream, answer: &[u8]) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(answer);
}

#[test]
fn daemons_that_answer_errors_or_nonsense_cost_only_names() {
    require!(Need::Root);
    let acts: [(&str, Act); 6] = [
        ("close", drop),
        ("silent", |stream| {
            std::thread::sleep(seconds(60.0));
            drop(stream);
        }),
        ("error", |stream| ask_and_say(stream, b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nno\n")),
        ("nonsense", |stream| {
            ask_and_say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1,\"x\",{}")
        }),
        ("garbage", |stream| ask_and_say(stream, &[0, 0xff, 7, 0, b'\n'].repeat(4000))),
        ("endless", |mut stream| {
            ask_and_say(
                stream.try_clone().unwrap(),
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            while stream.write_all(b"1000\r\n").and_then(|()| stream.write_all(&[b'a'; 4096])).is_ok()
                && stream.write_all(b"\r\n").is_ok()
            {}
        }),
    ];
    let folder = common::folder();
    for (name, act) in acts {
        let socket = |runtime: &str| folder.path().join(format!("{name}-{runtime}"));
        let flags: Vec<_> = ["docker", "containerd", "crio", "podman"]
            .map(|runtime| {
                impostor(&socket(runtime), act);
                let scheme = if ["docker", "podman"].contains(&runtime) { "unix://" } else { "" };
                format!("--{runtime}={scheme}{}", socket(runtime).display())
            })
            .into();
        let mut program = Plimsoll::start(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        let id = "0123456789abcdef".repeat(4);
        let groups: Vec<_> =
            ["docker-ID.scope", "cri-containerd-ID.scope", "crio-ID.scope", "libpod-ID.scope", "ID"]
                .iter()
                .map(|pattern| Group::new(&format!("/{}", pattern.replace("ID", &id))))
                .collect();
        for group in &groups {
            eventually("the group has numbers", 10.0, || {
                let info = program.fresh("name", &group.name)?;
                info.pointer("/stats/0/cpu").map(drop).ok_or(format!("{name}: {info}"))
            });
            eventually("and one series, after a while without a name", 20.0, || {
                let all = program.metrics();
                let mine = |sample: &&Sample| {
                    sample.name == "container_memory_usage_bytes" && sample.label("id") == group.name
                };
                match all.iter().filter(mine).collect::<Vec<_>>()[..] {
                    [one] if one.label("name").is_empty() => Ok(()),
                    ref other => Err(format!("{name} {}: {other:?}", group.name)),
                }
            });
        }
        well(&mut program);
    }
}

#[test]
fn a_socket_that_may_not_be_opened_is_told() {
    require!(Need::Root, Need::Program("setpriv"));
    let folder = common::folder();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    open_to_all(folder.path());
    let socket = |runtime: &str| folder.path().join(runtime);
    // Podman's is not missed: its files are asked instead
    let runtimes = ["docker", "containerd", "crio"];
    for runtime in runtimes {
        impostor(&socket(runtime), drop);
        std::fs::set_permissions(socket(runtime), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let flags = [
        format!("--docker=unix://{}", socket("docker").display()),
        format!("--containerd={}", socket("containerd").display()),
        format!("--crio={}", socket("crio").display()),
        "--podman=".to_owned(),
    ];
    let mut program = Plimsoll::start_as(&nobody, "", &flags.each_ref().map(String::as_str));
    eventually("what is missing is told", 10.0, || {
        let told = program.get("/validate/").text();
        let denied = |runtime: &str| {
            let path = socket(runtime).display().to_string();
            told.lines().any(|line| line.contains("Permission denied") && line.contains(&path))
        };
        match runtimes.iter().find(|runtime| !denied(runtime)) {
            None => Ok(()),
            Some(runtime) => Err(format!("not {runtime}'s: {told}")),
        }
    });
    well(&mut program);
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
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
