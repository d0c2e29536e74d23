//! `/proc/<pid>/net/{sockstat,sockstat6,tcp,tcp6,udp,udp6,snmp,netstat}`.
//!
//! The lists are long where there are many sockets: 150 bytes each.

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format;

use super::{Tcp, TcpAdvanced, Udp, keys};

/// How many sockets there are, as the kernel keeps count; absent where a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inuse {
    /// TCP sockets that listen or are connected.
    pub(super) tcp: Option<u64>,
    /// TCP connections that only wait for their time to pass, of both families.
    pub(super) waiting: Option<u64>,
    /// UDP sockets that have an address.
    pub(super) udp: Option<u64>,
}

/// `sockstat`, and `sockstat6` with a 6 at the names:
/// ```text
/// TCP: inuse 2 orphan 0 tw 17 alloc 2 mem 41
/// UDP: inuse 0 mem 0
/// ```
pub(super) fn inuse(text: &[u8]) -> Inuse {
    let mut inuse = Inuse::default();
    for (_, line) in format::lines(text) {
        let mut words = format::words(line);
        let protocol = words.next().unwrap_or_default();
        let (sockets, mut waiting) = match protocol {
            b"TCP:" | b"TCP6:" => (&mut inuse.tcp, Some(&mut inuse.waiting)),
            b"UDP:" | b"UDP6:" => (&mut inuse.udp, None),
            _ => continue,
        };
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name {
                b"inuse" => *sockets = format::number(value),
                b"tw" => {
                    if let Some(waiting) = &mut waiting {
                        **waiting = format::number(value);
                    }
                }
                _ => {}
            }
        }
    }
    inuse
}

/// ```text
///   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
///    0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20001 1 ...
/// ```
/// # Errors
/// A line has no state.
pub(super) fn tcp(text: &[u8]) -> Result<Tcp, ParseError> {
    let mut tcp = Tcp::default();
    for (line, text) in format::lines(text).skip(1) {
        let state = format::words(text).nth(3).and_then(hex);
        let state = state.ok_or_else(|| ParseError::new(line, "a socket with its state", text))?;
        tcp.count(u8::try_from(state).unwrap_or(0));
    }
    Ok(tcp)
}

/// The same columns, and drops at the end:
/// ```text
///    sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
///  1032: 0100007F:01FD 00000000:0000 07 00000000:00000000 00:00000000 00000000   104        0 20002 2 0000 0
/// ```
/// # Errors
/// A line has no queues.
pub(super) fn udp(text: &[u8]) -> Result<Udp, ParseError> {
    let mut udp = Udp::default();
    for (line, text) in format::lines(text).skip(1) {
        let mut words = format::words(text).skip(4);
        let queues = words.next().and_then(|queues| format::split_once(queues, b':'));
        let queues = queues.and_then(|(sent, received)| Some((hex(sent)?, hex(received)?)));
        let (sent, received) =
            queues.ok_or_else(|| ParseError::new(line, "a socket with its queues", text))?;
        udp.listen += 1;
        udp.tx_queued = udp.tx_queued.saturating_add(sent);
        udp.rx_queued = udp.rx_queued.saturating_add(received);
        // the last column since 2.6.27; before it are timer, retransmits, uid, timeout, inode, ref, pointer
        let dropped = words.nth(7).and_then(format::number).unwrap_or(0);
        udp.dropped = udp.dropped.saturating_add(dropped);
    }
    Ok(udp)
}

fn hex(word: &[u8]) -> Option<u64> {
    if word.is_empty() || word.len() > 16 {
        return None;
    }
    word.iter().try_fold(0, |sum, byte| Some(sum << 4 | u64::from(char::from(*byte).to_digit(16)?)))
}

/// Which column of a file is which counter; the same for every reading of a kernel.
#[derive(Debug, Default)]
pub(super) struct Columns {
    head: Vec<u8>,
    keys: Vec<Option<u8>>,
}

impl Columns {
    /// The counters of one protocol, which has a line of names and a line of values:
    /// ```text
    /// Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens ...
    /// Tcp: 1 200 120000 -1 17 ...
    /// ```
    /// A protocol that is not there leaves its counters absent.
    ///
    /// # Errors
    /// A value is no number.
    pub(super) fn read(
        &mut self,
        text: &[u8],
        protocol: &[u8],
        into: &mut TcpAdvanced,
    ) -> Result<(), ParseError> {
        let mut lines = format::lines(text)
            .filter(|(_, line)| line.strip_prefix(protocol).is_some_and(|rest| rest.starts_with(b":")));
        let (Some((_, head)), Some((number, values))) = (lines.next(), lines.next()) else { return Ok(()) };
        if head != self.head {
            self.head = head.to_vec();
            let key = |name| keys::find(name).and_then(|key| u8::try_from(key).ok());
            self.keys = format::words(head).skip(1).map(key).collect();
        }
        for (key, word) in self.keys.iter().zip(format::words(values).skip(1)) {
            let Some(key) = key.map(usize::from) else { continue };
            let value = match word.first() {
                Some(b'-') => format::signed(word).map(i64::cast_unsigned),
                _ => format::number(word),
            };
            let value = value.ok_or_else(|| ParseError::new(number, "a number", word))?;
            into.set(key, Some(value));
        }
        Ok(())
    }
}
