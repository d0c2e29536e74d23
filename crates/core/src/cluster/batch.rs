//! One round of numbers: sets by entity, kept small.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::key::Key;
use super::metric::{Kind, Metric};
use super::names::Name;
use super::objects::{Namespace, Node, Pod};
use crate::time::Timestamp;

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A whole one.
    Int(i64),
    /// A fraction.
    Float(f64),
}

impl Value {
    /// As a fraction.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// The number's bits, from which [`Value::of_bits`] makes it again; for who keeps many in few bytes.
    pub fn bits(self) -> u64 {
        match self {
            Self::Int(value) => value.cast_unsigned(),
            Self::Float(value) => value.to_bits(),
        }
    }

    /// The value of a metric from its bits.
    pub fn of_bits(metric: Metric, bits: u64) -> Self {
        if metric.row().float { Self::Float(f64::from_bits(bits)) } else { Self::Int(bits.cast_signed()) }
    }
}

/// Plain metrics and their values: a bit for each that is there, and the values in the order of the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    present: u64,
    slots: Vec<u64>,
}

impl Values {
    /// The metric's value, if there is one.
    pub fn get(&self, metric: Metric) -> Option<Value> {
        let bit = 1 << metric as u32;
        (self.present & bit != 0)
            .then(|| self.slots.get(self.place(bit)).map(|slot| Value::of_bits(metric, *slot)))?
    }

    /// The value of a metric of whole numbers.
    pub fn int(&self, metric: Metric) -> Option<i64> {
        match self.get(metric)? {
            Value::Int(value) => Some(value),
            Value::Float(_) => None,
        }
    }

    /// The value as a fraction.
    pub fn float(&self, metric: Metric) -> Option<f64> {
        self.get(metric).map(Value::as_f64)
    }

    /// Sets the metric's value. The sort of number follows the metric's row.
    pub fn set(&mut self, metric: Metric, value: Value) {
        let bits = match (metric.row().float, value) {
            (true, value) => Value::Float(value.as_f64()),
            (false, Value::Float(value)) => Value::Int(value as i64),
            (false, value) => value,
        }
        .bits();
        let bit = 1 << metric as u32;
        let place = self.place(bit);
        if self.present & bit == 0 {
            self.present |= bit;
            self.slots.insert(place.min(self.slots.len()), bits);
        } else if let Some(slot) = self.slots.get_mut(place) {
            *slot = bits;
        }
    }

    /// Sets a whole number.
    pub fn set_int(&mut self, metric: Metric, value: i64) {
        self.set(metric, Value::Int(value));
    }

    /// Sets a whole number if it is known. What is above 2^63 is a counter that wrapped below zero somewhere: it is
    /// kept bit by bit, as Heapster does.
    pub fn set_known(&mut self, metric: Metric, value: Option<u64>) {
        if let Some(value) = value {
            self.set_int(metric, value.cast_signed());
        }
    }

    /// Sets a fraction.
    pub fn set_float(&mut self, metric: Metric, value: f64) {
        self.set(metric, Value::Float(value));
    }

    /// Adds to what is there; what is not there is zero.
    pub fn add(&mut self, metric: Metric, value: Value) {
        let sum = match (self.get(metric), value) {
            (None, value) => value,
            (Some(Value::Int(old)), Value::Int(new)) => Value::Int(old.saturating_add(new)),
            (Some(old), new) => Value::Float(old.as_f64() + new.as_f64()),
        };
        self.set(metric, sum);
    }

