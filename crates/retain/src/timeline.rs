//! The records of one thing, newest last, compressed, bounded by age.
//!
//! Records are kept in the order in which they came. That is the order of their time, unless the clock is
//! set back; then those from before stay, as long as they are within the age of the newest on either side.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem::size_of;
use std::sync::Arc;

use plimsoll_core::columns::Columnar;
use plimsoll_core::time::Timestamp;

use crate::block::{Block, MAX_RECORDS, Walk, put_record};
pub use crate::shape::Scratch;

/// The samples of one container (or of anything else that is [`Columnar`]).
pub struct Timeline<T> {
    max_age: i64,
    sealed: VecDeque<Block>,
    open: Option<Open>,
    // the columns of the newest record; as many as the open block has
    previous: Vec<u64>,
    record: PhantomData<fn() -> T>,
}

/// What a push found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Whether any number or the shape differs from the record before; true for the first one.
    pub changed: bool,
}

/// The block that still grows.
struct Open {
    shape: Arc<[u8]>,
    body: Vec<u8>,
    first: i64,
    last: i64,
    records: u8,
}

impl<T: Columnar + Default> Timeline<T> {
    /// An empty one. Records that are `max_age_nanos` or more older than the newest are dropped; with 0,
    /// none is.
    pub fn new(max_age_nanos: i64) -> Self {
        Self {
            max_age: max_age_nanos,
            sealed: VecDeque::new(),
            open: None,
            previous: Vec::new(),
            record: PhantomData,
        }
    }

    /// Adds a record, which is only read. `scratch` may serve any number of timelines.
    /// Allocates only for the compressed bytes: about once in two records when busy, in five when idle.
    pub fn push(&mut self, at: Timestamp, record: &mut T, scratch: &mut Scratch) -> Pushed {
        let at = at.nanos();
        scratch.collect(record);
        let same_shape = self.open.as_ref().is_some_and(|open| *open.shape == *scratch.shape)
            && self.previous.len() == scratch.columns.len();
        let changed = !same_shape || self.previous != scratch.columns;
        let set_back = self.open.as_ref().is_some_and(|open| at < open.last);
        let full = self.open.as_ref().is_none_or(|open| open.records == MAX_RECORDS);
        if !same_shape || set_back || full {
            let shape = match &self.open {
                Some(open) if same_shape => Arc::clone(&open.shape),
                _ => Arc::from(scratch.shape.as_slice()),
            };
            self.seal();
            self.open = Some(Open { shape, body: Vec::new(), first: at, last: at, records: 0 });
            self.previous.clear();
            self.previous.shrink_to(scratch.columns.len());
            self.previous.reserve_exact(scratch.columns.len());
            self.previous.resize(scratch.columns.len(), 0);
        }
        if let Some(open) = &mut self.open {
            open.push(at, &self.previous, scratch, changed);
        }
        self.previous.copy_from_slice(&scratch.columns);
        self.evict(set_back);
        Pushed { changed }
    }

    /// Appends a record that differs from the one before by its instant alone. False, and nothing is done, where
    /// the record itself is needed: call [`Timeline::push`].
    pub fn repeat(&mut self, at: Timestamp, scratch: &mut Scratch) -> bool {
        let at = at.nanos();
        let Some(open) = &mut self.open else { return false };
        if at < open.last || open.records == MAX_RECORDS {
            return false;
        }
        open.push(at, &self.previous, scratch, false);
        self.evict(false);
        true
    }

