//! A real Kubernetes cluster, which `testbed/kube with` has started around the test, and `kubectl` in it.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::program::{self, Finished};
use super::{eventually, kernel, workload};

/// Where the API server is.
pub const API: &str = "https://10.96.0.1";
/// The workload image's name.
pub const IMAGE: &str = "localhost/plimsoll/workload:1";

/// The folder of the cluster, if there is one.
pub fn folder() -> Result<PathBuf, String> {
    let folder = std::env::var_os("PLIMSOLL_TEST_KUBE").map(PathBuf::from);
    folder
        .filter(|folder| folder.join("one").is_dir())
        .ok_or_else(|| "no Kubernetes cluster; `make test-kube` starts one".into())
}

/// Who asks: a kubeconfig.
pub struct User(PathBuf);

impl User {
    /// May do everything.
    #[track_caller]
    pub fn admin() -> Self {
        Self(folder().unwrap().join("kubeconfig"))
    }

    /// May do nothing.
    #[track_caller]
    pub fn reader() -> Self {
        Self(folder().unwrap().join("reader.kubeconfig"))
    }

    /// A service account, by a token that the API server signs for an hour.
    #[track_caller]
    pub fn account(space: &str, name: &str) -> Self {
        let admin = Self::admin();
        let token = admin.told(&["create", "token", "--namespace", space, name]);
        let text = std::fs::read_to_string(&admin.0).unwrap();
        assert!(text.contains("{token: admin}"), "{text}");
        let file = folder().unwrap().join(format!("{space}-{name}.kubeconfig"));
        std::fs::write(&file, text.replace("{token: admin}", &format!("{{token: {token}}}"))).unwrap();
        Self(file)
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.0
    }

    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Finished {
        program::run(Command::new("kubectl").arg("--kubeconfig").arg(&self.0).args(words), 180.0)
    }

    /// What it prints, without the last line's end; it must succeed.
    #[track_caller]
    pub fn told(&self, words: &[&str]) -> String {
        self.try_told(words).unwrap_or_else(|error| panic!("kubectl {words:?}: {error}"))
    }

    #[track_caller]
    pub fn try_told(&self, words: &[&str]) -> Result<String, String> {
        let done = self.run(words);
        if done.code == Some(0) { Ok(done.stdout.trim_end().to_owned()) } else { Err(done.stderr) }
    }

    /// What it prints on its standard error; it must fail.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) -> String {
        let done = self.run(words);
        assert_ne!(done.code, Some(0), "kubectl {words:?} was allowed: {}", done.stdout);
        done.stderr
    }

    #[track_caller]
    pub fn json(&self, words: &[&str]) -> Value {
        self.try_json(words).unwrap_or_else(|error| panic!("kubectl {words:?}: {error}"))
    }

    pub fn try_json(&self, words: &[&str]) -> Result<Value, String> {
        let words = if words.contains(&"--raw") { words.to_vec() } else { [words, &["-o", "json"]].concat() };
        serde_json::from_str(&self.try_told(&words)?).map_err(|error| error.to_string())
    }

    /// A table without its head, in words.
    #[track_caller]
    pub fn rows(&self, words: &[&str]) -> Vec<Vec<String>> {
        let told = self.told(words);
        told.lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    #[track_caller]
    pub fn apply(&self, objects: &Value) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), objects.to_string()).unwrap();
        self.told(&["apply", "--filename", &file.path().display().to_string()]);
    }
}

/// A part of the cluster that is stopped; it starts again when this is dropped.
pub struct Stopped(&'static str);

impl Stopped {
    #[track_caller]
    pub fn new(name: &'static str) -> Self {
        part("stop", name).unwrap_or_else(|error| panic!("stop {name}: {error}"));
        Self(name)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Err(error) = part("start", self.0) {
            super::say(&format!("{} does not start again: {error}", self.0));
        }
    }
}

fn part(verb: &str, name: &str) -> Result<(), String> {
    let script = super::repository().join("testbed/kube");
    let done = program::run(Command::new(script).args([verb, name]), 60.0);
    if done.code == Some(0) { Ok(()) } else { Err(done.stderr) }
}

/// The status of an answer over HTTPS, whoever signed its certificate, and its text.
#[track_caller]
pub fn curl(to: &str, words: &[&str], path: &str) -> (u16, String) {
    let mut command = Command::new("curl");
    command.args(["-sk", "--max-time", "20", "-w", "\n%{http_code}"]).args(words);
    let done = program::run(command.arg(format!("https://{to}{path}")), 30.0);
    assert_eq!(done.code, Some(0), "curl {words:?} {path}: {}", done.stderr);
    let (text, status) = done.stdout.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), text.to_owned())
}

/// The lines of a log that tell of a request that was refused.
pub fn refusals(log: &str) -> Vec<&str> {
    let tells = |line: &&str| line.to_lowercase().contains("forbidden") || line.contains(" 403");
    log.lines().filter(tells).collect()
}

/// Where a pod of those labels answers at that port, once it is ready.
#[track_caller]
pub fn address(space: &str, labels: &str, port: u16) -> SocketAddr {
    let path = "jsonpath={.items[0].status.podIP}";
    let told = User::admin().told(&["get", "pods", "--namespace", space, "--selector", labels, "-o", path]);
    SocketAddr::new(told.parse().unwrap_or_else(|_| panic!("no address of {labels}: {told:?}")), port)
}

