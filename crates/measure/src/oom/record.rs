//! One record of `/dev/kmsg`.

use plimsoll_kernel::format::unescape_hex;

/// A record: `prio,seq,usec,flags;text`, then lines of properties, which begin with a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Facility x8 + level. The facility is 0 for what the kernel itself says; programs cannot write that.
    pub priority: u64,
    /// Number of the record; gaps are records that were lost.
    pub seq: u64,
    /// Microseconds since boot.
    pub usec: u64,
    /// The text, with the bytes that the kernel escapes (`\x5c`).
    pub text: String,
}

impl Record {
    /// Whether the kernel said it, and not a program that wrote into the log.
    pub fn of_kernel(&self) -> bool {
        self.priority < 8
    }
}

/// The record; `None` when the bytes are none.
///
/// ```text
/// 6,1234,56789012,-;oom-kill:constraint=CONSTRAINT_MEMCG,...
///  SUBSYSTEM=...
/// ```
pub fn parse(bytes: &[u8]) -> Option<Record> {
    let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let line = bytes.get(..end)?;
    let split = line.iter().position(|b| *b == b';')?;
    let (head, text) = line.split_at(split);
    let mut fields = std::str::from_utf8(head).ok()?.split(',');
    let mut number = || fields.next()?.parse().ok();
    Some(Record {
        priority: number()?,
        seq: number()?,
        usec: number()?,
        text: String::from_utf8_lossy(&unescape_hex(text.get(1..)?)).into_owned(),
    })
}
