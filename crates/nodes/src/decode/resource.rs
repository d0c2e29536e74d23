//! `/metrics/resource`: CPU and memory of the node and of its pods' containers, the cheapest that a kubelet tells.
//!
//! Reads: `node_cpu_usage_seconds_total`, `node_memory_working_set_bytes`, `container_cpu_usage_seconds_total`,
//! `container_memory_working_set_bytes`, `container_start_time_seconds`. Pods' own series are sums that `reduce` makes.
//! Gives: `cpu/usage`, `memory/working_set`, `uptime` where the start is told.
//!
//! Zero is what kubelets write for a container of which the runtime has no sample: it counts as absent. Where
//! metrics-server leaves a pod out because one container has no number, the others are here, and the one with what
//! there is of it.

use std::borrow::Cow;

use hashbrown::HashMap;
use plimsoll_core::cluster::batch::Set;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::time::Timestamp;

use super::{DecodeError, ENTITIES, Reading, beginning};
use crate::text::{self, Sample};

/// Namespace, pod and container.
type Whose<'a> = (Cow<'a, str>, Cow<'a, str>, Cow<'a, str>);

/// What was told of one container, or of the node.
#[derive(Clone, Copy, Default)]
struct Point {
    /// Nanoseconds, and when.
    cpu: Option<(u64, Option<Timestamp>)>,
    /// Bytes, and when.
    memory: Option<(u64, Option<Timestamp>)>,
    started: Option<Timestamp>,
}

/// Which of a point's numbers a line has.
#[derive(Clone, Copy)]
enum What {
    Cpu,
    Memory,
    Started,
}

/// Reads an answer.
///
/// # Errors
/// There is no such series in it, the kubelet says that it failed, or there are too many containers.
pub fn decode(bytes: &[u8], reading: &Reading<'_>) -> Result<Vec<Set>, DecodeError> {
    let text = String::from_utf8_lossy(bytes);
    let mut node = Point::default();
    let mut points: Vec<(Whose<'_>, Point)> = Vec::new();
    let mut places: HashMap<Whose<'_>, usize, foldhash::fast::RandomState> = HashMap::default();
    let (mut known, mut failed) = (false, None);
    for line in text::lines(&text) {
        let (what, of_node) = match line.name {
            "container_cpu_usage_seconds_total" => (What::Cpu, false),
            "container_memory_working_set_bytes" => (What::Memory, false),
            "container_start_time_seconds" => (What::Started, false),
            "node_cpu_usage_seconds_total" => (What::Cpu, true),
            "node_memory_working_set_bytes" => (What::Memory, true),
            "scrape_error" | "resource_scrape_error" => {
                let Some(sample) = line.read(|_, _| {}) else { continue };
                known = true;
                if sample.value == 1.0 {
                    failed = Some(if line.name == "scrape_error" {
                        "scrape_error"
                    } else {
                        "resource_scrape_error"
                    });
                }
                continue;
            }
            _ => continue,
        };
        let mut whose = Whose::default();
        let sample = line.read(|name, value| match name {
            "namespace" => whose.0 = value,
            "pod" => whose.1 = value,
            "container" => whose.2 = value,
            _ => {}
        });
        let Some(sample) = sample else { continue };
        known = true;
        if of_node {
            node.take(what, sample);
            continue;
        }
        if whose.0.is_empty() || whose.1.is_empty() || whose.2.is_empty() {
            continue;
        }
        let place = match places.get(&whose) {
            Some(place) => *place,
            None if points.len() >= ENTITIES => return Err(DecodeError::TooMany),
            None => {
                places.insert(whose.clone(), points.len());
                points.push((whose, Point::default()));
                points.len() - 1
            }
        };
        if let Some((_, point)) = points.get_mut(place) {
            point.take(what, sample);
        }
    }
    if !known {
        let expected = "the kubelet's resource metrics";
        return Err(DecodeError::Other { expected, got: beginning(bytes) });
    }
    let mut sets = Vec::with_capacity(points.len() + 1);
    sets.extend(node.set(|| reading.node_key(), reading));
    sets.extend(points.into_iter().filter_map(|((namespace, pod, container), point)| {
        point.set(|| reading.container_key(&namespace, &pod, &container), reading)
    }));
    match failed {
        Some(series) if sets.is_empty() => Err(DecodeError::Failed(series)),
        _ => Ok(sets),
    }
}

impl Point {
    fn take(&mut self, what: What, sample: Sample) {
        let some = |times| sample.whole(times).filter(|value| *value > 0).map(|value| (value, sample.at));
        match what {
            What::Cpu => self.cpu = some(1e9),
            What::Memory => self.memory = some(1.0),
            What::Started => self.started = sample.instant(),
        }
    }

    /// Its set, if there is a number. The sample's time is that of the CPU, of which rates are made.
    fn set(self, key: impl FnOnce() -> Key, reading: &Reading<'_>) -> Option<Set> {
        let (_, at) = self.cpu.or(self.memory)?;
        let mut set = reading.set(key(), self.started, Some(at.unwrap_or(reading.at)));
        set.values.set_known(Metric::CpuUsage, self.cpu.map(|(nanos, _)| nanos));
        set.values.set_known(Metric::MemoryWorkingSet, self.memory.map(|(bytes, _)| bytes));
        Some(set)
    }
}

#[cfg(test)]
mod tests;