    /// All that are there, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = (Metric, Value)> + '_ {
        let mut left = self.present;
        self.slots.iter().filter_map(move |slot| {
            let place = usize::try_from(left.trailing_zeros()).unwrap_or_default();
            left &= left.wrapping_sub(1);
            let metric = *Metric::ALL.get(place)?;
            Some((metric, Value::of_bits(metric, *slot)))
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Which there are: a bit for each metric, at its place in the list.
    pub fn present(&self) -> u64 {
        self.present
    }

    /// The bits of those that are there, in the order of the list.
    pub fn bits(&self) -> &[u64] {
        &self.slots
    }

    /// Makes room for so many more, where it is known that they come.
    pub fn reserve(&mut self, more: usize) {
        self.slots.reserve_exact(more);
    }

    /// Gives back the room that is not used; for what is kept.
    pub fn shrink(&mut self) {
        self.slots.shrink_to_fit();
    }

    fn place(&self, bit: u64) -> usize {
        usize::try_from((self.present & (bit - 1)).count_ones()).unwrap_or_default()
    }
}

/// What a labeled value is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// A filesystem, a volume, a disk: label `resource_id`.
    Id(Name),
    /// An accelerator: labels `make`, `model`, `accelerator_id`.
    Accelerator {
        /// `nvidia`.
        make: Name,
        /// `Tesla K80`.
        model: Name,
        /// Its id.
        id: Name,
    },
}

impl Resource {
    /// The labels, in the order of their names.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all: [Option<(&'static str, &str)>; 3] = match self {
            Self::Id(id) => [Some(("resource_id", id)), None, None],
            Self::Accelerator { make, model, id } => {
                [Some(("accelerator_id", id)), Some(("make", make)), Some(("model", model))]
            }
        };
        all.into_iter().flatten()
    }
}

/// A value with labels of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Labeled {
    /// Which metric of the labeled ones.
    pub metric: Metric,
    /// What it is about.
    pub resource: Resource,
    /// The number.
    pub value: Value,
}

/// A metric of an application: `custom/<name>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Custom {
    /// Its name with `custom/` before it.
    pub name: Name,
    /// How it moves.
    pub kind: Kind,
    /// The number.
    pub value: Value,
}

/// What only some sets have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct More {
    /// Labeled values, in the order in which the node told them.
    pub labeled: Vec<Labeled>,
    /// Metrics of applications.
    pub custom: Vec<Custom>,
    /// Of a pod: its plain values are those of its sandbox container alone, to which the other containers' are to be
    /// added. Otherwise what a pod has is its own total.
    pub sandbox: bool,
}

/// CPU time over the time in which it was used, as exactly as the node tells it: what `metrics.k8s.io` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuRate {
    /// Billionths of a core.
    pub nanocores: u64,
    /// The time between the two samples, in nanoseconds.
    pub window_nanos: i64,
}

/// What one round knows of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Whose.
    pub key: Key,
    /// Since when its counters run; absent in sums.
    pub started: Option<Timestamp>,
    /// When the entity was made: a pod's start, which outlives its containers' restarts.
    pub created: Option<Timestamp>,
    /// When the node took the sample; absent in sums.
    pub scraped: Option<Timestamp>,
    /// In how many rounds before this one the node gave this very sample, one after the other.
    pub again: u8,
    /// Plain metrics.
    pub values: Values,
    /// CPU by the time between samples; absent before the second sample.
    pub cpu_rate: Option<CpuRate>,
    /// Labeled and custom metrics.
    pub more: Option<Box<More>>,
    /// The node it is on.
    pub node: Option<Arc<Node>>,
    /// The pod it is or is in, as the API server knows it.
    pub pod: Option<Arc<Pod>>,
    /// The namespace it is or is in, as the API server knows it.
    pub namespace: Option<Arc<Namespace>>,
    /// The image of a container.
    pub image: Option<Name>,
}

impl Set {
    /// One about which nothing is known yet.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            started: None,
            created: None,
            scraped: None,
            again: 0,
            values: Values::default(),
            cpu_rate: None,
            more: None,
            node: None,
            pod: None,
            namespace: None,
            image: None,
        }
    }

    /// Labeled values.
    pub fn labeled(&self) -> &[Labeled] {
        self.more.as_ref().map_or(&[], |more| &more.labeled)
    }

    /// Metrics of applications.
    pub fn custom(&self) -> &[Custom] {
        self.more.as_ref().map_or(&[], |more| &more.custom)
    }

    /// Whether a pod's values are its sandbox container's alone.
    pub fn is_sandbox(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.sandbox)
    }

    /// Adds a labeled value.
    pub fn push_labeled(&mut self, metric: Metric, resource: Resource, value: Value) {
        self.more.get_or_insert_default().labeled.push(Labeled { metric, resource, value });
    }
}

