//! What one entity had in former rounds, as few bytes, the newest round first.
//!
//! A record says in what an older round differed from the next newer one, so that the newest, which is kept whole
//! elsewhere, is where reading starts, and what is too old is cut off at the end. A record is: a byte with four flags
//! and four bits; if flagged, how many rounds are missing between it and the next older record; if flagged, which
//! metrics it had (as a difference of bits); then the numbers that differ. Up to four numbers, the four bits say which.
//! Of more, they say in which of four groups there is a difference, and each such group has its own bits before its
//! differences, which are written as in [`block`](crate::block); fractions as if their bits were whole numbers.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{More, Set, Value};
use plimsoll_core::cluster::metric::Metric;

use super::shape::{self, Shape};
use crate::bits::{Reader, put};
use crate::block::{DecodeError, put_difference, read_difference};

/// The record does not build on a newer one: the entity was not in the next round.
const WHOLE: u8 = 1;
/// Rounds are missing between the record and the next older one.
const GAP: u8 = 2;
/// It had other metrics than the newer one.
const METRICS: u8 = 4;
/// Its labeled and custom numbers are about other things than those of the newer one: they are written whole, and
/// what they are about is the next in the list of shapes.
const SHAPE: u8 = 8;

const GROUPS: usize = 4;

/// The part of a set that a trail keeps: some plain metrics, and maybe the rest.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    set: &'a Set,
    /// Which of its plain metrics.
    present: u64,
    more: Option<&'a More>,
}

impl<'a> View<'a> {
    /// Everything.
    pub(super) fn all(set: &'a Set) -> Self {
        Self { set, present: set.values.present(), more: set.more.as_deref() }
    }

    /// These metrics alone.
    pub(super) fn of(set: &'a Set, metrics: u64) -> Self {
        Self { set, present: set.values.present() & metrics, more: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.present == 0 && self.more.is_none()
    }

    fn bits(&self, metric: u32) -> u64 {
        let bit = 1_u64 << metric;
        let place = (self.set.values.present() & (bit - 1)).count_ones();
        let bits = self.set.values.bits().get(place as usize).copied();
        bits.filter(|_| self.present & bit != 0).unwrap_or(0)
    }
}

/// Appends a record of `older` to `out`. `newer` is what the entity had in the next round; `missing` tells how many
/// rounds lie between the record and the next older one. Whether the shape is kept is given back.
pub(super) fn put_record(out: &mut Vec<u8>, older: View<'_>, newer: Option<View<'_>>, missing: u32) -> bool {
    let same_shape = shape::same(older.more, newer.and_then(|newer| newer.more));
    let metrics = older.present ^ newer.map_or(0, |newer| newer.present);
    let flag = |flag, set| if set { flag } else { 0 };
    let flags = flag(WHOLE, newer.is_none())
        | flag(GAP, missing > 0)
        | flag(METRICS, metrics != 0)
        | flag(SHAPE, !same_shape);
    let start = out.len();
    out.push(flags);
    if missing > 0 {
        put(out, missing.into());
    }
    if metrics != 0 {
        put(out, metrics);
    }
    let plain = ones(older.present).map(|metric| {
        let base = newer.map_or(0, |newer| newer.bits(metric));
        (base, older.bits(metric))
    });
    let mut before =
        newer.and_then(|newer| newer.more).filter(|_| same_shape).into_iter().flat_map(shape::numbers);
    let more = older.more.into_iter().flat_map(shape::numbers);
    let more = more.map(|bits| (before.next().unwrap_or(0), bits));
    let count = older.present.count_ones() as usize + older.more.map_or(0, shape_len);
    put_numbers(out, start, count, plain.chain(more));
    same_shape
}

fn shape_len(more: &More) -> usize {
    more.labeled.len() + more.custom.len()
}

/// Appends the numbers that differ from their base; `start` is where the record's first byte stands.
fn put_numbers(out: &mut Vec<u8>, start: usize, count: usize, numbers: impl Iterator<Item = (u64, u64)>) {
    let width = group_bytes(count);
    // where the bits of the group stand that has a difference
    let mut open = None;
    for (place, (base, now)) in numbers.enumerate() {
        if base == now {
            continue;
        }
        let (group, within) =
            if width == 0 { (place, 0) } else { (place / (8 * width), place % (8 * width)) };
        set_bit(out, start, 4 + group);
        if width > 0 {
            let bits = match open {
                Some((which, bits)) if which == group => bits,
                _ => out.len(),
            };
            if bits == out.len() {
                out.resize(bits + width, 0);
            }
            open = Some((group, bits));
            set_bit(out, bits + within / 8, within % 8);
        }
        put_difference(out, base, now);
    }
}

/// Bytes of bits that each group has; none if the four bits are enough.
fn group_bytes(count: usize) -> usize {
    if count <= GROUPS { 0 } else { count.div_ceil(8 * GROUPS) }
}

fn set_bit(bytes: &mut [u8], place: usize, bit: usize) {
    if let Some(byte) = bytes.get_mut(place) {
        *byte |= 1 << bit;
    }
}

/// The places of the bits that are set.
fn ones(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros())?;
        bits &= bits - 1;
        Some(place)
    })
}

