//! What applications in containers tell of themselves: metrics that a container's labels ask to be collected.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::time::Timestamp;

/// What a metric is; an item of `custom_metrics` in a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MetricSpec {
    /// Its name.
    pub name: String,
    /// `gauge`, `cumulative`, or Prometheus' own word in capitals: `HISTOGRAM`, `SUMMARY`, `UNTYPED`.
    pub r#type: String,
    /// `int` or `float`.
    pub format: &'static str,
    /// For people; empty where nothing tells.
    pub units: String,
}

/// A value as the application told it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// Any other, and not always a number.
    Float(f64),
}

/// Name and labels of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The metric's name.
    pub name: Arc<str>,
    /// Names and values, each with [`SEPARATOR`] after it, sorted by name: one allocation however many there are.
    labels: Box<[u8]>,
}

/// A byte that no text has.
const SEPARATOR: u8 = 0xff;

impl Series {
    /// From labels in any order.
    pub fn new(name: Arc<str>, labels: &mut [(impl AsRef<str>, impl AsRef<str>)]) -> Self {
        labels.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let mut bytes = Vec::new();
        for (name, value) in labels.iter() {
            for text in [name.as_ref(), value.as_ref()] {
                bytes.extend_from_slice(text.as_bytes());
                bytes.push(SEPARATOR);
            }
        }
        Self { name, labels: bytes.into() }
    }

    /// Its labels, sorted by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut texts = self.labels.split(|byte| *byte == SEPARATOR).filter_map(|b| str::from_utf8(b).ok());
        std::iter::from_fn(move || Some((texts.next().filter(|name| !name.is_empty())?, texts.next()?)))
    }

    /// Whether there are any.
    pub fn has_labels(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Whose labels stand first, whatever the names.
    pub fn cmp_labels(&self, other: &Self) -> Ordering {
        self.labels.cmp(&other.labels)
    }
}

impl PartialOrd for Series {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Series {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, &self.labels).cmp(&(&other.name, &other.labels))
    }
}

/// One answer of an application.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    /// When it was asked.
    pub at: Timestamp,
    /// Which of the container's collectors asked.
    pub collector: usize,
    /// Whether the application speaks Prometheus: then a value's label in JSON tells the metric's name as well.
    pub named: bool,
    /// What the values are, sorted; shared with the polls before as long as it stays the same.
    pub series: Arc<[Series]>,
    /// A value for each of the series.
    pub values: Box<[Value]>,
    /// When each was true, where the application says so for any; else all were at `at`.
    pub times: Option<Box<[Timestamp]>>,
}

impl Poll {
    /// Each of the series with its value and its time.
    pub fn iter(&self) -> impl Iterator<Item = (&Series, Value, Timestamp)> {
        self.series.iter().zip(&self.values).enumerate().map(|(nth, (series, value))| {
            let told = self.times.as_ref().and_then(|times| times.get(nth));
            (series, *value, told.copied().unwrap_or(self.at))
        })
    }

    /// Bytes that it takes beside its series, roughly.
    pub fn bytes(&self) -> usize {
        let times = self.times.as_ref().map_or(0, |times| times.len() * size_of::<Timestamp>());
        size_of::<Self>() + self.values.len() * size_of::<Value>() + times
    }
}

/// All that is known of one container's application metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppMetrics {
    /// What its metrics are.
    pub specs: Specs,
    /// The last poll of each collector whose last poll went well.
    pub newest: Vec<Arc<Poll>>,
    /// The polls that are kept, oldest first.
    pub history: Vec<Arc<Poll>>,
}

/// What a container's metrics are, shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Specs(pub Option<Arc<[MetricSpec]>>);

impl Specs {
    /// None of them.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|specs| specs.is_empty())
    }

    /// Whether both are the very same.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Serialize for Specs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flat_map(|specs| specs.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_back_sorted() {
        let series = Series::new("m".into(), &mut [("le", "0.5"), ("a", ""), ("Z", "ü=,")]);
        assert_eq!(series.labels().collect::<Vec<_>>(), [("Z", "ü=,"), ("a", ""), ("le", "0.5")]);
        let none: &mut [(&str, &str)] = &mut [];
        let bare = Series::new("m".into(), none);
        assert_eq!((bare.labels().count(), bare.has_labels()), (0, false));
    }

    #[test]
    fn a_value_has_its_own_time_or_that_of_the_poll() {
        let none: &mut [(&str, &str)] = &mut [];
        let poll = Poll {
            at: Timestamp(7),
            collector: 0,
            named: false,
            series: [Series::new("m".into(), none)].into(),
            values: [Value::Int(1)].into(),
            times: None,
        };
        assert_eq!(poll.iter().map(|(_, _, at)| at).collect::<Vec<_>>(), [Timestamp(7)]);
        let told = Poll { times: Some([Timestamp(5)].into()), ..poll };
        assert_eq!(told.iter().map(|(_, _, at)| at).collect::<Vec<_>>(), [Timestamp(5)]);
    }

    proptest::proptest! {
        #[test]
        fn any_labels_come_back(labels in proptest::collection::btree_map("[a-zA-Z_]{1,4}", ".*", 0..4)) {
            let mut given: Vec<(String, String)> = labels.clone().into_iter().rev().collect();
            let series = Series::new("m".into(), &mut given);
            let back: Vec<_> = series.labels().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            proptest::prop_assert_eq!(back, labels.into_iter().collect::<Vec<_>>());
        }
    }
}
