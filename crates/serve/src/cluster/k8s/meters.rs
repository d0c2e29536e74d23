//! What the collector tells of itself under metrics-server's names.
//!
//! Gives: metrics_server_api_metric_freshness_seconds, metrics_server_kubelet_last_request_time_seconds,
//!        metrics_server_kubelet_request_duration_seconds, metrics_server_kubelet_request_total,
//!        metrics_server_manager_tick_duration_seconds, metrics_server_storage_points
//! Cost:  200 bytes a node; a look at the meters of all nodes a round

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plimsoll_core::cluster::names::Name;
use plimsoll_core::time::Timestamp;

use super::usage::Points;
use crate::cluster::past::{Meter, Part};
use crate::labels::escape;
use crate::number;
use crate::text::Format;

/// Upper bounds in seconds where nothing better is known: those of Prometheus' own clients.
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How long rounds and requests took and how old answers are.
pub struct Meters {
    rounds: Mutex<Rounds>,
    pub(super) freshness: Arc<Freshness>,
}

struct Rounds {
    ticks: Histogram,
    /// Of requests.
    bounds: Arc<[f64]>,
    nodes: BTreeMap<Name, Node>,
    done: u64,
    failed: u64,
}

/// What is known of a node's requests.
#[derive(Default)]
struct Node {
    done: u64,
    failed: u64,
    seconds: f64,
    last: Option<Timestamp>,
    took: Histogram,
}

/// The age of objects when they are told: buckets of 1 s × 1.364^i.
pub(super) struct Freshness {
    bounds: [f64; 20],
    counts: [AtomicU64; 21],
    nanos: AtomicU64,
}

/// Counts by upper bound.
#[derive(Default)]
struct Histogram {
    bounds: Arc<[f64]>,
    counts: Box<[u32]>,
    sum: f64,
}

impl Histogram {
    fn new(bounds: Arc<[f64]>) -> Self {
        Self { counts: vec![0; bounds.len() + 1].into(), bounds, sum: 0.0 }
    }

    fn observe(&mut self, seconds: f64) {
        let place = self.bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
            self.sum += seconds;
        }
    }
}

/// [`BOUNDS`] with the resolution among them, and some above it, so that rounds that take too long can be told apart.
fn bounds_around(resolution: f64) -> Vec<f64> {
    let mut bounds = BOUNDS.to_vec();
    let most = BOUNDS.last().copied().unwrap_or_default();
    if resolution > most {
        bounds.extend([(most + resolution) / 2.0, resolution, resolution * 1.5, resolution * 2.0]);
    } else if resolution > 0.0 {
        bounds.extend([resolution, resolution * 1.5, resolution * 2.0]);
        bounds.sort_unstable_by(f64::total_cmp);
        bounds.dedup();
    }
    bounds
}

impl Freshness {
    fn new() -> Self {
        let bounds = std::array::from_fn(|place| 1.364_f64.powi(i32::try_from(place).unwrap_or_default()));
        Self { bounds, counts: [const { AtomicU64::new(0) }; 21], nanos: AtomicU64::new(0) }
    }

    pub(super) fn observe(&self, now: Timestamp, at: Timestamp) {
        self.tally(now).observe(at);
    }

    /// For many objects: what several threads count each in its own place is told when it is dropped.
    pub(super) fn tally(&self, now: Timestamp) -> Tally<'_> {
        Tally { of: self, now, counts: [0; 21], nanos: 0 }
    }
}

/// Ages that are not yet told.
pub(super) struct Tally<'a> {
    of: &'a Freshness,
    now: Timestamp,
    counts: [u64; 21],
    nanos: u64,
}

impl Tally<'_> {
    /// An object of this time is told.
    pub(super) fn observe(&mut self, at: Timestamp) {
        let age = u64::try_from(self.now.since(at)).unwrap_or_default();
        let seconds = age as f64 / 1e9;
        let place = self.of.bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
            self.nanos = self.nanos.wrapping_add(age);
        }
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        for (all, count) in self.of.counts.iter().zip(self.counts).filter(|(_, count)| *count > 0) {
            all.fetch_add(count, Relaxed);
        }
        self.of.nanos.fetch_add(self.nanos, Relaxed);
    }
}

impl Meters {
    /// Nothing counted yet, for rounds of this resolution.
    pub fn new(resolution: Duration) -> Self {
        let ticks = Histogram::new(bounds_around(resolution.as_secs_f64()).into());
        let rounds = Rounds { ticks, bounds: BOUNDS.into(), nodes: BTreeMap::new(), done: 0, failed: 0 };
        Self { rounds: Mutex::new(rounds), freshness: Arc::new(Freshness::new()) }
    }

