//! `/api/v1/model`: names of entities and of their metrics, and recent values.
//!
//! Nobody and nothing unknown is an error here: it has no names and no values. Lists are those of the newest round,
//! sorted, but for that of all keys.

pub mod asked;
pub mod params;
pub mod points;

use http::{Response, StatusCode};
use plimsoll_core::cluster::batch::{Batch, Resource, Set, Value};
use plimsoll_core::cluster::history::Subject;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::time::Timestamp;

use self::asked::{Asked, Of};
use self::params::Params;
use self::points::Points;
use super::past::{ClusterPast, Named};
use super::reply;
use crate::body::Body;
use crate::json;
use crate::query::Query;

/// A metric's values of one entity.
type Values = Vec<(Timestamp, Value)>;

/// Answers a question about the recent past.
pub fn answer(past: &dyn ClusterPast, asked: &Asked, query: Query<'_>) -> Response<Body> {
    match asked {
        Asked::Names(key) => reply::pretty(&past.names(&known(past, key))),
        Asked::Values(of, metric) => match Params::parse(query, past.now()) {
            Ok(params) => match of {
                Of::One(subject) => reply::pretty(&Points(&values(past, subject, metric, &params))),
                Of::Each(list) => {
                    let each = list.subjects.iter().map(|subject| values(past, subject, metric, &params));
                    let json = |values: &Values| json::to_vec(&Points(values));
                    points::items(list.places.clone(), each.collect(), json)
                }
            },
            Err(sentence) => reply::refused(StatusCode::BAD_REQUEST, &sentence),
        },
        Asked::Aggregated(..) => reply::not_found(),
        Asked::Keys => keys(past),
        lists => reply::pretty(&list(past, lists)),
    }
}

fn values(past: &dyn ClusterPast, subject: &Subject, metric: &str, params: &Params) -> Values {
    let Subject::Key(key) = subject else { return Vec::new() };
    let key = known(past, key);
    let start = params.start.unwrap_or(Timestamp(i64::MIN));
    match &params.labels {
        None => past.points(&key, &Named::of(metric), start, params.end),
        Some(labels) => match (Metric::of_name(metric), resource(labels)) {
            (Some(metric), Some(resource)) => past.labeled(&key, metric, &resource, start, params.end),
            _ => Vec::new(),
        },
    }
}

/// What labeled values with exactly these labels are about.
fn resource(labels: &[(String, String)]) -> Option<Resource> {
    let value =
        |name: &str| labels.iter().find(|(key, _)| key == name).map(|(_, value)| Name::from(value.as_str()));
    match labels.len() {
        1 => value("resource_id").map(Resource::Id),
        3 => {
            let (make, model, id) = (value("make")?, value("model")?, value("accelerator_id")?);
            Some(Resource::Accelerator { make, model, id })
        }
        _ => None,
    }
}

/// The key of a node that may have been called by its host name, as `/nodes/` lists it; of its containers too.
fn known(past: &dyn ClusterPast, key: &Key) -> Key {
    let named = |node: &Name| node_of(past, node).unwrap_or_else(|| node.clone());
    match key {
        Key::Node(node) => Key::Node(named(node)),
        Key::SystemContainer { node, container } => {
            Key::SystemContainer { node: named(node), container: container.clone() }
        }
        other => other.clone(),
    }
}

/// The name of the node that has this name, or else this host name.
fn node_of(past: &dyn ClusterPast, name: &Name) -> Option<Name> {
    let known = past.objects().read();
    if known.nodes.contains_key(name) {
        return Some(name.clone());
    }
    known.nodes.values().find(|node| node.hostname == *name).map(|node| node.name.clone())
}

/// All keys, in the order of the round: too many to be sorted.
fn keys(past: &dyn ClusterPast) -> Response<Body> {
    let (round, mut next) = (past.latest(), 0);
    let keys = std::iter::from_fn(move || {
        let set = round.as_ref()?.iter().nth(next)?;
        next += 1;
        Some(json::to_vec(&set.key.to_string()))
    });
    reply::streamed(reply::Around::pretty(), keys)
}

/// A list of names in the newest round; of keys, values and names of metrics there is none.
pub(super) fn list(past: &dyn ClusterPast, asked: &Asked) -> Vec<String> {
    let Some(round) = past.latest() else { return Vec::new() };
    let mut names: Vec<String> = match asked {
        // by host name; by name where no object is known
        Asked::Nodes => named(&round, |set| match &set.key {
            Key::Node(name) => Some(set.node.as_ref().map_or(name, |node| &node.hostname)),
            _ => None,
        }),
        Asked::SystemContainers(asked) => {
            let asked = node_of(past, asked).unwrap_or_else(|| asked.clone());
            named(&round, |set| match &set.key {
                Key::SystemContainer { node, container } if *node == asked => Some(container),
                _ => None,
            })
        }
        Asked::Namespaces => named(&round, |set| match &set.key {
            Key::Namespace(namespace) => Some(namespace),
            _ => None,
        }),
        Asked::Pods(asked) => named(&round, |set| match &set.key {
            Key::Pod { namespace, pod } if namespace == asked => Some(pod),
            _ => None,
        }),
        Asked::Containers(in_namespace, in_pod) => named(&round, |set| match &set.key {
            Key::Container { namespace, pod, container } if namespace == in_namespace && pod == in_pod => {
                Some(container)
            }
            _ => None,
        }),
        Asked::Workloads(asked, sort) => named(&round, |set| match &set.key {
            Key::Workload { namespace, kind, name } if namespace == asked && kind == sort => Some(name),
            _ => None,
        }),
        Asked::Keys | Asked::Names(_) | Asked::Values(..) | Asked::Aggregated(..) => Vec::new(),
    };
    names.sort_unstable();
    names
}

fn named<'a>(round: &'a Batch, name: impl Fn(&'a Set) -> Option<&'a Name>) -> Vec<String> {
    round.iter().filter_map(name).map(|name| name.to_string()).collect()
}
