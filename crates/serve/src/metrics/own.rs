//! What the exporter tells of itself.
//!
//! Gives: cadvisor_version_info, container_scrape_error, machine_scrape_error, go_goroutines,
//!        plimsoll_http_request_seconds_total, plimsoll_http_requests_total, plimsoll_labels_dropped_total,
//!        plimsoll_metrics_repeated_lines_total

use std::sync::atomic::Ordering;

use plimsoll_core::family::Type;

use super::render::{REPEATED, Small, own};
use crate::past::{OwnMetric, Past};
use crate::{labels, meters};

static VERSION: OwnMetric = OwnMetric {
    name: "cadvisor_version_info",
    help: "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.",
    kind: Type::Gauge,
    labels: &["cadvisorRevision", "cadvisorVersion", "dockerVersion", "kernelVersion", "osVersion"],
};

static CONTAINER_ERROR: OwnMetric = own(
    "container_scrape_error",
    "1 if there was an error while getting container metrics, 0 otherwise",
    Type::Gauge,
);

static MACHINE_ERROR: OwnMetric = own(
    "machine_scrape_error",
    "1 if there was an error while getting machine metrics, 0 otherwise.",
    Type::Gauge,
);

static TASKS: OwnMetric = own(
    "go_goroutines",
    "Concurrent tasks that currently exist; under the name that dashboards look for.",
    Type::Gauge,
);

static REPEATED_LINES: OwnMetric = own(
    "plimsoll_metrics_repeated_lines_total",
    "Lines left out of /metrics because their series was there already.",
    Type::Counter,
);

static LABELS_DROPPED: OwnMetric = own(
    "plimsoll_labels_dropped_total",
    "Container labels left out because another of the same container has their name on /metrics.",
    Type::Counter,
);

static REQUEST_SECONDS: OwnMetric = OwnMetric {
    name: "plimsoll_http_request_seconds_total",
    help: "Time until the head of each answer, and making its body.",
    kind: Type::Counter,
    labels: &["route"],
};

static REQUESTS: OwnMetric = OwnMetric {
    name: "plimsoll_http_requests_total",
    help: "Requests that were answered, by the class of the answer's status.",
    kind: Type::Counter,
    labels: &["route", "code"],
};

/// All of these families.
pub(super) static ALL: [&OwnMetric; 8] = [
    &VERSION,
    &CONTAINER_ERROR,
    &TASKS,
    &MACHINE_ERROR,
    &REQUEST_SECONDS,
    &REQUESTS,
    &LABELS_DROPPED,
    &REPEATED_LINES,
];

/// What cAdvisor itself tells wherever it is built in.
pub(super) fn as_cadvisor(past: &dyn Past, out: &mut Small) {
    let v = past.versions();
    let labels = [&*v.revision, &*v.cadvisor, &*v.docker, &*v.kernel, &*v.os];
    out.add(&VERSION, &mut |out| out.int(&labels, 1));
    // reading from memory cannot fail
    out.add(&CONTAINER_ERROR, &mut |out| out.int(&[], 0));
    out.add(&MACHINE_ERROR, &mut |out| out.int(&[], 0));
}

/// What only this program tells.
pub(super) fn exporter(out: &mut Small) {
    out.add(&REPEATED_LINES, &mut |out| out.int(&[], REPEATED.load(Ordering::Relaxed)));
    out.add(&LABELS_DROPPED, &mut |out| out.int(&[], labels::dropped()));
    out.add(&REQUEST_SECONDS, &mut |out| {
        meters::seconds().for_each(|(route, seconds)| out.float(&[route], seconds));
    });
    out.add(&REQUESTS, &mut |out| {
        meters::answers().for_each(|(route, code, count)| out.int(&[route, code], count));
    });
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        out.add(&TASKS, &mut |out| out.int(&[], runtime.metrics().num_alive_tasks() as u64));
    }
}
