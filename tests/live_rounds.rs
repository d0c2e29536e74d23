//! Real sockets, load, touched memory and processes of a Docker container: what is measured in rounds of its own,
//! and processes in a group below the container's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use common::docker::{self, Container};
use common::program::Plimsoll;
use common::{Need, eventually, kernel, number};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

const MIB: f64 = 1_048_576.0;

fn program(flags: &[&str]) -> Plimsoll {
    let docker = docker::shared().flag();
    Plimsoll::start(&[&[docker.as_str()], flags].concat())
}

/// The container's newest sample in v1, taken now.
#[track_caller]
fn stats(program: &Plimsoll, container: &Container) -> Result<Value, String> {
    program.fresh("docker", &container.id)?;
    let all = program.try_json(&format!("/api/v1.3/docker/{}", container.id))?;
    let info = all.as_object().and_then(|map| map.values().next()).ok_or("no container")?;
    info["stats"].as_array().and_then(|all| all.last()).cloned().ok_or("no sample".into())
}

/// One line of a family of the container, with its time.
fn line(
    program: &Plimsoll,
    container: &Container,
    name: &str,
    label: (&str, &str),
) -> Result<(f64, i64), String> {
    let all = program.metrics_of("/metrics?max_age=0s");
    let mut mine = all.iter().filter(|sample| sample.name == name && sample.label("id") == container.group);
    let found = mine.find(|sample| label.0.is_empty() || sample.label(label.0) == label.1);
    let found = found.ok_or_else(|| format!("no {name} {label:?}"))?;
    Ok((found.value, found.at_millis.ok_or("no time")?))
}

/// Waits for a value.
#[track_caller]
fn becomes(
    program: &Plimsoll,
    container: &Container,
    name: &str,
    label: (&str, &str),
    is: impl Fn(f64) -> bool,
) -> i64 {
    eventually(&format!("{name} {label:?}"), 60.0, || match line(program, container, name, label)? {
        (value, at) if is(value) => Ok(at),
        (value, _) => Err(value.to_string()),
    })
}

/// Does something in the network namespace of a process; sockets that it gives stay there.
fn inside<T: Send + 'static>(pid: u32, work: impl FnOnce() -> T + Send + 'static) -> T {
    let link = std::fs::File::open(format!("/proc/{pid}/ns/net")).unwrap();
    let inside = move || {
        move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        work()
    };
    std::thread::spawn(inside).join().unwrap()
}

/// A listener with three connections, and a UDP socket with 100 bytes that nobody reads.
fn open() -> (TcpListener, Vec<[TcpStream; 2]>, [UdpSocket; 2]) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let pair = |_| {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        [client, listener.accept().unwrap().0]
    };
    let streams = (0..3).map(pair).collect();
    let [receiver, sender] = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    sender.send_to(&[0; 100], receiver.local_addr().unwrap()).unwrap();
    (listener, streams, [receiver, sender])
}

const TCP: &str = "container_network_tcp_usage_total";
const UDP: &str = "container_network_udp_usage_total";
const ADVANCED: &str = "container_network_advance_tcp_stats_total";

#[test]
fn sockets_of_a_container_are_those_of_its_namespace() {
    require!(Need::Root, Need::Docker);
    let program = program(&["--enable_metrics=cpu,memory,network,tcp,udp,advtcp", "--socket_interval=200ms"]);
    let container = docker::shared().container(&["--network=none"]);
    becomes(&program, &container, TCP, ("tcp_state", "listen"), |value| value == 0.0);
    let kept = inside(container.pid, open);
    becomes(&program, &container, TCP, ("tcp_state", "listen"), |value| value == 1.0);
    becomes(&program, &container, TCP, ("tcp_state", "established"), |value| value == 6.0);
    becomes(&program, &container, UDP, ("udp_state", "listen"), |value| value == 2.0);
    becomes(&program, &container, UDP, ("udp_state", "rxqueued"), |value| value >= 100.0);
    becomes(&program, &container, ADVANCED, ("tcp_state", "passiveopens"), |value| value == 3.0);
    becomes(&program, &container, ADVANCED, ("tcp_state", "maxconn"), |value| value == -1.0);
    let (_, at) = line(&program, &container, TCP, ("tcp_state", "listen")).unwrap();
    let (_, sampled) = line(&program, &container, "container_cpu_user_seconds_total", ("", "")).unwrap();
    assert!(at <= sampled && sampled - at < 60_000, "the time of the round: {at} {sampled}");

    let v1 = stats(&program, &container).unwrap();
    assert_eq!((number(&v1, "/network/tcp/Established"), number(&v1, "/network/udp/Listen")), (6.0, 2.0));
    assert_eq!(number(&v1, "/network/tcp_advanced/PassiveOpens"), 3.0);
    assert_eq!(v1["network"]["tcp_advanced"].as_object().unwrap().len(), 99);
    let v2 = program.fresh("docker", &container.id).unwrap();
    assert_eq!(number(&v2, "/stats/0/network/tcp/Established"), 6.0);
    assert_eq!(number(&v2, "/stats/0/network/udp/Listen"), 2.0, "cAdvisor forgets these in v2");

    drop(kept);
    becomes(&program, &container, TCP, ("tcp_state", "established"), |value| value == 0.0);
    // the machine's own are the root's
    let root = program.metrics();
    let own = root.iter().find(|s| s.name == TCP && s.label("id") == "/" && s.label("tcp_state") == "listen");
    assert!(own.is_some_and(|own| own.value >= 1.0), "this test's own program listens");
}

