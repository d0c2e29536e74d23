//! What does a node's answer cost?
//!
//! Reads answers of a node of 30 pods with two containers each, made in the shape of a kubelet's and a cAdvisor's,
//! again and again. Prints the median and the best over the rounds. `ROUNDS=300 cargo bench -p plimsoll-nodes`
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use plimsoll_core::cluster::names::Names;
use plimsoll_core::cluster::objects::Node;
use plimsoll_core::time::Timestamp;
use plimsoll_nodes::decode::{self, Reading};

const PODS: usize = 30;
const CONTAINERS: [&str; 2] = ["server", "sidecar"];

fn main() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let (node, names) = (Arc::new(Node { name: "node-17".into(), ..Node::default() }), Names::default());
    let reading = Reading { node: &node, names: &names, at: Timestamp::from_secs(1_795_257_000) };
    let (resource, summary, containers, metrics) = (resource(), summary(), containers(), metrics());
    told("resource", rounds, &resource, || {
        decode::resource::decode(resource.as_bytes(), &reading).unwrap().len()
    });
    told("summary", rounds, &summary, || {
        decode::summary::decode(summary.as_bytes(), &reading).unwrap().len()
    });
    told("containers", rounds, &containers, || {
        decode::container::decode(containers.as_bytes(), &reading).unwrap().len()
    });
    told("cadvisor", rounds, &metrics, || {
        decode::cadvisor::decode(metrics.as_bytes(), &reading).unwrap().len()
    });
}

fn told(what: &str, rounds: usize, answer: &str, work: impl Fn() -> usize) {
    let sets = work();
    let mut took: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let begin = Instant::now();
            black_box(work());
            begin.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let (median, best) = (took[took.len() / 2], took[0]);
    println!("{what:12} {:7} bytes {sets:4} sets {median:8.1} us (best {best:.1})", answer.len());
}

fn each() -> impl Iterator<Item = (String, &'static str, usize)> {
    (0..PODS).flat_map(|pod| CONTAINERS.map(|container| (format!("web-5f8b84fdfb-{pod:05}"), container, pod)))
}

fn resource() -> String {
    let mut text = String::new();
    let families = [
        ("container_cpu_usage_seconds_total", "71.744474408 1795256976480"),
        ("container_memory_working_set_bytes", "1.14688e+06 1795256976480"),
        ("container_start_time_seconds", "1.7952557809530113e+09"),
        ("container_swap_usage_bytes", "0 1795256976480"),
    ];
    for (family, value) in families {
        writeln!(text, "# HELP {family} [STABLE] What it is\n# TYPE {family} gauge").unwrap();
        for (pod, container, _) in each() {
            let whose = format!("container=\"{container}\",namespace=\"shop-{container}\",pod=\"{pod}\"");
            writeln!(text, "{family}{{{whose}}} {value}").unwrap();
        }
    }
    for family in ["pod_cpu_usage_seconds_total", "pod_memory_working_set_bytes", "pod_swap_usage_bytes"] {
        for (pod, ..) in each().step_by(2) {
            writeln!(text, "{family}{{namespace=\"shop\",pod=\"{pod}\"}} 79.235102539 1795256976272")
                .unwrap();
        }
    }
    text + "node_cpu_usage_seconds_total 4758.954433359 1795256968195\nnode_memory_working_set_bytes 1.0621952e+09 1795256968195\n"
}

fn summary() -> String {
    let fs = r#"{"time":"2026-11-21T10:29:28Z","availableBytes":75430277120,"capacityBytes":270553174016,"usedBytes":40960,"inodesFree":16274793,"inodes":16777216,"inodesUsed":13}"#;
    let cpu = r#"{"time":"2026-11-21T10:29:36Z","usageNanoCores":5473824,"usageCoreNanoSeconds":7399046392}"#;
    let memory = r#"{"time":"2026-11-21T10:29:36Z","availableBytes":1,"usageBytes":1191936,"workingSetBytes":1191936,"rssBytes":819200,"pageFaults":14322,"majorPageFaults":3}"#;
    let swap = r#"{"time":"2026-11-21T10:29:36Z","swapAvailableBytes":0,"swapUsageBytes":0}"#;
    let counters = r#""name":"eth0","rxBytes":737093970,"rxErrors":0,"txBytes":1087887,"txErrors":0"#;
    let network = format!(r#"{{"time":"2026-11-21T10:29:28Z",{counters},"interfaces":[{{{counters}}}]}}"#);
    let container = |name: &str| {
        format!(
            r#"{{"name":"{name}","startTime":"2026-11-21T10:09:40Z","cpu":{cpu},"memory":{memory},"rootfs":{fs},"logs":{fs},"swap":{swap}}}"#
        )
    };
    let volume = |name: &str| format!(r#"{},"name":"{name}"}}"#, &fs[..fs.len() - 1]);
    let pods: Vec<_> = (0..PODS)
        .map(|pod| {
            format!(
                r#"{{"podRef":{{"name":"web-5f8b84fdfb-{pod:05}","namespace":"shop","uid":"3d30b6da-6d89-4dd5-b8ec-b8e6416df823"}},"startTime":"2026-11-21T10:09:40Z","containers":[{},{}],"cpu":{cpu},"memory":{memory},"network":{network},"volume":[{},{}],"ephemeral-storage":{fs},"process_stats":{{"process_count":3}},"swap":{swap}}}"#,
                container(CONTAINERS[0]),
                container(CONTAINERS[1]),
                volume("data"),
                volume(&format!("kube-api-access-{pod:05}")),
            )
        })
        .collect();
    format!(
        r#"{{"node":{{"nodeName":"node-17","systemContainers":[{},{}],"startTime":"2026-11-21T08:24:46Z","cpu":{cpu},"memory":{memory},"network":{network},"fs":{fs},"runtime":{{"imageFs":{fs},"containerFs":{fs}}},"rlimit":{{"time":"2026-11-21T10:29:36Z","maxpid":32768,"curproc":1515}},"swap":{swap}}},"pods":[{}]}}"#,
        container("kubelet"),
        container("pods"),
        pods.join(",")
    )
}

fn containers() -> String {
    let golden: serde_json::Value =
        serde_json::from_slice(include_bytes!("../src/testdata/subcontainers.json")).unwrap();
    let all: Vec<_> = each()
        .map(|(pod, container, nth)| {
            let mut one = golden[1].clone();
            one["spec"]["labels"] = serde_json::json!({
                "io.kubernetes.container.name": container,
                "io.kubernetes.pod.name": pod,
                "io.kubernetes.pod.namespace": "shop",
                "io.kubernetes.pod.uid": "3d30b6da-6d89-4dd5-b8ec-b8e6416df823",
                "annotation.io.kubernetes.container.hash": format!("{nth:08x}"),
            });
            one
        })
        .collect();
    serde_json::to_string(&all).unwrap()
}

/// The recorded lines of one container, for each of them.
fn metrics() -> String {
    let recorded = include_str!("../src/testdata/cadvisor.prom");
    let lines: Vec<_> = recorded.lines().filter(|line| line.contains("container=\"httpd\"")).collect();
    let mut text = String::new();
    for (pod, container, _) in each() {
        for line in &lines {
            let line = line.replace("httpd", container).replace("v2-web", &pod);
            writeln!(text, "{}", line.replace("id=\"/", &format!("id=\"/{pod}/{container}/"))).unwrap();
        }
    }
    text
}
