use std::path::Path;
use std::sync::Arc;

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::netlink::{Message, Netlink, Protocol, put_attribute};
use plimsoll_kernel::root::Root;
use proptest::prelude::*;

use super::files::{self, Columns, Inuse};
use super::*;
use crate::host::Host;
use crate::machine::reference;
use crate::rounds::tests::member;
use crate::rounds::{Member, Survey as _};

const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20001 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0277 0100007F:8E52 01 00000000:00000000 00:00000000 00000000     0        0 20005 1 0000000000000000 20 0 0 10 -1
   2: 0100007F:0277 0100007F:8E54 0C 00000000:00000000 00:00000000 00000000     0        0 20005 1 0000000000000000 20 0 0 10 -1
   3: 0100007F:8E54 0100007F:0277 FF 00000000:00000000 00:00000000 00000000     0        0 20005 1 0000000000000000 20 0 0 10 -1
";

const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  509: 00000000:0044 00000000:0000 07 00000003:0000000A 00:00000000 00000000     0        0 16001 2 0000000000000000 5
  510: 00000000:0045 00000000:0000 07 00000001:00000002 00:00000000 00000000     0        0 16002 2 0000000000000000 1
";

#[test]
fn connections_are_counted_by_state_and_unknown_states_cost_nothing() {
    let expected = Tcp { listen: 1, established: 1, syn_recv: 1, ..Tcp::default() };
    assert_eq!(files::tcp(TCP.as_bytes()), Ok(expected));
    assert_eq!(files::tcp(b""), Ok(Tcp::default()));
    assert!(files::tcp(b"head\n 0: a b\n").is_err());
}

#[test]
fn queues_stand_each_in_its_place() {
    let expected = Udp { listen: 2, dropped: 6, tx_queued: 4, rx_queued: 12 };
    assert_eq!(files::udp(UDP.as_bytes()), Ok(expected));
    assert!(files::udp(b"head\n 0: a b 07 1\n").is_err());
}

#[test]
fn cadvisors_own_example_has_its_own_numbers() {
    let Some(path) = reference::path("cadvisor/data/proc/procnetudp") else { return };
    let udp = files::udp(&std::fs::read(path).unwrap()).unwrap();
    // it takes one queue for the other
    assert_eq!(udp, Udp { listen: 2, dropped: 4, tx_queued: 10, rx_queued: 11 });
}

#[test]
fn what_is_in_use_is_read_of_both_families() {
    let text = "sockets: used 26\nTCP: inuse 2 orphan 0 tw 17 alloc 2 mem 41\nUDP: inuse 3 mem 0\nUDPLITE: inuse 9\n";
    assert_eq!(files::inuse(text.as_bytes()), Inuse { tcp: Some(2), waiting: Some(17), udp: Some(3) });
    let text = "TCP6: inuse 5\nUDP6: inuse 1\nUDPLITE6: inuse 0\n";
    assert_eq!(files::inuse(text.as_bytes()), Inuse { tcp: Some(5), waiting: None, udp: Some(1) });
    assert_eq!(files::inuse(b"x\nTCP: inuse\n"), Inuse::default());
}

const SNMP: &str =
    "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm MaxConn CurrEstab NewOne\nTcp: 1 -1 7 5\n";

#[test]
fn counters_are_found_by_name_and_others_stay_absent() {
    let (mut columns, mut found) = (Columns::default(), TcpAdvanced::default());
    columns.read(SNMP.as_bytes(), b"Tcp", &mut found).unwrap();
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(
        (&json["RtoAlgorithm"], &json["MaxConn"], &json["CurrEstab"]),
        (&1.into(), &(-1).into(), &7.into())
    );
    assert_eq!((json.as_object().unwrap().len(), &json["InSegs"]), (TCP_ADVANCED.len(), &0.into()));
    assert_eq!(found.values.iter().flatten().count(), 3);
    // the columns of another kernel
    let other = SNMP.replace("RtoAlgorithm MaxConn", "MaxConn RtoAlgorithm");
    columns.read(other.as_bytes(), b"Tcp", &mut found).unwrap();
    assert_eq!(found.get(TCP_ADVANCED.iter().position(|key| *key == "MaxConn").unwrap()), Some(1));
    assert!(columns.read(b"Tcp: InSegs\nTcp: x\n", b"Tcp", &mut found).is_err());
    assert!(columns.read(b"Tcp: InSegs\n", b"Tcp", &mut found).is_ok());
}

