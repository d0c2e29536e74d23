//! What is asked under `/api/v1/model` and `/api/v1/historical`: the same tree of entities for both.
//!
//! Paths: see [`find`]. Ours besides Heapster's: workloads, `/namespaces/{ns}/deployments/...` and the other kinds;
//! containers of nodes with slashes in their names, encoded or not.

use std::collections::HashMap;

use plimsoll_core::cluster::history::Subject;
use plimsoll_core::cluster::key::{Key, WorkloadKind};
use plimsoll_core::cluster::names::Name;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Which nodes there are.
    Nodes,
    /// Which containers of a node that are no pod's.
    SystemContainers(Name),
    /// Which namespaces.
    Namespaces,
    /// Which pods of a namespace.
    Pods(Name),
    /// Which containers of a pod: namespace, pod.
    Containers(Name, Name),
    /// Which workloads of a kind in a namespace.
    Workloads(Name, WorkloadKind),
    /// All keys.
    Keys,
    /// Which metrics an entity has.
    Names(Key),
    /// A metric's values.
    Values(Of, String),
    /// A metric's values, many made one: the list of aggregations, then the metric.
    Aggregated(Of, String, String),
}

/// Whose values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// One entity's.
    One(Subject),
    /// Those of each of a list.
    Each(List),
}

/// Whom a list names, in its order. Who is named twice has two places in the answer, but is looked up and held once: a
/// path has room for one pod's name tens of thousands of times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// All that are named, each once, in the order of their first places.
    pub subjects: Vec<Subject>,
    /// For each place, which of them.
    pub places: Vec<usize>,
}

impl FromIterator<Subject> for List {
    fn from_iter<I: IntoIterator<Item = Subject>>(named: I) -> Self {
        let (mut list, mut known) = (Self::default(), HashMap::new());
        for subject in named {
            let next = list.subjects.len();
            let place = *known.entry(subject.clone()).or_insert(next);
            if place == next {
                list.subjects.push(subject);
            }
            list.places.push(place);
        }
        list
    }
}

impl Asked {
    /// Whether `/api/v1/model` answers this too: only values as they were, and of entities by their names.
    pub fn is_of_the_model(&self) -> bool {
        let by_name = |subject: &Subject| matches!(subject, Subject::Key(_));
        match self {
            Self::Aggregated(..) => false,
            Self::Values(Of::One(subject), _) => by_name(subject),
            Self::Values(Of::Each(list), _) => list.subjects.iter().all(by_name),
            _ => true,
        }
    }

    /// Heapster's name for the operation, for counting.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Nodes => "nodeList",
            Self::SystemContainers(_) => "systemContainerList",
            Self::Namespaces => "namespaceList",
            Self::Pods(_) => "namespacePodList",
            Self::Containers(..) => "podContainerList",
            Self::Workloads(..) => "workloadList",
            Self::Keys => "debugAllKeys",
            Self::Names(key) => match key {
                Key::Cluster => "availableClusterMetrics",
                Key::Node(_) => "availableNodeMetrics",
                Key::Namespace(_) => "availableNamespaceMetrics",
                Key::Pod { .. } => "availablePodMetrics",
                Key::Container { .. } => "availableContainerMetrics",
                Key::SystemContainer { .. } => "availableFreeContainerMetrics",
                Key::Workload { .. } => "availableWorkloadMetrics",
            },
            Self::Values(of, _) => match of {
                Of::Each(_) => "podListMetric",
                Of::One(Subject::Key(key)) => match key {
                    Key::Cluster => "clusterMetrics",
                    Key::Node(_) => "nodeMetrics",
                    Key::Namespace(_) => "namespaceMetrics",
                    Key::Pod { .. } => "podMetrics",
                    Key::Container { .. } => "podContainerMetrics",
                    Key::SystemContainer { .. } => "freeContainerMetrics",
                    Key::Workload { .. } => "workloadMetrics",
                },
                Of::One(Subject::PodId(_)) => "podMetrics",
                Of::One(Subject::PodIdContainer(..)) => "podContainerMetrics",
            },
            Self::Aggregated(Of::Each(_), ..) => "podListAggregations",
            Self::Aggregated(Of::One(_), ..) => "aggregations",
        }
    }
}

