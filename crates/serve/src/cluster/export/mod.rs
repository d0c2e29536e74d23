//! `/api/v1/metric-export`: the newest round of everything that is measured, series by series.
//!
//! Cost: written piece by piece as the client takes it; one label block and the digits a set.

pub mod schema;

use std::sync::Arc;

use http::Response;
use plimsoll_core::cluster::batch::{Batch, Set, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::labels::CONTAINER_NAME;
use plimsoll_core::cluster::metric::{Kind, Metric};
use plimsoll_core::time::{GO_ZERO, Timestamp};

use super::reply;
use crate::body::Body;
use crate::json;

/// Answers with the newest round; `null` before the first, and an empty list if `on` is false (`disable_export`).
pub fn answer(round: Option<Arc<Batch>>, on: bool) -> Response<Body> {
    if !on {
        return reply::compact::<[u8]>(&[]);
    }
    let Some(round) = round else { return reply::compact(&()) };
    let mut metrics: Vec<Metric> = schema::metrics().collect();
    // as Go writes a map
    metrics.sort_unstable_by_key(|metric| metric.name());
    let mut next = 0;
    reply::streamed(
        reply::Around::compact(),
        std::iter::from_fn(move || {
            loop {
                let set = round.iter().nth(next)?;
                next += 1;
                if is_shown(&set.key) {
                    return Some(series(set, round.at, &metrics));
                }
            }
        }),
    )
}

/// Sums are not exported, but those of pods.
fn is_shown(key: &Key) -> bool {
    match key {
        Key::Node(_) | Key::SystemContainer { .. } | Key::Pod { .. } | Key::Container { .. } => true,
        Key::Cluster | Key::Namespace(_) | Key::Workload { .. } => false,
    }
}

/// One set as JSON.
fn series(set: &Set, at: Timestamp, metrics: &[Metric]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2048);
    out.extend_from_slice(b"{\"metrics\":{");
    let mut first = true;
    for metric in metrics {
        let before = out.len();
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        json::append(&mut out, metric.name());
        out.extend_from_slice(b":[");
        let points = points(&mut out, set, at, *metric);
        out.push(b']');
        if points == 0 {
            out.truncate(before);
            first = out.last() == Some(&b'{');
        }
    }
    out.extend_from_slice(b"},\"labels\":");
    json::append(&mut out, &labels(set));
    out.push(b'}');
    out
}

/// Appends a metric's points; how many there were.
fn points(out: &mut Vec<u8>, set: &Set, at: Timestamp, metric: Metric) -> usize {
    let mut count = 0;
    let mut point = |labels: Option<Vec<(&'static str, &str)>>, value: Value| {
        // what is no number cannot be written
        if matches!(value, Value::Float(value) if !value.is_finite()) {
            return;
        }
        out.extend_from_slice(if count > 0 { b",{\"start\":" } else { b"{\"start\":" });
        count += 1;
        match (metric.row().tagged, set.started) {
            (Kind::Cumulative, Some(started)) => json::append(out, &started),
            (Kind::Cumulative, None) => json::append(out, GO_ZERO),
            (Kind::Gauge | Kind::Delta, _) => json::append(out, &at),
        }
        out.extend_from_slice(b",\"end\":");
        json::append(out, &at);
        if let Some(labels) = labels {
            out.extend_from_slice(b",\"labels\":");
            object(out, &labels);
        }
        out.extend_from_slice(b",\"value\":");
        match value {
            Value::Int(value) => json::append(out, &value),
            Value::Float(value) => json::append(out, &value),
        }
        out.push(b'}');
    };
    if metric.is_plain() {
        if let Some(value) = set.values.get(metric) {
            point(None, value);
        }
    } else {
        for labeled in set.labeled().iter().filter(|labeled| labeled.metric == metric) {
            point(Some(labeled.resource.labels().collect()), labeled.value);
        }
    }
    count
}

fn object(out: &mut Vec<u8>, pairs: &[(&str, &str)]) {
    let map: std::collections::BTreeMap<_, _> = pairs.iter().copied().collect();
    json::append(out, &map);
}

/// The labels that are exported, sorted. Nodes and pods are containers here.
fn labels(set: &Set) -> std::collections::BTreeMap<&str, &str> {
    let shown = |name: &str| schema::labels().any(|label| label.name == name);
    let mut labels: std::collections::BTreeMap<_, _> =
        set.labels().into_iter().filter(|(name, _)| shown(name)).collect();
    match set.key {
        Key::Node(_) => drop(labels.insert(CONTAINER_NAME.name, "machine")),
        Key::Pod { .. } => drop(labels.insert(CONTAINER_NAME.name, "/pod")),
        _ => {}
    }
    labels
}
