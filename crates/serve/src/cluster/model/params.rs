//! Parameters of metric routes: `start`, `end`, `labels`; `bucket` and the list of aggregations of the historical ones.

use plimsoll_core::cluster::history::Aggregation;
use plimsoll_core::time::{GO_ZERO, Timestamp};

use crate::go;
use crate::query::Query;

/// When, and which labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Absent when it is not given, or is Go's zero time.
    pub start: Option<Timestamp>,
    /// Now, when it is not given.
    pub end: Timestamp,
    /// Absent for plain metrics. Of a name that is there twice the last counts.
    pub labels: Option<Vec<(String, String)>>,
}

impl Params {
    /// Reads a query.
    ///
    /// # Errors
    /// A sentence for the client: 400.
    pub fn parse(query: Query<'_>, now: Timestamp) -> Result<Self, String> {
        let start = query.given("start").map(|text| time("start", &text)).transpose()?.flatten();
        let end = query.given("end").map(|text| time("end", &text)).transpose()?;
        // Go's zero time is before everything
        let end = end.map_or(now, |end| end.unwrap_or(Timestamp(i64::MIN)));
        let labels = query.given("labels").map(|text| labels(&text)).transpose()?;
        Ok(Self { start, end, labels })
    }
}

/// An instant. Absent for Go's zero time; what cannot be told in nanoseconds is the first or last that can.
fn time(name: &str, text: &str) -> Result<Option<Timestamp>, String> {
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        format!(
            "timestamp argument cannot be parsed: {name}={}, expected RFC 3339 such as 2016-09-14T10:02:00Z \
             (the + of an offset as %2B)",
            go::quote(text)
        )
    })?;
    if GO_ZERO.parse::<jiff::Timestamp>().is_ok_and(|zero| zero == at) {
        return Ok(None);
    }
    let nanos = at.as_nanosecond();
    Ok(Some(Timestamp(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))))
}

fn labels(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for pair in text.split(',') {
        let (key, value) =
            pair.split_once(':')
                .filter(|(key, value)| !key.is_empty() && !value.is_empty())
                .ok_or_else(|| format!("invalid label pair {}, expected name:value", go::quote(pair)))?;
        match labels.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => value.clone_into(old),
            None => labels.push((key.to_owned(), value.to_owned())),
        }
    }
    Ok(labels)
}

/// A bucket's length in nanoseconds: `5ms`, `10s`, `15m`, `20h`, `25d`; 0 for one bucket over all.
///
/// # Errors
/// A sentence for the client: 400.
pub fn bucket(query: Query<'_>) -> Result<i64, String> {
    let Some(text) = query.given("bucket") else { return Ok(0) };
    let wrong = |why: &str| {
        format!(
            "unable to parse bucket size: {} {why}; expected a whole number with ms, s, m, h or d",
            go::quote(&text)
        )
    };
    let end =
        text.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| wrong("has no known duration suffix"))?;
    let (number, unit) = text.split_at(end);
    let nanos: i64 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return Err(wrong("has no known duration suffix")),
    };
    if number.is_empty() {
        return Err(wrong("has no number"));
    }
    let number: Option<i64> = number.parse().ok();
    number.and_then(|number| number.checked_mul(nanos)).ok_or_else(|| wrong("is longer than 292 years"))
}

