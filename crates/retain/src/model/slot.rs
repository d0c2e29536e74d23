//! The past of one entity: its trails.

use std::sync::Arc;

use plimsoll_core::cluster::batch::Set;

use super::shape::Shape;
use super::trail::{View, Walk, put_record};

/// What is kept of one entity, apart from its set in the newest round.
#[derive(Default)]
pub(super) struct Slot {
    /// All its numbers.
    pub(super) short: Vec<u8>,
    /// Those that are kept for long.
    pub(super) long: Vec<u8>,
    /// The shapes of the records of `short` that have another one than the next newer, newest first.
    #[allow(clippy::box_collection, reason = "hundreds of thousands of slots have none")]
    shapes: Option<Box<Vec<Arc<Shape>>>>,
    /// The newest round that has a record.
    pub(super) round: u32,
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
        self.short.is_empty() && self.long.is_empty()
    }

    pub(super) fn shapes(&self) -> &[Arc<Shape>] {
        self.shapes.as_ref().map_or(&[], |shapes| shapes.as_slice())
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
        let (missing_short, missing_long) = (missing(&self.short), missing(&self.long));
        let ends = Ends { record: self.round, newest: round.wrapping_add(1) };
        self.round = round;

        scratch.clear();
        let same_shape = put_record(scratch, View::all(older), newer.map(View::all), missing_short);
        if !has_room(&self.short, scratch) {
            let shapes = self.shapes.as_ref().map_or(&[][..], |shapes| shapes.as_slice());
            let used = cut(&mut self.short, View::all(older), shapes, ends, keep.short);
            if let Some(shapes) = self.shapes.as_mut().filter(|shapes| shapes.len() > used) {
                shapes.truncate(used);
                shapes.shrink_to_fit();
            }
        }
        if !same_shape {
            self.shapes.get_or_insert_default().insert(0, Arc::new(Shape::of(older)));
        }
        prepend(&mut self.short, scratch);

        let of = |set| View::of(set, keep.metrics);
        if self.long.is_empty() && of(older).is_empty() {
            return;
        }
        scratch.clear();
        put_record(scratch, of(older), newer.map(of), missing_long);
        if !has_room(&self.long, scratch) {
            cut(&mut self.long, of(older), &[], ends, keep.long);
        }
        prepend(&mut self.long, scratch);
    }

    /// Forgets what is too old, of an entity that is not in the newest round, which lies so many rounds ahead of its
    /// newest record.
    pub(super) fn fade(&mut self, behind: u32, keep: Keep) {
        if behind >= keep.short {
            (self.short, self.shapes) = (Vec::new(), None);
        }
        if behind >= keep.long {
            self.long = Vec::new();
        }
    }

    /// Bytes of memory that it occupies, without itself.
    pub(super) fn bytes(&self) -> usize {
        let shapes = self.shapes.as_ref().map_or(0, |shapes| {
            size_of::<Vec<Arc<Shape>>>()
                + shapes.capacity() * size_of::<Arc<Shape>>()
                + shapes.iter().map(|shape| shape.bytes() + 2 * size_of::<usize>()).sum::<usize>()
        });
        self.short.capacity() + self.long.capacity() + shapes
    }
}

/// The rounds of a trail's newest record and of the newest batch.
#[derive(Clone, Copy)]
struct Ends {
    record: u32,
    newest: u32,
}

/// Cuts off the records that are not among so many of the newest rounds. `start` is what the trail's newest record
/// builds on. Tells how many shapes are still used.
fn cut(trail: &mut Vec<u8>, start: View<'_>, shapes: &[Arc<Shape>], ends: Ends, keep: u32) -> usize {
    let mut walk = Walk::new(trail, Some(start));
    let (mut round, mut end, mut used) = (ends.record, 0, 0);
    while ends.newest.wrapping_sub(round) < keep {
        // a trail's own records fit, so there is no error to tell
        let Ok(Some(record)) = walk.next(shapes) else { break };
        end = trail.len() - walk.left();
        used = record.shapes;
        round = round.wrapping_sub(record.missing).wrapping_sub(1);
    }
    trail.truncate(end);
    used
}

#[allow(clippy::ptr_arg, reason = "a slice has no capacity")]
fn has_room(trail: &Vec<u8>, record: &[u8]) -> bool {
    trail.capacity() - trail.len() >= record.len()
}

/// Puts a record in front. Where there is no room, an eighth more is made, so that cutting, which is done when there
/// is none, is not done each time; and much that is not needed is given back.
fn prepend(trail: &mut Vec<u8>, record: &[u8]) {
    let length = trail.len();
    if !has_room(trail, record) {
        trail.reserve_exact(record.len() + length / 8);
    }
    trail.resize(length + record.len(), 0);
    trail.copy_within(..length, record.len());
    if let Some(front) = trail.get_mut(..record.len()) {
        front.copy_from_slice(record);
    }
    if trail.capacity() > 2 * trail.len() + 64 {
        trail.shrink_to(trail.len() + trail.len() / 8);
    }
}
