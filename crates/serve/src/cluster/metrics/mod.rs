//! `/metrics`: what the collector tells of itself and, if asked for, the numbers of the cluster.

mod own;
mod rows;
mod series;

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use plimsoll_core::family::{Emit, Type};

use super::handlers::Handlers;
use super::k8s::Kubernetes;
use super::past::ClusterPast;
use crate::body::{Body, pieces};
use crate::reply::with_type;
use crate::text::{Head, Lines, Seen, Stamp};

/// Prometheus text 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers a scrape, with the families of metrics-server where that API is served; `cluster` says whether the numbers
/// of the cluster are in it.
pub fn answer(
    past: &Arc<dyn ClusterPast>,
    handlers: &Handlers,
    kubernetes: Option<&Kubernetes>,
    cluster: bool,
) -> Response<Body> {
    let mut own = own::families(&**past, handlers);
    if let Some(kubernetes) = kubernetes {
        kubernetes.append_metrics(&mut own, crate::text::Format::Text);
    }
    let own = Bytes::from(own);
    let series = past.latest().filter(|_| cluster).map(series::Series::new);
    with_type(http::StatusCode::OK, TEXT, pieces(std::iter::once(own).chain(series.into_iter().flatten())))
}

/// Appends a family; nothing if it has no line.
fn family(
    out: &mut Vec<u8>,
    head: &Head,
    name: &str,
    labels: &[&str],
    values: &mut dyn FnMut(&mut dyn Emit),
) {
    let before = out.len();
    out.extend_from_slice(head.bytes(crate::text::Format::Text));
    let empty = out.len();
    lines(out, name, labels, values);
    if out.len() == empty {
        out.truncate(before);
    }
}

/// Appends lines without a head.
fn lines(out: &mut Vec<u8>, name: &str, labels: &[&str], values: &mut dyn FnMut(&mut dyn Emit)) {
    let seen = &mut Seen::default();
    let lines = Lines { out, name, block: b"", labels, stamp: &Stamp::NONE, seen, repeated: 0 };
    values(&mut lines.begin());
}

/// Appends a counter or gauge.
fn simple(
    out: &mut Vec<u8>,
    (name, help, kind): (&str, &str, Type),
    labels: &[&str],
    values: &mut dyn FnMut(&mut dyn Emit),
) {
    family(out, &Head::new(name, help, kind), name, labels, values);
}
