//! Who one container is: from its record, its OCI specification and what CRI wrote beside it.

use std::path::{Path, PathBuf};

use plimsoll_core::container::{Identity, Layers};
use serde_json::Value;

use super::NAMESPACE;
use super::messages::{Container, Process};
use crate::runtime::json;
use crate::runtime::remote::Inspected;
use crate::runtime::{process, started, volumes};

/// The label by which CRI tells a pod's sandbox from its containers.
const KIND: &str = "io.cri-containerd.kind";
/// nerdctl's name of a container.
const NERDCTL_NAME: &str = "nerdctl/name";
/// nerdctl's folder of a container, with its log.
const NERDCTL_FOLDER: &str = "nerdctl/state-dir";
/// Where nerdctl keeps the state of health: `{"Status":"healthy","FailingStreak":0}`.
const NERDCTL_HEALTH: &str = "nerdctl/healthstate";
/// How often containerd's restart monitor made it run again.
const RESTARTS: &str = "containerd.io/restart.count";

/// Reads a container's record with its task, which is absent before the start and after the end.
pub(super) fn read(
    mut container: Container,
    task: Option<&Process>,
    envs: &[String],
    proc: &Path,
) -> Inspected {
    let spec = container.spec.as_ref().map(|any| parsed(&any.value)).unwrap_or_default();
    let cri = ["container", "sandbox"]
        .iter()
        .find_map(|kind| container.extensions.get(&format!("io.cri-containerd.{kind}.metadata")))
        .map(|any| parsed(&any.value))
        .unwrap_or_default();
    let running = task.is_some_and(Process::running);
    // with each check it would make the container's series others
    let health = container.labels.remove(NERDCTL_HEALTH).map(|state| parsed(state.as_bytes()));
    let monitored = container.labels.get(RESTARTS).and_then(|count| count.parse().ok());
    let pid = task.map(|task| task.pid).filter(|pid| running && *pid > 0);
    let layers = layers(&container, &cri);
    let identity = Identity {
        namespace: NAMESPACE,
        aliases: aliases(&container, &cri),
        envs: environment(&spec, envs),
        image: container.image,
        created: container.created_at.and_then(super::messages::Time::stamp),
        started: pid.and_then(|pid| started::of(proc, pid)),
        pid,
        has_network: match container.labels.get(KIND).map(String::as_str) {
            Some("sandbox") => true,
            Some(_) => false,
            None => own_network(&spec),
        },
        host_network: pid.is_some_and(|pid| process::has_host_network(proc, pid)),
        has_filesystem: true,
        layers: Some(layers),
        volumes: volumes::of_spec(&spec),
        restart_count: monitored.unwrap_or_else(|| restarts(&cri)),
        health: health.and_then(|state| json::text(&state, "/Status").map(str::to_owned)),
        paused: task.is_some_and(Process::paused),
        exit_code: task.filter(|task| task.stopped()).map(|task| i64::from(task.exit_status)),
        labels: container.labels.into_iter().collect(),
        id: container.id,
        ..Identity::default()
    };
    Inspected { identity, running }
}

/// containerd tells no directory; the mounts of the container's first process do.
fn layers(container: &Container, cri: &Value) -> Layers {
    let log = json::text(cri, "/Metadata/LogPath");
    let folder = container.labels.get(NERDCTL_FOLDER).map(String::as_str);
    Layers {
        driver: container.snapshotter.clone(),
        upper: None,
        extra: log.or(folder).filter(|path| path.starts_with('/')).map(PathBuf::from),
    }
}

