//! Network of one container: what its own network namespace counted.
//!
//! Reads: /proc/<pid>/net/dev of its first process, of process 1 for the root group
//! Gives: bytes, packets, errors and drops by interface
//! Cost:  1 file, and every 5 s a look whether the process lives; always read, since packets come in without
//!        any CPU time of the group
//!
//! The open file holds the network namespace of its process alive, so it is closed after the process' end.

pub mod families;

mod dev;

pub(crate) use dev::FILE;
use plimsoll_core::columnar;
use serde::Serialize;

use crate::sockets::Sockets;

/// Network numbers by interface: `/proc/<pid>/net/dev` of the container's first process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// In the kernel's order; `lo`, `veth*`, `docker*`, `nerdctl*` left out.
    pub interfaces: Vec<Interface>,
    /// Sockets of the namespace; absent while their kinds are off. Not read with the rest, see [`crate::sockets`].
    pub sockets: Option<Box<Sockets>>,
}

/// One interface's totals.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Interface {
    /// Name inside the namespace.
    pub name: String,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Errors receiving.
    pub rx_errors: u64,
    /// Packets dropped receiving.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Errors sending.
    pub tx_errors: u64,
    /// Packets dropped sending.
    pub tx_dropped: u64,
}

columnar!(Network { interfaces, sockets });
columnar!(Interface {
    name,
    rx_bytes,
    rx_packets,
    rx_errors,
    rx_dropped,
    tx_bytes,
    tx_packets,
    tx_errors,
    tx_dropped,
});
