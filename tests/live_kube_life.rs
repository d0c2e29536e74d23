//! A real Kubernetes cluster over time: under the names of Heapster and metrics-server with their flags, and while kubelets
//! and the API server come and go. `make test-kube` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::process::Command;

use common::kube::{self, COLLECTOR, Stopped, User, Worker, deployed};
use common::program::{self, Plimsoll};
use common::{Need, close, eventually, http, kernel};
use serde_json::{Value, json};

const PODS: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods";
const NODES: &str = "/apis/metrics.k8s.io/v1beta1/nodes";

/// The program as others call it.
fn named(name: &str, flags: &[&str]) -> (Plimsoll, tempfile::TempDir) {
    let folder = common::folder();
    let link = folder.path().join(name);
    symlink(program::binary(), &link).unwrap();
    (Plimsoll::named(&link, flags), folder)
}

/// A metric's newest point in a model, and its instant.
fn newest(model: std::net::SocketAddr, entity: &str, metric: &str) -> Result<(f64, String), String> {
    let told = http::get(model, &format!("/api/v1/model/{entity}/metrics/{metric}"))?.json();
    let last = told["metrics"].as_array().and_then(|all| all.last()).cloned();
    let last = last.ok_or(format!("no {metric} of {entity}: {told}"))?;
    Ok((last["value"].as_f64().ok_or("no value")?, last["timestamp"].as_str().unwrap_or_default().to_owned()))
}

#[test]
fn under_heapsters_name() {
    require!(Need::Kube);
    let _cluster = deployed();
    let config = User::account("kube-system", "plimsoll-cluster").kubeconfig().display().to_string();
    let source = format!(
        "--source=kubernetes.summary_api:{}?inClusterConfig=false&useServiceAccount=false&auth={config}&\
         kubeletHttps=true&kubeletPort=10260",
        kube::API
    );
    // kubelets' certificates are of the cluster's authority, which the kubeconfig names
    let (heapster, _folder) = named("heapster", &[&source, "--metric_resolution=10s"]);
    let web = Worker::find("shop", "web", "main");
    web.order("burn 500");
    eventually("the pods of both nodes are told", 90.0, || {
        let (told, _) = newest(heapster.address, "namespaces/shop/pods/web/containers/main", "cpu/usage")?;
        newest(heapster.address, "namespaces/shop/pods/db/containers/main", "cpu/usage_rate")?;
        let truth = kernel::cpu_nanos(&web.group);
        if (told - truth).abs() <= truth * 0.01 { Ok(()) } else { Err(format!("{told}, not {truth}")) }
    });
    let keys = heapster.json("/api/v1/model/debug/allkeys");
    for key in
        ["cluster", "node:one", "node:two", "namespace:kube-system", "namespace:shop/pod:web/container:side"]
    {
        assert!(keys.as_array().unwrap().iter().any(|one| one == key), "{key} is not in {keys}");
    }
    for metric in ["network/rx", "uptime", "memory/limit"] {
        assert!(newest(heapster.address, "namespaces/shop/pods/web", metric).is_ok(), "{metric}");
    }
    assert!(newest(heapster.address, "nodes/one", "cpu/node_capacity").unwrap().0 >= 1000.0);
    assert_eq!(kube::refusals(&heapster.log()), [""; 0]);
}

