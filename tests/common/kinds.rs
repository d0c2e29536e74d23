//! Pods of many kinds on one node of the cluster, for whoever tells them apart.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kube::{self, User, Worker};
use super::{eventually, program, text};

/// The namespace that they are in.
pub const SPACE: &str = "kinds";
/// What a container does before it rests for as long as the test takes.
const BUSY: [&str; 3] = ["hold 20", "burn 300", "sleep 6000000"];

/// A command in the mounts of a node: what stands before its own words.
#[track_caller]
pub fn inside(node: &str) -> [String; 2] {
    let pid = std::fs::read_to_string(kube::folder().unwrap().join(format!("node-{node}.pid"))).unwrap();
    ["nsenter".to_owned(), format!("--mount=/proc/{}/ns/mnt", pid.trim())]
}

/// The same, where the mounts of the machine's first process, by which a host is known, are the node's.
#[track_caller]
pub fn host(node: &str) -> Vec<String> {
    let inside = inside(node);
    let mounts = inside[1].trim_start_matches("--mount=").replace("ns/mnt", "mountinfo");
    let script = format!("mount --bind {mounts} /proc/1/mountinfo && exec \"$0\" \"$@\"");
    let words = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", &script];
    inside.into_iter().chain(words.map(str::to_owned)).collect()
}

#[track_caller]
fn ctr(node: &str, words: &[&str]) -> String {
    let before = inside(node);
    let mut command = std::process::Command::new(&before[0]);
    command.arg(&before[1]).args(["ctr", "--namespace", "k8s.io"]).args(words);
    let done = program::run(&mut command, 60.0);
    assert_eq!(done.code, Some(0), "ctr {words:?}: {}", done.stderr);
    done.stdout
}

/// The workload image by tag and digest; the node's runtime knows it under the digest too from then on.
#[track_caller]
fn pinned(node: &str) -> String {
    let all = ctr(node, &["images", "ls"]);
    let mut rows = all.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row[0] == kube::IMAGE).unwrap_or_else(|| panic!("no {} in {all}", kube::IMAGE));
    let name = kube::IMAGE.rsplit_once(':').unwrap().0;
    ctr(node, &["images", "tag", "--force", kube::IMAGE, &format!("{name}@{}", row[2])]);
    format!("{}@{}", kube::IMAGE, row[2])
}

/// A container that does the orders, one after the other, and ends; `more` is what else its description has.
fn container(name: &str, orders: &[&str], more: &Value) -> Value {
    let command = [&["workload", "do"], orders].concat();
    let mut own = json!({"name": name, "image": kube::IMAGE, "imagePullPolicy": "Never", "command": command});
    own.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    own
}

fn pod(node: &str, name: &str, containers: Value, more: &Value) -> Value {
    let mut spec = json!({"nodeName": node, "containers": containers, "terminationGracePeriodSeconds": 0});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE, "labels": {"app": name}},
        "spec": spec})
}

/// Starts them, and waits until each is where it stays: `Running` or `Succeeded`.
#[track_caller]
pub fn deploy(node: &str) {
    let admin = User::admin();
    admin.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}));
    eventually("the namespace has its account", 30.0, || {
        admin.try_told(&["get", "serviceaccount", "--namespace", SPACE, "default"])
    });
    let none = json!({});
    let main = || container("main", &BUSY, &none);
    let with = |resources: Value| json!({"resources": resources});
    let all = json!({"cpu": "200m", "memory": "64Mi"});
    let guaranteed = container("main", &BUSY, &with(json!({"requests": all, "limits": all})));
    let wide = container(
        "main",
        &[["write /data/file 8", "write /memory/file 4"].as_slice(), &BUSY].concat(),
        &json!({"resources": {
                "requests": {"cpu": "100m", "memory": "32Mi", "ephemeral-storage": "10Mi"},
                "limits": {"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "100Mi"}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "memory", "mountPath": "/memory"}]}),
    );
    let side = container("side", &BUSY, &with(json!({"requests": {"cpu": "10m"}})));
    let capped = container("main", &BUSY, &with(json!({"limits": {"memory": "80Mi"}})));
    let volumes = json!({"volumes": [{"name": "data", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "32Mi"}}]});
    let first = container("first", &["burn 100"], &none);
    let sidecar = container("sidecar", &BUSY, &json!({"restartPolicy": "Always"}));
    let again = Worker::container("again", &none);
    let limits = json!({"requests": {"cpu": "50m"}, "limits": {"cpu": "100m"}});
    let steady = container("main", &["burn 6000000"], &with(limits));
    let short = |name| container(name, &["burn 100"], &none);
    let once = json!({"restartPolicy": "Never"});
    let digest = container("main", &BUSY, &json!({"image": pinned(node)}));
    let mut items = vec![
        pod(node, "guaranteed", json!([guaranteed]), &none),
        pod(node, "burstable", json!([wide, side]), &volumes),
        pod(node, "capped", json!([capped]), &none),
        pod(node, "besteffort", json!([main()]), &none),
        pod(node, "inits", json!([main()]), &json!({"initContainers": [first, sidecar]})),
        pod(node, "restarted", json!([main(), again]), &json!({"volumes": [Worker::volume("restarted")]})),
        pod(node, "steady", json!([steady]), &none),
        pod(node, "hostnet", json!([main()]), &json!({"hostNetwork": true})),
        pod(node, "digest", json!([digest]), &none),
        pod(node, "half", json!([main(), short("short")]), &once),
        pod(node, "done", json!([short("main")]), &once),
    ];
    let count = items.len();
    let spec = &pod(node, "", json!([short("main")]), &once)["spec"];
    items.push(
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job", "namespace": SPACE},
        "spec": {"template": {"spec": spec}}}),
    );
    admin.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}));
    let again = Worker::find(SPACE, "restarted", "again");
    let told = admin.json(&["get", "pod", "--namespace", SPACE, "restarted"]);
    let all = told["status"]["containerStatuses"].as_array().unwrap();
    if !all.iter().any(|one| one["name"] == "again" && one["restartCount"].as_u64() >= Some(1)) {
        again.last_order("exit 3");
    }
    eventually("every pod is where it stays", 120.0, || {
        let told = admin.try_json(&["get", "pods", "--namespace", SPACE])?;
        let pods = told["items"].as_array().cloned().unwrap_or_default();
        let waits = pods.iter().find(|pod| !settled(pod));
        match waits {
            None if pods.len() == count + 1 => Ok(()),
            None => Err(format!("{} pods", pods.len())),
            Some(pod) => Err(format!("{}: {}", text(pod, "/metadata/name"), pod["status"])),
        }
    });
}

/// Those that run: `namespace/name`.
pub fn running() -> BTreeSet<String> {
    let told = User::admin().json(&["get", "pods", "--namespace", SPACE]);
    let pods = told["items"].as_array().cloned().unwrap_or_default();
    let running = pods.iter().filter(|pod| pod["status"]["phase"] == "Running");
    running.map(|pod| format!("{SPACE}/{}", text(pod, "/metadata/name"))).collect()
}

/// Whether it has ended, or its containers that stay have started and the one that fails has done so.
fn settled(pod: &Value) -> bool {
    let all = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
    match text(pod, "/status/phase") {
        "Succeeded" => true,
        "Running" => all.iter().all(|one| match text(one, "/name") {
            "short" => one["state"].get("terminated").is_some(),
            "again" => one["ready"] == true && one["restartCount"].as_u64() >= Some(1),
            _ => one["ready"] == true,
        }),
        _ => false,
    }
}
