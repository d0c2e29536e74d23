//! Outward names of network interfaces.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::counter;
use crate::network::Interface;
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    row("container_network_receive_bytes_total", "Cumulative count of bytes received", |s, out| {
        each(s, out, |interface| interface.rx_bytes);
    }),
    row(
        "container_network_receive_errors_total",
        "Cumulative count of errors encountered while receiving",
        |s, out| each(s, out, |interface| interface.rx_errors),
    ),
    row(
        "container_network_receive_packets_dropped_total",
        "Cumulative count of packets dropped while receiving",
        |s, out| each(s, out, |interface| interface.rx_dropped),
    ),
    row("container_network_receive_packets_total", "Cumulative count of packets received", |s, out| {
        each(s, out, |interface| interface.rx_packets);
    }),
    row("container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", |s, out| {
        each(s, out, |interface| interface.tx_bytes);
    }),
    row(
        "container_network_transmit_errors_total",
        "Cumulative count of errors encountered while transmitting",
        |s, out| each(s, out, |interface| interface.tx_errors),
    ),
    row(
        "container_network_transmit_packets_dropped_total",
        "Cumulative count of packets dropped while transmitting",
        |s, out| each(s, out, |interface| interface.tx_dropped),
    ),
    row("container_network_transmit_packets_total", "Cumulative count of packets transmitted", |s, out| {
        each(s, out, |interface| interface.tx_packets);
    }),
];

const fn row(name: &'static str, help: &'static str, values: fn(&Sample, &mut dyn Emit)) -> Row<Sample> {
    counter(name, help, Kind::Network, &["interface"], Source::both("/proc/<pid>/net/dev"), values)
}

fn each(s: &Sample, out: &mut dyn Emit, number: impl Fn(&Interface) -> u64) {
    for interface in s.network.iter().flat_map(|network| &network.interfaces) {
        out.int(&[&interface.name], number(interface));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;
    use crate::network::Network;

    #[test]
    fn every_interface_has_its_lines() {
        let eth0 = Interface {
            name: "eth0".into(),
            rx_bytes: 14,
            rx_packets: 15,
            rx_errors: 16,
            rx_dropped: 17,
            tx_bytes: 18,
            tx_packets: 19,
            tx_errors: 20,
            tx_dropped: 21,
        };
        let network = Network { interfaces: vec![eth0], sockets: None };
        assert_eq!(
            text(ROWS, &Sample { network: Some(network), ..Sample::default() }),
            r#"container_network_receive_bytes_total{interface="eth0"} 14
container_network_receive_errors_total{interface="eth0"} 16
container_network_receive_packets_dropped_total{interface="eth0"} 17
container_network_receive_packets_total{interface="eth0"} 15
container_network_transmit_bytes_total{interface="eth0"} 18
container_network_transmit_errors_total{interface="eth0"} 20
container_network_transmit_packets_dropped_total{interface="eth0"} 21
container_network_transmit_packets_total{interface="eth0"} 19
"#
        );
    }
}
