//! Whose numbers: the entities of a cluster.

use std::fmt;

use super::names::Name;

/// An entity. Displayed in Heapster's text form, which clients and sinks read:
/// `namespace:shop/pod:web/container:main`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// All of it.
    Cluster,
    /// A node, by the name of its object.
    Node(Name),
    /// A container of a node that is no pod's: `kubelet`, `system.slice/docker.service`.
    SystemContainer {
        /// The node.
        node: Name,
        /// Its cgroup's path without the first slash, or the kubelet's word for it.
        container: Name,
    },
    /// A namespace.
    Namespace(Name),
    /// A pod. A new pod of the same name takes the old one's place.
    Pod {
        /// Its namespace.
        namespace: Name,
        /// Its name.
        pod: Name,
    },
    /// A container of a pod.
    Container {
        /// The pod's namespace.
        namespace: Name,
        /// The pod.
        pod: Name,
        /// The container's name in the pod's specification.
        container: Name,
    },
    /// What stands above pods: a Deployment, a Job...
    Workload {
        /// Its namespace.
        namespace: Name,
        /// What it is.
        kind: WorkloadKind,
        /// Its name.
        name: Name,
    },
}

/// The sorts of workload that sums are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum WorkloadKind {
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
}

impl WorkloadKind {
    /// Every one of them.
    pub const ALL: [Self; 7] = [
        Self::CronJob,
        Self::DaemonSet,
        Self::Deployment,
        Self::Job,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::StatefulSet,
    ];

    /// The kind as owner references write it: `Deployment`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::DaemonSet => "DaemonSet",
            Self::Deployment => "Deployment",
            Self::Job => "Job",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::StatefulSet => "StatefulSet",
        }
    }

    /// The word in labels and paths: `deployment`.
    pub fn word(self) -> &'static str {
        match self {
            Self::CronJob => "cronjob",
            Self::DaemonSet => "daemonset",
            Self::Deployment => "deployment",
            Self::Job => "job",
            Self::ReplicaSet => "replicaset",
            Self::ReplicationController => "replicationcontroller",
            Self::StatefulSet => "statefulset",
        }
    }

    /// From an owner reference's kind.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.kind() == kind)
    }

    /// From the word in a path.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

impl Key {
    /// Heapster's word for the sort of entity, the label `type`: `pod_container`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Node(_) => "node",
            Self::SystemContainer { .. } => "sys_container",
            Self::Namespace(_) => "ns",
            Self::Pod { .. } => "pod",
            Self::Container { .. } => "pod_container",
            Self::Workload { kind, .. } => kind.word(),
        }
    }

    /// The node that it is, or whose it is, if any.
    pub fn node(&self) -> Option<&Name> {
        match self {
            Self::Node(node) | Self::SystemContainer { node, .. } => Some(node),
            _ => None,
        }
    }

    /// The namespace that it is in (or is), if any.
    pub fn namespace(&self) -> Option<&Name> {
        match self {
            Self::Namespace(namespace)
            | Self::Pod { namespace, .. }
            | Self::Container { namespace, .. }
            | Self::Workload { namespace, .. } => Some(namespace),
            Self::Cluster | Self::Node(_) | Self::SystemContainer { .. } => None,
        }
    }

    /// The pod that it is in (or is), if any.
    pub fn pod(&self) -> Option<&Name> {
        match self {
            Self::Pod { pod, .. } | Self::Container { pod, .. } => Some(pod),
            _ => None,
        }
    }

    /// The container's name, of a pod or of a node.
    pub fn container(&self) -> Option<&Name> {
        match self {
            Self::Container { container, .. } | Self::SystemContainer { container, .. } => Some(container),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::Node(node) => write!(f, "node:{node}"),
            Self::SystemContainer { node, container } => write!(f, "node:{node}/container:{container}"),
            Self::Namespace(namespace) => write!(f, "namespace:{namespace}"),
            Self::Pod { namespace, pod } => write!(f, "namespace:{namespace}/pod:{pod}"),
            Self::Container { namespace, pod, container } => {
                write!(f, "namespace:{namespace}/pod:{pod}/container:{container}")
            }
            Self::Workload { namespace, kind, name } => {
                write!(f, "namespace:{namespace}/{}:{name}", kind.word())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_heapsters() {
        let name = Name::from;
        let pod = Key::Pod { namespace: name("ns"), pod: name("p") };
        let all = [
            (Key::Cluster, "cluster", "cluster"),
            (Key::Node(name("n")), "node:n", "node"),
            (
                Key::SystemContainer { node: name("n"), container: name("system.slice/a.service") },
                "node:n/container:system.slice/a.service",
                "sys_container",
            ),
            (Key::Namespace(name("ns")), "namespace:ns", "ns"),
            (pod.clone(), "namespace:ns/pod:p", "pod"),
            (
                Key::Container { namespace: name("ns"), pod: name("p"), container: name("c") },
                "namespace:ns/pod:p/container:c",
                "pod_container",
            ),
            (
                Key::Workload { namespace: name("ns"), kind: WorkloadKind::Deployment, name: name("d") },
                "namespace:ns/deployment:d",
                "deployment",
            ),
        ];
        for (key, text, word) in all {
            assert_eq!((key.to_string().as_str(), key.word()), (text, word));
        }
        assert_eq!(
            (pod.namespace(), pod.pod(), pod.container(), pod.node()),
            (Some(&name("ns")), Some(&name("p")), None, None)
        );
        assert_eq!(Key::Node(name("n")).node(), Some(&name("n")));
    }

    #[test]
    fn kinds_are_found_by_kind_and_word() {
        for kind in WorkloadKind::ALL {
            assert_eq!(WorkloadKind::of_kind(kind.kind()), Some(kind));
            assert_eq!(WorkloadKind::of_word(kind.word()), Some(kind));
        }
        assert_eq!(WorkloadKind::of_kind("Node"), None);
    }
}
