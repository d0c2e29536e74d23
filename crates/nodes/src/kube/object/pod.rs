//! Pods.

use plimsoll_core::cluster::objects::{Container, Pod};
use plimsoll_core::time::Timestamp;
use serde::Deserialize;

use super::{Amounts, Maker, Meta, or_default};

#[derive(Deserialize)]
pub(super) struct Json {
    pub(super) metadata: Meta,
    #[serde(default, deserialize_with = "or_default")]
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: String,
    #[serde(deserialize_with = "or_default")]
    containers: Vec<Specified>,
    #[serde(deserialize_with = "or_default")]
    init_containers: Vec<Specified>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Specified {
    name: String,
    image: String,
    restart_policy: String,
    #[serde(deserialize_with = "or_default")]
    resources: Both,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Both {
    #[serde(deserialize_with = "or_default")]
    requests: Amounts,
    #[serde(deserialize_with = "or_default")]
    limits: Amounts,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: String,
    start_time: Option<String>,
    #[serde(deserialize_with = "or_default")]
    container_statuses: Vec<Restarts>,
    #[serde(deserialize_with = "or_default")]
    init_container_statuses: Vec<Restarts>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Restarts {
    name: String,
    restart_count: u32,
}

impl Maker {
    pub(super) fn pod(&self, json: &Json) -> Pod {
        let (meta, spec, status) = (&json.metadata, &json.spec, &json.status);
        let container = |one: &Specified, statuses: &[Restarts]| Container {
            name: self.name(&one.name),
            image: self.name(&one.image),
            requests: one.resources.requests.resources(),
            limits: one.resources.limits.resources(),
            restarts: statuses
                .iter()
                .find(|status| status.name == one.name)
                .map(|status| status.restart_count),
        };
        let sidecars = || spec.init_containers.iter().filter(|one| one.restart_policy == "Always");
        let mut containers = Vec::with_capacity(spec.containers.len() + sidecars().count());
        containers.extend(spec.containers.iter().map(|one| container(one, &status.container_statuses)));
        containers.extend(sidecars().map(|one| container(one, &status.init_container_statuses)));
        let labels = self.labels(&meta.labels);
        let started = status.start_time.as_deref().map(Timestamp::parse);
        Pod {
            namespace: self.name(&meta.namespace),
            name: self.name(&meta.name),
            uid: self.name(&meta.uid),
            node: self.name(&spec.node_name),
            phase: self.name(&status.phase),
            started: started.and_then(Result::ok).flatten(),
            copied: self.copied(&labels),
            labels,
            containers: self.containers.get(containers.into()),
            owner: self.owner(meta),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_core::cluster::key::WorkloadKind;
    use plimsoll_core::cluster::objects::{Owner, Resources};

    use super::super::tests::maker;
    use super::super::{Item, Rules};
    use super::*;
    use crate::kube::watch::Resource;

    fn pod(json: &str) -> Arc<Pod> {
        match maker(Rules::default()).item(Resource::Pods, json).unwrap().1 {
            Item::Pod(pod) => pod,
            other => panic!("{other:?}"),
        }
    }

    fn real(name: &str) -> Arc<Pod> {
        let list: serde_json::Value = serde_json::from_str(include_str!("../testdata/pods.json")).unwrap();
        let all = list["items"].as_array().unwrap();
        let one = all.iter().find(|one| one["metadata"]["name"].as_str().unwrap().starts_with(name)).unwrap();
        pod(&one.to_string())
    }

    fn memory(bytes: i64) -> Resources {
        Resources { memory: Some(bytes), ..Resources::default() }
    }

    #[test]
    fn real_pods_are_read() {
        let web = real("web-");
        assert_eq!((&*web.namespace, &*web.node, &*web.phase), ("shop", "node1", "Running"));
        assert_eq!(web.labels.get("app").map(|value| &**value), Some("web"));
        assert_eq!(web.uid.len(), 36);
        let owner = web.owner.as_ref().unwrap();
        assert_eq!(owner.kind, WorkloadKind::ReplicaSet);
        assert!(web.name.starts_with(&*owner.name));
        assert!(web.started.unwrap() > Timestamp::parse("2026-11-21T10:00:00Z").unwrap().unwrap());
        let names: Vec<_> = web.containers.iter().map(|one| &*one.name).collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"helper"));
        assert!(web.containers.iter().all(|one| one.restarts == Some(0) && !one.image.is_empty()));
        assert!(web.containers.iter().all(|one| one.requests.cpu_milli.is_some()));

        let exact = real("exact");
        // its init container ends before it begins
        assert_eq!(exact.containers.len(), 1);
        assert!(exact.containers[0].requests.memory.is_some());
        assert_eq!(exact.containers[0].requests, exact.containers[0].limits);
        assert_eq!(exact.owner, None);

        let greedy = real("greedy");
        assert!(greedy.containers[0].restarts.unwrap() > 0);
        let missing = real("missing");
        assert_eq!((&*missing.phase, missing.containers[0].restarts), ("Pending", Some(0)));
        let once = real("once-");
        assert_eq!(once.owner, Some(Owner { kind: WorkloadKind::Job, name: "once".into() }));
        assert_eq!(&*once.phase, "Succeeded");
        // a mirror pod's controller is its node: no workload
        assert_eq!(real("fixed-node1").owner, None);
    }

    #[test]
    fn init_containers_that_go_on_running_count() {
        let json = r#"{"metadata":{"name":"p","namespace":"n"},"spec":{
            "initContainers":[{"name":"prepare","image":"a"},
                {"name":"proxy","image":"b","restartPolicy":"Always","resources":{"requests":{"memory":"1Ki"}}}],
            "containers":[{"name":"main","image":"c","resources":{"limits":{"memory":"2Ki"}}}]},
            "status":{"initContainerStatuses":[{"name":"proxy","restartCount":3},{"name":"main","restartCount":9}],
            "containerStatuses":[{"name":"main","restartCount":1}]}}"#;
        let pod = pod(json);
        let shown = pod.containers.iter().map(|one| (&*one.name, one.restarts, one.requests, one.limits));
        let wanted = [
            ("main", Some(1), Resources::default(), memory(2048)),
            ("proxy", Some(3), memory(1024), Resources::default()),
        ];
        assert_eq!(shown.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_pod_that_was_only_made_says_little() {
        let json = r#"{"metadata":{"name":"p","namespace":"n","labels":null},"spec":{"containers":null},
            "status":{"startTime":"yesterday"}}"#;
        let wanted = Pod { name: "p".into(), namespace: "n".into(), ..Pod::default() };
        assert_eq!(*pod(json), wanted);
        assert_eq!(*pod(r#"{"metadata":{"name":"p","namespace":"n"}}"#), wanted);
    }
}
