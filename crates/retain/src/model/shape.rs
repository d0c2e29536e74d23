//! What the labeled and custom numbers of a set are about, apart from the numbers: it seldom changes.

use plimsoll_core::cluster::batch::{Custom, Labeled, More, Resource, Set, Value};
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Name;

/// The labeled numbers' metrics and resources, then the custom ones' names; in the order of the set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shape {
    labeled: Vec<(Metric, Resource)>,
    custom: Vec<(Name, bool)>,
}

impl Shape {
    /// That of a set.
    pub(super) fn of(set: &Set) -> Self {
        Self {
            labeled: set.labeled().iter().map(|one| (one.metric, one.resource.clone())).collect(),
            custom: set.custom().iter().map(|one| (one.name.clone(), is_float(one.value))).collect(),
        }
    }

    /// How many numbers have this shape.
    pub(super) fn len(&self) -> usize {
        self.labeled.len() + self.custom.len()
    }

    fn is_float(&self, place: usize) -> bool {
        match self.labeled.get(place) {
            Some((metric, _)) => metric.row().float,
            None => self.custom.get(place - self.labeled.len()).is_some_and(|(_, float)| *float),
        }
    }

    /// Where a labeled number stands.
    pub(super) fn labeled(&self, metric: Metric, resource: &Resource) -> Option<usize> {
        self.labeled.iter().position(|one| one.0 == metric && one.1 == *resource)
    }

    /// Where a custom number stands.
    pub(super) fn custom(&self, name: &str) -> Option<usize> {
        Some(self.labeled.len() + self.custom.iter().position(|one| *one.0 == *name)?)
    }

    /// The number at this place from its bits.
    pub(super) fn value(&self, place: usize, bits: u64) -> Value {
        if self.is_float(place) { Value::Float(f64::from_bits(bits)) } else { Value::Int(bits.cast_signed()) }
    }

    /// The custom numbers' names.
    pub(super) fn custom_names(&self) -> impl Iterator<Item = &str> {
        self.custom.iter().map(|(name, _)| &**name)
    }

    /// Bytes of memory that it occupies, itself included; names are shared and are not counted.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.labeled.capacity() * size_of::<(Metric, Resource)>()
            + self.custom.capacity() * size_of::<(Name, bool)>()
    }
}

/// Whether two sets' further numbers have one shape.
pub(super) fn same(one: Option<&More>, other: Option<&More>) -> bool {
    static NONE: More = More { labeled: Vec::new(), custom: Vec::new(), sandbox: false };
    let (one, other) = (one.unwrap_or(&NONE), other.unwrap_or(&NONE));
    let labeled = |(a, b): (&Labeled, &Labeled)| a.metric == b.metric && a.resource == b.resource;
    let custom = |(a, b): (&Custom, &Custom)| a.name == b.name && is_float(a.value) == is_float(b.value);
    one.labeled.len() == other.labeled.len()
        && one.custom.len() == other.custom.len()
        && one.labeled.iter().zip(&other.labeled).all(labeled)
        && one.custom.iter().zip(&other.custom).all(custom)
}

/// The bits of a set's further numbers, in the order of the shape.
pub(super) fn numbers(more: &More) -> impl Iterator<Item = u64> + '_ {
    let labeled = more.labeled.iter().map(|one| {
        let float = one.metric.row().float;
        match (float, one.value) {
            (true, value) => Value::Float(value.as_f64()).bits(),
            (false, Value::Float(value)) => Value::Int(value as i64).bits(),
            (false, value) => value.bits(),
        }
    });
    labeled.chain(more.custom.iter().map(|one| one.value.bits()))
}

fn is_float(value: Value) -> bool {
    matches!(value, Value::Float(_))
}
