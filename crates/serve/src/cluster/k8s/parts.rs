//! A long list in parts that are made side by side, each on a thread of its own, and sent one after the other.
//!
//! Cost: two parts a CPU (of four at most) are in memory at a time, so that none waits while the next in turn is made. A list as protobuf begins with its
//! length, so all its parts are made before the first is sent: compressed, if the client takes that.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, Stream};

use super::listing::Listing;
use super::write::{Writing, json, protobuf};
use crate::body::{Body, streamed};
use crate::gzip::{Deflated, Joined, deflated};

/// Objects of a part: of pods, about half a megabyte.
pub(super) const EACH: usize = 2048;

/// A part.
enum Part {
    Plain(Vec<u8>),
    Deflated(Deflated),
}

impl Part {
    fn of(plain: Vec<u8>, gzip: bool) -> Self {
        if gzip { Self::Deflated(deflated(&plain)) } else { Self::Plain(plain) }
    }
}

/// A list of JSON from what stands at its beginning, an object at least, and the objects that follow.
pub(super) fn json(first: Vec<u8>, rest: Listing, writing: Writing, gzip: bool) -> Body {
    let write = move |mut listing: Listing| {
        let (mut writer, mut out) = (json::Writer::following(writing), Vec::new());
        listing.every(|row| writer.item(&mut out, row));
        out
    };
    let mut last = Vec::new();
    json::Writer::following(writing).end(&mut last);
    last.push(b'\n');
    let parts = made(rest, gzip, write).map(|(part, _)| part);
    let first = stream::once(async move { Part::of(first, gzip) });
    sent(first.chain(parts).chain(stream::once(async move { Part::of(last, gzip) })), gzip)
}

/// A list as protobuf.
pub(super) fn protobuf(listing: Listing, writing: Writing, gzip: bool) -> Body {
    let write = move |mut listing: Listing| {
        let mut writer = protobuf::Writer::new(writing);
        listing.every(|row| writer.item(row));
        writer.items()
    };
    let around = move |bytes| protobuf::Writer::around(writing, bytes);
    if gzip {
        let all = stream::once(async move {
            let parts: Vec<(Part, usize)> = made(listing, true, write).collect().await;
            let (head, tail) = around(parts.iter().map(|(_, bytes)| bytes).sum());
            let parts = parts.into_iter().map(|(part, _)| part);
            let all = std::iter::once(Part::of(head, true)).chain(parts);
            stream::iter(all.chain(std::iter::once(Part::of(tail, true))))
        });
        return sent(all.flatten(), true);
    }
    let all = stream::once(async move {
        // in one place, which is given back as a whole: many parts would leave as many holes behind
        let mut items = Vec::new();
        let mut parts = std::pin::pin!(made(listing, false, write));
        while let Some((Part::Plain(bytes) | Part::Deflated(Deflated { bytes, .. }), _)) = parts.next().await
        {
            items.extend_from_slice(&bytes);
        }
        let (head, tail) = around(items.len());
        stream::iter([head, items, tail].map(Bytes::from))
    });
    streamed(all.flatten())
}

/// The parts in their order, with how long each is before it is compressed.
fn made(
    listing: Listing,
    gzip: bool,
    write: impl Fn(Listing) -> Vec<u8> + Send + Sync + 'static,
) -> impl Stream<Item = (Part, usize)> + Send {
    let at_once = 2 * std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    let write = Arc::new(write);
    let parts = stream::iter(listing.split(EACH)).map(move |listing| {
        let write = Arc::clone(&write);
        tokio::task::spawn_blocking(move || {
            let plain = write(listing);
            let bytes = plain.len();
            (Part::of(plain, gzip), bytes)
        })
    });
    // a part that cannot be made ends the list: the client sees that it is cut off
    parts
        .buffered(at_once)
        .take_while(|part| std::future::ready(part.is_ok()))
        .filter_map(|part| std::future::ready(part.ok()))
}

/// The parts as bytes.
fn sent(parts: impl Stream<Item = Part> + Send + 'static, gzip: bool) -> Body {
    if !gzip {
        return streamed(parts.map(|part| match part {
            Part::Plain(bytes) | Part::Deflated(Deflated { bytes, .. }) => Bytes::from(bytes),
        }));
    }
    let (joined, head) = Joined::begin();
    let ends = stream::once(async { None });
    let parts = parts.map(Some).chain(ends).scan(joined, |joined, part| {
        let bytes = match part {
            Some(Part::Deflated(part)) => joined.part(part),
            Some(Part::Plain(bytes)) => joined.part(deflated(&bytes)),
            None => std::mem::take(joined).end(),
        };
        std::future::ready(Some(Bytes::from(bytes)))
    });
    streamed(stream::once(async { Bytes::from(head) }).chain(parts))
}
