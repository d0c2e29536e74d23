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
