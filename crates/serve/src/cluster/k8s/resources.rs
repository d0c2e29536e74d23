//! Nodes and pods with what they use: one, or a list.
//!
//! Cost: a long list is made as the connection takes it, a part at a time (`parts`); nothing but the pods' addresses is
//! kept of it.

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use plimsoll_core::cluster::objects::{Known, Node, Pod};
use plimsoll_core::cluster::selector::{FieldSelector, LabelSelector};

use super::Kubernetes;
use super::accept::{self, As, Form, Media, Offer};
use super::listing::{Lines, Listing, Objects, TOGETHER};
use super::parts;
use super::request::is_true;
use super::status::{Status, text, uncached};
use super::usage::Row;
use super::write::{Include, Kind, Writing, json, protobuf};
use crate::body::{Body, full};
use crate::gzip;
use crate::metrics::accepts_gzip;
use crate::query::Query;
use crate::reply;

/// The phase of pods that have numbers.
pub(super) const RUNNING: &str = "Running";
/// Lists that are longer are compressed for who takes that, as the API server does.
const COMPRESSED: usize = 128 * 1024;

/// Answers for a resource: `name` is one, none is a list.
pub(super) fn answer(
    k8s: &Kubernetes,
    kind: Kind,
    namespace: Option<&str>,
    name: Option<&str>,
    parts: &Parts,
) -> Response<Body> {
    let query = Query::new(parts.uri.query());
    let refuse = |status: Status| status.answer(accept::form_of_status(&parts.headers, query));
    let Some(form) = accept::form(&parts.headers, query, Offer::Objects) else {
        return refuse(Status::not_acceptable(accept::NOT_ACCEPTABLE));
    };
    let include = match query.first("includeObject").as_deref() {
        None | Some("" | "Metadata") => Include::Metadata,
        Some("None") => Include::Nothing,
        Some("Object") => Include::Object,
        Some(other) => {
            let other = crate::go::quote(other);
            return refuse(Status::bad_request(format!(
                "unrecognized includeObject value {other}: expected None, Metadata or Object"
            )));
        }
    };
    let writing = Writing { kind, shape: form.shape, include, now: k8s.past.now() };
    let answered = match name {
        Some(name) => one(k8s, namespace, name, form, writing),
        None => list(k8s, namespace, query, form, writing, accepts_gzip(&parts.headers)),
    };
    answered.unwrap_or_else(refuse)
}

fn one(
    k8s: &Kubernetes,
    namespace: Option<&str>,
    name: &str,
    form: Form,
    writing: Writing,
) -> Result<Response<Body>, Status> {
    if matches!(form.shape, As::MetadataList(_)) {
        return Err(Status::not_acceptable(
            "you requested PartialObjectMetadataList, but the requested object is not a list",
        ));
    }
    let round = k8s.round();
    let (node, pod);
    let row = match writing.kind {
        Kind::Node => {
            node = k8s.past.objects().node(name).ok_or_else(|| Status::no_object("nodes", name))?;
            let row = round.as_ref().and_then(|round| round.node(&node));
            row.ok_or_else(|| Status::no_metrics("nodemetrics", name))?
        }
        Kind::Pod => {
            let namespace = namespace.unwrap_or_default();
            let known = k8s.past.objects().pod(namespace, name).filter(|pod| *pod.phase == *RUNNING);
            pod = known.ok_or_else(|| Status::no_object("pods", name))?;
            let numbers = round.as_ref().and_then(|round| round.pod(&pod));
            let numbers =
                numbers.ok_or_else(|| Status::no_metrics("podmetrics", &format!("{namespace}/{name}")))?;
            Row::of_pod(&pod, numbers)
        }
    };
    k8s.meters.freshness.observe(writing.now, row.when.at);
    let body = if form.media == Media::Protobuf {
        protobuf::Writer::one(writing, &row)
    } else {
        let mut line = Vec::with_capacity(512);
        json::Writer::new(writing).one(&mut line, &row);
        text(line, form.media, form.pretty)
    };
    Ok(uncached(reply::with_type(StatusCode::OK, form.media.name(), full(body))))
}

