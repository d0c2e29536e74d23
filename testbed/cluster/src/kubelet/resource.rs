//! `/metrics/resource`.

use crate::node::{ContainerSeen, PodSeen, Seen};
use crate::object::Container;
use crate::text::{Float, Put, float, put};

/// A sample's instant behind its number; nothing where the clock tells none.
pub(super) struct Stamp(pub(super) i64);

impl Put for Stamp {
    fn put(&self, out: &mut Vec<u8>) {
        if self.0 != 0 {
            put!(out; " ", self.0);
        }
    }
}

/// The text.
pub(crate) fn render(seen: &Seen) -> Vec<u8> {
    let mut containers: Vec<(&Container, &PodSeen, &ContainerSeen)> = Vec::new();
    for pod in &seen.pods {
        if let Some((_, each)) = pod.parts() {
            containers.extend(each.map(|(what, one)| (what, pod, one)));
        }
    }
    // as labels stand in their names' order; the pods are in theirs already
    containers.sort_by_key(|(what, ..)| what.name);
    let mut out = Vec::with_capacity(containers.len() * 500 + seen.pods.len() * 250 + 2000);
    let out_ = &mut out;
    let each = |out: &mut Vec<u8>, name: &str, number: &dyn Fn(&ContainerSeen) -> (Float, i64)| {
        for (what, pod, one) in &containers {
            let (value, at) = number(one);
            put!(out; name, "{container=\"", what.name, "\",namespace=\"", *pod.object.namespace, "\",pod=\"",
                *pod.object.name, "\"} ", value, Stamp(at), "\n");
        }
    };
    let each_pod = |out: &mut Vec<u8>, name: &str, number: &dyn Fn(&PodSeen) -> Float| {
        for pod in &seen.pods {
            put!(out; name, "{namespace=\"", *pod.object.namespace, "\",pod=\"", *pod.object.name, "\"} ", number(pod),
                Stamp(pod.at), "\n");
        }
    };

    head(
        out_,
        "container_cpu_usage_seconds_total",
        "Cumulative cpu time consumed by the container in core-seconds",
        "counter",
    );
    each(out_, "container_cpu_usage_seconds_total", &|one| (seconds(one.cpu), one.at));
    head(
        out_,
        "container_memory_working_set_bytes",
        "Current working set of the container in bytes",
        "gauge",
    );
    each(out_, "container_memory_working_set_bytes", &|one| (float(one.memory.working_set), one.at));
    head(
        out_,
        "container_start_time_seconds",
        "Start time of the container since unix epoch in seconds",
        "gauge",
    );
    each(out_, "container_start_time_seconds", &|one| {
        (Float { digits: one.started.max(0) as u64, places: 3 }, 0)
    });
    head(
        out_,
        "node_cpu_usage_seconds_total",
        "Cumulative cpu time consumed by the node in core-seconds",
        "counter",
    );
    put!(out_; "node_cpu_usage_seconds_total ", seconds(seen.cpu), Stamp(seen.at), "\n");
    head(out_, "node_memory_working_set_bytes", "Current working set of the node in bytes", "gauge");
    put!(out_; "node_memory_working_set_bytes ", float(seen.memory.working_set), Stamp(seen.at), "\n");
    head(
        out_,
        "pod_cpu_usage_seconds_total",
        "Cumulative cpu time consumed by the pod in core-seconds",
        "counter",
    );
    each_pod(out_, "pod_cpu_usage_seconds_total", &|pod| seconds(pod.cpu));
    head(out_, "pod_memory_working_set_bytes", "Current working set of the pod in bytes", "gauge");
    each_pod(out_, "pod_memory_working_set_bytes", &|pod| float(pod.memory.working_set));
    head(
        out_,
        "resource_scrape_error",
        "1 if there was an error while getting container metrics, 0 otherwise",
        "gauge",
    );
    put!(out_; "resource_scrape_error 0\n");
    out
}

/// Microseconds as seconds.
pub(super) fn seconds(micros: u64) -> Float {
    Float { digits: micros, places: 6 }
}

fn head(out: &mut Vec<u8>, name: &str, help: &str, kind: &str) {
    put!(out; "# HELP ", name, " [STABLE] ", help, "\n# TYPE ", name, " ", kind, "\n");
}