    /// A round has ended: how long it took, and what the collector's parts tell now. A node that is no longer among them
    /// is forgotten.
    pub fn round(&self, took: Duration, parts: &[Meter]) {
        let mut guard = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let rounds = &mut *guard;
        rounds.ticks.observe(took.as_secs_f64());
        let mut nodes = std::mem::take(&mut rounds.nodes);
        for meter in parts {
            let Part::Source { node: name, .. } = &meter.part else { continue };
            let mut node = nodes.remove(name).unwrap_or_else(|| Node {
                took: Histogram::new(Arc::clone(&rounds.bounds)),
                ..Node::default()
            });
            // a meter that counts less than before began anew
            let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
            let (done, failed) = (since(meter.done, node.done), since(meter.failed, node.failed));
            let again = meter.seconds < node.seconds;
            let seconds = if again { meter.seconds } else { meter.seconds - node.seconds };
            rounds.done += done;
            rounds.failed += failed;
            let runs = done + failed;
            (0..runs).for_each(|_| node.took.observe(seconds / runs as f64));
            (node.done, node.failed, node.seconds) = (meter.done, meter.failed, meter.seconds);
            node.last = meter.last.or(node.last);
            rounds.nodes.insert(name.clone(), node);
        }
    }
}

/// The families as text.
struct Text<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
    name: &'static str,
}

impl Text<'_> {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        let family = match self.format {
            Format::OpenMetrics if kind == "counter" => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        self.out.extend_from_slice(format!("# HELP {family} {help}\n# TYPE {family} {kind}\n").as_bytes());
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        self.out.extend_from_slice(self.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        for (order, (name, value)) in labels.iter().enumerate() {
            self.out.push(if order == 0 { b'{' } else { b',' });
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape(self.out, value);
            self.out.push(b'"');
        }
        if !labels.is_empty() {
            self.out.push(b'}');
        }
        self.out.push(b' ');
        number::float(self.out, value);
        self.out.push(b'\n');
    }

    fn histogram(
        &mut self,
        label: Option<(&str, &str)>,
        bounds: impl Iterator<Item = f64>,
        counts: &[u64],
        sum: f64,
    ) {
        let (mut all, mut bound) = (0, Vec::new());
        let mut bounds = bounds;
        for count in counts {
            all += count;
            bound.clear();
            match bounds.next() {
                Some(value) => number::float(&mut bound, value),
                None => bound.extend_from_slice(b"+Inf"),
            }
            let bound = ("le", std::str::from_utf8(&bound).unwrap_or_default());
            match label {
                Some(label) => self.line("_bucket", &[label, bound], all as f64),
                None => self.line("_bucket", &[bound], all as f64),
            }
        }
        let label = label.as_slice();
        self.line("_sum", label, sum);
        self.line("_count", label, all as f64);
    }

    fn of(&mut self, label: Option<(&str, &str)>, histogram: &Histogram) {
        let counts: Vec<u64> = histogram.counts.iter().map(|count| u64::from(*count)).collect();
        self.histogram(label, histogram.bounds.iter().copied(), &counts, histogram.sum);
    }
}

