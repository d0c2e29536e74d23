//! What the API server has: objects of a few kinds.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::load::Load;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    ConfigMap,
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    Namespace,
    Node,
    Pod,
    ReplicaSet,
    StatefulSet,
}

/// What discovery says of a kind.
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) short: &'static str,
    /// Empty for the core group.
    pub(crate) group: &'static str,
    pub(crate) namespaced: bool,
}

const fn resource(
    kind: Kind,
    name: &'static str,
    plural: &'static str,
    short: &'static str,
    group: &'static str,
    namespaced: bool,
) -> Resource {
    Resource { kind, name, plural, short, group, namespaced }
}

/// All kinds.
pub(crate) const RESOURCES: [Resource; 10] = [
    resource(Kind::ConfigMap, "ConfigMap", "configmaps", "cm", "", true),
    resource(Kind::Namespace, "Namespace", "namespaces", "ns", "", false),
    resource(Kind::Node, "Node", "nodes", "no", "", false),
    resource(Kind::Pod, "Pod", "pods", "po", "", true),
    resource(Kind::DaemonSet, "DaemonSet", "daemonsets", "ds", "apps", true),
    resource(Kind::Deployment, "Deployment", "deployments", "deploy", "apps", true),
    resource(Kind::ReplicaSet, "ReplicaSet", "replicasets", "rs", "apps", true),
    resource(Kind::StatefulSet, "StatefulSet", "statefulsets", "sts", "apps", true),
    resource(Kind::CronJob, "CronJob", "cronjobs", "cj", "batch", true),
    resource(Kind::Job, "Job", "jobs", "job", "batch", true),
];

impl Resource {
    /// `v1`, `apps/v1`...
    pub(crate) fn version(&self) -> String {
        if self.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", self.group) }
    }
}

impl Kind {
    /// What is known of it.
    pub(crate) fn resource(self) -> &'static Resource {
        let [first, ..] = &RESOURCES;
        RESOURCES.iter().find(|one| one.kind == self).unwrap_or(first)
    }
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    /// Empty where there is none.
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: String,
    /// The change that it is of.
    pub(crate) version: u64,
    /// In milliseconds.
    pub(crate) created: i64,
    pub(crate) labels: Vec<(&'static str, Arc<str>)>,
    pub(crate) owner: Option<Owner>,
    pub(crate) body: Body,
}

/// What controls an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) kind: Kind,
    pub(crate) name: Arc<str>,
    pub(crate) uid: String,
}

/// What a kind has of its own.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Namespace,
    Node(NodeBody),
    Pod(PodBody),
    Workload { replicas: u64 },
    ConfigMap(Vec<(&'static str, String)>),
}

/// A node's.
#[derive(Clone, Debug)]
pub(crate) struct NodeBody {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) ready: bool,
    /// When its condition was told last.
    pub(crate) heartbeat: i64,
    /// A number for its machine id.
    pub(crate) number: u64,
}

/// A pod's.
#[derive(Clone, Debug)]
pub(crate) struct PodBody {
    /// None before one was chosen.
    pub(crate) node: Option<Arc<str>>,
    pub(crate) host: Option<Ipv4Addr>,
    pub(crate) ip: Ipv4Addr,
    pub(crate) phase: Phase,
    /// In milliseconds.
    pub(crate) started: i64,
    pub(crate) restarts: u32,
    pub(crate) containers: Vec<Container>,
    /// Thousands of bytes a second that it receives; half as many are sent.
    pub(crate) traffic: u64,
    pub(crate) host_network: bool,
    /// A claim's name, where it has a volume of its own.
    pub(crate) claim: Option<String>,
    /// What its other numbers are made from.
    pub(crate) number: u64,
}

/// How far a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Pending,
    Running,
    Succeeded,
}

/// A container.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) name: &'static str,
    pub(crate) load: Load,
    /// After its pod, in milliseconds.
    pub(crate) after: i64,
    /// How long before its node's tick it is sampled, in milliseconds.
    pub(crate) lag: i64,
    pub(crate) request: Option<Ask>,
    pub(crate) limit: Option<Ask>,
}

/// An amount that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) millicores: u64,
    /// In MiB.
    pub(crate) memory: u64,
}

impl Phase {
    /// The API's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
        }
    }
}

impl PodBody {
    /// The class of its service.
    pub(crate) fn class(&self) -> &'static str {
        if self.containers.iter().all(|one| one.request.is_none() && one.limit.is_none()) {
            "BestEffort"
        } else if self.containers.iter().all(|one| one.limit.is_some() && one.limit == one.request) {
            "Guaranteed"
        } else {
            "Burstable"
        }
    }
}

impl Object {
    /// Where it stands among all.
    pub(crate) fn key(&self) -> (Kind, Arc<str>, Arc<str>) {
        (self.kind, Arc::clone(&self.namespace), Arc::clone(&self.name))
    }

    /// Its body, of a pod.
    pub(crate) fn pod(&self) -> Option<&PodBody> {
        match &self.body {
            Body::Pod(body) => Some(body),
            _ => None,
        }
    }

    /// A field that selectors may name; `None` is a field that cannot be selected by.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        match (name, &self.body) {
            ("metadata.name", _) => Some(&self.name),
            ("metadata.namespace", _) => Some(&self.namespace),
            ("spec.nodeName", Body::Pod(pod)) => Some(pod.node.as_deref().unwrap_or("")),
            ("status.phase", Body::Pod(pod)) => Some(pod.phase.word()),
            _ => None,
        }
    }
}
