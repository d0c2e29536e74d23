//! `/pods` and `/runningpods/`: the pods as far as their runtime knows them, in the form of Kubernetes' `PodList`.
//!
//! What only the API server knows (owners, requests, volumes, conditions, pods that do not run) is not there.

use std::collections::BTreeMap;

use http::Response;
use serde::Serialize;

use super::labels;
use super::node::{Node, Pod};
use super::numbers::Seconds;
use super::summary;
use crate::body::Body;
use crate::past::{Past, View};
use crate::reply;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodList {
    kind: &'static str,
    api_version: &'static str,
    metadata: Empty,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Item {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
    creation_timestamp: Option<Seconds>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    containers: Vec<Container>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_network: Option<bool>,
}

#[derive(Serialize)]
struct Container {
    name: String,
    image: String,
    resources: Empty,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Seconds>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    state: State,
    restart_count: u64,
    image: String,
    #[serde(rename = "containerID")]
    container_id: String,
}

#[derive(Serialize)]
struct State {
    running: Running,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Running {
    started_at: Option<Seconds>,
}

/// Answers with the pods that run, `whole`: with labels and status.
pub(super) fn answer(past: &dyn Past, whole: bool) -> Response<Body> {
    let node_name = whole.then(|| summary::name(&past.host_state().name));
    let node = Node::of(&past.containers());
    let items = node.pods.iter().map(|pod| item(pod, node_name.as_ref())).collect();
    reply::value(&PodList { kind: "PodList", api_version: "v1", metadata: Empty {}, items })
}

fn item(pod: &Pod, node_name: Option<&String>) -> Item {
    let container = |(name, view): &(String, View)| Container {
        name: name.clone(),
        image: view.identity.image.clone(),
        resources: Empty {},
    };
    let whole = node_name.is_some();
    let shares = pod.sandbox.as_ref().is_some_and(|sandbox| sandbox.identity.host_network);
    Item {
        metadata: Metadata {
            name: pod.name.clone(),
            namespace: pod.namespace.clone(),
            uid: pod.uid.clone(),
            creation_timestamp: None,
            labels: if whole { own_labels(pod) } else { BTreeMap::new() },
        },
        spec: Spec {
            containers: pod.containers.iter().map(container).collect(),
            node_name: node_name.cloned(),
            host_network: (whole && shares).then_some(true),
        },
        status: if whole { status(pod) } else { Status::default() },
    }
}

/// Those that the pod's author gave it: kubelet hands them to the sandbox, among its own.
fn own_labels(pod: &Pod) -> BTreeMap<String, String> {
    let of_machinery = |key: &str| key.starts_with("io.kubernetes.") || key.starts_with("io.cri-containerd");
    let all = pod.sandbox.iter().flat_map(labels::of);
    all.filter(|(key, _)| !of_machinery(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn status(pod: &Pod) -> Status {
    let status = |(name, view): &(String, View)| {
        // Kubernetes has a dash there
        let runtime = if view.runtime == "crio" { "cri-o" } else { view.runtime };
        ContainerStatus {
            name: name.clone(),
            state: State { running: Running { started_at: view.identity.started.map(Seconds) } },
            restart_count: view.identity.restart_count,
            image: view.identity.image.clone(),
            container_id: format!("{runtime}://{}", view.reference.id),
        }
    };
    Status {
        phase: Some("Running"),
        start_time: pod.start().map(Seconds),
        container_statuses: pod.containers.iter().map(status).collect(),
    }
}
