//! Questions to the kernel that no file answers: netlink.
//!
//! A socket belongs to the network namespace in which it was opened and goes on asking about that one, wherever
//! the thread is later. What is open holds the namespace alive.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recvfrom, send, socket_with,
};

use crate::error::Errno;

const NOOP: u16 = 1;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 0x1;
const DUMP: u16 = 0x300;

/// Length, kind, flags, number, sender.
const HEAD: usize = 16;
/// Length and kind.
const ATTRIBUTE_HEAD: usize = 4;

/// The kernel hands out at most 32 KiB at a time.
const BUFFER: usize = 32 << 10;
/// The kernel answers at once; a module that has to be loaded first takes longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages from others than the kernel that are passed over before the question is given up.
const FOREIGN: u32 = 1000;

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Families that are known by name.
    Generic,
    /// Sockets of a network namespace.
    SockDiag,
}

/// An open socket.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    number: u32,
}

/// One message of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is, in the protocol's own numbers.
    pub kind: u16,
    /// The number of the question.
    pub number: u32,
    /// What it says.
    pub body: &'a [u8],
}

impl Netlink {
    /// Opens a socket in the network namespace of this thread.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(protocol: Protocol) -> Result<Self, Errno> {
        let protocol = match protocol {
            Protocol::Generic => netlink::GENERIC,
            Protocol::SockDiag => netlink::SOCK_DIAG,
        };
        let socket =
            socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(protocol))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, number: 0 })
    }

    /// Asks, and shows each message of the answer. `list` asks for all that there is, else for one thing. The buffer
    /// is room that the caller keeps.
    ///
    /// # Errors
    /// The kernel's; `EAGAIN` if it does not answer.
    pub fn ask(
        &mut self,
        kind: u16,
        list: bool,
        body: &[u8],
        buffer: &mut Vec<u8>,
        each: &mut dyn FnMut(Message<'_>),
    ) -> Result<(), Errno> {
        self.number = self.number.wrapping_add(1);
        let length = u32::try_from(HEAD + body.len()).map_err(|_| Errno::MSGSIZE)?;
        let flags = if list { REQUEST | DUMP } else { REQUEST };
        buffer.clear();
        buffer.extend_from_slice(&length.to_ne_bytes());
        buffer.extend_from_slice(&kind.to_ne_bytes());
        buffer.extend_from_slice(&flags.to_ne_bytes());
        buffer.extend_from_slice(&self.number.to_ne_bytes());
        buffer.extend_from_slice(&[0; 4]);
        buffer.extend_from_slice(body);
        send(&self.socket, buffer, SendFlags::empty())?;
        let mut foreign = 0;
        while foreign < FOREIGN {
            if !self.receive(buffer)? {
                foreign += 1;
                continue;
            }
            for message in messages(buffer).filter(|message| message.number == self.number) {
                match message.kind {
                    NOOP => {}
                    // the end of a list may carry an error as well
                    DONE | ERROR => return fault(message.body),
                    _ => {
                        each(message);
                        if !list {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Err(Errno::AGAIN)
    }

    /// Takes what comes next into the buffer; false if it is not the kernel's: who has the rights in the namespace
    /// can send to this socket too.
    fn receive(&self, buffer: &mut Vec<u8>) -> Result<bool, Errno> {
        buffer.clear();
        buffer.reserve(BUFFER);
        loop {
            match recvfrom(&self.socket, spare_capacity(buffer), RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                other => {
                    let from = other?.2.and_then(|from| SocketAddrNetlink::try_from(from).ok());
                    return Ok(from.is_some_and(|from| from.pid() == 0));
                }
            }
        }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// An error message with 0 says that all is well.
fn fault(body: &[u8]) -> Result<(), Errno> {
    match body.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes)) {
        Some(code) if code < 0 => Err(Errno::from_raw_os_error(code.saturating_neg())),
        _ => Ok(()),
    }
}

/// The messages of an answer; what is cut ends them.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let (kind, number) = (u16_at(rest, 4)?, u32_at(rest, 8)?);
        let body = rest.get(HEAD..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(Message { kind, number, body })
    })
}

/// The attributes of a message, kind and value; what is cut ends them.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, kind) = (usize::from(u16_at(rest, 0)?), u16_at(rest, 2)?);
        let value = rest.get(ATTRIBUTE_HEAD..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Appends an attribute.
pub fn put_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(ATTRIBUTE_HEAD + value.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(aligned(out.len()), 0);
}

/// Everything begins at a multiple of four.
const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// A number of the kernel's own byte order; `None` where the bytes end before.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

/// The same for 32 bits.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// The same for 64 bits.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, number: u32, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&(u32::try_from(HEAD + body.len()).unwrap()).to_ne_bytes());
        out.extend_from_slice(&kind.to_ne_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&number.to_ne_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(body);
        out.resize(aligned(out.len()), 0);
        out
    }

    #[test]
    fn messages_and_attributes_are_read_as_they_were_written() {
        let mut body = Vec::new();
        put_attribute(&mut body, 1, b"abc");
        put_attribute(&mut body, 2, b"");
        let bytes = [message(20, 7, &body), message(DONE, 7, &[0; 4])].concat();
        let all: Vec<_> = messages(&bytes).collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].kind, all[0].number, all[0].body), (20, 7, body.as_slice()));
        assert_eq!(attributes(&body).collect::<Vec<_>>(), [(1, b"abc".as_slice()), (2, b"".as_slice())]);
        assert_eq!(messages(&bytes[..bytes.len() - 1]).count(), 1, "a cut message is none");
    }

    #[test]
    fn a_kernel_answers_a_question() {
        // who is family "nlctrl": number 16, by definition
        let mut netlink = Netlink::open(Protocol::Generic).unwrap();
        let (mut body, mut buffer) = (vec![3, 1, 0, 0], Vec::new());
        put_attribute(&mut body, 2, b"nlctrl\0");
        let mut family = None;
        let mut each = |message: Message<'_>| {
            let attribute = attributes(&message.body[4..]).find(|(kind, _)| *kind == 1);
            family = attribute.and_then(|(_, value)| u16_at(value, 0));
        };
        netlink.ask(16, false, &body, &mut buffer, &mut each).unwrap();
        assert_eq!(family, Some(16));
        let mut unknown = vec![3, 1, 0, 0];
        put_attribute(&mut unknown, 2, b"no such\0");
        assert_eq!(netlink.ask(16, false, &unknown, &mut buffer, &mut |_| ()), Err(Errno::NOENT));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_go_on_for_ever(bytes in any::<Vec<u8>>()) {
            let inside: usize = messages(&bytes).map(|message| attributes(message.body).count()).sum();
            assert!(inside <= bytes.len() && messages(&bytes).count() <= bytes.len());
            assert!(attributes(&bytes).count() <= bytes.len());
        }
    }
}
