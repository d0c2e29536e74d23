//! Aggregated values as JSON: Heapster's `MetricAggregationResult`.

use std::collections::BTreeMap;

use plimsoll_core::cluster::batch::Value;
use plimsoll_core::cluster::history::{Aggregation, Bucket};
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// One subject's buckets: `{"buckets":[...],"bucketSize":<nanoseconds>}`.
pub(super) struct Buckets<'a> {
    pub(super) buckets: &'a [Bucket],
    /// Nanoseconds.
    pub(super) size: i64,
}

impl Serialize for Buckets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_struct("MetricAggregationResult", 2)?;
        all.serialize_field("buckets", &self.buckets.iter().map(One).collect::<Vec<_>>())?;
        all.serialize_field("bucketSize", &if self.buckets.is_empty() { 0 } else { self.size })?;
        all.end()
    }
}

struct One<'a>(&'a Bucket);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = |asked: Aggregation| {
            self.0
                .values
                .iter()
                .find(|(aggregation, _)| *aggregation == asked)
                .map(|(_, value)| Number(*value))
        };
        let mut one = serializer.serialize_struct("MetricAggregationBucket", 7)?;
        one.serialize_field("timestamp", &self.0.at)?;
        if let Some(count) = self.0.count {
            one.serialize_field("count", &count)?;
        }
        for (name, aggregation) in [
            ("average", Aggregation::Average),
            ("maximum", Aggregation::Maximum),
            ("minimum", Aggregation::Minimum),
            ("median", Aggregation::Median),
        ] {
            if let Some(value) = value(aggregation) {
                one.serialize_field(name, &value)?;
            }
        }
        let percentiles = [50, 95, 99].into_iter();
        let percentiles: BTreeMap<_, _> = percentiles
            .filter_map(|which| Some((which.to_string(), value(Aggregation::Percentile(which))?)))
            .collect();
        if !percentiles.is_empty() {
            one.serialize_field("percentiles", &percentiles)?;
        }
        one.end()
    }
}

/// `{"intValue":1}` or `{"floatValue":1.5}`; what is no number has neither.
struct Number(Value);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut number = serializer.serialize_struct("MetricValue", 1)?;
        match self.0 {
            Value::Int(value) => number.serialize_field("intValue", &value)?,
            Value::Float(value) if value.is_finite() => number.serialize_field("floatValue", &value)?,
            Value::Float(_) => {}
        }
        number.end()
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::time::Timestamp;

    use super::*;

    fn text(buckets: &[Bucket], size: i64) -> String {
        String::from_utf8(crate::json::to_vec(&Buckets { buckets, size })).unwrap()
    }

    #[test]
    fn only_what_was_asked_is_there() {
        let none = Bucket { at: Timestamp(0), count: None, values: vec![] };
        let wanted = "{\"buckets\":[{\"timestamp\":\"1970-01-01T00:00:00Z\"}],\"bucketSize\":3600}";
        assert_eq!(text(&[none], 3600), wanted);
        let all = Bucket {
            at: Timestamp(0),
            count: Some(60),
            values: vec![
                (Aggregation::Percentile(99), Value::Int(50)),
                (Aggregation::Percentile(50), Value::Float(f64::NAN)),
                (Aggregation::Median, Value::Int(-42)),
                (Aggregation::Minimum, Value::Int(30)),
                (Aggregation::Maximum, Value::Int(50)),
                (Aggregation::Average, Value::Float(41.5)),
            ],
        };
        let wanted = concat!(
            r#"{"buckets":[{"timestamp":"1970-01-01T00:00:00Z","count":60,"average":{"floatValue":41.5},"#,
            r#""maximum":{"intValue":50},"minimum":{"intValue":30},"median":{"intValue":-42},"#,
            r#""percentiles":{"50":{},"99":{"intValue":50}}}],"bucketSize":1}"#,
        );
        assert_eq!(text(&[all], 1), wanted);
        assert_eq!(text(&[], 5), "{\"buckets\":[],\"bucketSize\":0}");
    }
}
