//! The past of one entity: its trails.

use std::sync::Arc;

use plimsoll_core::cluster::batch::Set;

use super::shape::Shape;
use super::trail::{View, Walk, put_record};

/// What is kept of one entity, apart from its set in the newest round.
#[derive(Default)]
pub(super) struct Slot {
    /// The trail of all its numbers, then that of those that are kept for long: hundreds of thousands of slots have
    /// few bytes of either, and one piece of memory costs less than two.
    trails: Vec<u8>,
    /// Where the second trail begins.
    long: u32,
    /// The newest round that has a record.
    pub(super) round: u32,
    /// The shapes of the records of the first trail that have another one than the next newer, newest first.
    #[allow(clippy::box_collection, reason = "hundreds of thousands of slots have none")]
    shapes: Option<Box<Vec<Arc<Shape>>>>,
}

/// What a slot's trails are to keep.
#[derive(Clone, Copy)]
pub(super) struct Keep {
    /// So many of the newest rounds of all numbers, the newest of all included.
    pub(super) short: u32,
    /// So many of those of the long list.
    pub(super) long: u32,
    /// The long list: a bit for each metric.
    pub(super) metrics: u64,
}

impl Slot {
    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.trails.is_empty()
    }

    /// The trail of all its numbers.
    pub(super) fn short(&self) -> &[u8] {
        self.trails.get(..self.middle()).unwrap_or_default()
    }

    /// The trail of the numbers that are kept for long.
    pub(super) fn long(&self) -> &[u8] {
        self.trails.get(self.middle()..).unwrap_or_default()
    }

    pub(super) fn shapes(&self) -> &[Arc<Shape>] {
        self.shapes.as_ref().map_or(&[], |shapes| shapes.as_slice())
    }

    fn middle(&self) -> usize {
        self.long as usize
    }

    /// Adds what the entity had in `round`. `newer` is what it has in the round after it, if it is in it.
    pub(super) fn push(
        &mut self,
        older: &Set,
        newer: Option<&Set>,
        round: u32,
        keep: Keep,
        scratch: &mut Vec<u8>,
    ) {
        let missing = |trail: &[u8]| {
            if trail.is_empty() { 0 } else { round.wrapping_sub(self.round).wrapping_sub(1) }
        };
        let (missing_short, missing_long) = (missing(self.short()), missing(self.long()));
        let ends = Ends { record: self.round, newest: round.wrapping_add(1) };
        self.round = round;

        scratch.clear();
        let same_shape = put_record(scratch, View::all(older), newer.map(View::all), missing_short);
        let split = scratch.len();
        let of = |set| View::of(set, keep.metrics);
        if !self.long().is_empty() || !of(older).is_empty() {
            put_record(scratch, of(older), newer.map(of), missing_long);
        }
        if !self.has_room(scratch.len()) {
            let (short, used) = worth(self.short(), View::all(older), self.shapes(), ends, keep.short);
            let (long, _) = worth(self.long(), of(older), &[], ends, keep.long);
            self.cut(short, long);
            if let Some(shapes) = self.shapes.as_mut().filter(|shapes| shapes.len() > used) {
                shapes.truncate(used);
                shapes.shrink_to_fit();
            }
        }
        if !same_shape {
            self.shapes.get_or_insert_default().insert(0, Arc::new(Shape::of(older)));
        }
        let (short, long) = scratch.split_at_checked(split).unwrap_or((scratch, &[]));
        self.prepend(short, long);
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.trails.capacity() - self.trails.len() >= bytes
    }

    /// Leaves so many bytes of each trail.
    fn cut(&mut self, short: usize, long: usize) {
        let middle = self.middle();
        self.trails.truncate(middle.saturating_add(long));
        self.trails.drain(short.min(middle)..middle);
        self.long = u32::try_from(short.min(middle)).unwrap_or(u32::MAX);
    }

    /// Puts a record in front of each trail. Where there is no room, an eighth more is made, so that cutting, which is
    /// done when there is none, is not done each time; and much that is not needed is given back.
    fn prepend(&mut self, short: &[u8], long: &[u8]) {
        let (length, middle) = (self.trails.len(), self.middle());
        let more = short.len() + long.len();
        if !self.has_room(more) {
            self.trails.reserve_exact(more + length / 8);
        }
        self.trails.resize(length + more, 0);
        self.trails.copy_within(middle..length, middle + more);
        self.trails.copy_within(..middle, short.len());
        let mut put = |start: usize, record: &[u8]| {
            if let Some(place) = self.trails.get_mut(start..start + record.len()) {
                place.copy_from_slice(record);
            }
        };
        put(0, short);
        put(short.len() + middle, long);
        self.long = u32::try_from(middle + short.len()).unwrap_or(u32::MAX);
        self.give_back();
    }

    fn give_back(&mut self) {
        let length = self.trails.len();
        if self.trails.capacity() > 2 * length + 64 {
            self.trails.shrink_to(length + length / 8);
        }
    }

    /// Forgets what is too old, of an entity that is not in the newest round, which lies so many rounds ahead of its
    /// newest record.
    pub(super) fn fade(&mut self, behind: u32, keep: Keep) {
        let (is_short_over, is_long_over) = (behind >= keep.short, behind >= keep.long);
        if is_short_over {
            self.shapes = None;
        }
        if is_short_over || is_long_over {
            let left = |is_over, trail: &[u8]| if is_over { 0 } else { trail.len() };
            self.cut(left(is_short_over, self.short()), left(is_long_over, self.long()));
            self.trails.shrink_to_fit();
        }
    }

    /// Bytes of memory that it occupies, without itself.
    pub(super) fn bytes(&self) -> usize {
        let shapes = self.shapes.as_ref().map_or(0, |shapes| {
            size_of::<Vec<Arc<Shape>>>()
                + shapes.capacity() * size_of::<Arc<Shape>>()
                + shapes.iter().map(|shape| shape.bytes() + 2 * size_of::<usize>()).sum::<usize>()
        });
        self.trails.capacity() + shapes
    }
}

/// The rounds of a trail's newest record and of the newest batch.
#[derive(Clone, Copy)]
struct Ends {
    record: u32,
    newest: u32,
}

/// So many bytes of a trail hold the records that are among so many of the newest rounds, and so many shapes are used by
/// them. `start` is what the trail's newest record builds on.
fn worth(trail: &[u8], start: View<'_>, shapes: &[Arc<Shape>], ends: Ends, keep: u32) -> (usize, usize) {
    let mut walk = Walk::new(trail, Some(start));
    let (mut round, mut end, mut used) = (ends.record, 0, 0);
    while ends.newest.wrapping_sub(round) < keep {
        // a trail's own records fit, so there is no error to tell
        let Ok(Some(record)) = walk.next(shapes) else { break };
        end = trail.len() - walk.left();
        used = record.shapes;
        round = round.wrapping_sub(record.missing).wrapping_sub(1);
    }
    (end, used)
}
