//! What differs between two overviews, so that who looks on is sent that alone.

use std::sync::Arc;

use plimsoll_core::time::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Breach, Fullest, Overview, Pressure, Row, Spark, Word};
use crate::json;

/// A value that may be absent; JSON leaves it out then.
pub(crate) trait Part: PartialEq + Serialize {
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T: Part> Part for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

macro_rules! always {
    ($($type:ty),*) => { $(impl Part for $type {})* };
}
always!(u8, u64, f64, bool, [f64; 3], Word, Timestamp, Fullest, Pressure, Vec<Breach>);

impl Part for String {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// Labels: none are an object without keys.
impl Part for std::collections::BTreeMap<String, String> {}

/// What knows its fields by name.
pub(crate) trait Changing {
    /// Writes the fields that are there.
    fn all<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
    /// Writes the fields that are there and differ.
    fn changed<M: SerializeMap>(&self, before: &Self, map: &mut M) -> Result<(), M::Error>;
    /// Adds the names of those that were there and are not any more.
    fn lost(&self, before: &Self, names: &mut Vec<&'static str>);
}

/// Names the fields of a struct once for all that is done with them. With `of`, another struct's fields stand before
/// them.
macro_rules! changing {
    ($type:ident { $($field:ident),* $(,)? } $(of $inner:ident)?) => {
        impl Changing for $type {
            fn all<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $(self.$inner.all(map)?;)?
                $(if !$crate::overview::changes::Part::is_absent(&self.$field) {
                    map.serialize_entry(stringify!($field), &self.$field)?;
                })*
                Ok(())
            }

            fn changed<M: SerializeMap>(&self, before: &Self, map: &mut M) -> Result<(), M::Error> {
                $(if !Arc::ptr_eq(&self.$inner, &before.$inner) {
                    self.$inner.changed(&before.$inner, map)?;
                })?
                $(if self.$field != before.$field && !$crate::overview::changes::Part::is_absent(&self.$field) {
                    map.serialize_entry(stringify!($field), &self.$field)?;
                })*
                Ok(())
            }

            fn lost(&self, before: &Self, names: &mut Vec<&'static str>) {
                use $crate::overview::changes::Part as _;
                $(if !Arc::ptr_eq(&self.$inner, &before.$inner) {
                    self.$inner.lost(&before.$inner, names);
                })?
                $(if self.$field.is_absent() && !before.$field.is_absent() {
                    names.push(stringify!($field));
                })*
            }
        }
    };
}
pub(crate) use changing;

macro_rules! with_spark {
    ($($type:ident),*) => { $(
        impl Serialize for super::$type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                self.all(&mut map)?;
                map.serialize_entry("spark", &self.spark)?;
                map.end()
            }
        }
    )* };
}
with_spark!(Machine, Row);

/// What became of an overview: its parts are JSON already, made once for all who look on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    at: Timestamp,
    machine: Vec<u8>,
    runtimes: Option<Vec<u8>>,
    changed: Vec<(Arc<str>, Vec<u8>)>,
    gone: Vec<Arc<str>>,
    lost: Vec<(Arc<str>, Vec<&'static str>)>,
}

/// Under this name `lost` tells of the machine's fields; no cgroup is called so.
const MACHINE: &str = "";

impl Delta {
    /// From one to the next. Both are sorted by name.
    pub fn between(before: &Overview, now: &Overview) -> Self {
        let mut delta = Self { at: now.at, ..Self::default() };
        delta.machine = json::to_vec(&Difference {
            name: None,
            before: &before.machine,
            now: &now.machine,
            spark: &now.machine.spark,
        });
        let mut lost = Vec::new();
        now.machine.lost(&before.machine, &mut lost);
        if !lost.is_empty() {
            delta.lost.push((MACHINE.into(), lost));
        }
        delta.runtimes = (before.runtimes != now.runtimes).then(|| json::to_vec(&now.runtimes));
        let mut old = before.rows.iter().peekable();
        for row in &now.rows {
            while let Some(gone) = old.next_if(|old| old.name() < row.name()) {
                delta.gone.push(gone.name().into());
            }
            match old.next_if(|old| old.name() == row.name()) {
                Some(old) => delta.row(old, row),
                None => delta.changed.push((row.name().into(), json::to_vec(&Fresh(row)))),
            }
        }
        delta.gone.extend(old.map(|gone| gone.name().into()));
        delta
    }

    fn row(&mut self, before: &Row, now: &Row) {
        // its own spark apart, everything as it was: only what moves on in the spark may have to be told
        let same = Row { spark: before.spark.clone(), ..now.clone() } == *before;
        if same && now.spark.is_flat() {
            return;
        }
        let difference = Difference { name: Some(now.name()), before, now, spark: &now.spark };
        self.changed.push((now.name().into(), json::to_vec(&difference)));
        let mut lost = Vec::new();
        now.lost(before, &mut lost);
        if !lost.is_empty() {
            self.lost.push((now.name().into(), lost));
        }
    }

    /// The object that is sent; with `only`, of this container alone.
    pub fn json(&self, only: Option<&str>) -> Vec<u8> {
        let wanted = |name: &str| only.is_none_or(|only| only == name);
        let mut out = b"{\"at\":".to_vec();
        json::append(&mut out, &self.at);
        out.extend_from_slice(b",\"machine\":");
        out.extend_from_slice(&self.machine);
        if let Some(runtimes) = &self.runtimes {
            out.extend_from_slice(b",\"runtimes\":");
            out.extend_from_slice(runtimes);
        }
        out.extend_from_slice(b",\"changed\":[");
        let mut comma = false;
        for (_, row) in self.changed.iter().filter(|(name, _)| wanted(name)) {
            if std::mem::replace(&mut comma, true) {
                out.push(b',');
            }
            out.extend_from_slice(row);
        }
        out.extend_from_slice(b"],\"gone\":");
        let gone: Vec<&str> = self.gone.iter().map(|name| &**name).filter(|name| wanted(name)).collect();
        json::append(&mut out, &gone);
        out.extend_from_slice(b",\"lost\":");
        let lost = self.lost.iter().filter(|(name, _)| wanted(name) || &**name == MACHINE);
        let lost: std::collections::BTreeMap<&str, _> =
            lost.map(|(name, fields)| (&**name, fields)).collect();
        json::append(&mut out, &lost);
        out.push(b'}');
        out
    }
}

/// The fields that changed, and one number for each spark.
struct Difference<'a, T> {
    name: Option<&'a str>,
    before: &'a T,
    now: &'a T,
    spark: &'a Spark,
}

impl<T: Changing> Serialize for Difference<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = self.name {
            map.serialize_entry("name", name)?;
        }
        self.now.changed(self.before, &mut map)?;
        map.serialize_entry("spark", &self.spark.last())?;
        map.end()
    }
}

/// A row that is new: all of it, and one number for each spark.
struct Fresh<'a>(&'a Row);

impl Serialize for Fresh<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.all(&mut map)?;
        map.serialize_entry("spark", &self.0.spark.last())?;
        map.end()
    }
}
