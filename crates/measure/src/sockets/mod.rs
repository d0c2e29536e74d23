//! TCP and UDP sockets of one container: those of its network namespace.
//!
//! Reads: the kernel's list of sockets by netlink (sock_diag), inside the namespace; where that is not allowed
//!        /proc/<pid>/net/{tcp,tcp6,udp,udp6}; /proc/<pid>/net/{sockstat,sockstat6}, which tell of what there is
//!        none; /proc/<pid>/net/{snmp,netstat} for the kernel's counters
//! Gives: TCP connections by state, UDP sockets with their queues and drops, for IPv4 and IPv6; TCP counters
//! Cost:  benches/sockets.rs; in rounds of its own ([`crate::rounds`]), once a namespace however many containers
//!        share it; off by default (kinds `tcp`, `udp`, `advtcp`)

pub mod families;
mod keys;

mod diag;
mod files;
#[cfg(fuzzing)]
pub mod fuzz;
mod survey;
#[cfg(test)]
mod tests;

use plimsoll_core::columnar;
use plimsoll_core::columns::{Columnar, Visitor};
use plimsoll_core::kinds::{Kind, Kinds};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

pub use keys::TCP_ADVANCED;
pub use survey::{Sockets as Survey, Target, Trouble};

/// What is known of the sockets of a namespace; a part is absent when its kind is off, when it could not be read,
/// or when the kernel has no IPv6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sockets {
    /// TCP over IPv4.
    pub tcp: Option<Tcp>,
    /// TCP over IPv6.
    pub tcp6: Option<Tcp>,
    /// UDP over IPv4.
    pub udp: Option<Udp>,
    /// UDP over IPv6.
    pub udp6: Option<Udp>,
    /// The kernel's counters, of both.
    pub tcp_advanced: Option<TcpAdvanced>,
}

/// Connections by state, as net/ipv4/tcp_ipv4.c lists them. Halfway opened ones that the listener has not taken
/// are among `syn_recv`; those that only wait for their time to pass are in the state that they wait in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tcp {
    /// Open in both directions.
    pub established: u64,
    /// Waiting for the answer to the first packet.
    pub syn_sent: u64,
    /// Has answered the first packet.
    pub syn_recv: u64,
    /// Closed here, not confirmed.
    pub fin_wait1: u64,
    /// Closed here, confirmed.
    pub fin_wait2: u64,
    /// Closed by both, waiting for late packets.
    pub time_wait: u64,
    /// Closed.
    pub close: u64,
    /// Closed by the other side.
    pub close_wait: u64,
    /// Closed by the other side and here, not confirmed.
    pub last_ack: u64,
    /// Waiting for connections.
    pub listen: u64,
    /// Closed by both at once, not confirmed.
    pub closing: u64,
}

impl Tcp {
    /// Counts a socket of the kernel's state; unknown ones are passed over.
    pub(crate) fn count(&mut self, state: u8) {
        let slot = match state {
            1 => &mut self.established,
            2 => &mut self.syn_sent,
            // 12: taken down only as a request
            3 | 12 => &mut self.syn_recv,
            4 => &mut self.fin_wait1,
            5 => &mut self.fin_wait2,
            6 => &mut self.time_wait,
            7 => &mut self.close,
            8 => &mut self.close_wait,
            9 => &mut self.last_ack,
            10 => &mut self.listen,
            11 => &mut self.closing,
            _ => return,
        };
        *slot += 1;
    }
}

/// UDP sockets, and what waits in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Udp {
    /// Sockets that have an address.
    pub listen: u64,
    /// Packets dropped by those that are open now.
    pub dropped: u64,
    /// Bytes that wait to be read.
    pub rx_queued: u64,
    /// Bytes that wait to be sent.
    pub tx_queued: u64,
}

/// Counters of `Tcp` in /proc/<pid>/net/snmp and of `TcpExt` in /proc/<pid>/net/netstat, in the order of
/// [`TCP_ADVANCED`]. One that this kernel does not have is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpAdvanced {
    values: [Option<u64>; TCP_ADVANCED.len()],
}

impl TcpAdvanced {
    /// The number under that name; `MaxConn` may be below zero, as the bits of an `i64`.
    pub fn get(&self, key: usize) -> Option<u64> {
        self.values.get(key).copied().flatten()
    }

    /// Sets it.
    pub fn set(&mut self, key: usize, value: Option<u64>) {
        if let Some(slot) = self.values.get_mut(key) {
            *slot = value;
        }
    }
}

impl Default for TcpAdvanced {
    fn default() -> Self {
        Self { values: [None; TCP_ADVANCED.len()] }
    }
}

impl Columnar for TcpAdvanced {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        self.values.iter_mut().for_each(|value| value.visit(visitor));
    }

    fn assign(&mut self, from: &Self) {
        self.values = from.values;
    }
}

/// cAdvisor's JSON knows no absence: what is absent is 0 there.
impl Serialize for TcpAdvanced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(TCP_ADVANCED.len()))?;
        for (key, value) in TCP_ADVANCED.iter().zip(self.values) {
            let value = value.unwrap_or(0);
            if keys::is_signed(key) {
                map.serialize_entry(key, &value.cast_signed())?;
            } else {
                map.serialize_entry(key, &value)?;
            }
        }
        map.end()
    }
}

columnar!(Sockets { tcp, tcp6, udp, udp6, tcp_advanced });
columnar!(Tcp {
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
    closing
});
columnar!(Udp { listen, dropped, rx_queued, tx_queued });

/// Whether any of it is wanted.
pub fn wanted(kinds: Kinds) -> bool {
    [Kind::Tcp, Kind::Udp, Kind::AdvancedTcp].into_iter().any(|kind| kinds.has(kind))
}
