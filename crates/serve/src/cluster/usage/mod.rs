//! `/apis/metrics/v1alpha1`: what nodes and pods use, as `kubectl top` up to 1.12 and autoscalers up to 1.10 ask.
//!
//! Which nodes and pods there are, the API server says: what is deleted is gone at once. A pod is left out of lists
//! while one of its containers has no numbers, so that nobody takes a part for the whole.

mod discovery;
mod typed;

use std::sync::Arc;

use http::Response;
use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::Pod;
use plimsoll_core::cluster::quantity::{format_binary, format_nanocores};
use plimsoll_core::cluster::selector::LabelSelector;
use plimsoll_core::time::Timestamp;
use serde::{Serialize, Serializer};

use self::typed::{Form, Typed};
use super::past::ClusterPast;
use crate::body::Body;
use crate::query::Query;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageRoute {
    /// `/apis/metrics`: the group.
    Group,
    /// `/apis/metrics/v1alpha1`: its resources.
    Resources,
    /// `/swaggerapi`: where there are descriptions.
    Swagger,
    /// All nodes.
    Nodes,
    /// A node.
    Node(Name),
    /// All pods, or those of a namespace.
    Pods(Option<Name>),
    /// A pod: namespace, name.
    Pod(Name, Name),
}

impl UsageRoute {
    /// By the parts of the path behind `/apis/metrics`.
    pub fn find(parts: &[&str]) -> Option<Self> {
        Some(match parts {
            [] => Self::Group,
            ["v1alpha1"] => Self::Resources,
            ["v1alpha1", "nodes"] => Self::Nodes,
            ["v1alpha1", "nodes", node] => Self::Node(Name::from(*node)),
            ["v1alpha1", "pods"] => Self::Pods(None),
            ["v1alpha1", "namespaces", namespace, "pods"] => Self::Pods(Some(Name::from(*namespace))),
            ["v1alpha1", "namespaces", namespace, "pods", pod] => {
                Self::Pod(Name::from(*namespace), Name::from(*pod))
            }
            _ => return None,
        })
    }

    /// Heapster's name for the operation, for counting.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Group | Self::Resources | Self::Swagger => "discovery",
            Self::Nodes => "nodeMetricsList",
            Self::Node(_) => "nodeMetrics",
            Self::Pods(None) => "allPodMetricsList",
            Self::Pods(Some(_)) => "podMetricsList",
            Self::Pod(..) => "podMetrics",
        }
    }
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Metadata {
    #[serde(serialize_with = "text")]
    name: Name,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_text")]
    namespace: Option<Name>,
    #[serde(rename = "creationTimestamp")]
    created: Timestamp,
}

#[derive(Serialize)]
struct NodeMetrics {
    #[serde(flatten)]
    typed: Typed,
    metadata: Metadata,
    timestamp: Timestamp,
    window: String,
    usage: Usage,
}

#[derive(Serialize)]
struct PodMetrics {
    #[serde(flatten)]
    typed: Typed,
    metadata: Metadata,
    timestamp: Timestamp,
    window: String,
    containers: Vec<ContainerMetrics>,
}

#[derive(Serialize)]
struct ContainerMetrics {
    #[serde(serialize_with = "text")]
    name: Name,
    usage: Usage,
}

#[derive(Serialize)]
struct Usage {
    cpu: String,
    memory: String,
}

fn text<S: Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

fn maybe_text<S: Serializer>(name: &Option<Name>, serializer: S) -> Result<S::Ok, S::Error> {
    name.as_deref().serialize(serializer)
}

