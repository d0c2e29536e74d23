//! Containers over their pod: all gauges, and the metrics of applications.
//!
//! What a pod's set has of its own is its own total, which holds the containers already, unless it is that of the
//! pod's sandbox alone ([`More::sandbox`](plimsoll_core::cluster::batch::More)): then the containers are added to it.
//! Pods that are made here have their node, which Heapster forgets, so that the node's sum has them.

use plimsoll_core::cluster::batch::{Batch, Custom, Set, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::{Kind, Metric};

/// Sums up.
pub(crate) fn sum(batch: &mut Batch) {
    let own: Vec<u64> = batch.iter().map(own).collect();
    let mut last: Option<usize> = None;
    for place in 0..batch.len() {
        let Some(set) = batch.nth(place) else { break };
        let Key::Container { namespace, pod, .. } = &set.key else { continue };
        let same = |place: &usize| {
            let key = batch.nth(*place).map(|set| &set.key);
            matches!(key, Some(Key::Pod { namespace: n, pod: p }) if n == namespace && p == pod)
        };
        let above = match last.filter(same) {
            Some(above) => above,
            None => {
                let key = Key::Pod { namespace: namespace.clone(), pod: pod.clone() };
                // mostly right before its first container
                let there = batch.place_near(&key, place.wrapping_sub(1));
                there.unwrap_or_else(|| batch.place_or_insert(&key))
            }
        };
        last = Some(above);
        let own = own.get(above).copied().unwrap_or(0);
        if let Some((container, pod)) = batch.pair(place, above) {
            add(pod, container, own);
        }
    }
}

/// The metrics to which nothing is to be added.
fn own(set: &Set) -> u64 {
    let total = matches!(set.key, Key::Pod { .. }) && !set.is_sandbox();
    if total { set.values.present() } else { 0 }
}

fn add(pod: &mut Set, container: &Set, own: u64) {
    if pod.node.is_none() {
        pod.node.clone_from(&container.node);
    }
    if pod.pod.is_none() {
        pod.pod.clone_from(&container.pod);
        pod.created = pod.created.or(container.created);
    }
    if pod.namespace.is_none() {
        pod.namespace.clone_from(&container.namespace);
    }
    for (metric, value) in container.values.iter() {
        if summed(metric) && own & 1 << metric as u32 == 0 {
            pod.values.add(metric, value);
        }
    }
    for custom in container.custom() {
        add_custom(pod, custom);
    }
}

fn summed(metric: Metric) -> bool {
    metric.row().tagged == Kind::Gauge
}

/// Adds an application's number. One that is whole in one container and a fraction in another is left as it came first.
fn add_custom(pod: &mut Set, custom: &Custom) {
    let all = &mut pod.more.get_or_insert_default().custom;
    match all.iter_mut().find(|one| one.name == custom.name) {
        None => all.push(custom.clone()),
        Some(sum) => match (&mut sum.value, custom.value) {
            (Value::Int(sum), Value::Int(value)) => *sum = sum.saturating_add(value),
            (Value::Float(sum), Value::Float(value)) => *sum += value,
            _ => tracing::debug!(name = &*custom.name, pod = %pod.key, "a metric is of two sorts"),
        },
    }
}