/// What the decoded parts of a path ask for, behind the API's own.
///
/// | parts | |
/// | --- | --- |
/// | `nodes`, `nodes/N/freecontainers`, `namespaces`, `namespaces/NS/pods`, `.../pods/P/containers`, `.../deployments` | lists |
/// | (none), `nodes/N`, `nodes/N/freecontainers/C`, `namespaces/NS`, `.../pods/P`, `.../pods/P/containers/C`, `.../deployments/D`, then `metrics` | names of metrics |
/// | the same, then `metrics/M` | values |
/// | the same, then `metrics-aggregated/A,A/M` | aggregated values |
/// | `namespaces/NS/pod-list/P,P`, `pod-id/U`, `pod-id/U/containers/C`, `pod-id-list/U,U`, then `metrics/M` or `metrics-aggregated/A,A/M` | values, aggregated values |
pub fn find(parts: &[&str]) -> Option<Asked> {
    let name = |text: &&str| Name::from(*text);
    let key = |key: Key| Of::One(Subject::Key(key));
    Some(match parts {
        ["nodes"] => Asked::Nodes,
        ["nodes", node, "freecontainers"] => Asked::SystemContainers(name(node)),
        ["namespaces"] => Asked::Namespaces,
        ["namespaces", namespace, "pods"] => Asked::Pods(name(namespace)),
        ["namespaces", namespace, "pods", pod, "containers"] => Asked::Containers(name(namespace), name(pod)),
        ["debug", "allkeys"] => Asked::Keys,
        ["nodes", node, "freecontainers", rest @ ..] => {
            // the first part is the name's in any case
            let end =
                1 + rest.iter().skip(1).position(|part| matches!(*part, "metrics" | "metrics-aggregated"))?;
            let (container, rest) = rest.split_at_checked(end)?;
            let container = Name::from(container.join("/").trim_start_matches('/'));
            return behind(key(Key::SystemContainer { node: name(node), container }), rest);
        }
        ["nodes", node, rest @ ..] => return behind(key(Key::Node(name(node))), rest),
        ["namespaces", namespace, "pods", pod, "containers", container, rest @ ..] => {
            let (namespace, pod, container) = (name(namespace), name(pod), name(container));
            return behind(key(Key::Container { namespace, pod, container }), rest);
        }
        ["namespaces", namespace, "pods", pod, rest @ ..] => {
            return behind(key(Key::Pod { namespace: name(namespace), pod: name(pod) }), rest);
        }
        ["namespaces", namespace, "pod-list", pods, rest @ ..] => {
            let namespace = name(namespace);
            let pod = |pod| Subject::Key(Key::Pod { namespace: namespace.clone(), pod: Name::from(pod) });
            return behind(Of::Each(pods.split(',').map(pod).collect()), rest);
        }
        ["namespaces", namespace, kinds, rest @ ..] => {
            let namespace = name(namespace);
            return match (kinds.strip_suffix('s').and_then(WorkloadKind::of_word), rest) {
                (Some(kind), []) => Some(Asked::Workloads(namespace, kind)),
                (Some(kind), [workload, rest @ ..]) => {
                    behind(key(Key::Workload { namespace, kind, name: name(workload) }), rest)
                }
                (None, _) => behind(key(Key::Namespace(namespace)), parts.get(2..)?),
            };
        }
        ["pod-id", uid, "containers", container, rest @ ..] => {
            return behind(Of::One(Subject::PodIdContainer(name(uid), name(container))), rest);
        }
        ["pod-id", uid, rest @ ..] => return behind(Of::One(Subject::PodId(name(uid))), rest),
        ["pod-id-list", uids, rest @ ..] => {
            let uids = uids.split(',').map(|uid| Subject::PodId(Name::from(uid)));
            return behind(Of::Each(uids.collect()), rest);
        }
        rest => return behind(key(Key::Cluster), rest),
    })
}

/// What is asked of an entity.
fn behind(of: Of, parts: &[&str]) -> Option<Asked> {
    Some(match (parts, of) {
        (["metrics"], Of::One(Subject::Key(key))) => Asked::Names(key),
        (["metrics", metric @ ..], of) if !metric.is_empty() => Asked::Values(of, served(&metric.join("/"))),
        (["metrics-aggregated", aggregations, metric @ ..], of) if !metric.is_empty() => {
            Asked::Aggregated(of, (*aggregations).to_owned(), served(&metric.join("/")))
        }
        _ => return None,
    })
}