/// Answers a question about usage, as Heapster's port does or as an API server does.
pub fn answer(
    past: &dyn ClusterPast,
    route: &UsageRoute,
    query: Query<'_>,
    api_server: bool,
) -> Response<Body> {
    let form = if api_server { Form::ApiServer } else { Form::Heapster };
    match route {
        UsageRoute::Group => discovery::group(),
        UsageRoute::Resources => discovery::resources(),
        UsageRoute::Swagger => discovery::swagger(),
        UsageRoute::Nodes => match selector(query) {
            Ok(selector) => {
                let nodes: Vec<_> = past.objects().read().nodes.values().cloned().collect();
                let nodes = nodes.into_iter().filter(move |node| selector.matches(&node.labels));
                let look = Look::new(past);
                form.list("NodeMetricsList", nodes.filter_map(move |node| look.node(&node.name)))
            }
            Err(sentence) => form.bad(&sentence),
        },
        UsageRoute::Node(node) => {
            let there = past.objects().node(node).and_then(|node| Look::new(past).node(&node.name));
            match there {
                Some(node) => form.answer(&NodeMetrics { typed: form.typed("NodeMetrics"), ..node }),
                None => form.missing("nodes", node, &format!("No metrics for node {node}")),
            }
        }
        UsageRoute::Pods(namespace) => match selector(query) {
            Ok(selector) => {
                let pods = pods(past, namespace.as_ref());
                let pods = pods.into_iter().filter(move |pod| selector.matches(&pod.labels));
                let look = Look::new(past);
                form.list("PodMetricsList", pods.filter_map(move |pod| look.pod(&pod)))
            }
            Err(sentence) => form.bad(&sentence),
        },
        UsageRoute::Pod(namespace, pod) => {
            let Some(known) = past.objects().pod(namespace, pod) else {
                return form.missing("pods", pod, &format!("Pod {namespace}/{pod} not defined"));
            };
            match Look::new(past).pod(&known) {
                Some(pod) => form.answer(&PodMetrics { typed: form.typed("PodMetrics"), ..pod }),
                None => form.missing("pods", pod, &format!("No metrics available for pod {namespace}/{pod}")),
            }
        }
    }
}

/// All pods, or those of a namespace.
fn pods(past: &dyn ClusterPast, namespace: Option<&Name>) -> Vec<Arc<Pod>> {
    let known = past.objects().read();
    match namespace {
        None => known.pods.values().flat_map(|pods| pods.values()).cloned().collect(),
        Some(one) => known.pods.get(one).into_iter().flat_map(|pods| pods.values()).cloned().collect(),
    }
}

fn selector(query: Query<'_>) -> Result<LabelSelector, String> {
    let text = query.first("labelSelector").unwrap_or_default();
    LabelSelector::parse(&text).map_err(|error| format!("Error while parsing selector {text}: {error}"))
}

/// The newest round and what stands in every answer from it.
struct Look {
    round: Option<Arc<Batch>>,
    now: Timestamp,
    window: String,
}

impl Look {
    fn new(past: &dyn ClusterPast) -> Self {
        let seconds = past.health().resolution_nanos.max(0) / 1_000_000_000;
        let (minutes, rest) = (seconds / 60, seconds % 60);
        let window = match (minutes / 60, minutes % 60) {
            (0, 0) => format!("{rest}s"),
            (0, minutes) => format!("{minutes}m{rest}s"),
            (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
        };
        Self { round: past.latest(), now: whole_second(past.now()), window }
    }

    fn node(&self, name: &Name) -> Option<NodeMetrics> {
        let round = self.round.as_ref()?;
        let usage = usage(round.get(&Key::Node(name.clone()))?)?;
        let metadata = Metadata { name: name.clone(), namespace: None, created: self.now };
        Some(NodeMetrics {
            typed: Typed::default(),
            metadata,
            timestamp: whole_second(round.at),
            window: self.window.clone(),
            usage,
        })
    }

    fn pod(&self, pod: &Pod) -> Option<PodMetrics> {
        let round = self.round.as_ref()?;
        let containers = pod.containers.iter().map(|container| {
            let (namespace, pod) = (pod.namespace.clone(), pod.name.clone());
            let set = round.get(&Key::Container { namespace, pod, container: container.name.clone() })?;
            Some(ContainerMetrics { name: container.name.clone(), usage: usage(set)? })
        });
        Some(PodMetrics {
            typed: Typed::default(),
            containers: containers.collect::<Option<Vec<_>>>()?,
            metadata: Metadata {
                name: pod.name.clone(),
                namespace: Some(pod.namespace.clone()),
                created: self.now,
            },
            timestamp: whole_second(round.at),
            window: self.window.clone(),
        })
    }
}

/// Kubernetes tells times by the second.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.nanos().div_euclid(1_000_000_000))
}

/// Absent unless both numbers are there.
fn usage(set: &Set) -> Option<Usage> {
    let number = |metric| set.values.int(metric).and_then(|value| u64::try_from(value).ok());
    let (millicores, bytes) = (number(Metric::CpuUsageRate)?, number(Metric::MemoryWorkingSet)?);
    Some(Usage { cpu: format_nanocores(millicores.saturating_mul(1_000_000)), memory: format_binary(bytes) })
}
