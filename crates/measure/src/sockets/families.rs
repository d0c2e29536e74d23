//! Outward names of sockets.

use std::sync::LazyLock;

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use super::{Sockets, TCP_ADVANCED, Tcp, Udp, keys};
use crate::families::gauge;
use crate::sample::Sample;

/// Rows for every container. They carry the time of their own round.
pub static ROWS: &[Row<Sample>] = &[
    gauge(
        "container_network_advance_tcp_stats_total",
        "advance tcp connections statistic for container",
        Kind::AdvancedTcp,
        &["tcp_state"],
        Source::both("/proc/<pid>/net/netstat, snmp"),
        |s, out| with(s, out, advanced),
    ),
    gauge(
        "container_network_tcp6_usage_total",
        "tcp6 connection usage statistic for container",
        Kind::Tcp,
        &["tcp_state"],
        Source::both("sock_diag"),
        |s, out| with(s, out, |sockets, out| sockets.tcp6.iter().for_each(|tcp| states(tcp, out))),
    ),
    gauge(
        "container_network_tcp_usage_total",
        "tcp connection usage statistic for container",
        Kind::Tcp,
        &["tcp_state"],
        Source::both("sock_diag"),
        |s, out| with(s, out, |sockets, out| sockets.tcp.iter().for_each(|tcp| states(tcp, out))),
    ),
    gauge(
        "container_network_udp6_usage_total",
        "udp6 connection usage statistic for container",
        Kind::Udp,
        &["udp_state"],
        Source::both("sock_diag"),
        |s, out| with(s, out, |sockets, out| sockets.udp6.iter().for_each(|udp| queues(udp, out))),
    ),
    gauge(
        "container_network_udp_usage_total",
        "udp connection usage statistic for container",
        Kind::Udp,
        &["udp_state"],
        Source::both("sock_diag"),
        |s, out| with(s, out, |sockets, out| sockets.udp.iter().for_each(|udp| queues(udp, out))),
    ),
];

fn with(s: &Sample, out: &mut dyn Emit, write: fn(&Sockets, &mut dyn Emit)) {
    let Some(sockets) = s.network.as_ref().and_then(|network| network.sockets.as_deref()) else { return };
    if let Some(at) = s.rounds.sockets {
        out.at(at);
    }
    write(sockets, out);
}

fn states(tcp: &Tcp, out: &mut dyn Emit) {
    let states = [
        ("close", tcp.close),
        ("closewait", tcp.close_wait),
        ("closing", tcp.closing),
        ("established", tcp.established),
        ("finwait1", tcp.fin_wait1),
        ("finwait2", tcp.fin_wait2),
        ("lastack", tcp.last_ack),
        ("listen", tcp.listen),
        ("synrecv", tcp.syn_recv),
        ("synsent", tcp.syn_sent),
        ("timewait", tcp.time_wait),
    ];
    states.into_iter().for_each(|(state, count)| out.int(&[state], count));
}

fn queues(udp: &Udp, out: &mut dyn Emit) {
    let states = [
        ("dropped", udp.dropped),
        ("listen", udp.listen),
        ("rxqueued", udp.rx_queued),
        ("txqueued", udp.tx_queued),
    ];
    states.into_iter().for_each(|(state, count)| out.int(&[state], count));
}

/// Lower-case names, sorted, each with its place in the list.
static STATES: LazyLock<Vec<(String, usize)>> = LazyLock::new(|| {
    let mut names: Vec<_> =
        TCP_ADVANCED.iter().enumerate().map(|(at, name)| (name.to_ascii_lowercase(), at)).collect();
    names.sort_unstable();
    names
});

fn advanced(sockets: &Sockets, out: &mut dyn Emit) {
    let Some(advanced) = &sockets.tcp_advanced else { return };
    for (name, key) in &*STATES {
        let Some(value) = advanced.get(*key) else { continue };
        if TCP_ADVANCED.get(*key).is_some_and(|key| keys::is_signed(key)) && value.cast_signed() < 0 {
            out.float(&[name], value.cast_signed() as f64);
        } else {
            out.int(&[name], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;
    use crate::network::Network;
    use crate::sockets::TcpAdvanced;

    #[test]
    fn every_state_has_its_line() {
        let tcp = Tcp { established: 13, syn_sent: 1, listen: 3, ..Tcp::default() };
        let mut tcp_advanced = TcpAdvanced::default();
        let key = |name: &[u8]| keys::find(name).unwrap();
        tcp_advanced.set(key(b"MaxConn"), Some((-1i64).cast_unsigned()));
        tcp_advanced.set(key(b"TCPTSReorder"), Some(5));
        let sockets = Sockets {
            tcp: Some(tcp),
            udp6: Some(Udp { listen: 1, dropped: 2, rx_queued: 3, tx_queued: 4 }),
            tcp_advanced: Some(tcp_advanced),
            ..Sockets::default()
        };
        let network = Network { sockets: Some(Box::new(sockets)), ..Network::default() };
        assert_eq!(
            text(ROWS, &Sample { network: Some(network), ..Sample::default() }),
            r#"container_network_advance_tcp_stats_total{tcp_state="maxconn"} -1
container_network_advance_tcp_stats_total{tcp_state="tcptsreorder"} 5
container_network_tcp_usage_total{tcp_state="close"} 0
container_network_tcp_usage_total{tcp_state="closewait"} 0
container_network_tcp_usage_total{tcp_state="closing"} 0
container_network_tcp_usage_total{tcp_state="established"} 13
container_network_tcp_usage_total{tcp_state="finwait1"} 0
container_network_tcp_usage_total{tcp_state="finwait2"} 0
container_network_tcp_usage_total{tcp_state="lastack"} 0
container_network_tcp_usage_total{tcp_state="listen"} 3
container_network_tcp_usage_total{tcp_state="synrecv"} 0
container_network_tcp_usage_total{tcp_state="synsent"} 1
container_network_tcp_usage_total{tcp_state="timewait"} 0
container_network_udp6_usage_total{udp_state="dropped"} 2
container_network_udp6_usage_total{udp_state="listen"} 1
container_network_udp6_usage_total{udp_state="rxqueued"} 3
container_network_udp6_usage_total{udp_state="txqueued"} 4
"#
        );
    }
}