    /// The instant of the record that came last.
    pub fn newest(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| Timestamp(open.last))
    }

    /// How many records there are, those that are too old left out.
    pub fn len(&self) -> usize {
        let kept = self.kept();
        let wanted = |at| kept.has(at);
        let sealed: usize = self.sealed.iter().map(|block| kept.count_in(block)).sum();
        sealed + self.open.as_ref().map_or(0, |open| self.walk(open).count(wanted))
    }

    /// How many records take memory: with those that are too old and share a block with younger ones. Costs
    /// no decoding.
    pub fn held(&self) -> usize {
        let sealed: usize = self.sealed.iter().map(Block::records).sum();
        sealed + self.open.as_ref().map_or(0, |open| usize::from(open.records))
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.open.is_none()
    }

    /// Bytes of memory that it occupies, itself included.
    pub fn bytes(&self) -> usize {
        // an `Arc` keeps two counts beside its bytes
        const COUNTS: usize = 2 * size_of::<usize>();
        let mut shape: Option<&Arc<[u8]>> = None;
        let mut shapes = 0;
        for next in self.sealed.iter().map(|block| &block.shape).chain(self.open.as_ref().map(|o| &o.shape)) {
            if shape.is_none_or(|shape| !Arc::ptr_eq(shape, next)) {
                shapes += next.len() + COUNTS;
            }
            shape = Some(next);
        }
        size_of::<Self>()
            + self.previous.capacity() * size_of::<u64>()
            + self.sealed.capacity() * size_of::<Block>()
            + self.sealed.iter().map(|block| block.body.len() + COUNTS).sum::<usize>()
            + self.open.as_ref().map_or(0, |open| open.body.capacity())
            + shapes
    }

    /// The newest `count` records between `start` and `end`, both included, still compressed. This shares
    /// or copies only the blocks that are needed, so that it can be done under a lock.
    pub fn window(
        &self,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
        count: Option<usize>,
    ) -> Snapshot<T> {
        let kept = self.kept();
        let range = Range {
            low: start.map_or(kept.low, |start| start.nanos().max(kept.low)),
            high: end.map_or(kept.high, |end| end.nanos().min(kept.high)),
        };
        let count = count.unwrap_or(usize::MAX);
        let mut blocks = Vec::new();
        let mut sure = 0_usize;
        if count > 0
            && let Some(open) = self.open.as_ref().filter(|open| range.meets(open.first, open.last))
        {
            if range.has(open.first) && range.has(open.last) {
                sure += usize::from(open.records);
            }
            blocks.push(self.copy_of(open));
        }
        for block in self.sealed.iter().rev().filter(|block| range.meets(block.first, block.last)) {
            if sure >= count {
                break;
            }
            if range.has(block.first) && range.has(block.last) {
                sure += block.records();
            }
            blocks.push(block.clone());
        }
        blocks.reverse();
        Snapshot { blocks, range, count, record: PhantomData }
    }

    fn seal(&mut self) {
        if let Some(open) = self.open.take() {
            let block = self.copy_of(&open);
            // to the exact length: a thousand timelines with spare room add up
            self.sealed.reserve_exact(1);
            self.sealed.push_back(block);
        }
    }

    fn copy_of(&self, open: &Open) -> Block {
        Block {
            shape: Arc::clone(&open.shape),
            body: Arc::from(open.body.as_slice()),
            first: open.first,
            last: open.last,
            columns: self.columns(),
            records: open.records,
        }
    }

    fn walk<'a>(&self, open: &'a Open) -> Walk<'a> {
        Walk::new(&open.body, open.first, self.columns(), open.records)
    }

    fn columns(&self) -> u32 {
        u32::try_from(self.previous.len()).unwrap_or(u32::MAX)
    }

    /// Drops blocks in which nothing is to be kept. Unless the clock was set back, those stand in front.
    fn evict(&mut self, set_back: bool) {
        let kept = self.kept();
        if set_back {
            self.sealed.retain(|block| kept.meets(block.first, block.last));
        }
        while self.sealed.front().is_some_and(|block| !kept.meets(block.first, block.last)) {
            self.sealed.pop_front();
        }
    }

    /// The instants that are not too old, nor so far in the future that the clock must have been set back.
    fn kept(&self) -> Range {
        let all = Range { low: i64::MIN, high: i64::MAX };
        match &self.open {
            Some(open) if self.max_age > 0 => Range {
                low: open.last.checked_sub(self.max_age).map_or(all.low, |bound| bound.saturating_add(1)),
                high: open.last.saturating_add(self.max_age),
            },
            _ => all,
        }
    }
}

impl Open {
    fn push(&mut self, at: i64, previous: &[u64], scratch: &mut Scratch, changed: bool) {
        let nanos = at.wrapping_sub(self.last).cast_unsigned();
        scratch.record.clear();
        put_record(&mut scratch.record, nanos, previous, &scratch.columns, changed || self.records == 0);
        let room = self.body.capacity() - self.body.len();
        if room < scratch.record.len() {
            // a quarter more, where a `Vec` by itself would take as much again
            self.body.reserve_exact(scratch.record.len().max(self.body.len() / 4));
        }
        self.body.extend_from_slice(&scratch.record);
        self.last = at;
        self.records += 1;
    }
}

/// Blocks of a timeline with the question that they answer.
pub struct Snapshot<T> {
    blocks: Vec<Block>,
    range: Range,
    count: usize,
    record: PhantomData<fn() -> T>,
}

impl<T: Columnar + Default> Snapshot<T> {
    /// The records, oldest first. `set_time` writes the instant into a record that keeps one itself.
    pub fn decode(self, set_time: impl Fn(&mut T, Timestamp)) -> Vec<T> {
        let found: usize = self.blocks.iter().map(|block| self.range.count_in(block)).sum();
        let mut passed_over = found.saturating_sub(self.count);
        let mut out = Vec::with_capacity(found - passed_over);
        for block in &self.blocks {
            let wanted = |at| {
                let in_range = self.range.has(at);
                let pass_over = in_range && passed_over > 0;
                passed_over -= usize::from(pass_over);
                in_range && !pass_over
            };
            // a timeline's own blocks fit its type, so there is no error to tell
            let _ = block.each(wanted, |at, mut record| {
                set_time(&mut record, at);
                out.push(record);
            });
        }
        out
    }

    /// The blocks as they are, oldest first; they may hold some records outside the range.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

/// Instants from `low` to `high`, both included.
#[derive(Clone, Copy)]
struct Range {
    low: i64,
    high: i64,
}

impl Range {
    fn has(&self, at: i64) -> bool {
        (self.low..=self.high).contains(&at)
    }

    fn meets(&self, first: i64, last: i64) -> bool {
        self.low <= last && first <= self.high
    }

    fn count_in(&self, block: &Block) -> usize {
        match self.has(block.first) && self.has(block.last) {
            true => block.records(),
            false => block.count(|at| self.has(at)),
        }
    }
}

#[cfg(test)]
mod tests;
