//! Real sockets in a network namespace of their own, by netlink and by the long lists: the same numbers. Skipped
//! where no namespace can be made.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, clippy::indexing_slicing)]

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;
use plimsoll_measure::host::Host;
use plimsoll_measure::rounds::{Rounds, Tracked};
use plimsoll_measure::sockets::{Sockets, Survey, TCP_ADVANCED, Target, Tcp, Udp};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace with a process in it.
struct Space {
    process: Child,
}

impl Space {
    fn new() -> Option<Self> {
        let mut process = Command::new("unshare").args(["--net", "sleep", "1000"]).spawn().ok()?;
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let link = format!("/proc/{}/ns/net", process.id());
        let theirs = || std::fs::read_link(&link);
        let end = Instant::now() + Duration::from_secs(10);
        while theirs().map_or(true, |theirs| theirs == own) {
            if process.try_wait().unwrap().is_some() || Instant::now() > end {
                eprintln!("SKIP no network namespace can be made here");
                let _ = process.kill();
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let up = ["-t", &process.id().to_string(), "-n", "ip", "link", "set", "lo", "up"];
        assert!(Command::new("nsenter").args(up).status().unwrap().success());
        Some(Self { process })
    }

    /// Does something inside; sockets that it gives stay there.
    fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let link = std::fs::File::open(format!("/proc/{}/ns/net", self.process.id())).unwrap();
        let inside = move || {
            move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        std::thread::spawn(inside).join().unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/net/{name}", self.process.id())).unwrap()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How cAdvisor counts: the fourth column of each line.
fn tcp(text: &str) -> [u64; 12] {
    let mut counts = [0; 12];
    for line in text.lines().skip(1) {
        let state = line.split_whitespace().nth(3).unwrap();
        counts[usize::from_str_radix(state, 16).unwrap()] += 1;
    }
    counts
}

fn states(tcp: &Tcp) -> [u64; 12] {
    let Tcp {
        established,
        syn_sent,
        syn_recv,
        fin_wait1,
        fin_wait2,
        time_wait,
        close,
        close_wait,
        last_ack,
        listen,
        closing,
    } = *tcp;
    [
        0,
        established,
        syn_sent,
        syn_recv,
        fin_wait1,
        fin_wait2,
        time_wait,
        close,
        close_wait,
        last_ack,
        listen,
        closing,
    ]
}

/// The same for UDP, with the queues where the kernel has them.
fn udp(text: &str) -> Udp {
    let mut udp = Udp::default();
    for line in text.lines().skip(1) {
        let words: Vec<_> = line.split_whitespace().collect();
        let (sent, received) = words[4].split_once(':').unwrap();
        udp.listen += 1;
        udp.tx_queued += u64::from_str_radix(sent, 16).unwrap();
        udp.rx_queued += u64::from_str_radix(received, 16).unwrap();
        udp.dropped += words[12].parse::<u64>().unwrap();
    }
    udp
}

fn kinds() -> Kinds {
    Kinds::NONE.with(Kind::Tcp).with(Kind::Udp).with(Kind::AdvancedTcp)
}

fn start() -> Rounds<Survey> {
    let host = Arc::new(Host::new(Root::detect(), kinds(), 0).unwrap());
    Rounds::start("sockets", Survey::new(&host), Duration::from_millis(20), || Timestamp(1)).unwrap()
}

fn newest(tracked: &Tracked<Survey>) -> Option<Sockets> {
    let mut found = None;
    tracked.show(|value| found = value.map(|(_, sockets)| Sockets::clone(sockets)));
    found
}

/// Waits until the numbers are as they should be.
#[track_caller]
fn eventually(tracked: &Tracked<Survey>, is: impl Fn(&Sockets) -> bool) -> Sockets {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let found = newest(tracked);
        if let Some(found) = found.as_ref().filter(|found| is(found)) {
            return found.clone();
        }
        assert!(Instant::now() < end, "it stays {found:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn netlink_and_the_lists_give_the_same_numbers() {
    let Some(space) = Space::new() else { return };
    let rounds = start();
    let target = Target { pid: space.process.id(), group: "/".into() };
    let tracked = rounds.track(target);
    let empty = eventually(&tracked, |_| true);
    assert_eq!((empty.tcp, empty.udp6), (Some(Tcp::default()), Some(Udp::default())));

    let kept = space.inside(|| {
        let mut kept = Vec::new();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (address, streams, count) in [
            (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &mut v4, 30),
            (SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), &mut v6, 20),
        ] {
            let listener = TcpListener::bind(address).unwrap();
            for _ in 0..count {
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                streams.push((client, listener.accept().unwrap().0));
            }
            kept.push(listener);
        }
        // half closed: one side waits for the other's end
        v4[0].0.shutdown(std::net::Shutdown::Write).unwrap();
        // closed by both: one waits for its time to pass
        let (client, server) = v6.pop().unwrap();
        drop(client);
        drop(server);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 1).unwrap();
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for _ in 0..100 {
            let _ = sender.send_to(&[0; 500], socket.local_addr().unwrap());
        }
        let six = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        (kept, v4, v6, [socket, sender, six])
    });
    let (listeners, mut v4, v6, sockets) = kept;
    v4[1].0.write_all(b"x").unwrap();

    // a round may have come while they were opened
    let settled = |found: &Sockets| {
        found.tcp.is_some_and(|tcp| tcp.close_wait == 1)
            && found.tcp6.is_some_and(|tcp| tcp.time_wait == 1)
            && found.udp6.is_some_and(|udp| udp.listen == 1)
    };
    let found = eventually(&tracked, settled);
    let (four, six) = (found.tcp.unwrap(), found.tcp6.unwrap());
    assert_eq!((four.listen, four.established, four.close_wait, four.fin_wait2), (1, 58, 1, 1));
    assert_eq!((six.listen, six.established, six.time_wait), (1, 38, 1));
    assert_eq!(states(&four), tcp(&space.read("tcp")));
    assert_eq!(states(&six), tcp(&space.read("tcp6")));
    let (four, six) = (found.udp.unwrap(), found.udp6.unwrap());
    assert!(
        four.dropped > 0 && four.rx_queued > 0 && four.listen == 2 && six.listen == 1,
        "{four:?} {six:?}"
    );
    assert_eq!((four, six), (udp(&space.read("udp")), udp(&space.read("udp6"))));

    let advanced = found.tcp_advanced.unwrap();
    let key = |name: &str| TCP_ADVANCED.iter().position(|key| *key == name).unwrap();
    for (file, protocol) in [("snmp", "Tcp:"), ("netstat", "TcpExt:")] {
        let text = space.read(file);
        let mut lines = text.lines().filter(|line| line.split(' ').next() == Some(protocol));
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        let mut compared = 0;
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()).skip(1) {
            let Some(key) = TCP_ADVANCED.iter().position(|key| key.eq_ignore_ascii_case(name)) else {
                continue;
            };
            let ours = advanced.get(key).unwrap();
            assert!(
                ours.to_string() == value || ours.cast_signed().to_string() == value,
                "{name}: {ours} {value}"
            );
            compared += 1;
        }
        assert!(compared >= 15, "{compared} of {file}");
    }
    assert_eq!(advanced.get(key("PassiveOpens")), Some(50));
    assert_eq!(advanced.get(key("TWRecycled")), Some(0));

    // the namespace is not held open by who measures it
    drop((listeners, v4, v6, sockets));
    drop(space);
    let end = Instant::now() + Duration::from_secs(20);
    while newest(&tracked).is_some() {
        assert!(Instant::now() < end, "a process that ended has no sockets");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_own_namespace_needs_no_entering() {
    let rounds = start();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let tracked = rounds.track(Target { pid: std::process::id(), group: "/".into() });
    let found = eventually(&tracked, |found| found.tcp.is_some_and(|tcp| tcp.listen > 0));
    assert!(found.tcp_advanced.is_some());
    drop(listener);
}