/// What one round found. Sets stand in the order in which they came; a key is there once.
#[derive(Clone, Default)]
pub struct Batch {
    /// The end of the window, on the clock's multiples of the resolution.
    pub at: Timestamp,
    sets: Vec<Set>,
    index: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
}

impl Batch {
    /// An empty one.
    pub fn new(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }

    /// The set of this entity.
    pub fn get(&self, key: &Key) -> Option<&Set> {
        let place = self.place(key)?;
        self.sets.get(place)
    }

    /// The set of this entity, to be changed; its key must stay.
    pub fn get_mut(&mut self, key: &Key) -> Option<&mut Set> {
        let place = self.place(key)?;
        self.sets.get_mut(place)
    }

    /// Puts a set in; one that was there under its key is given back.
    pub fn insert(&mut self, set: Set) -> Option<Set> {
        match self.place(&set.key) {
            Some(place) => self.sets.get_mut(place).map(|old| std::mem::replace(old, set)),
            None => {
                self.push(set);
                None
            }
        }
    }

    /// The set of this entity, made if there is none.
    pub fn or_insert(&mut self, key: &Key) -> &mut Set {
        let place = match self.place(key) {
            Some(place) => place,
            None => self.push(Set::new(key.clone())),
        };
        #[allow(clippy::indexing_slicing, reason = "the place was just looked up")]
        &mut self.sets[place]
    }

    /// Where the set of this entity stands among all.
    pub fn place_of(&self, key: &Key) -> Option<usize> {
        self.place(key)
    }

    /// The same, looked for first where it is thought to be: two rounds of a node have their sets in one order.
    pub fn place_near(&self, key: &Key, guess: usize) -> Option<usize> {
        match self.sets.get(guess) {
            Some(set) if set.key == *key => Some(guess),
            _ => self.place(key),
        }
    }

    /// Where the set of this entity stands; it is made if there is none.
    pub fn place_or_insert(&mut self, key: &Key) -> usize {
        self.place(key).unwrap_or_else(|| self.push(Set::new(key.clone())))
    }

    /// The set at this place.
    pub fn nth(&self, place: usize) -> Option<&Set> {
        self.sets.get(place)
    }

    /// The set at this place, to be changed; its key must stay.
    pub fn nth_mut(&mut self, place: usize) -> Option<&mut Set> {
        self.sets.get_mut(place)
    }

    /// Two sets, the second to be changed from the first; absent if the places are one or are not there.
    pub fn pair(&mut self, from: usize, to: usize) -> Option<(&Set, &mut Set)> {
        let [from, to] = self.sets.get_disjoint_mut([from, to]).ok()?;
        Some((from, to))
    }