/// The metric that is served under a name: those of the first model API stand for newer ones.
fn served(asked: &str) -> String {
    match asked {
        "cpu-usage" => "cpu/usage_rate",
        "cpu-limit" => "cpu/limit",
        "memory-limit" => "memory/limit",
        "memory-usage" => "memory/usage",
        "memory-working" => "memory/working_set",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(path: &str) -> Option<Asked> {
        find(&path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>())
    }

    fn of(key: Key) -> Of {
        Of::One(Subject::Key(key))
    }

    fn names(path: &str, key: Key) {
        assert_eq!(found(&format!("{path}/metrics")), Some(Asked::Names(key.clone())), "{path}");
        let values = Asked::Values(of(key.clone()), "cpu/usage".into());
        assert_eq!(found(&format!("{path}/metrics/cpu/usage")), Some(values), "{path}");
        let many = Asked::Aggregated(of(key), "max,min".into(), "network/rx".into());
        assert_eq!(found(&format!("{path}/metrics-aggregated/max,min/network/rx")), Some(many), "{path}");
    }

    #[test]
    fn each_entity_has_its_path() {
        let n = Name::from;
        names("", Key::Cluster);
        names("nodes/n", Key::Node(n("n")));
        names("nodes/n/freecontainers/c", Key::SystemContainer { node: n("n"), container: n("c") });
        names(
            "nodes/n/freecontainers/system.slice/a.service",
            Key::SystemContainer { node: n("n"), container: n("system.slice/a.service") },
        );
        names(
            "nodes/n/freecontainers/metrics",
            Key::SystemContainer { node: n("n"), container: n("metrics") },
        );
        names("namespaces/s", Key::Namespace(n("s")));
        names("namespaces/s/pods/p", Key::Pod { namespace: n("s"), pod: n("p") });
        names(
            "namespaces/s/pods/p/containers/c",
            Key::Container { namespace: n("s"), pod: n("p"), container: n("c") },
        );
        for kind in WorkloadKind::ALL {
            let path = format!("namespaces/s/{}s", kind.word());
            assert_eq!(found(&path), Some(Asked::Workloads(n("s"), kind)));
            names(&format!("{path}/w"), Key::Workload { namespace: n("s"), kind, name: n("w") });
        }
    }

    #[test]
    fn lists_are_found() {
        let n = Name::from;
        let f = |path: &str, want| assert_eq!(found(path), Some(want), "{path}");
        f("nodes", Asked::Nodes);
        f("nodes/n/freecontainers", Asked::SystemContainers(n("n")));
        f("namespaces", Asked::Namespaces);
        f("namespaces/s/pods", Asked::Pods(n("s")));
        f("namespaces/s/pods/p/containers", Asked::Containers(n("s"), n("p")));
        f("debug/allkeys", Asked::Keys);
        let pod = |pod: &str| Subject::Key(Key::Pod { namespace: Name::from("s"), pod: Name::from(pod) });
        let list = Of::Each(List { subjects: vec![pod("a"), pod("")], places: vec![0, 1, 0] });
        f("namespaces/s/pod-list/a,,a/metrics/custom/x", Asked::Values(list, "custom/x".into()));
        let id = |uid: &str| Subject::PodId(Name::from(uid));
        f("pod-id/u/metrics/m", Asked::Values(Of::One(id("u")), "m".into()));
        let container = Of::One(Subject::PodIdContainer(n("u"), n("c")));
        f("pod-id/u/containers/c/metrics/m", Asked::Values(container, "m".into()));
        let list = Of::Each([id("u"), id("v")].into_iter().collect());
        f("pod-id-list/u,v/metrics-aggregated/max/m", Asked::Aggregated(list, "max".into(), "m".into()));
    }

    #[test]
    fn what_is_no_path_is_nothing() {
        for path in [
            "",
            "x",
            "nodes/n",
            "nodes/n/x",
            "nodes/n/freecontainers/c",
            "namespaces/s",
            "namespaces/s/pods/p",
            "namespaces/s/pod-list/p/metrics",
            "namespaces/s/deployment/d/metrics",
            "namespaces/s/deployments/d",
            "pod-id/u/metrics",
            "metrics-aggregated/max",
            "debug",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn old_names_stand_for_newer_ones() {
        let f = |asked: &str, want: &str| {
            assert_eq!(
                found(&format!("metrics/{asked}")),
                Some(Asked::Values(of(Key::Cluster), want.into()))
            );
        };
        f("cpu-usage", "cpu/usage_rate");
        f("cpu-limit", "cpu/limit");
        f("memory-limit", "memory/limit");
        f("memory-usage", "memory/usage");
        f("memory-working", "memory/working_set");
        f("network-rx", "network-rx");
    }

    proptest! {
        #[test]
        fn no_path_panics(parts in prop::collection::vec("nodes|namespaces|pods|metrics|metrics-aggregated|freecontainers|pod-list|,|\\PC{0,4}", 0..9)) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            if let Some(asked) = find(&parts) {
                prop_assert!(!asked.operation().is_empty());
            }
        }
    }
}
