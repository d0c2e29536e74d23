//! The collector over a cluster that is not there (`testbed/cluster`), whose numbers are known beforehand: rates and sums
//! have to be exactly those.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs, dead_code)]
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

mod common;

use common::http;
use common::program::Plimsoll;
use common::{Need, eventually};
use plimsoll_testcluster::{Options, Running};
use serde_json::Value;
use tempfile::TempDir;

/// A cluster, its folder, and who serves it.
struct Lab {
    running: Running,
    dir: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Lab {
    fn new(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { dir: dir.path().to_owned(), heartbeat: 0, ..options };
        let running = runtime.block_on(plimsoll_testcluster::start(options)).unwrap();
        Self { running, dir, runtime }
    }

    /// A collector of it. A kubelet samples every ten seconds: with twelve, each round has newer samples than the last.
    fn collector(&self, more: &[&str]) -> Plimsoll {
        let config = format!("--kubeconfig={}", self.running.kubeconfig.display());
        let flags = [
            config.as_str(),
            "--metric_resolution=12s",
            "--kubelet-request-timeout=3s",
            "--kubelet-use-node-status-port",
            "--kubelet-preferred-address-types=InternalIP",
            "--deprecated-kubelet-completely-insecure",
        ];
        Plimsoll::cluster(&[flags.as_slice(), more].concat())
    }

    fn expected(&self, query: &str) -> Value {
        let address = self.running.control.strip_prefix("http://").unwrap().parse().unwrap();
        http::get(address, &format!("/expected?{query}")).unwrap().json()
    }
}

/// The newest value of a metric.
fn newest(collector: &Plimsoll, entity: &str, metric: &str) -> Result<u64, String> {
    let path = if entity.is_empty() { String::new() } else { format!("{entity}/") };
    let told = collector.try_json(&format!("/api/v1/model/{path}metrics/{metric}"))?;
    let last = told["metrics"].as_array().and_then(|all| all.last()).cloned();
    last.and_then(|point| point["value"].as_u64()).ok_or_else(|| format!("no {metric} of {entity:?}: {told}"))
}

fn is(collector: &Plimsoll, entity: &str, metric: &str, wanted: &Value) -> Result<(), String> {
    let told = newest(collector, entity, metric)?;
    if wanted.as_u64() == Some(told) {
        Ok(())
    } else {
        Err(format!("{entity:?} {metric}: {told}, wanted {wanted}"))
    }
}

#[test]
fn rates_and_sums_are_those_of_the_cluster() {
    for route in ["resource", "summary"] {
        // whole seconds, since the summary's times have no other
        let lab =
            Lab::new(Options { nodes: 4, pods: 10, still: true, whole_seconds: true, ..Options::default() });
        let collector = lab.collector(&[&format!("--route={route}")]);
        let expected = lab.expected("");
        eventually(&format!("{route}: all sums are right"), 60.0, || {
            is(&collector, "", "cpu/usage_rate", &expected["cluster"]["millicores"])?;
            for (name, sum) in expected["namespaces"].as_object().unwrap() {
                let entity = format!("namespaces/{name}");
                is(&collector, &entity, "cpu/usage_rate", &sum["millicores"])?;
                is(&collector, &entity, "memory/working_set", &sum["working_set"])?;
            }
            for (name, node) in expected["nodes"].as_object().unwrap() {
                let entity = format!("nodes/{name}");
                is(&collector, &entity, "cpu/usage_rate", &node["millicores"])?;
                is(&collector, &entity, "memory/working_set", &node["working_set"])?;
            }
            Ok(())
        });
        for one in lab.expected("node=node-00002")["containers"].as_array().unwrap() {
            let text = |key: &str| one[key].as_str().unwrap();
            let pod = format!("namespaces/{}/pods/{}", text("namespace"), text("pod"));
            let entity = format!("{pod}/containers/{}", text("container"));
            is(&collector, &entity, "cpu/usage_rate", &one["millicores"]).unwrap();
            is(&collector, &entity, "memory/working_set", &one["working_set"]).unwrap();
            if let Some(request) = one["request"].as_object() {
                is(&collector, &entity, "cpu/request", &request["millicores"]).unwrap();
                is(&collector, &entity, "memory/request", &request["memory"]).unwrap();
            }
        }
    }
}

#[test]
fn bad_nodes_cost_the_good_ones_nothing() {
    let faults = [
        "silent",
        "garbage",
        "short",
        "noise",
        "refused",
        "huge=100000000",
        "status=500",
        "slow",
        "clock=3600",
    ];
    let faults =
        faults.iter().enumerate().map(|(node, what)| (format!("node-{node:05}"), (*what).to_owned()));
    let faults: Vec<_> = faults.collect();
    let bad = faults.len();
    let lab = Lab::new(Options { nodes: bad + 1, pods: 4, still: true, faults, ..Options::default() });
    let collector = lab.collector(&["--route=resource"]);
    // a clock that is wrong runs at the right pace
    for node in [bad - 1, bad] {
        let (name, expected) = (format!("node-{node:05}"), lab.expected(""));
        eventually(&format!("{name} is told"), 60.0, || {
            is(
                &collector,
                &format!("nodes/{name}"),
                "cpu/usage_rate",
                &expected["nodes"][&name]["millicores"],
            )
        });
    }
    let keys = collector.json("/api/v1/model/debug/allkeys");
    for node in 0..bad - 1 {
        let key = Value::from(format!("node:node-{node:05}"));
        assert!(!keys.as_array().unwrap().contains(&key), "{key} has no numbers to tell");
    }
}

#[test]
fn the_secure_server_lets_in_whom_the_api_server_knows_and_follows_the_flags() {
    if !common::able(
        "the_secure_server_lets_in_whom_the_api_server_knows_and_follows_the_flags",
        &[Need::Program("curl")],
    ) {
        return;
    }
    let mut options = Options { nodes: 2, pods: 4, ..Options::default() };
    options.access.add_user("t0=me,system:authenticated").unwrap();
    let lab = Lab::new(options);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let secure = format!("--secure-port={port}");
    let flags = ["--bind-address=127.0.0.1", &secure, "--reduced_metrics", "--disable_export"];
    let _collector = lab.collector(&flags);
    let ask = |token: &str, path: &str| {
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sk", "-w", "\n%{http_code}", "-H", &format!("Authorization: Bearer {token}")]);
        let done = common::program::run(curl.arg(format!("https://127.0.0.1:{port}{path}")), 20.0);
        let (body, status) =
            done.stdout.rsplit_once('\n').map(|(b, s)| (b.to_owned(), s.to_owned())).unwrap();
        (status, body)
    };
    eventually("nodes are told to who is known", 60.0, || {
        let (status, body) = ask("t0", "/apis/metrics.k8s.io/v1beta1/nodes");
        if status == "200" && body.contains("node-00001") { Ok(()) } else { Err(format!("{status} {body}")) }
    });
    assert_eq!(ask("wrong", "/apis/metrics.k8s.io/v1beta1/nodes").0, "401");
    assert_eq!(ask("wrong", "/metrics").0, "401");
    assert!(ask("t0", "/metrics").1.contains("\nplimsoll_pod_"), "what was collected is asked for");
    assert_eq!(ask("t0", "/api/v1/metric-export"), ("200".to_owned(), "[]\n".to_owned()));
    assert_eq!(ask("wrong", "/readyz").0, "200");
}
