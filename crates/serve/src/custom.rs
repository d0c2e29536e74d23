//! `custom_metrics`: what applications tell of themselves, as JSON shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::app::{AppMetrics, Poll, Series, Value};
use plimsoll_core::time::Timestamp;
use plimsoll_measure::sample::Sample;
use serde::Serialize;
use serde::ser::Serializer;

/// The application metrics of one sample: metric to values.
pub struct Custom<'a> {
    metrics: BTreeMap<&'a str, Vec<MetricVal<'a>>>,
}

impl<'a> Custom<'a> {
    /// Those that came between this sample and the one before it in the answer; without one before, the newest
    /// before the sample. Of each collector the newest counts.
    pub fn of(app: Option<&'a AppMetrics>, before: Option<&Sample>, sample: &Sample) -> Option<Self> {
        let mut chosen: Vec<&Arc<Poll>> = Vec::new();
        for poll in app?.history.iter().rev().filter(|poll| poll.at <= sample.at) {
            if before.is_some_and(|before| poll.at <= before.at) {
                break;
            }
            if chosen.iter().all(|other| other.collector != poll.collector) {
                chosen.push(poll);
            }
        }
        let mut metrics: BTreeMap<&str, Vec<MetricVal<'_>>> = BTreeMap::new();
        for poll in chosen {
            for (series, value, timestamp) in poll.iter().filter(|(_, value, _)| is_json(*value)) {
                let value = MetricVal {
                    label: label(series, poll.named),
                    labels: series.has_labels().then_some(Labels(series)),
                    value: Basic::of(value, timestamp),
                };
                metrics.entry(&series.name).or_default().push(value);
            }
        }
        (!metrics.is_empty()).then_some(Self { metrics })
    }
}

impl Serialize for Custom<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.metrics)
    }
}

/// One value with its labels.
#[derive(Serialize)]
struct MetricVal<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Labels<'a>>,
    #[serde(flatten)]
    value: Basic,
}

struct Labels<'a>(&'a Series);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.labels())
    }
}

/// One value at its instant. Zero is written as nothing in this format.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Basic {
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    int_value: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    float_value: Option<f64>,
}

impl Basic {
    fn of(value: Value, timestamp: Timestamp) -> Self {
        let (int_value, float_value) = match value {
            Value::Int(value) => (Some(value).filter(|value| *value != 0), None),
            Value::Float(value) => (None, Some(value).filter(|value| *value != 0.0)),
        };
        Self { timestamp, int_value, float_value }
    }
}

/// What JSON has no word for is left out.
fn is_json(value: Value) -> bool {
    matches!(value, Value::Int(_)) || matches!(value, Value::Float(value) if value.is_finite())
}

/// All labels as one text: pairs between U+FFFD, which is what a byte that is no text becomes in cAdvisor's JSON.
fn label(series: &Series, named: bool) -> String {
    let mut pairs: Vec<(&str, &str)> = series.labels().collect();
    if named {
        pairs.push(("__name__", &series.name));
        pairs.sort_by_key(|pair| pair.0);
    }
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("\u{fffd}")
}

/// Of one container metric to label to values, oldest first.
pub type ByLabel<'a> = BTreeMap<&'a str, BTreeMap<String, Vec<Basic>>>;

/// The newest `count` polls of each collector.
pub fn by_label(app: &AppMetrics, count: Option<usize>) -> ByLabel<'_> {
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    let mut polls: Vec<&Arc<Poll>> = Vec::new();
    for poll in app.history.iter().rev() {
        let of_collector = seen.entry(poll.collector).or_default();
        if count.is_none_or(|count| *of_collector < count) {
            *of_collector += 1;
            polls.push(poll);
        }
    }
    let mut all = ByLabel::new();
    for poll in polls.into_iter().rev() {
        for (series, value, timestamp) in poll.iter().filter(|(_, value, _)| is_json(*value)) {
            let of_metric = all.entry(&series.name).or_default();
            of_metric.entry(label(series, poll.named)).or_default().push(Basic::of(value, timestamp));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::application;
    use crate::json;

    fn at(secs: i64) -> Sample {
        Sample { at: Timestamp::from_secs(secs), ..Sample::default() }
    }

    fn of(before: Option<i64>, secs: i64) -> String {
        let (app, before) = (application(), before.map(at));
        let custom = Custom::of(Some(&app), before.as_ref(), &at(secs));
        custom.map_or_else(String::new, |custom| String::from_utf8(json::to_vec(&custom)).unwrap())
    }

    #[test]
    fn a_sample_has_what_came_since_the_one_before_it() {
        let first = 1_795_258_084;
        let active = |secs, value| {
            format!(r#"{{"active":[{{"timestamp":"{}","int_value":{value}}}]}}"#, Timestamp::from_secs(secs))
        };
        assert_eq!(of(None, first), active(first, 3));
        assert_eq!(of(Some(first), first), "");
        assert!(of(Some(first), first + 2).starts_with(r#"{"active":[{"timestamp":"2026-11-21T"#));
        assert!(
            of(Some(first), first + 2).contains(r#""requests_total":[{"label":"__name__=requests_total"#)
        );
        assert_eq!(of(None, first - 1), "", "what is younger than the sample is not its");
    }

    #[test]
    fn without_applications_there_is_nothing() {
        assert!(Custom::of(None, None, &at(0)).is_none());
        assert!(Custom::of(Some(&AppMetrics::default()), None, &at(0)).is_none());
    }

    #[test]
    fn labels_become_one_text_with_the_name_in_its_place() {
        let f = |labels: &mut [(&str, &str)], named, expected| {
            assert_eq!(label(&Series::new("m".into(), labels), named), expected);
        };
        f(&mut [], false, "");
        f(&mut [], true, "__name__=m");
        f(&mut [("a", "1"), ("B", "2")], true, "B=2\u{fffd}__name__=m\u{fffd}a=1");
    }

    #[test]
    fn so_many_polls_of_each_collector() {
        let app = application();
        let counts = |count| {
            let all = by_label(&app, count);
            let of = |name: &str| all[name].values().map(Vec::len).max().unwrap();
            (of("active"), of("requests_total"))
        };
        assert_eq!(counts(None), (2, 1));
        assert_eq!(counts(Some(1)), (1, 1));
        // not a number, and infinite, cannot be told
        assert!(!by_label(&app, None).contains_key("odd"));
    }
}
