//! One record of `/dev/kmsg`.

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
    Some(Record { priority: number()?, seq: number()?, usec: number()?, text: unescape(text.get(1..)?) })
}

/// The log shows control characters, backslashes and what is not ASCII as `\xNN`.
fn unescape(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match tail.first_chunk::<3>().filter(|_| byte == b'\\').and_then(hex) {
            Some(value) => {
                out.push(value);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex([x, high, low]: &[u8; 3]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if *x == b'x' { Some(digit(*high)? << 4 | digit(*low)?) } else { None }
}
