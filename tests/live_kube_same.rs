//! The host agent beside a real kubelet, on its node: whoever reads the kubelet can read the agent. Every series and every
//! field of both is held against the other's; what may differ stands in `same/allowed.rs`. `make test-kube` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

#[path = "same/allowed.rs"]
mod allowed;
mod common;
#[path = "same/json.rs"]
mod json;
#[path = "same/text.rs"]
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use allowed::Allowed;
use common::kinds;
use common::kube::{self, User, curl};
use common::program::Plimsoll;
use common::{Need, eventually, seconds};
use serde_json::Value;
use text::Exposition;

/// The node on which both are.
const NODE: &str = "one";
const KUBELET: &str = "10.97.0.1:10260";
/// How long the program is asked again and again, so that it has seen what an older sample of the kubelet's saw.
const WINDOW: f64 = 25.0;
/// How far back a number of the kubelet's may reach: it looks at volumes once a minute, and its rates are those between
/// samples that lie up to 15 s apart.
const BEFORE: f64 = 75.0;

/// What a number was over some seconds.
pub struct Range(f64, f64);

impl Range {
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        values.fold(Self(f64::INFINITY, f64::NEG_INFINITY), |Self(low, high), value| {
            Self(low.min(value), high.max(value))
        })
    }

    pub fn wider(&self, by: f64) -> Self {
        Self(self.0 - by, self.1 + by)
    }

    pub fn holds(&self, value: f64) -> bool {
        self.0 <= value && value <= self.1
    }

    /// To one per cent.
    pub fn nearly_holds(&self, value: f64) -> bool {
        self.wider(value.abs() / 100.0).holds(value)
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.0, self.1)
    }
}

const CADVISOR: &str = "/metrics/cadvisor";
const RESOURCE: &str = "/metrics/resource";
const SUMMARY: &str = "/stats/summary";
const SHORT: &str = "/stats/summary?only_cpu_and_memory=true";

#[track_caller]
fn kubelet(path: &str) -> String {
    let (status, text) = curl(KUBELET, &["-H", "Authorization: Bearer admin"], path);
    assert_eq!(status, 200, "{path}: {text}");
    text
}

#[track_caller]
fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The pods of a summary that have all that is told of one in time: `namespace/name`. `with` is what else must be there.
fn whole(summary: &Value, with: &str) -> BTreeSet<String> {
    let has_rate = |of: &Value| of.pointer("/cpu/usageNanoCores").is_some();
    let pods = summary["pods"].as_array().cloned().unwrap_or_default();
    let whole = pods.iter().filter(|pod| {
        let containers = pod["containers"].as_array().cloned().unwrap_or_default();
        let is_whole =
            |one: &Value| has_rate(one) && one.pointer("/rootfs/usedBytes").and_then(Value::as_u64) > Some(0);
        has_rate(pod) && containers.iter().all(is_whole) && pod.get(with).is_some()
    });
    whole
        .map(|pod| {
            format!("{}/{}", common::text(pod, "/podRef/namespace"), common::text(pod, "/podRef/name"))
        })
        .collect()
}

/// One route: what the kubelet said, and what the program said all the while.
struct Route {
    path: &'static str,
    kubelet: String,
    program: Vec<String>,
}