/// `average,max,95-perc`.
///
/// # Errors
/// A sentence for the client: 400.
pub fn aggregations(text: &str) -> Result<Vec<Aggregation>, String> {
    let mut all = Vec::new();
    for word in text.split(',') {
        let aggregation = match word {
            "average" => Aggregation::Average,
            "max" => Aggregation::Maximum,
            "min" => Aggregation::Minimum,
            "median" => Aggregation::Median,
            "count" => Aggregation::Count,
            "50-perc" => Aggregation::Percentile(50),
            "95-perc" => Aggregation::Percentile(95),
            "99-perc" => Aggregation::Percentile(99),
            _ => {
                return Err(format!(
                    "Unknown aggregation {}, expected average, max, min, median, count, 50-perc, 95-perc or 99-perc",
                    go::quote(word)
                ));
            }
        };
        if !all.contains(&aggregation) {
            all.push(aggregation);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(5);

    fn parse(query: &str) -> Result<Params, String> {
        Params::parse(Query::new(Some(query)), NOW)
    }

    #[test]
    fn times_are_read() {
        let f = |query, start: Option<i64>, end: i64| {
            let params = parse(query).unwrap();
            assert_eq!((params.start.map(Timestamp::nanos), params.end.nanos()), (start, end), "{query}");
        };
        f("", None, 5);
        f("start=&end=", None, 5);
        f("start=1970-01-01T00:00:01Z", Some(1_000_000_000), 5);
        f("end=1970-01-01T01:00:00.5%2B01:00", None, 500_000_000);
        f("start=0001-01-01T00:00:00Z", None, 5);
        f("start=0001-01-01T00:00:01Z&end=9999-01-01T00:00:00Z", Some(i64::MIN), i64::MAX);
        f("end=0001-01-01T00:00:00Z", None, i64::MIN);
        f("start=1970-01-01T00:00:01Z&start=x", Some(1_000_000_000), 5);
    }

    #[test]
    fn what_is_no_time_is_told() {
        let long = "1".repeat(5000);
        for text in ["x", "1474000000", "2016-09-14", "2016-09-14T10:00:00+02:00", &long] {
            for name in ["start", "end"] {
                let error = parse(&format!("{name}={text}")).unwrap_err();
                assert!(error.starts_with("timestamp argument cannot be parsed: "), "{error}");
            }
        }
    }

    #[test]
    fn labels_are_read() {
        let f = |text: &str, want: &[(&str, &str)]| {
            let owned = want.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(parse(&format!("labels={text}")).unwrap().labels, Some::<Vec<_>>(owned), "{text}");
        };
        f("k1:v1,k2:v2.1:v2.2", &[("k1", "v1"), ("k2", "v2.1:v2.2")]);
        f("resource_id:/", &[("resource_id", "/")]);
        f("k:1,k:2", &[("k", "2")]);
        assert_eq!(parse("labels=").unwrap().labels, None);
        for text in ["k", "k:", ":v", "k:v,", ","] {
            let error = parse(&format!("labels={text}")).unwrap_err();
            assert!(error.starts_with("invalid label pair \""), "{error}");
        }
    }

    #[test]
    fn buckets_are_read() {
        let f = |text: &str| bucket(Query::new(Some(&format!("bucket={text}"))));
        assert_eq!(bucket(Query::new(None)), Ok(0));
        let second = 1_000_000_000;
        for (text, want) in [
            ("", 0),
            ("0s", 0),
            ("5ms", second / 200),
            ("10s", 10 * second),
            ("15m", 900 * second),
            ("20h", 72_000 * second),
            ("25d", 600 * 3600 * second),
        ] {
            assert_eq!(f(text), Ok(want), "{text}");
        }
        for text in ["1", "1g", "10gs", "abch", "-1s", "1.5h", "s", "99999999999999999999s", "300000d"] {
            assert!(f(text).unwrap_err().starts_with("unable to parse bucket size: "), "{text}");
        }
    }

    #[test]
    fn aggregations_are_read() {
        let all = "average,max,min,median,count,50-perc,95-perc,99-perc,max";
        assert_eq!(aggregations(all).unwrap().len(), 8);
        assert_eq!(aggregations("max,average").unwrap(), [Aggregation::Maximum, Aggregation::Average]);
        for text in ["", "max,", "maximum", "98-perc"] {
            assert!(aggregations(text).unwrap_err().starts_with("Unknown aggregation \""), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_parameter_panics(query in "\\PC*", text in "[0-9]{0,22}[a-zA-Z]{0,3}") {
            let _ = (parse(&query), aggregations(&query));
            let _ = bucket(Query::new(Some(&format!("bucket={text}"))));
        }
    }
}
