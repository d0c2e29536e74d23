//! The recent past of a cluster: Heapster's metric sink.
//!
//! The newest round is kept whole. Of the rounds before it, all numbers are kept for a short time and some for longer,
//! compressed: each entity has two [trails](trail) that lead back from what it has now. An entity that vanished keeps
//! its trails until they are too old. Nothing too old is shown, whether or not rounds still come.

mod rounds;
mod shape;
mod slot;
mod trail;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Resource, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::time::Timestamp;

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
    // in the places of the newest round's sets
    slots: Vec<Slot>,
    gone: HashMap<Key, Slot>,
    scratch: Vec<u8>,
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
            scratch: Vec::new(),
        }
    }

    /// Takes a round, reduced. Rounds count in the order in which they come.
    pub fn push(&mut self, batch: Arc<Batch>) {
        let age = self.options.short_nanos.max(self.options.long_nanos);
        let round = self.rounds.newest();
        self.rounds.push(batch.at, age);
        let keep = self.keep();
        let mut before = std::mem::take(&mut self.slots);
        let mut slots = Vec::with_capacity(batch.len());
        if let Some(newest) = self.newest.take() {
            let mut guess = 0;
            let mut found = vec![false; newest.len()];
            for set in batch.iter() {
                let place = newest.place_near(&set.key, guess);
                guess = place.map_or(guess, |place| place + 1);
                let mut slot = match place.and_then(|place| before.get_mut(place)) {
                    Some(slot) => std::mem::take(slot),
                    None if self.gone.is_empty() => Slot::default(),
                    None => self.gone.remove(&set.key).unwrap_or_default(),
                };
                if let Some(place) = place
                    && let (Some(older), Some(found)) = (newest.nth(place), found.get_mut(place))
                {
                    *found = true;
                    slot.push(older, Some(set), round, keep, &mut self.scratch);
                }
                slots.push(slot);
            }
            let vanished = newest.iter().zip(before).zip(found).filter(|(_, found)| !found);
            for ((older, mut slot), _) in vanished {
                slot.push(older, None, round, keep, &mut self.scratch);
                self.gone.insert(older.key.clone(), slot);
            }
        } else {
            slots.resize_with(batch.len(), Slot::default);
        }
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
        (self.slots, self.newest) = (slots, Some(batch));
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
        let slots = self.slots.iter().chain(self.gone.values());
        size_of::<Self>()
            + self.slots.capacity() * size_of::<Slot>()
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

    /// Shows what is kept of an entity, the newest round first; of what is kept for long, without its shape.
    fn each(&self, key: &Key, long: bool, mut show: impl FnMut(Timestamp, &Walk<'_>, &Shape)) {
        let Some(newest) = &self.newest else { return };
        let place = newest.place_of(key);
        let set = place.and_then(|place| newest.nth(place));
        let Some(slot) = place.map_or_else(|| self.gone.get(key), |place| self.slots.get(place)) else {
            return;
        };
        let view = |set| if long { View::of(set, self.long) } else { View::all(set) };
        let trail = if long { &slot.long } else { &slot.short };
        let mut walk = Walk::new(trail, set.map(view));
        let mut shape = Arc::new(set.filter(|_| !long).map_or_else(Shape::default, Shape::of));
        if set.is_some() {
            show(newest.at, &walk, &shape);
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