/// Asks the program for all routes over a while, and the kubelet near its end.
#[track_caller]
fn collect(program: &Plimsoll, paths: &[&'static str]) -> Vec<Route> {
    let mut routes: Vec<Route> =
        paths.iter().map(|path| Route { path, kubelet: String::new(), program: Vec::new() }).collect();
    let ask = |routes: &mut Vec<Route>| {
        for route in routes {
            let answer = program.get(route.path);
            assert_eq!(answer.status, 200, "{}: {}", route.path, answer.text());
            route.program.push(answer.text());
            std::thread::sleep(seconds(0.25));
        }
    };
    let start = Instant::now();
    while start.elapsed() < seconds(WINDOW) {
        ask(&mut routes);
    }
    for route in &mut routes {
        route.kubelet = kubelet(route.path);
    }
    std::thread::sleep(seconds(1.0));
    ask(&mut routes);
    routes
}

/// Takes the allowed differences out, and says which of the list were none.
fn judge(path: &str, found: Vec<String>, allowed: &[Allowed]) -> Vec<String> {
    let (mut left, mut used) = (Vec::new(), BTreeSet::new());
    for difference in found {
        match allowed.iter().position(|one| one.is(&difference)) {
            Some(nth) => drop(used.insert(nth)),
            None => left.push(format!("{path}: {difference}")),
        }
    }
    let idle = (0..allowed.len()).filter(|nth| !used.contains(nth) && allowed[*nth].always);
    left.extend(idle.map(|nth| format!("{path}: no longer different: {}", allowed[nth].what)));
    left
}

/// The labels of a pod's containers on the agent's own routes are those that cAdvisor's program gives them.
#[track_caller]
fn raw_labels(program: &Plimsoll) -> Vec<String> {
    let pod = User::admin().json(&["get", "pod", "--namespace", kinds::SPACE, "burstable"]);
    let uid = common::text(&pod, "/metadata/uid");
    let of_pod = |kind, container: Option<&'static str>| {
        let mut all = BTreeMap::from([
            ("io.cri-containerd.kind", kind),
            ("io.kubernetes.pod.name", "burstable"),
            ("io.kubernetes.pod.namespace", kinds::SPACE),
            ("io.kubernetes.pod.uid", uid),
        ]);
        match container {
            Some(name) => all.insert("io.kubernetes.container.name", name),
            None => all.insert("app", "burstable"),
        };
        all.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
    };
    let mut wanted =
        [of_pod("container", Some("main")), of_pod("container", Some("side")), of_pod("sandbox", None)];
    wanted.sort();
    let mut found = Vec::new();
    let mut check = |route: &str, mut told: Vec<BTreeMap<String, String>>| {
        told.sort();
        if told != wanted {
            found.push(format!("{route}: labels {told:?}, not {wanted:?}"));
        }
    };
    let below = format!("/pod{uid}/");
    // `/metrics` writes what is no letter or digit as `_`
    let clean = |name: &str| format!("container_label_{}", name.replace(['.', '-'], "_"));
    let names: Vec<(String, String)> =
        wanted.iter().flat_map(BTreeMap::keys).map(|name| (clean(name), name.clone())).collect();
    let original = |label: &str| names.iter().find(|(clean, _)| clean == label).map(|(_, name)| name.clone());
    let samples = program.metrics();
    let own = samples
        .iter()
        .filter(|sample| sample.name == "container_memory_rss" && sample.label("id").contains(&below));
    let labels = own.map(|sample| {
        let given = sample.labels.iter().filter(|(key, _)| !["id", "image", "name"].contains(&key.as_str()));
        given.map(|(key, value)| (original(key).unwrap_or(key.clone()), value.clone())).collect()
    });
    check("/metrics", labels.collect());
    let labels_of = |spec: &Value| serde_json::from_value(spec["labels"].clone()).unwrap_or_default();
    let all = program.json("/api/v1.3/subcontainers/?num_stats=1");
    let own = all.as_array().unwrap().iter().filter(|one| common::text(one, "/name").contains(&below));
    check("/api/v1.3", own.map(|one| labels_of(&one["spec"])).collect());
    let all = program.json("/api/v2.1/spec/?recursive=true");
    let own = all.as_object().unwrap().iter().filter(|(name, _)| name.contains(&below));
    check("/api/v2.1", own.map(|(_, spec)| labels_of(spec)).collect());
    found
}

#[test]
fn what_is_allowed_is_documented() {
    let text = std::fs::read_to_string(common::repository().join("docs/compatibility.md")).unwrap();
    for one in allowed::all() {
        assert!(text.contains(one.row), "docs/compatibility.md does not say: {}", one.row);
    }
}

#[test]
fn the_agents_answers_are_the_kubelets() {
    require!(Need::Kube);
    kinds::deploy(NODE);
    let settled = Instant::now();
    let before = kinds::host(NODE);
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    // the kinds of numbers that a kubelet has
    let program = Plimsoll::start_as(
        &before,
        "",
        &[
            "--enable_metrics=cpu,memory,cpuLoad,diskIO,disk,network,app,process,oom_event",
            "--housekeeping_interval=1s",
            "--max_housekeeping_interval=1s",
            "--docker=",
            "--podman=",
        ],
    );
    eventually("both know all of all pods", 180.0, || {
        let theirs = whole(&json_of(&kubelet(SUMMARY)), "volume");
        let ours = whole(&program.try_json(SUMMARY)?, "ephemeral-storage");
        let wanted = kinds::running();
        if theirs.is_superset(&wanted) && ours.is_superset(&wanted) {
            return Ok(());
        }
        Err(format!("of {wanted:?} the kubelet has {theirs:?}, the program {ours:?}"))
    });
    // what began or ended before all stood still is in no number of either any more
    std::thread::sleep(seconds(BEFORE).saturating_sub(settled.elapsed()));
    let routes = collect(&program, &[CADVISOR, RESOURCE, SUMMARY, SHORT]);
    if let Some(folder) = std::env::var_os("PLIMSOLL_TEST_KEEP") {
        for Route { path, kubelet, program } in &routes {
            let name = path.replace(['/', '?'], "_");
            let folder = std::path::Path::new(&folder);
            std::fs::write(folder.join(format!("kubelet{name}")), kubelet).unwrap();
            std::fs::write(folder.join(format!("program{name}")), program.last().unwrap()).unwrap();
        }
    }
    // only below its own root the kubelet looks at groups
    let root = std::fs::read_to_string(kube::folder().unwrap().join("group")).unwrap();
    let root = format!("{}/{NODE}/kubepods", root.trim());
    let mut left = Vec::new();
    for Route { path, kubelet, program } in &routes {
        if path.starts_with("/metrics") {
            let (theirs, mut ours) = (Exposition::of(std::slice::from_ref(kubelet)), Exposition::of(program));
            ours.retain(|sample| {
                let id = sample.label("id");
                id.is_empty() || id == "/" || id.starts_with(&root)
            });
            left.extend(judge(path, text::differences(&theirs, &ours), allowed::of(path)));
        } else {
            let theirs = json::leaves(&json_of(kubelet));
            let ours: Vec<_> = program.iter().map(|text| json::leaves(&json_of(text))).collect();
            left.extend(judge(path, json::differences(&theirs, &ours), allowed::of(path)));
        }
    }
    left.extend(raw_labels(&program));
    assert!(left.is_empty(), "{} differences:\n{}", left.len(), left.join("\n"));
}
