//! The recent past of a cluster: Heapster's metric sink.
//!
//! The newest round is kept whole. Of the rounds before it, all numbers are kept for a short time and some for longer,
//! compressed: each entity has two [trails](trail) that lead back from what it has now. An entity that vanished keeps
//! its trails until they are too old. Nothing too old is shown, whether or not rounds still come.

mod entering;
mod rounds;
mod shape;
mod slot;
mod trail;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Resource, Set, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::time::Timestamp;

use entering::Entering;
use rounds::Rounds;
use shape::Shape;
use slot::{Keep, Slot};
use trail::{View, Walk};

/// What is kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// All numbers, in nanoseconds.
    pub short_nanos: i64,
    /// The numbers of the list, in nanoseconds.
    pub long_nanos: i64,
    /// The list; labeled metrics in it are passed over.
    pub long: Vec<Metric>,
}

/// Heapster's: 140 seconds of all, 15 minutes of CPU and memory in use.
impl Default for Options {
    fn default() -> Self {
        Self {
            short_nanos: 140_000_000_000,
            long_nanos: 900_000_000_000,
            long: vec![Metric::CpuUsageRate, Metric::MemoryUsage],
        }
    }
}

/// The rounds that came, for who asks about the recent past. It knows no clock: who asks says what time it is.
pub struct Model {
    options: Options,
    // the long list, a bit for each metric
    long: u64,
    newest: Option<Arc<Batch>>,
    rounds: Rounds,
    // in the places of the newest round's sets; while one is entering, of those of its sets that are in
    slots: Vec<Slot>,
    gone: HashMap<Key, Slot>,
    entering: Option<Entering>,
}

