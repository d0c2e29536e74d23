//! The kernel's list of sockets by netlink: include/uapi/linux/inet_diag.h.
//!
//! TCP is asked in the old form of the question, which takes both families in one walk over the kernel's table of
//! connections: the walk, over buckets that are mostly empty, is what costs.

use plimsoll_kernel::error::Errno;
use plimsoll_kernel::netlink::{Message, Netlink, attributes, u32_at};

use super::{Tcp, Udp};

const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_UDP: u8 = 17;
/// Address and cookie of a socket; all zeros ask for any.
const SOCKET_ID: usize = 48;
/// The states 1 to 11: not those that the files do not list.
const STATES: u32 = 0xffe;
/// With the socket's memory, which tells the drops.
const SKMEMINFO: u16 = 7;
const WITH_SKMEMINFO: u8 = 1 << (SKMEMINFO - 1);
/// `SK_MEMINFO_DROPS` among the 32-bit numbers of that attribute.
const DROPS: usize = 8 * 4;

/// Where the numbers of `struct inet_diag_msg` stand.
const FAMILY: usize = 0;
const STATE: usize = 1;
const RQUEUE: usize = 4 + SOCKET_ID + 4;
const WQUEUE: usize = RQUEUE + 4;
const MESSAGE: usize = WQUEUE + 4 + 4 + 4;

/// TCP sockets by state over IPv4 and over IPv6.
pub(super) fn tcp(netlink: &mut Netlink, buffer: &mut Vec<u8>) -> Result<(Tcp, Tcp), Errno> {
    // family, lengths of addresses, extensions: of no meaning but the last
    let mut question = vec![0; 4 + SOCKET_ID];
    question.extend_from_slice(&STATES.to_ne_bytes());
    question.extend_from_slice(&[0; 4]);
    let mut found = (Tcp::default(), Tcp::default());
    netlink.ask(TCPDIAG_GETSOCK, true, &question, buffer, &mut |message| count_tcp(message, &mut found))?;
    Ok(found)
}

/// UDP sockets of one family.
pub(super) fn udp(netlink: &mut Netlink, v6: bool, buffer: &mut Vec<u8>) -> Result<Udp, Errno> {
    let mut question = vec![if v6 { AF_INET6 } else { AF_INET }, IPPROTO_UDP, WITH_SKMEMINFO, 0];
    question.extend_from_slice(&u32::MAX.to_ne_bytes());
    question.resize(question.len() + SOCKET_ID, 0);
    let mut found = Udp::default();
    netlink
        .ask(SOCK_DIAG_BY_FAMILY, true, &question, buffer, &mut |message| count_udp(message, &mut found))?;
    Ok(found)
}

pub(super) fn count_tcp(message: Message<'_>, (v4, v6): &mut (Tcp, Tcp)) {
    let Some(state) = message.body.get(STATE) else { return };
    match message.body.get(FAMILY) {
        Some(&AF_INET) => v4.count(*state),
        Some(&AF_INET6) => v6.count(*state),
        _ => {}
    }
}

pub(super) fn count_udp(message: Message<'_>, found: &mut Udp) {
    let number = |at| u32_at(message.body, at).map(u64::from);
    let (Some(received), Some(sent)) = (number(RQUEUE), number(WQUEUE)) else { return };
    found.listen += 1;
    found.rx_queued += received;
    found.tx_queued += sent;
    let rest = message.body.get(MESSAGE..).unwrap_or_default();
    let memory = attributes(rest).find(|(kind, _)| *kind == SKMEMINFO);
    found.dropped += memory.and_then(|(_, numbers)| u32_at(numbers, DROPS)).map_or(0, u64::from);
}