fn parsed(bytes: &[u8]) -> Value {
    // what is no JSON costs what would have been in it
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// The name that CRI (`main_web_default_UID_0`) or nerdctl gave it, then the id.
fn aliases(container: &Container, cri: &Value) -> Vec<String> {
    let cri = json::text(cri, "/Metadata/Name");
    let name = cri.or(container.labels.get(NERDCTL_NAME).map(String::as_str));
    let name = name.filter(|name| !name.is_empty() && *name != container.id);
    name.into_iter().chain([container.id.as_str()]).map(str::to_owned).collect()
}

fn environment(spec: &Value, envs: &[String]) -> std::collections::BTreeMap<String, String> {
    json::list(spec, "/process/env")
        .iter()
        .filter_map(|line| line.as_str()?.split_once('='))
        .filter(|(key, _)| envs.iter().any(|prefix| !prefix.is_empty() && key.starts_with(prefix.as_str())))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Whether it has a network namespace that was made for it. One with a path is another container's.
fn own_network(spec: &Value) -> bool {
    json::list(spec, "/linux/namespaces").iter().any(|namespace| {
        json::text(namespace, "/type") == Some("network")
            && json::text(namespace, "/path").is_none_or(str::is_empty)
    })
}

/// How often kubelet made this container anew: its own count, else CRI's number of the attempt.
fn restarts(cri: &Value) -> u64 {
    let annotation = "/Metadata/Config/annotations/io.kubernetes.container.restartCount";
    json::text(cri, annotation)
        .and_then(|count| count.parse().ok())
        .or_else(|| cri.pointer("/Metadata/Config/metadata/attempt")?.as_u64())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::messages::{Any, Time};
    use super::*;

    fn any(text: &str) -> Any {
        Any { type_url: String::new(), value: text.to_owned().into() }
    }

    fn map<T>(pairs: impl IntoIterator<Item = (&'static str, T)>) -> HashMap<String, T> {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn labels(pairs: &[(&'static str, &str)]) -> HashMap<String, String> {
        map(pairs.iter().map(|(key, value)| (*key, (*value).to_owned())))
    }

    fn of(container: Container, task: Option<&Process>) -> Identity {
        read(container, task, &["TEST_".to_owned()], Path::new("/nowhere")).identity
    }

    fn task(status: i32) -> Process {
        Process { pid: 7, status, exit_status: 3, ..Process::default() }
    }

    const POD: &str = r#"{"Version":"v1","Metadata":{"ID":"i","Name":"main_web_default_u_2",
        "Config":{"metadata":{"name":"main","attempt":2},"annotations":{"io.kubernetes.container.restartCount":"5"}}}}"#;

    #[test]
    fn a_plain_container_has_its_record() {
        let spec = r#"{"process":{"env":["TEST_a=1","PATH=/","TEST_b=x=y","odd"]},
            "mounts":[{"source":"/var/lib/nerdctl/1935db59/volumes/default/data/_data"}],
            "linux":{"namespaces":[{"type":"pid"},{"type":"network"}]}}"#;
        let container = Container {
            id: "web".to_owned(),
            labels: labels(&[("a", "b")]),
            image: "localhost/x:1".to_owned(),
            spec: Some(any(spec)),
            snapshotter: String::new(),
            created_at: Some(Time { seconds: 1_700_000_000, nanos: 5 }),
            extensions: HashMap::new(),
        };
        let identity = of(container, Some(&task(2)));
        assert_eq!((identity.id.as_str(), identity.namespace), ("web", "containerd"));
        assert_eq!(identity.aliases, ["web"]);
        assert_eq!(identity.labels["a"], "b");
        assert_eq!(identity.image, "localhost/x:1");
        let envs: Vec<_> = identity.envs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(envs, [("TEST_a", "1"), ("TEST_b", "x=y")]);
        assert_eq!(identity.created.unwrap().nanos(), 1_700_000_000_000_000_005);
        let volumes: Vec<_> = identity.volumes.iter().map(|volume| volume.name.as_str()).collect();
        assert_eq!(volumes, ["data"]);
        assert_eq!((identity.pid, identity.has_network, identity.exit_code), (Some(7), true, None));
    }

    #[test]
    fn a_container_of_a_pod_has_cris_name_and_kubelets_count_of_restarts() {
        let container = Container {
            id: "i".to_owned(),
            labels: labels(&[(KIND, "container"), ("io.kubernetes.pod.name", "web")]),
            extensions: map([("io.cri-containerd.container.metadata", any(POD))]),
            spec: Some(any(r#"{"linux":{"namespaces":[{"type":"network"}]}}"#)),
            ..Container::default()
        };
        let identity = of(container.clone(), None);
        assert_eq!(identity.aliases, ["main_web_default_u_2", "i"]);
        assert_eq!((identity.restart_count, identity.has_network, identity.pid), (5, false, None));
        let without = POD.replace("io.kubernetes.container.restartCount", "x");
        let extensions = map([("io.cri-containerd.container.metadata", any(&without))]);
        assert_eq!(of(Container { extensions, ..container }, None).restart_count, 2);
    }

    #[test]
    fn a_sandbox_has_the_pods_network_and_name() {
        let recorded = any(include_str!("testdata/1.6/sandbox-metadata.json"));
        let extensions = map([("io.cri-containerd.sandbox.metadata", recorded)]);
        let container =
            Container { labels: labels(&[(KIND, "sandbox")]), extensions, ..Container::default() };
        let identity = of(container, None);
        assert!(identity.has_network);
        assert_eq!(identity.aliases[0], "web_default_5dbd92a4-0f9f-460f-8537-1549b47c8737_0");
    }

    #[test]
    fn what_cri_recorded_is_read() {
        let recorded = any(include_str!("testdata/1.6/container-metadata.json"));
        let extensions = map([("io.cri-containerd.container.metadata", recorded)]);
        let identity = of(Container { id: "i".to_owned(), extensions, ..Container::default() }, None);
        assert_eq!(identity.aliases, ["main_web_default_5dbd92a4-0f9f-460f-8537-1549b47c8737_0", "i"]);
        assert_eq!(identity.restart_count, 0);
    }

    #[test]
    fn the_hosts_and_anothers_network_are_not_its_own() {
        for namespaces in ["", r#"{"type":"network","path":"/proc/1/ns/net"}"#] {
            let spec = format!(r#"{{"linux":{{"namespaces":[{namespaces}]}}}}"#);
            let container = Container { spec: Some(any(&spec)), ..Container::default() };
            assert!(!of(container, None).has_network, "{namespaces}");
        }
    }

    #[test]
    fn its_snapshotter_and_its_log_are_told() {
        let f = |cri: &str, label: &str, extra: Option<&str>| {
            let container = Container {
                snapshotter: "overlayfs".to_owned(),
                labels: labels(&[(NERDCTL_FOLDER, label)]),
                extensions: map([("io.cri-containerd.container.metadata", any(cri))]),
                ..Container::default()
            };
            let expected =
                Layers { driver: "overlayfs".to_owned(), upper: None, extra: extra.map(PathBuf::from) };
            assert_eq!(of(container, None).layers, Some(expected), "{cri} {label}");
        };
        let log = "/var/log/pods/default_web_5dbd92a4/main/0.log";
        f(&format!(r#"{{"Metadata":{{"LogPath":"{log}"}}}}"#), "", Some(log));
        f(r#"{"Metadata":{"LogPath":""}}"#, "", None);
        let folder = "/var/lib/nerdctl/1935db59/containers/default/ab";
        f("", folder, Some(folder));
    }

    #[test]
    fn nerdctls_name_is_an_alias() {
        let container = Container {
            id: "i".to_owned(),
            labels: labels(&[(NERDCTL_NAME, "web")]),
            ..Container::default()
        };
        assert_eq!(of(container, None).aliases, ["web", "i"]);
    }

    #[test]
    fn nerdctls_health_is_no_label_and_monitored_restarts_count() {
        let container = Container {
            labels: labels(&[
                (NERDCTL_HEALTH, r#"{"Status":"unhealthy","FailingStreak":3,"InStartPeriod":false}"#),
                ("nerdctl/namespace", "default"),
                (RESTARTS, "4"),
            ]),
            ..Container::default()
        };
        let identity = of(container, None);
        assert_eq!((identity.health.as_deref(), identity.restart_count), (Some("unhealthy"), 4));
        assert!(identity.labels.contains_key("nerdctl/namespace"));
        assert!(!identity.labels.contains_key(NERDCTL_HEALTH));
        let odd =
            Container { labels: labels(&[(NERDCTL_HEALTH, "?"), (RESTARTS, "?")]), ..Container::default() };
        assert_eq!((of(odd.clone(), None).health, of(odd, None).restart_count), (None, 0));
    }

    #[test]
    fn a_stopped_task_has_an_exit_code_and_no_pid() {
        let identity = of(Container::default(), Some(&task(3)));
        assert_eq!((identity.exit_code, identity.pid), (Some(3), None));
        let paused = read(Container::default(), Some(&task(4)), &[], Path::new("/nowhere"));
        assert!(paused.running && paused.identity.paused);
    }

    #[test]
    fn odd_json_costs_its_own_fields_alone() {
        for text in ["", "null", "[]", "{\"process\":{\"env\":7},\"linux\":[]}", "{"] {
            let container = Container {
                id: "i".to_owned(),
                spec: Some(any(text)),
                extensions: map([("io.cri-containerd.container.metadata", any(text))]),
                ..Container::default()
            };
            assert_eq!(of(container, None).aliases, ["i"], "{text}");
        }
    }
}
