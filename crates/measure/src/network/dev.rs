//! `/proc/<pid>/net/dev`.

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format;

use super::Interface;
use crate::keyed::put;
use crate::reader::plan::{Context, File, Place, Subject};
use crate::sample::Sample;

pub(crate) const FILE: File = File::new(Place::Process, c"net/dev", Subject::Network, parse);

/// ```text
/// Inter-|   Receive                                                |  Transmit
///  face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop ...
///   eth0:     768      10    0    0    0     0          0         0        0       0    0    0 ...
/// ```
fn parse(_: &Context<'_>, text: Option<&[u8]>, sample: &mut Sample) -> Result<bool, ParseError> {
    let Some(text) = text else { return Ok(sample.network.take().is_some()) };
    let list = &mut sample.network.get_or_insert_default().interfaces;
    let (mut length, mut moved) = (0, false);
    for (line, text) in format::lines(text).skip(2) {
        let wrong = || ParseError::new(line, "an interface, a colon and 16 numbers", text);
        let (name, numbers) = format::split_once(text, b':').ok_or_else(wrong)?;
        let name = name.trim_ascii();
        if is_inner(name) {
            continue;
        }
        let [
            rx_bytes,
            rx_packets,
            rx_errors,
            rx_dropped,
            _,
            _,
            _,
            _,
            tx_bytes,
            tx_packets,
            tx_errors,
            tx_dropped,
            ..,
        ] = sixteen(numbers).ok_or_else(wrong)?;
        if length == list.len() {
            list.push(Interface::default());
            moved = true;
        }
        let Some(interface) = list.get_mut(length) else { break };
        if interface.name.as_bytes() != name {
            interface.name.clear();
            interface.name.push_str(&String::from_utf8_lossy(name));
            moved = true;
        }
        moved |= put(&mut interface.rx_bytes, rx_bytes)
            | put(&mut interface.rx_packets, rx_packets)
            | put(&mut interface.rx_errors, rx_errors)
            | put(&mut interface.rx_dropped, rx_dropped)
            | put(&mut interface.tx_bytes, tx_bytes)
            | put(&mut interface.tx_packets, tx_packets)
            | put(&mut interface.tx_errors, tx_errors)
            | put(&mut interface.tx_dropped, tx_dropped);
        length += 1;
    }
    moved |= list.len() != length;
    list.truncate(length);
    Ok(moved)
}

/// Loopback, and the host's ends of containers' cables and their bridges.
fn is_inner(name: &[u8]) -> bool {
    let starts = |with: &str| name.get(..with.len()).is_some_and(|n| n.eq_ignore_ascii_case(with.as_bytes()));
    ["lo", "veth", "docker", "nerdctl"].into_iter().any(starts)
}

/// Exactly sixteen numbers.
fn sixteen(text: &[u8]) -> Option<[u64; 16]> {
    let mut numbers = [0; 16];
    let mut words = format::words(text);
    for number in &mut numbers {
        *number = format::number(words.next()?)?;
    }
    words.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests;
