//! One gzip stream of parts that were compressed side by side.
//!
//! Each part is deflated by itself and ends at a whole byte (a sync flush), so that parts stand one behind the other;
//! the checksum of all is combined from theirs. To the client it is a gzip stream like any other.

use flate2::{Compress, Compression, Crc, FlushCompress};

/// RFC 1952: magic, deflate, no flags, no time, fastest, unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff];
/// An empty last block.
const LAST: [u8; 2] = [3, 0];

/// A part, compressed.
pub(crate) struct Deflated {
    pub(crate) bytes: Vec<u8>,
    crc: Crc,
}

/// Compresses a part at the fastest level, which API servers use.
pub(crate) fn deflated(plain: &[u8]) -> Deflated {
    let mut crc = Crc::new();
    crc.update(plain);
    let mut compress = Compress::new(Compression::fast(), false);
    let mut bytes = Vec::with_capacity(plain.len() / 4 + 64);
    loop {
        let read = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let rest = plain.get(read..).unwrap_or_default();
        // the only error is that nothing is left to be done
        let done = compress.compress_vec(rest, &mut bytes, FlushCompress::Sync).is_err();
        let all = compress.total_in() == plain.len() as u64;
        // what is flushed is whole once it did not need all the room
        if done || (all && bytes.len() < bytes.capacity()) {
            return Deflated { bytes, crc };
        }
        bytes.reserve(plain.len() / 4 + 64);
    }
}

/// All of it as one stream.
pub(crate) fn whole(plain: &[u8]) -> Vec<u8> {
    let (mut joined, mut all) = Joined::begin();
    all.extend_from_slice(&joined.part(deflated(plain)));
    all.extend_from_slice(&joined.end());
    all
}

/// The stream under way.
#[derive(Default)]
pub(crate) struct Joined {
    crc: Crc,
}

impl Joined {
    /// A new one, and the bytes with which it begins.
    pub(crate) fn begin() -> (Self, Vec<u8>) {
        (Self::default(), HEAD.to_vec())
    }

    /// The next part; its bytes are given back.
    pub(crate) fn part(&mut self, part: Deflated) -> Vec<u8> {
        self.crc.combine(&part.crc);
        part.bytes
    }

    /// The bytes with which it ends.
    pub(crate) fn end(self) -> Vec<u8> {
        let mut end = LAST.to_vec();
        end.extend_from_slice(&self.crc.sum().to_le_bytes());
        end.extend_from_slice(&self.crc.amount().to_le_bytes());
        end
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
        let (mut joined, mut out) = Joined::begin();
        for part in parts {
            out.extend(joined.part(deflated(part)));
        }
        out.extend(joined.end());
        out
    }

    proptest! {
        #[test]
        fn a_reader_of_gzip_reads_all_parts(
            parts in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..2000),
                    ("[ab]{0,9}", 0_usize..3000).prop_map(|(text, times)| text.repeat(times).into_bytes()),
                ],
                0..5,
            ),
        ) {
            let mut plain = Vec::new();
            // one stream and nothing behind it: a reader of several streams would hide a fault
            let compressed = joined(&parts);
            let mut reader = flate2::bufread::GzDecoder::new(&*compressed);
            reader.read_to_end(&mut plain).unwrap();
            prop_assert_eq!(plain, parts.concat());
            prop_assert_eq!(reader.into_inner().len(), 0);
        }
    }
}