fn list(
    k8s: &Kubernetes,
    namespace: Option<&str>,
    query: Query<'_>,
    form: Form,
    writing: Writing,
    gzip: bool,
) -> Result<Response<Body>, Status> {
    if is_true(query.first("watch")) {
        return Err(Status::no_watch(writing.kind.resource()));
    }
    if matches!(form.shape, As::Metadata(_)) {
        return Err(Status::not_acceptable(
            "you requested PartialObjectMetadata, but the requested object is a list",
        ));
    }
    let wrong = |error: &dyn std::fmt::Display| Status::bad_request(error.to_string());
    let labels = query.first("labelSelector").unwrap_or_default();
    let labels = LabelSelector::parse(&labels).map_err(|error| wrong(&error))?;
    let fields = query.first("fieldSelector").unwrap_or_default();
    let fields = FieldSelector::parse(&fields).map_err(|error| wrong(&error))?;
    // a limit is read and, like metrics-server's, without effect: a list is always whole
    if let Some(limit) = query.given("limit")
        && limit.parse::<i64>().is_err()
    {
        let limit = crate::go::quote(&limit);
        return Err(Status::bad_request(format!("limit: expected a whole number, got {limit}")));
    }
    let selection = Selection { namespace, labels, fields };
    let objects = {
        let known = k8s.past.objects().read();
        match writing.kind {
            Kind::Node => Objects::Nodes(selection.nodes(&known).into_iter()),
            Kind::Pod => Objects::Pods(selection.pods(&known).into_iter()),
        }
    };
    let listing = Listing {
        round: k8s.round(),
        objects,
        now: writing.now,
        freshness: Arc::clone(&k8s.meters.freshness),
    };
    Ok(match form.media {
        Media::Protobuf => as_protobuf(listing, writing, gzip),
        Media::Yaml => {
            let mut line = Vec::new();
            Lines::new(listing, writing, false).for_each(|piece| line.extend_from_slice(&piece));
            whole(text(line, form.media, false), form.media)
        }
        Media::Json => as_json(Lines::new(listing, writing, form.pretty), gzip),
    })
}

/// Which objects are meant.
struct Selection<'a> {
    namespace: Option<&'a str>,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection<'_> {
    fn nodes(&self, known: &Known) -> Vec<Arc<Node>> {
        let meant =
            |node: &&Arc<Node>| self.labels.matches(&node.labels) && self.fields.matches("", &node.name);
        known.nodes.values().filter(meant).cloned().collect()
    }

    fn pods(&self, known: &Known) -> Vec<Arc<Pod>> {
        let of_one = self.namespace.map(|namespace| known.pods.get(namespace).into_iter());
        let of_all = of_one.is_none().then(|| known.pods.values());
        let namespaces = of_one.into_iter().flatten().chain(of_all.into_iter().flatten());
        let mut all = namespaces.flat_map(|pods| pods.values());
        let mut meant = Vec::new();
        let mut several: Vec<&Arc<Pod>> = Vec::with_capacity(TOGETHER);
        loop {
            several.clear();
            several.extend(all.by_ref().take(TOGETHER));
            if several.is_empty() {
                return meant;
            }
            // pods are mostly in no cache: in a loop that does nothing else memory is asked for several at a time
            std::hint::black_box(several.iter().map(|pod| Arc::strong_count(pod)).sum::<usize>());
            several.retain(|pod| {
                *pod.phase == *RUNNING
                    && self.labels.matches(&pod.labels)
                    && self.fields.matches(&pod.namespace, &pod.name)
            });
            meant.extend(several.iter().map(|pod| Arc::clone(pod)));
        }
    }
}

fn whole(body: Vec<u8>, media: Media) -> Response<Body> {
    uncached(reply::with_type(StatusCode::OK, media.name(), full(body)))
}

/// A list as it is made.
fn long(body: Body, media: Media, gzip: bool) -> Response<Body> {
    let mut answer = uncached(reply::with_type(StatusCode::OK, media.name(), body));
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// A short list at once; a longer one as it is taken.
fn as_json(mut lines: Lines, gzip: bool) -> Response<Body> {
    let mut first: Vec<u8> = Vec::new();
    while first.len() < COMPRESSED {
        match lines.next() {
            Some(piece) => first.extend_from_slice(&piece),
            None => return whole(first, Media::Json),
        }
    }
    long(lines.after(first, gzip), Media::Json, gzip)
}

/// The same as protobuf.
fn as_protobuf(mut listing: Listing, writing: Writing, gzip: bool) -> Response<Body> {
    if listing.len() > parts::EACH {
        return long(parts::protobuf(listing, writing, gzip), Media::Protobuf, gzip);
    }
    let mut writer = protobuf::Writer::new(writing);
    listing.every(|row| writer.item(row));
    let list = writer.end();
    if list.len() < COMPRESSED {
        return whole(list, Media::Protobuf);
    }
    long(if gzip { full(gzip::whole(&list)) } else { full(list) }, Media::Protobuf, gzip)
}
