//! Values as JSON: Heapster's `MetricResult`.
//!
//! Whole numbers are unsigned there, so that a fraction is cut and what is negative becomes huge; `floatValue`, which
//! Heapster declares and never fills, has the number itself wherever it is a fraction.

use http::Response;
use plimsoll_core::cluster::batch::Value;
use plimsoll_core::time::{GO_ZERO, Timestamp};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::body::Body;
use crate::cluster::reply::{self, Around};

/// One entity's values, oldest first: `{"metrics":[...],"latestTimestamp":"..."}`.
pub struct Points<'a>(pub &'a [(Timestamp, Value)]);

impl Serialize for Points<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let points: Vec<Point> = self.0.iter().map(|(at, value)| Point { at: *at, value: *value }).collect();
        let mut all = serializer.serialize_struct("MetricResult", 2)?;
        all.serialize_field("metrics", &points)?;
        match self.0.iter().map(|(at, _)| at).max() {
            Some(latest) => all.serialize_field("latestTimestamp", latest)?,
            None => all.serialize_field("latestTimestamp", GO_ZERO)?,
        }
        all.end()
    }
}

/// Those of a list, in the order asked: `{"items":[...]}`. Each place is written as the client takes it, so that one who
/// is named often is in memory once.
pub fn items<T>(
    places: Vec<usize>,
    each: Vec<T>,
    json: impl Fn(&T) -> Vec<u8> + Send + 'static,
) -> Response<Body>
where
    T: Send + 'static,
{
    let (open, none) = ("{\"items\":[".to_owned(), "{\"items\":[]}\n".to_owned());
    let around = Around { open, between: ",", close: "]}\n", none, depth: None };
    reply::streamed(around, places.into_iter().filter_map(move |place| each.get(place).map(&json)))
}

struct Point {
    at: Timestamp,
    value: Value,
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut point = serializer.serialize_struct("MetricPoint", 3)?;
        point.serialize_field("timestamp", &self.at)?;
        match self.value {
            Value::Int(value) => point.serialize_field("value", &value.cast_unsigned())?,
            Value::Float(value) => {
                point.serialize_field("value", &(value as i64).cast_unsigned())?;
                // JSON has no word for what is no number
                if value.is_finite() {
                    point.serialize_field("floatValue", &value)?;
                }
            }
        }
        point.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(values: &[(Timestamp, Value)]) -> String {
        String::from_utf8(crate::json::to_vec(&Points(values))).unwrap()
    }

    #[test]
    fn values_are_whole_and_unsigned() {
        let f = |value: Value, want: &str| {
            let wanted = format!(
                "{{\"metrics\":[{{\"timestamp\":\"1970-01-01T00:00:00Z\",{want}}}],\"latestTimestamp\":\"1970-01-01T00:00:00Z\"}}"
            );
            assert_eq!(text(&[(Timestamp(0), value)]), wanted);
        };
        f(Value::Int(42), "\"value\":42");
        f(Value::Int(-1), "\"value\":18446744073709551615");
        f(Value::Float(0.87), "\"value\":0,\"floatValue\":0.87");
        f(Value::Float(-1.5), "\"value\":18446744073709551615,\"floatValue\":-1.5");
        f(Value::Float(2.0), "\"value\":2,\"floatValue\":2");
        f(Value::Float(f64::NAN), "\"value\":0");
    }

    #[test]
    fn nothing_has_no_newest() {
        assert_eq!(text(&[]), "{\"metrics\":[],\"latestTimestamp\":\"0001-01-01T00:00:00Z\"}");
    }
}
