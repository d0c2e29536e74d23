//! What a fuzz target needs from the inside.

use plimsoll_kernel::netlink::messages;

use super::files::{self, Columns};
use super::{TcpAdvanced, diag};

/// An answer of the kernel, or what stands for one.
pub fn answer(bytes: &[u8]) {
    let (mut tcp, mut udp) = Default::default();
    for message in messages(bytes) {
        diag::count_tcp(message, &mut tcp);
        diag::count_udp(message, &mut udp);
    }
}

/// Each of the files.
pub fn files(text: &[u8]) {
    files::inuse(text);
    let _ = files::tcp(text);
    let _ = files::udp(text);
    let mut advanced = TcpAdvanced::default();
    let _ = Columns::default().read(text, b"Tcp", &mut advanced);
    let _ = Columns::default().read(text, b"TcpExt", &mut advanced);
}