/// A container of a pod that takes orders.
pub struct Worker {
    /// Its cgroup's name.
    pub group: String,
    /// That of its pod.
    pub pod_group: String,
    socket: PathBuf,
}

impl Worker {
    /// A container's description: its helper listens on a socket in the cluster's folder.
    pub fn container(name: &str, resources: &Value) -> Value {
        json!({"name": name, "image": IMAGE, "imagePullPolicy": "Never", "resources": resources,
            "command": ["workload", "serve", format!("/ctl/{name}")],
            "volumeMounts": [{"name": "ctl", "mountPath": "/ctl"}]})
    }

    /// The volume that its pod needs.
    pub fn volume(pod: &str) -> Value {
        let path = folder().unwrap().join("ctl").join(pod);
        json!({"name": "ctl", "hostPath": {"path": path, "type": "DirectoryOrCreate"}})
    }

    /// One that runs.
    #[track_caller]
    pub fn find(space: &str, pod: &str, name: &str) -> Self {
        let told = eventually("the container runs", 60.0, || {
            let told = User::admin().try_json(&["get", "pod", "--namespace", space, pod])?;
            if told["status"]["phase"] == "Running" { Ok(told) } else { Err(told["status"].to_string()) }
        });
        let all = told["status"]["containerStatuses"].as_array().unwrap();
        let own = all.iter().find(|one| one["name"] == name).unwrap();
        let id = own["containerID"].as_str().unwrap().strip_prefix("containerd://").unwrap();
        let above = format!("/pod{}/", told["metadata"]["uid"].as_str().unwrap());
        let group = kernel::find_group(&above, id);
        let pod_group = group.rsplit_once('/').unwrap().0.to_owned();
        Self { group, pod_group, socket: folder().unwrap().join("ctl").join(pod).join(name) }
    }

    /// Has the helper do something, and gives its answer.
    #[track_caller]
    pub fn order(&self, line: &str) -> String {
        workload::order(&self.socket, line)
    }

    /// Has the helper end, for which there is no answer.
    #[track_caller]
    pub fn last_order(&self, line: &str) {
        workload::last_order(&self.socket, line);
    }
}

/// The labels of the collector's pod, and of the agents'.
pub const COLLECTOR: &str = "app.kubernetes.io/name=plimsoll,app.kubernetes.io/component=cluster";
pub const AGENT: &str = "app.kubernetes.io/name=plimsoll,app.kubernetes.io/component=host";

/// The cluster with `deploy/kubernetes` and three pods of known work in it: `web` (containers `main` and `side`) and `load`
/// (`main`) on node one, `db` (`main`) on node two, in namespace `shop`. The tests have it one after the other.
#[track_caller]
pub fn deployed() -> MutexGuard<'static, bool> {
    static DONE: Mutex<bool> = Mutex::new(false);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !*done {
        deploy();
        *done = true;
    }
    done
}

#[track_caller]
fn deploy() {
    let admin = User::admin();
    // a test stops the other node, and the collector shall see that
    admin.told(&["cordon", "two"]);
    let folder = super::repository().join("deploy/kubernetes").display().to_string();
    admin.told(&["apply", "--server-side", "-k", &folder]);
    admin.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    eventually("the namespace has its account", 30.0, || {
        admin.try_told(&["get", "serviceaccount", "--namespace", "shop", "default"])
    });
    let pod = |name: &str, node: &str, containers: Value| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
            "spec": {"nodeName": node, "containers": containers, "volumes": [Worker::volume(name)],
                "terminationGracePeriodSeconds": 0}})
    };
    let limits =
        json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "300m", "memory": "128Mi"}});
    let main = || Worker::container("main", &limits);
    let side = Worker::container("side", &json!({}));
    admin.apply(&json!({"apiVersion": "v1", "kind": "List", "items": [
        pod("web", "one", json!([main(), side])), pod("load", "one", json!([main()])), pod("db", "two", json!([main()])),
    ]}));
    for what in ["deployment/plimsoll-cluster", "daemonset/plimsoll-host"] {
        let done = admin.run(&["rollout", "status", "--namespace", "kube-system", "--timeout", "150s", what]);
        assert_eq!(done.code, Some(0), "{what}: {}\n{}", done.stderr, told_of_pods(&admin));
    }
    admin.told(&["uncordon", "two"]);
    admin.told(&["wait", "--for=condition=Available", "--timeout=60s", "apiservice/v1beta1.metrics.k8s.io"]);
    eventually("all three pods have numbers", 90.0, || {
        let all = admin.try_json(&["get", "--raw", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"])?;
        if all["items"].as_array().map_or(0, Vec::len) == 3 { Ok(()) } else { Err(all.to_string()) }
    });
}

/// Why a pod does not come: what the cluster says of it.
fn told_of_pods(admin: &User) -> String {
    let events = admin.run(&["get", "events", "--namespace", "kube-system", "--sort-by=lastTimestamp"]);
    let logs = admin.run(&["logs", "--namespace", "kube-system", "--selector", COLLECTOR, "--tail=30"]);
    format!("{}\n{}{}", events.stdout, logs.stdout, logs.stderr)
}
