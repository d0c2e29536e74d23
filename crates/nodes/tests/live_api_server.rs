//! Against a real API server: `testbed/kube with --api cargo test --locked -p plimsoll-nodes --test live_api_server`.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use plimsoll_core::cluster::key::WorkloadKind;
use plimsoll_core::cluster::objects::Objects;
use plimsoll_nodes::kube::{
    ApiOptions, Attributes, Connection, Decision, Resource, State, Watch, WatchOptions,
};
use serde_json::{Value, json};

/// The folder of the server that runs, if one does.
fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PLIMSOLL_TEST_KUBE").map(PathBuf::from);
    if folder.is_none() {
        println!("SKIP {test}: no API server; `make test-kube` starts one");
    }
    folder
}

async fn connection(kubeconfig: PathBuf) -> Connection {
    let kubeconfig = Some(kubeconfig);
    Connection::new(&ApiOptions { kubeconfig, ..ApiOptions::default() }, |_| None).await.unwrap()
}

async fn ask(connection: &Connection, method: &str, path: &str, body: Value) -> Value {
    let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header("content-type", kind);
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = request.body(body.into()).unwrap();
    serde_json::from_slice(&connection.client.ask(request, Duration::from_secs(30)).await.unwrap()).unwrap()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never was so: {what}");
}

fn controller(version: &str, kind: &str, name: &str, uid: &Value) -> Value {
    json!([{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true}])
}

#[tokio::test]
async fn objects_come_change_and_go() {
    let Some(folder) = folder("objects_come_change_and_go") else { return };
    let admin = connection(folder.join("kubeconfig")).await;
    let objects = Arc::<Objects>::default();
    let watch = Watch::start(&admin, &WatchOptions::default(), &objects, &Arc::default());
    tokio::time::timeout(Duration::from_secs(20), watch.listed(&Resource::ALL)).await.unwrap();

    // a run before may have left its own
    let space = format!("live-{}", std::process::id());
    let of = |kind: &str| format!("/api/v1/namespaces/{space}/{kind}");
    let made = ask(&admin, "POST", "/api/v1/namespaces", json!({"metadata": {"name": space}})).await;
    until("the namespace", || objects.namespace(&space).is_some()).await;
    assert_eq!(made["metadata"]["uid"].as_str(), Some(&*objects.namespace(&space).unwrap().uid));

    let template = json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "web:1"}]}});
    let selector = json!({"matchLabels": {"app": "web"}});
    let set = json!({"metadata": {"name": "web-1",
            "ownerReferences": controller("apps/v1", "Deployment", "web", &made["metadata"]["uid"])},
        "spec": {"replicas": 0, "selector": selector, "template": template}});
    let set = ask(&admin, "POST", &format!("/apis/apps/v1/namespaces/{space}/replicasets"), set).await;
    let pod = json!({"metadata": {"name": "web-1-x", "labels": {"app": "web"},
            "ownerReferences": controller("apps/v1", "ReplicaSet", "web-1", &set["metadata"]["uid"])},
        "spec": {"nodeName": format!("{space}-node"),
            "initContainers": [{"name": "side", "image": "side:1", "restartPolicy": "Always"}],
            "containers": [{"name": "main", "image": "web:1",
            "resources": {"limits": {"cpu": "0.25", "memory": "1e6"}, "requests": {"memory": "64Ki"}}}]}});
    ask(&admin, "POST", &of("pods"), pod).await;
    until("the pod", || objects.pod(&space, "web-1-x").is_some()).await;
    let seen = objects.pod(&space, "web-1-x").unwrap();
    let names: Vec<_> = seen.containers.iter().map(|one| &*one.name).collect();
    assert_eq!((names, &*seen.phase), (vec!["main", "side"], "Pending"));
    let (requests, limits) = (seen.containers[0].requests, seen.containers[0].limits);
    // what is not asked for is what is allowed
    assert_eq!((requests.cpu_milli, requests.memory), (Some(250), Some(64 << 10)));
    assert_eq!((limits.cpu_milli, limits.memory), (Some(250), Some(1_000_000)));
    until("the ReplicaSet", || objects.read().workloads_of(&seen).len() == 2).await;
    let top = objects.read().workloads_of(&seen).pop().unwrap();
    assert_eq!((top.kind, &*top.name), (WorkloadKind::Deployment, "web"));

    let path = format!("{}/web-1-x", of("pods"));
    ask(&admin, "PATCH", &path, json!({"metadata": {"labels": {"color": "red"}}})).await;
    let red = || objects.pod(&space, "web-1-x").is_some_and(|pod| pod.labels.contains_key("color"));
    until("the label", red).await;
    ask(&admin, "DELETE", &path, json!({"gracePeriodSeconds": 0})).await;
    until("the pod is gone", || objects.pod(&space, "web-1-x").is_none()).await;

    let name = format!("{space}-node");
    ask(&admin, "POST", "/api/v1/nodes", json!({"metadata": {"name": name}})).await;
    until("the node", || objects.node(&name).is_some()).await;
    let status = json!({"status": {"capacity": {"cpu": "2", "memory": "1Gi"},
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}]}});
    ask(&admin, "PATCH", &format!("/api/v1/nodes/{name}/status"), status).await;
    until("the node is ready", || objects.node(&name).is_some_and(|node| node.ready == Some(true))).await;
    assert_eq!(objects.node(&name).unwrap().capacity.memory, Some(1 << 30));
    ask(&admin, "DELETE", &format!("/api/v1/nodes/{name}"), Value::Null).await;
    until("the node is gone", || objects.node(&name).is_none()).await;
    ask(&admin, "DELETE", &format!("/api/v1/namespaces/{space}"), Value::Null).await;
    assert!(watch.states().iter().all(|state| state.fault.is_none() && state.failures == 0));
}

