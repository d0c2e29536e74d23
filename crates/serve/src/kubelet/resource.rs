//! `/metrics/resource`: CPU time, memory and swap of the node, its pods and their containers; what metrics-server
//! reads.
//!
//! Cost: some 150 bytes a line; no rates, so no past is looked at.

use http::{Response, StatusCode};
use plimsoll_core::family::{Emit, Type};
use plimsoll_core::time::Timestamp;

use super::node::{Node, Pod, created};
use super::numbers::{Sampled, sum};
use crate::body::{Body, full};
use crate::labels::pair;
use crate::past::Past;
use crate::reply;
use crate::text::{Format, Head, Lines, Seen, Stamp};

/// Prometheus text, as kubelet names it to a client that asks for nothing else.
const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// One value: labels, number, and when it was true.
struct Line {
    labels: Vec<u8>,
    value: u64,
    at: Option<Timestamp>,
}

/// A family with its lines.
struct Family {
    name: &'static str,
    help: &'static str,
    kind: Type,
    /// Whether the values are nanoseconds, which are written as seconds.
    nanos: bool,
    lines: Vec<Line>,
}

/// Takes a number from a sample.
type Number = fn(&Sampled<'_>) -> Option<u64>;

/// Answers with the text; the `first` form of the route still knew one series by its old name.
pub(super) fn answer(past: &dyn Past, first: bool) -> Response<Body> {
    let node = Node::of(&past.containers());
    let mut out = Vec::with_capacity(4096 + node.pods.len() * 1024);
    for family in families(&node, past.machine().swap_capacity, first) {
        write(family, &mut out);
    }
    reply::with_type(StatusCode::OK, TYPE, full(out))
}

fn write(mut family: Family, out: &mut Vec<u8>) {
    if family.lines.is_empty() {
        return;
    }
    out.extend_from_slice(&Head::once(family.name, family.help, family.kind, Format::Text));
    // of two pods with the same name the later comes first, and its line stays: the order among equals must hold
    family.lines.sort_by(|a, b| a.labels.cmp(&b.labels));
    family.lines.dedup_by(|later, kept| later.labels == kept.labels);
    let mut seen = Seen::default();
    for Line { labels, value, at } in &family.lines {
        let stamp = at.map_or(Stamp::NONE, |at| Stamp::at(at, Format::Text));
        let (name, block) = (family.name, labels.as_slice());
        let mut line =
            Lines { out, name, block, labels: &[], stamp: &stamp, seen: &mut seen, repeated: 0 }.begin();
        if family.nanos {
            line.float(&[], *value as f64 / 1e9);
        } else {
            line.int(&[], *value);
        }
    }
}

/// Sorted by name, as kubelet has them. `swap_capacity` is the machine's, in bytes.
fn families(node: &Node, swap_capacity: u64, first: bool) -> Vec<Family> {
    let root: Vec<(Vec<u8>, Sampled<'_>)> =
        node.root.iter().filter_map(|root| Some((Vec::new(), Sampled::of(root)?))).collect();
    let containers: Vec<(Vec<u8>, Sampled<'_>)> = node.pods.iter().flat_map(containers).collect();
    let of_root = |number: Number| lines(&root, number);
    let of_containers = |number: Number| lines(&containers, number);
    let of_pods = |number| node.pods.iter().filter_map(|pod| of_pod(pod, number)).collect();
    let started = of_containers(|sampled| created(sampled.view)?.nanos().try_into().ok());
    let seconds = |name, help, lines| Family { name, help, kind: Type::Counter, nanos: true, lines };
    let bytes = |name, help, lines| Family { name, help, kind: Type::Gauge, nanos: false, lines };
    // reading from memory cannot fail
    let error = || vec![Line { labels: Vec::new(), value: 0, at: None }];
    let mut all = vec![
        seconds(
            "container_cpu_usage_seconds_total",
            "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
            of_containers(cpu),
        ),
        bytes(
            "container_memory_working_set_bytes",
            "[STABLE] Current working set of the container in bytes",
            of_containers(working_set),
        ),
        Family {
            kind: Type::Gauge,
            ..seconds(
                "container_start_time_seconds",
                "[STABLE] Start time of the container since unix epoch in seconds",
                started.into_iter().map(|line| Line { at: None, ..line }).collect(),
            )
        },
        bytes(
            "container_swap_limit_bytes",
            "[ALPHA] Current amount of the container swap limit in bytes. Reported only on non-windows systems",
            lines(&containers, |sampled| sampled.swap_limit(swap_capacity)),
        ),
        bytes(
            "container_swap_usage_bytes",
            "[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems",
            of_containers(swap),
        ),
        seconds(
            "node_cpu_usage_seconds_total",
            "[STABLE] Cumulative cpu time consumed by the node in core-seconds",
            of_root(cpu),
        ),
        bytes(
            "node_memory_working_set_bytes",
            "[STABLE] Current working set of the node in bytes",
            of_root(working_set),
        ),
        bytes(
            "node_swap_usage_bytes",
            "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems",
            of_root(swap),
        ),
        seconds(
            "pod_cpu_usage_seconds_total",
            "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
            of_pods(cpu),
        ),
        bytes(
            "pod_memory_working_set_bytes",
            "[STABLE] Current working set of the pod in bytes",
            of_pods(working_set),
        ),
        bytes(
            "pod_swap_usage_bytes",
            "[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems",
            of_pods(swap),
        ),
        bytes(
            "resource_scrape_error",
            "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise",
            error(),
        ),
    ];
    if first {
        let help = "1 if there was an error while getting container metrics, 0 otherwise";
        all.push(bytes("scrape_error", help, error()));
    }
    all
}

fn containers(pod: &Pod) -> impl Iterator<Item = (Vec<u8>, Sampled<'_>)> {
    pod.containers.iter().filter_map(|(name, view)| {
        let mut labels = Vec::with_capacity(96);
        pair(&mut labels, "container", name);
        of(pod, &mut labels);
        Some((labels, Sampled::of(view)?))
    })
}

fn of(pod: &Pod, labels: &mut Vec<u8>) {
    pair(labels, "namespace", &pod.namespace);
    pair(labels, "pod", &pod.name);
}

fn lines(all: &[(Vec<u8>, Sampled<'_>)], number: impl Fn(&Sampled<'_>) -> Option<u64>) -> Vec<Line> {
    all.iter()
        .filter_map(|(labels, sampled)| {
            let at = Some(sampled.latest.at);
            Some(Line { labels: labels.clone(), value: number(sampled)?, at })
        })
        .collect()
}

/// The pod's group, else the sum over its containers, at the time of the newest.
fn of_pod(pod: &Pod, number: Number) -> Option<Line> {
    let mut labels = Vec::with_capacity(64);
    of(pod, &mut labels);
    if let Some(group) = pod.group.as_ref().and_then(Sampled::of) {
        return Some(Line { labels, value: number(&group)?, at: Some(group.latest.at) });
    }
    let parts: Vec<Sampled<'_>> = pod.containers.iter().filter_map(|(_, view)| Sampled::of(view)).collect();
    let value = sum(&parts.iter().collect::<Vec<_>>(), number)?;
    Some(Line { labels, value, at: parts.iter().map(|part| part.latest.at).max() })
}

fn cpu(sampled: &Sampled<'_>) -> Option<u64> {
    sampled.latest.cpu.as_ref()?.usage.total
}

fn working_set(sampled: &Sampled<'_>) -> Option<u64> {
    sampled.latest.memory.as_ref()?.working_set
}

fn swap(sampled: &Sampled<'_>) -> Option<u64> {
    sampled.latest.memory.as_ref()?.swap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_with_the_same_labels_the_first_stays() {
        let line = |name: u64, value| {
            let mut labels = Vec::new();
            pair(&mut labels, "pod", &format!("p{name:03}"));
            Line { labels, value, at: None }
        };
        // scattered, so that a sort has something to move
        let names = || (0..400).map(|n| n * 7 % 100);
        let lines =
            names().enumerate().map(|(at, name)| line(name, 1000 * (at as u64 / 100) + name)).collect();
        let mut out = Vec::new();
        write(Family { name: "x", help: "y", kind: Type::Gauge, nanos: false, lines }, &mut out);
        let text = String::from_utf8(out).unwrap();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let wanted: Vec<String> = (0..100).map(|name| format!("x{{pod=\"p{name:03}\"}} {name}")).collect();
        assert_eq!(samples, wanted);
    }
}