/// What a record is about, while a trail is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Rounds that are missing between it and the next older one.
    pub(super) missing: u32,
    /// How many shapes of the list have been used with it.
    pub(super) shapes: usize,
}

/// Steps through a trail, from the newest record to the oldest, with the numbers of each.
pub(super) struct Walk<'a> {
    reader: Reader<'a>,
    present: u64,
    plain: [u64; 64],
    more: Vec<u64>,
    shapes: usize,
}

impl<'a> Walk<'a> {
    /// Starts at what the entity has in the newest round, if it is in it.
    pub(super) fn new(trail: &'a [u8], newest: Option<View<'_>>) -> Self {
        let mut plain = [0; 64];
        let present = newest.map_or(0, |newest| newest.present);
        for metric in ones(present) {
            if let (Some(slot), Some(newest)) = (plain.get_mut(metric as usize), newest) {
                *slot = newest.bits(metric);
            }
        }
        let more = newest.and_then(|newest| newest.more);
        let more = more.into_iter().flat_map(shape::numbers).collect();
        Self { reader: Reader::new(trail), present, plain, more, shapes: 0 }
    }

    /// Bytes that have not been read.
    pub(super) fn left(&self) -> usize {
        self.reader.left()
    }

    /// The next older record; `shapes` are those of the records that have another one than the newer.
    pub(super) fn next(&mut self, shapes: &[Arc<Shape>]) -> Result<Option<Record>, DecodeError> {
        if self.reader.left() == 0 {
            return Ok(None);
        }
        let first = self.reader.byte()?;
        let number = |reader: &mut Reader<'a>, flag| if first & flag == 0 { Ok(0) } else { reader.number() };
        if first & WHOLE != 0 {
            (self.present, self.plain) = (0, [0; 64]);
            self.more.clear();
        }
        let missing = u32::try_from(number(&mut self.reader, GAP)?).map_err(|_| DecodeError::Overlong)?;
        let metrics = number(&mut self.reader, METRICS)?;
        for gone in ones(metrics & self.present) {
            self.set(gone, 0);
        }
        self.present ^= metrics;
        if first & SHAPE != 0 {
            let length = shapes.get(self.shapes).ok_or(DecodeError::Shape)?.len();
            self.shapes += 1;
            self.more.clear();
            self.more.resize(length, 0);
        }
        self.numbers(first >> 4)?;
        Ok(Some(Record { missing, shapes: self.shapes }))
    }

    fn numbers(&mut self, groups: u8) -> Result<(), DecodeError> {
        let count = self.present.count_ones() as usize + self.more.len();
        let width = group_bytes(count);
        for group in ones(groups.into()) {
            if width == 0 {
                self.number(group as usize)?;
                continue;
            }
            let bits = self.reader.take(width)?;
            for (byte, place) in bits.iter().zip(0_usize..) {
                for bit in ones(u64::from(*byte)) {
                    self.number((group as usize * width + place) * 8 + bit as usize)?;
                }
            }
        }
        Ok(())
    }

    fn number(&mut self, place: usize) -> Result<(), DecodeError> {
        let plain = self.present.count_ones() as usize;
        if place < plain {
            let metric = ones(self.present).nth(place).ok_or(DecodeError::Column)?;
            let base = self.plain.get(metric as usize).copied().unwrap_or(0);
            let now = read_difference(&mut self.reader, base)?;
            self.set(metric, now);
        } else {
            let slot = self.more.get_mut(place - plain).ok_or(DecodeError::Column)?;
            *slot = read_difference(&mut self.reader, *slot)?;
        }
        Ok(())
    }

    fn set(&mut self, metric: u32, bits: u64) {
        if let Some(slot) = self.plain.get_mut(metric as usize) {
            *slot = bits;
        }
    }

    /// Which plain metrics the record has.
    pub(super) fn present(&self) -> u64 {
        self.present
    }

    /// The record's value of a plain metric.
    pub(super) fn value(&self, metric: Metric) -> Option<Value> {
        let there = self.present & 1 << metric as u32 != 0;
        there.then(|| self.plain.get(metric as usize).map(|bits| Value::of_bits(metric, *bits)))?
    }

    /// The bits of the record's labeled or custom number at this place.
    pub(super) fn more(&self, place: usize) -> Option<u64> {
        self.more.get(place).copied()
    }
}
