//! The body of a scrape: renders and compresses a part when the connection asks for one.
//!
//! Cost: one part of memory, however slowly the client reads.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http_body::Frame;

use super::negotiate::Encoding;
use super::render::{PART, Scrape};

/// How many parts are compressed into one that goes out, at most: text shrinks to a tenth or less.
const PARTS: usize = 4;

/// After so many parts others have their turn on this thread: about a millisecond of compression.
const TURN: usize = 8;

/// A scrape as a body.
pub(super) struct Encoded {
    scrape: Scrape,
    encoder: Encoder,
    /// The part before compression.
    plain: Vec<u8>,
    /// Parts rendered in this turn.
    turn: usize,
}

enum Encoder {
    None,
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
    Ended,
}

impl Encoded {
    pub(super) fn new(scrape: Scrape, encoding: Encoding) -> Self {
        let encoder = match encoding {
            Encoding::Identity => Encoder::None,
            Encoding::Gzip => {
                Encoder::Gzip(Box::new(GzEncoder::new(Vec::new(), flate2::Compression::fast())))
            }
            // only an impossible level or want of memory can fail
            Encoding::Zstd => zstd::stream::write::Encoder::new(Vec::new(), 1)
                .map_or(Encoder::None, |encoder| Encoder::Zstd(Box::new(encoder))),
        };
        Self { scrape, encoder, plain: Vec::new(), turn: 0 }
    }

    /// The next part; empty when nothing is left.
    fn part(&mut self) -> Vec<u8> {
        if matches!(self.encoder, Encoder::None) {
            self.turn += 1;
            let mut out = Vec::with_capacity(PART + PART / 8);
            self.scrape.fill(&mut out);
            return out;
        }
        for _ in 0..PARTS {
            self.turn += 1;
            self.plain.clear();
            let more = self.scrape.fill(&mut self.plain);
            self.encoder.push(&self.plain);
            if !more {
                return self.encoder.finish();
            }
        }
        self.encoder.take()
    }
}

impl Encoder {
    // writing to a vector does not fail
    fn push(&mut self, plain: &[u8]) {
        let _ = match self {
            Self::Gzip(encoder) => encoder.write_all(plain),
            Self::Zstd(encoder) => encoder.write_all(plain),
            Self::None | Self::Ended => Ok(()),
        };
    }

    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Self::Zstd(encoder) => std::mem::take(encoder.get_mut()),
            Self::None | Self::Ended => Vec::new(),
        }
    }

    fn finish(&mut self) -> Vec<u8> {
        match std::mem::replace(self, Self::Ended) {
            Self::Gzip(encoder) => encoder.finish().unwrap_or_default(),
            Self::Zstd(encoder) => encoder.finish().unwrap_or_default(),
            Self::None | Self::Ended => Vec::new(),
        }
    }
}

impl http_body::Body for Encoded {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.turn >= TURN {
            self.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let ended = matches!(self.encoder, Encoder::Ended);
            let part = if ended { Vec::new() } else { self.part() };
            let last = matches!(self.encoder, Encoder::None | Encoder::Ended);
            if !part.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(part)))));
            }
            if last {
                return Poll::Ready(None);
            }
        }
    }
}
