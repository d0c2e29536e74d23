//! `/metrics`: every number of every container, the machine and the program, as Prometheus reads them.
//!
//! Comes in: the newest sample of each container, the machine, rows. Goes out: text, in parts.
//! Cost:     a scrape renders while the client reads, one part of 64 KiB at a time; it holds no lock.

pub mod families;

mod applications;
mod encode;
mod negotiate;
mod own;
mod plan;
pub(crate) mod process;
mod render;

pub(crate) use negotiate::accepts_gzip;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt;
use plimsoll_core::family::{Row, Source};
use plimsoll_core::kinds::Kinds;
use plimsoll_core::machine::MachineInfo;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::families::{Entry, entries};
use plimsoll_measure::sample::Sample;

use crate::body::Body;
use crate::past::{OwnMetric, Past, View};

/// What is shown. Made once: the texts that never change are rendered here.
pub struct MetricsOptions {
    plan: Arc<plan::Plan>,
}

impl MetricsOptions {
    /// Families of containers and of the machine, less those whose kind is off.
    pub fn new(
        kinds: Kinds,
        samples: &[&'static Row<Sample>],
        machine: &[&'static Row<MachineInfo>],
    ) -> Self {
        Self { plan: Arc::new(plan::Plan::new(kinds, samples, machine)) }
    }
}

/// What `docs/metrics.md` says of the families that are no row over a sample or the machine: title and entries.
pub fn documented() -> Vec<(&'static str, Vec<Entry>)> {
    let seen = std::iter::once(&families::LAST_SEEN);
    vec![
        ("Containers: names, limits, times", entries(seen.chain(families::FAMILIES))),
        ("The exporter", own::ALL.iter().map(|metric| told(metric)).collect()),
        ("The process", entries(process::ROWS)),
    ]
}

/// The entry of a family about the program itself.
pub fn told(metric: &OwnMetric) -> Entry {
    Entry {
        name: metric.name,
        kind: metric.kind,
        labels: metric.labels,
        switch: None,
        source: Source::both("counted by the program"),
        help: metric.help,
    }
}

/// Answers a scrape. `namespace` leaves only its containers (`docker`, `podman`); with `max_age`, those
/// whose newest sample is older are sampled first.
pub async fn answer(
    past: &Arc<dyn Past>,
    options: &MetricsOptions,
    namespace: Option<&str>,
    max_age: Option<Duration>,
    headers: &HeaderMap,
) -> Response<Body> {
    let shown = |view: &View| namespace.is_none_or(|only| view.reference.namespace == only);
    if let Some(max_age) = max_age {
        let names = past.containers().iter().filter(|v| shown(v)).map(|v| v.reference.name.clone()).collect();
        past.refresh(names, max_age).await;
    }
    let mut views = past.containers();
    // a container whose runtime has yet to tell its labels would show twice under other ones
    views.retain(|view| view.settled && shown(view));
    scrape(past, options, views, render::Extent::Whole, headers)
}

/// The same of these containers, under the labels that the views have, with the machine and without what is told of
/// the program.
pub(crate) fn about_containers(
    past: &Arc<dyn Past>,
    options: &MetricsOptions,
    views: Vec<View>,
    headers: &HeaderMap,
) -> Response<Body> {
    scrape(past, options, views, render::Extent::Containers, headers)
}

fn scrape(
    past: &Arc<dyn Past>,
    options: &MetricsOptions,
    views: Vec<View>,
    extent: render::Extent,
    headers: &HeaderMap,
) -> Response<Body> {
    let answer = negotiate::answer(headers);
    let plan = Arc::clone(&options.plan);
    let scrape = render::Scrape::new(past.as_ref(), plan, views, extent, answer.format, now());
    let body = encode::Encoded::new(scrape, answer.encoding).boxed_unsync();
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Some(encoding) = answer.encoding.name() {
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    fields.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