/// `struct inet_diag_msg` with queues, and drops behind it.
fn told(family: u8, state: u8, received: u32, sent: u32, drops: Option<u32>) -> Vec<u8> {
    let mut body = vec![family, state, 0, 0];
    body.resize(body.len() + 48, 0);
    [0, received, sent, 0, 0].iter().for_each(|n: &u32| body.extend_from_slice(&n.to_ne_bytes()));
    put_attribute(&mut body, 8, &[0]);
    if let Some(drops) = drops {
        let numbers: Vec<u8> =
            (0..9).flat_map(|nth| if nth == 8 { drops } else { nth }.to_ne_bytes()).collect();
        put_attribute(&mut body, 7, &numbers);
    }
    body
}

#[test]
fn the_kernels_answer_is_counted_by_family_and_state() {
    let mut found = (Tcp::default(), Tcp::default());
    let bodies =
        [told(2, 1, 0, 0, None), told(2, 10, 0, 5, None), told(10, 6, 0, 0, None), told(1, 1, 0, 0, None)];
    for body in bodies.iter().map(Vec::as_slice).chain([[2].as_slice(), &[]]) {
        diag::count_tcp(Message { kind: 20, number: 1, body }, &mut found);
    }
    let v4 = Tcp { established: 1, listen: 1, ..Tcp::default() };
    assert_eq!(found, (v4, Tcp { time_wait: 1, ..Tcp::default() }));
    let mut found = Udp::default();
    for body in [told(2, 7, 100, 3, Some(9)), told(2, 7, 1, 0, None), vec![2, 7]] {
        diag::count_udp(Message { kind: 20, number: 1, body: &body }, &mut found);
    }
    assert_eq!(found, Udp { listen: 2, dropped: 9, rx_queued: 101, tx_queued: 3 });
}

#[test]
fn this_kernel_answers() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let mut netlink = Netlink::open(Protocol::SockDiag).unwrap();
    let mut buffer = Vec::new();
    match (diag::tcp(&mut netlink, &mut buffer), diag::udp(&mut netlink, false, &mut buffer)) {
        (Ok((tcp, _)), Ok(udp)) => assert!(tcp.listen > 0 && udp.listen > 0, "{tcp:?} {udp:?}"),
        (tcp, udp) => println!("skipped: a kernel without sock_diag: {tcp:?} {udp:?}"),
    }
    drop((listener, socket));
}

/// A machine of a few files; its network namespaces cannot be entered, so that the lists are read.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
        machine.write("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        machine.write("proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn process(&self, pid: u32, group: &str) {
        let file = |name: &str, text: &str| self.write(&format!("proc/{pid}/{name}"), text);
        file("cgroup", &format!("0::{group}\n"));
        file("net/dev", "");
        file("net/sockstat", "TCP: inuse 2 orphan 0 tw 0 alloc 2 mem 41\nUDP: inuse 2 mem 0\n");
        file("net/sockstat6", "TCP6: inuse 0\nUDP6: inuse 0\n");
        file("net/tcp", TCP);
        file("net/tcp6", "head\n");
        file("net/udp", UDP);
        file("net/snmp", SNMP);
        file("net/netstat", "TcpExt: SyncookiesSent\nTcpExt: 4\n");
    }

    fn survey(&self, kinds: Kinds) -> Survey {
        Survey::new(&Arc::new(Host::new(Root::at(self.path()), kinds, 0).unwrap()))
    }
}

fn target(pid: u32, group: &str) -> Arc<Member<Survey>> {
    member(Target { pid, group: group.into() })
}

fn found(member: &Member<Survey>) -> Option<Sockets> {
    member.last(|(_, found)| Sockets::clone(found))
}

#[test]
fn without_the_right_to_enter_the_lists_are_read() {
    let machine = Machine::new();
    machine.process(7, "/a");
    let (one, other) = (target(7, "/a"), target(7, "/b"));
    machine.survey(Kinds::all()).measure(&[one.clone(), other.clone()], &|| Timestamp(5));
    let sockets = found(&one).unwrap();
    assert_eq!(sockets.tcp.unwrap().listen, 1);
    assert_eq!(sockets.tcp6, Some(Tcp::default()));
    assert_eq!(sockets.udp.unwrap().dropped, 6);
    assert_eq!(sockets.udp6, Some(Udp::default()));
    assert_eq!(sockets.tcp_advanced.unwrap().values.iter().flatten().count(), 4);
    assert_eq!(one.last(|(at, _)| *at), Some(Timestamp(5)));
    assert_eq!(found(&other), None, "the process is not of that group");
}

#[test]
fn a_pod_without_a_process_has_the_sockets_of_one_beside_it_and_of_nobody_else() {
    let machine = Machine::new();
    machine.process(7, "/pod/container");
    machine.process(8, "/other/container");
    let [one, other] = [7, 8].map(|pid| member(Target::beside(pid, "/pod/sandbox")));
    machine.survey(Kinds::all()).measure(&[one.clone(), other.clone()], &|| Timestamp(5));
    assert_eq!((found(&one).is_some(), found(&other)), (true, None));
}

