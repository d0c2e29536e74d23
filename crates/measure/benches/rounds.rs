//! What do the numbers cost that are measured in rounds?
//!
//! `sockets`: a network namespace of its own with 0, 10, 1,000 and 10,000 TCP connections' ends, read
//! - `lists`: as cAdvisor does, `/proc/<pid>/net/{tcp,tcp6,udp,udp6}` opened, read and counted;
//! - `survey`: as the agent does, by netlink inside the namespace, entering it included;
//! - `advanced`: the counters of `snmp` and `netstat`.
//!
//! `load`: a group with 100 threads, by the kernel's own count and thread by thread. `referenced`: this process.
//!
//! Prints the median of the rounds in microseconds. Needs root, `unshare`, `nsenter` and `ip`.
//! `ROUNDS=50 cargo bench -p plimsoll-measure --bench rounds`

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, clippy::indexing_slicing)]

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;
use plimsoll_measure::host::Host;
use plimsoll_measure::rounds::{Rounds, Survey};
use plimsoll_measure::{load, referenced, sockets};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

fn main() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|value| value.parse().ok()).unwrap_or(50);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised);
    for ends in [0, 10, 1_000, 10_000] {
        match Space::new() {
            Some(space) => of_sockets(&space, ends, rounds),
            None => println!("skipped: no network namespace can be made here"),
        }
    }
    of_load(rounds);
    let host = Arc::new(Host::new(Root::detect(), Kinds::NONE.with(Kind::ReferencedMemory), 0).unwrap());
    let group = own_group(&host);
    let target = referenced::Target { group: group.into(), deep: false };
    println!(
        "referenced, the own group: {:9.1} µs",
        survey(referenced::Survey::new(&host, 0), target, rounds)
    );
}

fn median(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut took: Vec<f64> = (0..rounds)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

/// The mean of a survey's rounds over one member, on its own thread, which counts what it spends.
fn survey<S: Survey>(survey: S, target: S::Target, rounds: usize) -> f64 {
    let running = Rounds::start("bench", survey, Duration::from_micros(1), || Timestamp(1)).unwrap();
    let tracked = running.track(target);
    let count = || running.meters().rounds.load(std::sync::atomic::Ordering::Relaxed);
    let nanos = || running.meters().nanos.load(std::sync::atomic::Ordering::Relaxed);
    while count() < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (before, spent) = (count(), nanos());
    while count() < before + rounds as u64 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mean = (nanos() - spent) as f64 / 1e3 / (count() - before) as f64;
    drop(tracked);
    mean
}

fn of_sockets(space: &Space, ends: usize, rounds: usize) {
    let _open = space.inside(move || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut open = Vec::new();
        for _ in 0..ends / 2 {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            open.push((client, listener.accept().unwrap().0));
        }
        (Some(listener).filter(|_| ends > 0), open)
    });
    let pid = space.process.id();
    let lists = median(rounds.min(20), || {
        for name in ["tcp", "tcp6", "udp", "udp6"] {
            let text = std::fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap();
            let mut counts = [0u64; 256];
            for line in text.lines().skip(1) {
                let state = line.split_whitespace().nth(3).unwrap();
                counts[usize::from_str_radix(state, 16).unwrap()] += 1;
            }
            std::hint::black_box(counts);
        }
    });
    let by = |kinds| {
        let host = Arc::new(Host::new(Root::detect(), kinds, 0).unwrap());
        survey(sockets::Survey::new(&host), sockets::Target { pid, group: "/".into() }, rounds)
    };
    let ours = by(Kinds::NONE.with(Kind::Tcp).with(Kind::Udp));
    let advanced = by(Kinds::NONE.with(Kind::AdvancedTcp));
    println!(
        "sockets, {ends:6} ends: lists {lists:9.1} µs, survey {ours:9.1} µs (1/{:.0}), advanced {advanced:9.1} µs",
        lists / ours
    );
}

/// The group of this process where tasks are counted.
fn own_group(host: &Host) -> String {
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let controller = host.hierarchy.controller(plimsoll_kernel::hierarchy::Controller::Cpu);
    let v1 = matches!(controller, Some((plimsoll_kernel::hierarchy::Version::V1, _)));
    let of = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let is = if v1 { controllers.split(',').any(|name| name == "cpu") } else { controllers.is_empty() };
        is.then(|| path.to_owned())
    };
    text.lines().find_map(of).unwrap_or_else(|| "/".to_owned())
}

fn of_load(rounds: usize) {
    let host = Arc::new(Host::new(Root::detect(), Kinds::default(), 0).unwrap());
    let group = own_group(&host);
    let sleepers: Vec<_> =
        (0..100).map(|_| std::thread::spawn(|| std::thread::park_timeout(Duration::from_secs(60)))).collect();
    let target = || load::Target { group: group.clone().into(), deep: false };
    let kernel = survey(load::Survey::new(&host), target(), rounds);
    let threads = survey(load::Survey::new(&host).one_by_one(), target(), rounds);
    println!(
        "load, 100 threads and their neighbours: as it comes {kernel:9.1} µs, one by one {threads:9.1} µs"
    );
    sleepers.iter().for_each(|sleeper| sleeper.thread().unpark());
}

/// A network namespace with a process in it.
struct Space {
    process: Child,
}

impl Space {
    fn new() -> Option<Self> {
        let process = Command::new("unshare").args(["--net", "sleep", "1000"]).spawn().ok()?;
        let mut space = Self { process };
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let link = format!("/proc/{}/ns/net", space.process.id());
        while std::fs::read_link(&link).map_or(true, |theirs| theirs == own) {
            if space.process.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let up = ["-t", &space.process.id().to_string(), "-n", "ip", "link", "set", "lo", "up"];
        Command::new("nsenter").args(up).status().is_ok_and(|status| status.success()).then_some(space)
    }

    fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let link = std::fs::File::open(format!("/proc/{}/ns/net", self.process.id())).unwrap();
        let inside = move || {
            move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        std::thread::spawn(inside).join().unwrap()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