/// Which of an entity's numbers.
enum Wanted<'a> {
    Plain(Metric),
    Labeled(Metric, &'a Resource),
    Custom(&'a str),
}

impl Model {
    /// One to which no round came yet.
    pub fn new(options: Options) -> Self {
        let plain = options.long.iter().filter(|metric| metric.is_plain());
        let long = plain.fold(0, |bits, metric| bits | 1 << *metric as u32);
        Self {
            options,
            long,
            newest: None,
            rounds: Rounds::default(),
            slots: Vec::new(),
            gone: HashMap::new(),
            entering: None,
        }
    }

    /// Takes a round, reduced. Rounds count in the order in which they come.
    pub fn push(&mut self, batch: Arc<Batch>) {
        self.begin(batch);
        while self.advance(usize::MAX) {}
    }

    /// Begins to take a round, which [`Model::advance`] ends: so that who reads need not wait until a large one is in.
    /// Meanwhile each entity has either what it had before or the new round as well, and [`Model::latest`] is the one
    /// before. A round that is still being taken is taken to its end first.
    pub fn begin(&mut self, batch: Arc<Batch>) {
        while self.advance(usize::MAX) {}
        let age = self.options.short_nanos.max(self.options.long_nanos);
        let round = self.rounds.newest();
        self.rounds.push(batch.at, age);
        let (keep, before) = (self.keep(), std::mem::take(&mut self.slots));
        self.slots = Vec::with_capacity(batch.len());
        self.entering = Some(Entering::new(batch, self.newest.clone(), before, round, keep));
    }

    /// Goes on taking the round that was begun, so many sets at most; false once it is in.
    pub fn advance(&mut self, sets: usize) -> bool {
        let Some(entering) = &mut self.entering else { return false };
        let more = entering.advance(sets, &mut self.slots, &mut self.gone);
        if more {
            return true;
        }
        let keep = entering.keep;
        self.newest = self.entering.take().map(|entering| entering.batch);
        let rounds = &self.rounds;
        self.gone.retain(|_, slot| {
            slot.fade(rounds.behind(slot.round), keep);
            !slot.is_empty()
        });
        if self.gone.is_empty() {
            self.gone = HashMap::new();
        } else if self.gone.capacity() > 4 * self.gone.len() + 64 {
            self.gone.shrink_to_fit();
        }
        false
    }

    /// The newest round, however old; absent before the first.
    pub fn latest(&self) -> Option<&Arc<Batch>> {
        self.newest.as_ref()
    }

    /// A plain metric's points within both ends, oldest first.
    pub fn points(
        &self,
        key: &Key,
        metric: Metric,
        start: Timestamp,
        end: Timestamp,
        now: Timestamp,
    ) -> Vec<(Timestamp, Value)> {
        self.find(key, &Wanted::Plain(metric), start, end, now)
    }

    /// The points of an application's metric, by its name with `custom/` before it; within both ends, oldest first.
    pub fn custom(
        &self,
        key: &Key,
        name: &str,
        start: Timestamp,
        end: Timestamp,
        now: Timestamp,
    ) -> Vec<(Timestamp, Value)> {
        self.find(key, &Wanted::Custom(name), start, end, now)
    }

    /// A labeled metric's points within both ends, oldest first.
    pub fn labeled(
        &self,
        key: &Key,
        metric: Metric,
        resource: &Resource,
        start: Timestamp,
        end: Timestamp,
        now: Timestamp,
    ) -> Vec<(Timestamp, Value)> {
        self.find(key, &Wanted::Labeled(metric, resource), start, end, now)
    }

    /// The names of the plain metrics that are kept of an entity, applications' among them, in order.
    pub fn names(&self, key: &Key, now: Timestamp) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut add = |present: u64, shape: &Shape| {
            let plain = Metric::ALL.iter().filter(|metric| present & 1 << **metric as u32 != 0);
            names.extend(plain.map(|metric| metric.name().to_owned()));
            names.extend(shape.custom_names().map(str::to_owned));
        };
        let low = now.plus_nanos(self.options.short_nanos.saturating_neg());
        self.each(key, false, |at, walk, shape| {
            if at >= low {
                add(walk.present(), shape);
            }
        });
        names.into_iter().collect()
    }

    /// Bytes of memory that it occupies beyond the newest round, which is shared.
    pub fn bytes(&self) -> usize {
        let before = self.entering.as_ref().map_or(&[][..], |entering| &entering.before);
        let slots = self.slots.iter().chain(self.gone.values()).chain(before);
        size_of::<Self>()
            + (self.slots.capacity() + before.len()) * size_of::<Slot>()
            + self.gone.capacity() * (size_of::<(Key, Slot)>() + 1)
            + slots.map(Slot::bytes).sum::<usize>()
    }

    fn keep(&self) -> Keep {
        Keep {
            short: self.rounds.near(self.options.short_nanos),
            long: self.rounds.near(self.options.long_nanos),
            metrics: self.long,
        }
    }

    fn find(
        &self,
        key: &Key,
        wanted: &Wanted<'_>,
        start: Timestamp,
        end: Timestamp,
        now: Timestamp,
    ) -> Vec<(Timestamp, Value)> {
        let long = matches!(wanted, Wanted::Plain(metric) if self.long & 1 << *metric as u32 != 0);
        let age = if long { self.options.long_nanos } else { self.options.short_nanos };
        let low = start.max(now.plus_nanos(age.saturating_neg()));
        let mut points: Vec<(Timestamp, Value)> = Vec::new();
        self.each(key, long, |at, walk, shape| {
            let more =
                |place: Option<usize>| place.and_then(|place| Some(shape.value(place, walk.more(place)?)));
            let value = match wanted {
                _ if !(low..=end).contains(&at) => None,
                Wanted::Plain(metric) => walk.value(*metric),
                Wanted::Labeled(metric, resource) => more(shape.labeled(*metric, resource)),
                Wanted::Custom(name) => more(shape.custom(name)),
            };
            points.extend(value.map(|value| (at, value)));
        });
        // newest first, unless the clock was set back; of two rounds of one instant the newer counts
        points.sort_by(|(one, _), (other, _)| other.cmp(one));
        points.dedup_by_key(|(at, _)| *at);
        points.reverse();
        points
    }

    /// Where an entity stands: its set in the newest round that it has entered with that round's time, unless it
    /// vanished, and what is kept of the rounds before.
    fn stands(&self, key: &Key) -> Option<(Option<(Timestamp, &Set)>, &Slot)> {
        let newest = self.entering.as_ref().map(|entering| &entering.batch).or(self.newest.as_ref())?;
        let place = newest.place_of(key).filter(|place| *place < self.slots.len());
        if let Some(place) = place {
            return Some((Some((newest.at, newest.nth(place)?)), self.slots.get(place)?));
        }
        if let Some(waiting) = self.entering.as_ref().and_then(|entering| entering.waits(key)) {
            return Some(waiting);
        }
        self.gone.get(key).map(|slot| (None, slot))
    }

    /// Shows what is kept of an entity, the newest round first; of what is kept for long, without its shape.
    fn each(&self, key: &Key, long: bool, mut show: impl FnMut(Timestamp, &Walk<'_>, &Shape)) {
        let Some((now, slot)) = self.stands(key) else { return };
        let set = now.map(|(_, set)| set);
        let view = |set| if long { View::of(set, self.long) } else { View::all(set) };
        let trail = if long { slot.long() } else { slot.short() };
        let mut walk = Walk::new(trail, set.map(view));
        let mut shape = Arc::new(set.filter(|_| !long).map_or_else(Shape::default, Shape::of));
        if let Some((at, _)) = now {
            show(at, &walk, &shape);
        }
        let mut round = slot.round;
        let mut used = 0;
        // a trail's own records fit, so there is no error to tell
        while let Some(at) = self.rounds.at(round)
            && let Ok(Some(record)) = walk.next(slot.shapes())
        {
            if record.shapes != used {
                used = record.shapes;
                shape = slot.shapes().get(used - 1).cloned().unwrap_or_default();
            }
            show(at, &walk, &shape);
            round = round.wrapping_sub(record.missing).wrapping_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