#[tokio::test]
async fn who_has_no_right_is_told() {
    let Some(folder) = folder("who_has_no_right_is_told") else { return };
    let reader = connection(folder.join("reader.kubeconfig")).await;
    let watch = Watch::start(&reader, &WatchOptions::default(), &Arc::default(), &Arc::default());
    let refused = |state: &State| state.fault.as_ref().is_some_and(|fault| fault.is_forbidden());
    until("all are refused", || watch.states().iter().all(refused)).await;
    let words = watch.states()[0].fault.as_ref().unwrap().to_string();
    assert!(
        words.starts_with("nodes is forbidden: User \"reader\" cannot list resource \"nodes\""),
        "{words}"
    );
    assert!(reader.review_token("admin").await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn tokens_rights_and_the_front_proxy_are_told() {
    let Some(folder) = folder("tokens_rights_and_the_front_proxy_are_told") else { return };
    let admin = connection(folder.join("kubeconfig")).await;
    let reader = admin.review_token("reader").await.unwrap().unwrap();
    assert_eq!(
        (&*reader.name, &*reader.uid, &reader.groups[..]),
        ("reader", "2", &["system:authenticated".to_owned()][..])
    );
    assert_eq!(admin.review_token("nobody").await, Ok(None));
    let root = admin.review_token("admin").await.unwrap().unwrap();
    let of_pods = Attributes::Resource {
        verb: "list".to_owned(),
        group: "metrics.k8s.io".to_owned(),
        version: "v1beta1".to_owned(),
        resource: "pods".to_owned(),
        subresource: String::new(),
        namespace: "default".to_owned(),
        name: String::new(),
    };
    assert!(admin.allowed(&root, &of_pods).await.unwrap().allowed);
    let path = |path: &str| Attributes::Path { verb: "get".to_owned(), path: path.to_owned() };
    assert_eq!(admin.allowed(&reader, &of_pods).await, Ok(Decision::default()));
    assert!(admin.allowed(&reader, &path("/healthz")).await.unwrap().allowed);
    assert!(!admin.allowed(&reader, &path("/metrics")).await.unwrap().allowed);
    let proxy = admin.front_proxy_config().await.unwrap();
    assert!(proxy.ca.unwrap().contains("BEGIN CERTIFICATE") && proxy.client_ca.is_some());
    assert_eq!(
        (proxy.allowed_names, proxy.username_headers),
        (vec!["front-proxy".to_owned()], vec!["X-Remote-User".to_owned()])
    );
}