    /// All, in the order in which they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Set> {
        self.sets.iter()
    }

    /// All, to be changed; their keys must stay.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Set> {
        self.sets.iter_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Gives back the room that is not used; for a batch that is kept.
    pub fn shrink(&mut self) {
        self.sets.shrink_to_fit();
        for set in &mut self.sets {
            set.values.shrink();
            if let Some(more) = &mut set.more {
                more.labeled.shrink_to_fit();
                more.custom.shrink_to_fit();
            }
        }
    }

    fn place(&self, key: &Key) -> Option<usize> {
        let same = |place: &u32| self.sets.get(*place as usize).is_some_and(|set| set.key == *key);
        self.index.find(self.hash(key), same).map(|place| *place as usize)
    }

    fn push(&mut self, set: Set) -> usize {
        use std::hash::BuildHasher as _;
        let (sets, hasher) = (&self.sets, &self.hasher);
        let hash = hasher.hash_one(&set.key);
        let again = |place: &u32| sets.get(*place as usize).map_or(0, |set| hasher.hash_one(&set.key));
        let place = self.sets.len();
        match self.index.entry(hash, |_| false, again) {
            Entry::Vacant(free) => drop(free.insert(u32::try_from(place).unwrap_or(u32::MAX))),
            Entry::Occupied(_) => {}
        }
        self.sets.push(set);
        place
    }

    fn hash(&self, key: &Key) -> u64 {
        use std::hash::BuildHasher as _;
        self.hasher.hash_one(key)
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("at", &self.at).field("sets", &self.sets).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_under_their_metric() {
        let mut values = Values::default();
        values.set_int(Metric::MemoryUsage, 7);
        values.set_float(Metric::NetworkRxRate, 1.5);
        values.set_int(Metric::Uptime, 3);
        values.set_int(Metric::MemoryUsage, 8);
        values.set_known(Metric::CpuUsage, None);
        assert_eq!(values.int(Metric::MemoryUsage), Some(8));
        assert_eq!(values.get(Metric::NetworkRxRate), Some(Value::Float(1.5)));
        assert_eq!((values.get(Metric::CpuUsage), values.int(Metric::NetworkRxRate)), (None, None));
        values.add(Metric::MemoryUsage, Value::Int(2));
        values.add(Metric::CpuLimit, Value::Int(5));
        values.add(Metric::NetworkRxRate, Value::Float(1.0));
        let all: Vec<_> = values.iter().map(|(metric, value)| (metric.name(), value.as_f64())).collect();
        let wanted = [("uptime", 3.0), ("memory/usage", 10.0), ("cpu/limit", 5.0), ("network/rx_rate", 2.5)];
        assert_eq!(all, wanted);
        // a fraction where the row says whole, and the other way round
        values.set(Metric::CpuLimit, Value::Float(2.9));
        values.set(Metric::CpuNodeCapacity, Value::Int(4));
        assert_eq!(values.get(Metric::CpuLimit), Some(Value::Int(2)));
        assert_eq!(values.get(Metric::CpuNodeCapacity), Some(Value::Float(4.0)));
    }

    #[test]
    fn a_batch_finds_each_of_many_and_has_a_key_once() {
        let mut batch = Batch::new(Timestamp(60));
        let key = |i: u32| Key::Node(Name::from(i.to_string()));
        for i in 0..1000 {
            batch.or_insert(&key(i)).values.set_int(Metric::Uptime, i64::from(i));
        }
        let mut other = Set::new(key(7));
        other.values.set_int(Metric::Uptime, -7);
        assert_eq!(batch.insert(other).unwrap().values.int(Metric::Uptime), Some(7));
        assert_eq!(batch.len(), 1000);
        for i in 0..1000 {
            let wanted = if i == 7 { -7 } else { i64::from(i) };
            assert_eq!(batch.get(&key(i)).unwrap().values.int(Metric::Uptime), Some(wanted));
        }
        assert!(batch.get(&Key::Cluster).is_none());
        assert_eq!(batch.or_insert(&Key::Cluster).key, Key::Cluster);
        assert_eq!((batch.place_of(&key(7)), batch.place_or_insert(&key(8))), (Some(7), 8));
        assert_eq!([7, 3, 5000].map(|guess| batch.place_near(&key(7), guess)), [Some(7); 3]);
        assert_eq!(batch.place_near(&Key::Node("x".into()), 7), None);
        let (from, to) = batch.pair(7, 8).unwrap();
        assert_eq!((from.key.clone(), to.key.clone()), (key(7), key(8)));
        assert!(batch.pair(7, 7).is_none() && batch.pair(7, 5000).is_none());
    }

    #[test]
    fn a_set_is_small() {
        // thousands of nodes have a hundred each
        assert!(size_of::<Set>() <= 208, "{}", size_of::<Set>());
    }
}
