//! A row names a number everywhere: on `/metrics`, in the sinks, in `docs/metrics.md`.

use crate::kinds::Kind;
use crate::time::Timestamp;

/// What the numbers of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only grows, until it starts anew.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A family of numbers over records of type `T`.
pub struct Row<T: ?Sized> {
    /// The Prometheus name.
    pub name: &'static str,
    /// The help text: cAdvisor's own where it has the family.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: Type,
    /// Which kind of metric switches it; `None` is always on.
    pub switch: Option<Kind>,
    /// Extra label names, sorted, beside the container's own.
    pub labels: &'static [&'static str],
    /// Whether each value carries the time of its sample.
    pub timestamped: bool,
    /// Where the number comes from on v1 and on v2, for the documentation; `-` where there is none.
    pub source: Source,
    /// Gives the values of one record.
    pub values: fn(&T, &mut dyn Emit),
}

/// Where a number comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// On cgroup v1 (and the host's `/proc`).
    pub v1: &'static str,
    /// On cgroup v2.
    pub v2: &'static str,
}

impl Source {
    /// The same on both.
    pub const fn both(file: &'static str) -> Self {
        Self { v1: file, v2: file }
    }
}

/// Takes the values of a row. Label values stand in the order of the row's label names.
pub trait Emit {
    /// A whole number.
    fn int(&mut self, labels: &[&str], value: u64);
    /// A number with a fraction (or below zero).
    fn float(&mut self, labels: &[&str], value: f64);
    /// The values that follow were true at this instant, which is not that of the record: they are measured in
    /// rounds of their own.
    fn at(&mut self, _at: Timestamp) {}
}

impl dyn Emit + '_ {
    /// A whole number, if it is there.
    pub fn maybe(&mut self, value: Option<u64>) {
        if let Some(value) = value {
            self.int(&[], value);
        }
    }

    /// Nanoseconds, if they are there, as seconds.
    pub fn seconds(&mut self, nanos: Option<u64>) {
        if let Some(nanos) = nanos {
            self.float(&[], nanos as f64 / 1e9);
        }
    }
}