#[test]
fn kinds_that_are_off_are_not_read() {
    let machine = Machine::new();
    machine.process(7, "/a");
    let one = target(7, "/a");
    machine.survey(Kinds::NONE.with(Kind::Udp)).measure(std::slice::from_ref(&one), &|| Timestamp(5));
    let sockets = found(&one).unwrap();
    assert!(sockets.udp.is_some() && sockets.tcp.is_none() && sockets.tcp_advanced.is_none());
}

#[test]
fn where_nothing_is_in_use_no_list_is_read() {
    let machine = Machine::new();
    machine.process(7, "/a");
    machine.write("proc/7/net/sockstat", "TCP: inuse 0 orphan 0 tw 0 alloc 2 mem 41\nUDP: inuse 0 mem 0\n");
    let one = target(7, "/a");
    let measure = || {
        machine.survey(Kinds::all()).measure(std::slice::from_ref(&one), &|| Timestamp(5));
        let sockets = found(&one).unwrap();
        (sockets.tcp.unwrap().listen, sockets.udp.unwrap().listen)
    };
    assert_eq!(measure(), (0, 0), "the lists of this machine say otherwise");
    machine.write("proc/7/net/sockstat", "TCP: inuse 0 orphan 0 tw 1 alloc 2 mem 41\nUDP: inuse 0 mem 0\n");
    assert_eq!(measure(), (1, 0), "one waits for its time to pass");
}

#[test]
fn a_kernel_without_ipv6_has_no_such_numbers() {
    let machine = Machine::new();
    machine.process(7, "/a");
    for name in ["sockstat6", "tcp6"] {
        std::fs::remove_file(machine.path().join("proc/7/net").join(name)).unwrap();
    }
    let one = target(7, "/a");
    machine.survey(Kinds::all()).measure(std::slice::from_ref(&one), &|| Timestamp(5));
    let sockets = found(&one).unwrap();
    assert!(
        sockets.tcp.is_some() && sockets.tcp6.is_none() && sockets.udp.is_some() && sockets.udp6.is_none()
    );
}

#[test]
fn who_shares_a_namespace_shares_one_reading() {
    let machine = Machine::new();
    machine.process(7, "/a");
    machine.process(8, "/b");
    // the same files, as two processes of one namespace have them
    std::fs::remove_dir_all(machine.path().join("proc/8/net")).unwrap();
    std::os::unix::fs::symlink(machine.path().join("proc/7/net"), machine.path().join("proc/8/net")).unwrap();
    let (one, other) = (target(7, "/a"), target(8, "/b"));
    machine.survey(Kinds::all()).measure(&[one.clone(), other.clone()], &|| Timestamp(5));
    let both = one.last(|(_, one)| other.last(|(_, other)| Arc::ptr_eq(one, other)));
    assert_eq!(both, Some(Some(true)));
    // a process that ended
    std::fs::remove_dir_all(machine.path().join("proc/7")).unwrap();
    machine.survey(Kinds::all()).measure(std::slice::from_ref(&one), &|| Timestamp(6));
    assert_eq!(found(&one), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>(), family in any::<u8>(), state in any::<u8>()) {
        let (mut tcp, mut udp) = Default::default();
        for body in [bytes.clone(), [told(family, state, 1, 1, None), bytes.clone()].concat()] {
            diag::count_tcp(Message { kind: 20, number: 1, body: &body }, &mut tcp);
            diag::count_udp(Message { kind: 20, number: 1, body: &body }, &mut udp);
        }
        files::inuse(&bytes);
        let _ = (files::tcp(&bytes), files::udp(&bytes));
    }

    #[test]
    fn no_columns_panic(names in "[A-Za-z ]{0,80}", values in "[-0-9 ]{0,80}") {
        let text = format!("Tcp: {names}\nTcp: {values}\n");
        let _ = Columns::default().read(text.as_bytes(), b"Tcp", &mut TcpAdvanced::default());
    }

    #[test]
    fn every_socket_of_a_list_is_counted(states in proptest::collection::vec(1u8..12, 0..50)) {
        let mut text = "head\n".to_owned();
        for (nth, state) in states.iter().enumerate() {
            text += &format!("{nth}: 0:0 0:0 {state:02X} 0:0 0:0 0 0 0 {nth} 1 0\n");
        }
        let tcp = files::tcp(text.as_bytes()).unwrap();
        let sum = serde_json::to_value(tcp).unwrap().as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
        prop_assert_eq!(sum, states.len() as u64);
    }
}