impl Meters {
    /// Appends the families in the order of their names.
    pub(super) fn append(&self, out: &mut Vec<u8>, format: Format, points: Option<Points>) {
        let rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = Text { out, format, name: "" };
        let name = "metrics_server_api_metric_freshness_seconds";
        text.family(name, "histogram", "Age of the numbers of each object when it was told.");
        let counts = self.freshness.counts.each_ref().map(|count| count.load(Relaxed));
        let bounds = self.freshness.bounds.iter().copied();
        text.histogram(None, bounds, &counts, self.freshness.nanos.load(Relaxed) as f64 / 1e9);
        let name = "metrics_server_kubelet_last_request_time_seconds";
        text.family(name, "gauge", "When the last request to the node began, in seconds since 1970.");
        for (node, known) in &rounds.nodes {
            if let Some(last) = known.last {
                text.line("", &[("node", node)], last.secs_f64());
            }
        }
        let name = "metrics_server_kubelet_request_duration_seconds";
        text.family(name, "histogram", "Seconds of requests to nodes.");
        rounds.nodes.iter().for_each(|(node, known)| text.of(Some(("node", node)), &known.took));
        text.family(
            "metrics_server_kubelet_request_total",
            "counter",
            "Requests to nodes, by whether they succeeded.",
        );
        text.line("", &[("success", "false")], rounds.failed as f64);
        text.line("", &[("success", "true")], rounds.done as f64);
        let name = "metrics_server_manager_tick_duration_seconds";
        text.family(
            name,
            "histogram",
            "Seconds of rounds, from the first request to the numbers being kept.",
        );
        text.of(None, &rounds.ticks);
        text.family(
            "metrics_server_storage_points",
            "gauge",
            "Nodes and containers with two points, so that they have a rate.",
        );
        if let Some(points) = points {
            text.line("", &[("type", "container")], points.containers as f64);
            text.line("", &[("type", "node")], points.nodes as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(node: &str, done: u64, failed: u64, seconds: f64) -> Meter {
        let part = Part::Source { source: "kubelet".to_owned(), node: node.into() };
        let last = Some(Timestamp(1_795_258_080_500_000_000));
        Meter { done, failed, seconds, last, ..Meter::new(part) }
    }

    fn lines(meters: &Meters, start: &str) -> Vec<String> {
        let mut out = Vec::new();
        meters.append(&mut out, Format::Text, Some(Points { nodes: 2, containers: 7 }));
        let text = String::from_utf8(out).unwrap();
        text.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
    }

    #[test]
    fn bounds_have_the_resolution_and_some_around_it() {
        for resolution in [0.1, 1.0, 7.0, 10.0, 15.0, 60.0] {
            let bounds = bounds_around(resolution);
            assert!(bounds.is_sorted_by(|a, b| a < b) && bounds.contains(&resolution), "{bounds:?}");
            assert!(bounds.iter().any(|bound| *bound > resolution), "{bounds:?}");
        }
        assert_eq!(bounds_around(60.0)[11..], [35.0, 60.0, 90.0, 120.0]);
    }

    #[test]
    fn requests_are_counted_by_what_was_added() {
        let meters = Meters::new(Duration::from_secs(15));
        meters.round(Duration::from_millis(300), &[source("n1", 1, 0, 0.02), source("n2", 0, 1, 10.5)]);
        meters.round(Duration::from_secs(40), &[source("n1", 2, 0, 0.06)]);
        let f = |start, wanted: &[&str]| assert_eq!(lines(&meters, start), wanted);
        f(
            "metrics_server_kubelet_request_total",
            &[
                "metrics_server_kubelet_request_total{success=\"false\"} 1",
                "metrics_server_kubelet_request_total{success=\"true\"} 2",
            ],
        );
        f(
            "metrics_server_kubelet_last",
            &["metrics_server_kubelet_last_request_time_seconds{node=\"n1\"} 1.7952580805e+09"],
        );
        let duration = "metrics_server_kubelet_request_duration_seconds";
        let took = lines(&meters, duration);
        assert_eq!(took.len(), 14, "n2 is forgotten: {took:?}");
        for line in [
            "_bucket{node=\"n1\",le=\"0.01\"} 0",
            "_bucket{node=\"n1\",le=\"0.025\"} 1",
            "_bucket{node=\"n1\",le=\"0.05\"} 2",
            "_bucket{node=\"n1\",le=\"+Inf\"} 2",
            "_count{node=\"n1\"} 2",
        ] {
            assert!(took.contains(&format!("{duration}{line}")), "{line}: {took:?}");
        }
        let ticks = lines(&meters, "metrics_server_manager_tick_duration_seconds");
        for line in [
            "_bucket{le=\"0.5\"} 1",
            "_bucket{le=\"30\"} 1",
            "_bucket{le=\"+Inf\"} 2",
            "_sum 40.3",
            "_count 2",
        ] {
            assert!(
                ticks.contains(&format!("metrics_server_manager_tick_duration_seconds{line}")),
                "{ticks:?}"
            );
        }
        f(
            "metrics_server_storage_points",
            &[
                "metrics_server_storage_points{type=\"container\"} 7",
                "metrics_server_storage_points{type=\"node\"} 2",
            ],
        );
        // a meter that began anew
        meters.round(Duration::from_secs(1), &[source("n1", 1, 0, 0.01)]);
        assert_eq!(
            lines(&meters, "metrics_server_kubelet_request_total")[1],
            "metrics_server_kubelet_request_total{success=\"true\"} 3"
        );
    }

    #[test]
    fn ages_are_counted() {
        let meters = Meters::new(Duration::from_secs(15));
        let now = Timestamp::from_secs(1000);
        for age in [-1, 1, 2, 15, 100_000] {
            meters.freshness.observe(now, Timestamp::from_secs(1000 - age));
        }
        let ages = lines(&meters, "metrics_server_api_metric_freshness_seconds");
        assert_eq!(ages.len(), 23);
        for line in [
            "_bucket{le=\"1\"} 2",
            "_bucket{le=\"1.364\"} 2",
            "_bucket{le=\"+Inf\"} 5",
            "_sum 100018",
            "_count 5",
        ] {
            let line = format!("metrics_server_api_metric_freshness_seconds{line}");
            assert!(ages.contains(&line), "{line}: {ages:?}");
        }
    }
}