#[test]
fn tasks_and_load_are_counted() {
    require!(Need::Root, Need::Docker);
    let program = program(&["--enable_load_reader"]);
    let container = docker::shared().container(&["--network=none"]);
    becomes(&program, &container, "container_tasks_state", ("state", "sleeping"), |value| value >= 1.0);
    std::thread::scope(|scope| {
        let burning = scope.spawn(|| container.order(&format!("burn {}", common::seconds(6.0).as_millis())));
        becomes(&program, &container, "container_tasks_state", ("state", "running"), |value| value == 1.0);
        becomes(&program, &container, "container_cpu_load_average_10s", ("", ""), |value| value > 100.0);
        let load = stats(&program, &container).unwrap();
        assert!(number(&load, "/cpu/load_average") > 100.0 && number(&load, "/cpu/load_d_average") < 1000.0);
        assert!(number(&load, "/task_stats/nr_running") + number(&load, "/task_stats/nr_sleeping") >= 1.0);
        burning.join().unwrap();
    });
    becomes(&program, &container, "container_tasks_state", ("state", "running"), |value| value == 0.0);
    let io = line(&program, &container, "container_tasks_state", ("state", "iowaiting"));
    assert_eq!(io.is_ok(), !kernel::v2(), "only the kernel's own count tells: {io:?}");
}

#[test]
fn touched_memory_is_told_and_reset() {
    require!(Need::Root, Need::Docker);
    const NAME: &str = "container_referenced_bytes";
    let enable = "--enable_metrics=cpu,memory,referenced_memory";
    let program = program(&[enable, "--referenced_read_interval=300ms", "--referenced_reset_interval=2"]);
    let container = docker::shared().container(&["--network=none"]);
    becomes(&program, &container, NAME, ("", ""), |value| value > 0.0);
    // again and again: what was touched once may be reset before anybody looks
    eventually("what is touched is told", 60.0, || {
        container.order("release");
        container.order("hold 64");
        let (bytes, _) = line(&program, &container, NAME, ("", ""))?;
        if bytes >= 64.0 * MIB { Ok(()) } else { Err(bytes.to_string()) }
    });
    // held and not touched
    becomes(&program, &container, NAME, ("", ""), |value| value < 8.0 * MIB);
    assert!(number(&stats(&program, &container).unwrap(), "/memory/rss") >= 64.0 * MIB);
    eventually("it is in JSON", 20.0, || {
        container.order("hold 8");
        let told = stats(&program, &container)?["referenced_memory"].as_f64();
        told.filter(|bytes| *bytes >= 8.0 * MIB).ok_or(format!("{told:?}"))
    });
}

#[test]
fn processes_in_a_group_below_are_the_containers_own() {
    require!(Need::Root, Need::Docker);
    let program = program(&["--enable_metrics=cpu,memory,process,sched"]);
    let container = docker::shared().container(&["--network=none"]);
    container.order("fork 3");
    becomes(&program, &container, "container_processes", ("", ""), |value| value == 4.0);
    let list = docker::shared().run(&["top", &container.id, "-o", "pid"]);
    let children: Vec<&str> = list.lines().skip(1).filter(|pid| *pid != container.pid.to_string()).collect();
    assert_eq!(children.len(), 3, "{list}");
    let below: Vec<_> =
        kernel::folders(&container.group).into_iter().map(|folder| folder.join("container")).collect();
    for folder in &below {
        std::fs::create_dir(folder).unwrap();
        // a cpuset of v1 takes no process before it has processors and memory
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if let Ok(text) = std::fs::read(folder.parent().unwrap().join(file)) {
                let _ = std::fs::write(folder.join(file), text);
            }
        }
        for child in &children {
            std::fs::write(folder.join("cgroup.procs"), child).unwrap();
        }
    }
    let own = kernel::group_of(children[0].parse().unwrap());
    assert_eq!(own, format!("{}/container", container.group));
    // all descriptors of all four: more than the first alone has
    let (fds, _) = line(&program, &container, "container_file_descriptors", ("", "")).unwrap();
    let of_first = std::fs::read_dir(format!("/proc/{}/fd", container.pid)).unwrap().count() as f64;
    assert!(fds > of_first, "{fds} {of_first}");
    let (processes, _) = line(&program, &container, "container_processes", ("", "")).unwrap();
    assert_eq!(processes, 4.0);
    assert!(
        line(&program, &container, "container_cpu_schedstat_run_seconds_total", ("", "")).unwrap().0 > 0.0
    );
    let ps = program.json(&format!("/api/v2.1/ps/{}?type=docker", container.id));
    assert_eq!(ps.as_array().unwrap().len(), 4, "{ps}");
    drop(container);
}
