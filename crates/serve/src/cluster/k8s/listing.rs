//! A list under way.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use plimsoll_core::cluster::objects::{Node, Pod};
use plimsoll_core::time::Timestamp;

use super::meters::Freshness;
use super::parts;
use super::usage::{Found, Round, Row};
use super::write::indent::Indenter;
use super::write::{Writing, json};
use crate::body::{Body, pieces};

/// A piece of a list is closed once it is this long.
const PIECE: usize = 64 * 1024;

/// Pods that are looked at together: what is read of them fits into a processor's own cache.
pub(super) const TOGETHER: usize = 64;

/// A list under way: holds the round and the objects, and no lock.
pub(super) struct Listing {
    pub(super) round: Option<Round>,
    pub(super) objects: Objects,
    pub(super) now: Timestamp,
    pub(super) freshness: Arc<Freshness>,
}

/// What is left to be told.
pub(super) enum Objects {
    Nodes(std::vec::IntoIter<Arc<Node>>),
    Pods(std::vec::IntoIter<Arc<Pod>>),
}

impl Listing {
    /// How many objects are left; some may have no numbers.
    pub(super) fn len(&self) -> usize {
        match &self.objects {
            Objects::Nodes(nodes) => nodes.len(),
            Objects::Pods(pods) => pods.len(),
        }
    }

    /// Gives all rows that are left.
    pub(super) fn every(&mut self, mut write: impl FnMut(&Row<'_>)) {
        while self.rows(|row| {
            write(row);
            true
        }) {}
    }

    /// What is left as lists of so many objects each.
    pub(super) fn split(mut self, each: usize) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let objects = match &mut self.objects {
                Objects::Nodes(nodes) => Objects::Nodes(taken(nodes, each)),
                Objects::Pods(pods) => Objects::Pods(taken(pods, each)),
            };
            let (round, freshness) = (self.round.clone(), Arc::clone(&self.freshness));
            let part = Self { round, objects, now: self.now, freshness };
            (part.len() > 0).then_some(part)
        })
    }

    /// Gives rows until `write` has enough or nothing is left; false once nothing is left.
    pub(super) fn rows(&mut self, mut write: impl FnMut(&Row<'_>) -> bool) -> bool {
        let Some(round) = &self.round else { return false };
        let mut tally = self.freshness.tally(self.now);
        let mut give = |row: Row<'_>| {
            tally.observe(row.when.at);
            write(&row)
        };
        match &mut self.objects {
            Objects::Nodes(nodes) => {
                for node in nodes {
                    if let Some(row) = round.node(&node)
                        && !give(row)
                    {
                        return true;
                    }
                }
            }
            Objects::Pods(pods) => {
                let mut found = Found::default();
                while pods.len() > 0 {
                    let several = pods.as_slice().get(..TOGETHER).unwrap_or(pods.as_slice());
                    round.pods(several, &mut found);
                    let mut each = several.iter().zip(&found.numbers);
                    let enough = each.position(|(pod, numbers)| {
                        numbers.is_some_and(|numbers| !give(Row::of_pod(pod, numbers)))
                    });
                    let given = enough.map_or(several.len(), |place| place + 1);
                    pods.by_ref().take(given).for_each(drop);
                    if enough.is_some() {
                        return true;
                    }
                }
            }
        }
        false
    }
}

fn taken<T>(all: &mut std::vec::IntoIter<T>, count: usize) -> std::vec::IntoIter<T> {
    all.take(count).collect::<Vec<_>>().into_iter()
}

/// A list as pieces of JSON.
pub(super) struct Lines {
    listing: Listing,
    writing: Writing,
    writer: json::Writer,
    indenter: Option<Indenter>,
    /// What is to come.
    next: Next,
}

#[derive(PartialEq, Eq)]
enum Next {
    Begin,
    Rows,
    Nothing,
}

impl Lines {
    pub(super) fn new(listing: Listing, writing: Writing, pretty: bool) -> Self {
        let indenter = pretty.then(Indenter::default);
        Self { listing, writing, writer: json::Writer::new(writing), indenter, next: Next::Begin }
    }

    /// What is left, as a body that begins with what came before.
    pub(super) fn after(self, first: Vec<u8>, gzip: bool) -> Body {
        if self.indenter.is_none() && self.next == Next::Rows {
            return parts::json(first, self.listing, self.writing, gzip);
        }
        // indenting goes from one end to the other
        let all = std::iter::once(Bytes::from(first)).chain(self);
        if gzip { pieces(Compressed::new(all)) } else { pieces(all) }
    }
}

impl Iterator for Lines {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.next == Next::Nothing {
            return None;
        }
        let mut out = Vec::with_capacity(PIECE + PIECE / 8);
        if self.next == Next::Begin {
            self.writer.begin(&mut out);
            self.next = Next::Rows;
        }
        let writer = &mut self.writer;
        let more = self.listing.rows(|row| {
            writer.item(&mut out, row);
            out.len() < PIECE
        });
        if !more {
            self.writer.end(&mut out);
            self.next = Next::Nothing;
        }
        if let Some(indenter) = &mut self.indenter {
            let mut indented = Vec::with_capacity(out.len() * 2);
            indenter.push(&out, &mut indented);
            out = indented;
        } else if !more {
            out.push(b'\n');
        }
        Some(out.into())
    }
}

/// Pieces, compressed.
struct Compressed<I> {
    pieces: I,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I> Compressed<I> {
    fn new(pieces: I) -> Self {
        Self { pieces, encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())) }
    }
}

impl<I: Iterator<Item = Bytes>> Iterator for Compressed<I> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let Some(piece) = self.pieces.next() else {
                // writing to memory cannot fail
                return self.encoder.take()?.finish().ok().map(Bytes::from);
            };
            let encoder = self.encoder.as_mut()?;
            encoder.write_all(&piece).ok()?;
            if encoder.get_ref().len() >= PIECE / 4 {
                return Some(std::mem::take(encoder.get_mut()).into());
            }
        }
    }
}