#[test]
fn under_metrics_servers_name() {
    require!(Need::Kube);
    let _cluster = deployed();
    let config = User::account("kube-system", "plimsoll-cluster").kubeconfig().display().to_string();
    // the flags of its own manifest, and how to reach the cluster from outside
    let (server, _folder) = named(
        "metrics-server",
        &[
            "--cert-dir=/tmp",
            "--secure-port=14443",
            "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
            "--kubelet-use-node-status-port",
            "--metric-resolution=15s",
            &format!("--kubeconfig={config}"),
            &format!("--authentication-kubeconfig={config}"),
            &format!("--authorization-kubeconfig={config}"),
        ],
    );
    let ask = |path: &str| {
        let words = ["-skf", "--max-time", "10", "-H", "Authorization: Bearer admin"];
        let url = format!("https://127.0.0.1:14443{path}");
        let done = program::run(Command::new("curl").args(words).arg(url), 20.0);
        if done.code == Some(0) {
            Ok(done.stdout)
        } else {
            Err(format!("{path}: curl ends with {:?}", done.code))
        }
    };
    let told: Value = eventually("three pods are told", 90.0, || {
        let told: Value = serde_json::from_str(&ask(PODS)?).map_err(|error| error.to_string())?;
        if told["items"].as_array().map_or(0, Vec::len) == 3 { Ok(told) } else { Err(told.to_string()) }
    });
    // in the order in which the kubelet named them, which is none
    let containers = told["items"][2]["containers"].as_array().unwrap();
    let mut names: Vec<&str> = containers.iter().filter_map(|one| one["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["main", "side"], "{told}");
    assert_eq!(ask("/readyz").unwrap(), "ok");
    let own = ask("/metrics").unwrap();
    for node in ["one", "two"] {
        assert!(
            own.contains(&format!("metrics_server_kubelet_last_request_time_seconds{{node=\"{node}\"}}")),
            "{own}"
        );
    }
    assert_eq!(kube::refusals(&server.log()), [""; 0]);
}

/// The instants of what is told: nodes by name, pods of `shop` by name.
fn told(admin: &User) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for path in [NODES, PODS] {
        let list = admin.try_json(&["get", "--raw", path])?;
        for item in list["items"].as_array().ok_or("no items")? {
            let name = item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            found.insert(name, item["timestamp"].as_str().unwrap_or_default().to_owned());
        }
    }
    Ok(found)
}

fn names(found: &BTreeMap<String, String>) -> Vec<&str> {
    found.keys().map(String::as_str).collect()
}

const ALL: [&str; 5] = ["db", "load", "one", "two", "web"];

#[track_caller]
fn wait_for(what: &str, limit: f64, admin: &User, wanted: &[&str]) -> BTreeMap<String, String> {
    eventually(what, limit, || {
        let found = told(admin)?;
        if names(&found) == wanted { Ok(found) } else { Err(format!("{found:?}")) }
    })
}

#[test]
fn a_kubelet_that_is_away_takes_its_own_pods_alone() {
    require!(Need::Kube);
    let _cluster = deployed();
    let admin = User::admin();
    wait_for("all is there", 60.0, &admin, &ALL);
    let stopped = Stopped::new("kubelet-two");
    // absent rather than stale, while the other's numbers go on
    let mut last = wait_for("its node and pod are absent", 60.0, &admin, &["load", "one", "web"]);
    for _ in 0..2 {
        last = eventually("the other's next round", 40.0, || {
            let found = told(&admin)?;
            assert_eq!(names(&found), ["load", "one", "web"]);
            if found["one"] > last["one"] { Ok(found) } else { Err(format!("{found:?}")) }
        });
    }
    let rows = admin.rows(&["top", "nodes"]);
    assert_eq!((rows[0][0].as_str(), rows[1][0].as_str(), rows[1][1].as_str()), ("one", "two", "<unknown>"));
    drop(stopped);
    wait_for("all is there again", 120.0, &admin, &ALL);
    let db = Worker::find("shop", "db", "main");
    db.order("burn 300");
    let model = kube::address("kube-system", COLLECTOR, 8082);
    eventually("its counters go on", 60.0, || {
        let (told, _) = newest(model, "namespaces/shop/pods/db/containers/main", "cpu/usage")?;
        let truth = kernel::cpu_nanos(&db.group);
        if (told - truth).abs() <= truth * 0.01 { Ok(()) } else { Err(format!("{told}, not {truth}")) }
    });
}

#[test]
fn an_api_server_that_was_away_is_followed_again() {
    require!(Need::Kube);
    let _cluster = deployed();
    let admin = User::admin();
    wait_for("all is there", 60.0, &admin, &ALL);
    let model = kube::address("kube-system", COLLECTOR, 8082);
    let newest_of_node = || newest(model, "nodes/one", "memory/working_set").map(|(_, at)| at);
    let stopped = Stopped::new("kube-apiserver");
    // who is known is asked on: these kubelets remember for an hour who the collector is
    let mut last = newest_of_node().unwrap();
    for _ in 0..2 {
        last = eventually("rounds go on without the API server", 40.0, || {
            let now = newest_of_node()?;
            if now > last { Ok(now) } else { Err(now) }
        });
    }
    drop(stopped);
    eventually("the API server is back", 90.0, || admin.try_told(&["get", "--raw", "/readyz"]));
    eventually("all is told again", 60.0, || {
        let found = told(&admin)?;
        if ALL.iter().all(|name| found.contains_key(*name)) { Ok(()) } else { Err(format!("{found:?}")) }
    });
    // watches are there again: who comes is seen, and who goes
    let limits = json!({"limits": {"cpu": "100m", "memory": "64Mi"}});
    admin.apply(&json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "late", "namespace": "shop", "labels": {"app": "late"}},
        "spec": {"nodeName": "one", "containers": [Worker::container("main", &limits)],
            "volumes": [Worker::volume("late")], "terminationGracePeriodSeconds": 0}}));
    wait_for("the new pod is told", 90.0, &admin, &["db", "late", "load", "one", "two", "web"]);
    let limit = newest(model, "namespaces/shop/pods/late/containers/main", "memory/limit").unwrap().0;
    close("what it may use", limit, 64.0 * 1_048_576.0, 0.0);
    admin.told(&["delete", "pod", "late", "--namespace", "shop", "--wait=true"]);
    eventually("it is gone at once", 5.0, || {
        let found = told(&admin)?;
        if names(&found) == ALL { Ok(()) } else { Err(format!("{found:?}")) }
    });
}
