//! What the API server says of nodes, namespaces, pods and workloads: only what numbers need.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::key::WorkloadKind;
pub use super::map::Map;
use super::names::Name;
use crate::time::Timestamp;

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The object's name; the label `nodename`.
    pub name: Name,
    /// The address of type Hostname, else the name; the label `hostname`.
    pub hostname: Name,
    /// `spec.externalID` or an annotation; the label `host_id`; often empty.
    pub host_id: Name,
    /// All addresses with their type, in the order of the object.
    pub addresses: Vec<(Name, Name)>,
    /// The address that Heapster asks: the last InternalIP that can be read, else LegacyHostIP, else ExternalIP.
    pub ip: Option<IpAddr>,
    /// `status.daemonEndpoints.kubeletEndpoint.Port`; 0 when it is not told.
    pub kubelet_port: u16,
    /// The condition Ready; absent when there is none.
    pub ready: Option<bool>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// What the machine has.
    pub capacity: Resources,
    /// What pods may have of it.
    pub allocatable: Resources,
    /// The object's labels.
    pub labels: Map,
    /// The annotations that sources read; others are not kept.
    pub annotations: Map,
    /// Heapster's labels `labels` and those that `store_label` names.
    pub copied: Copied,
}

/// Amounts of what can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_milli: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
    /// Bytes.
    pub ephemeral_storage: Option<i64>,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: Name,
    /// Its uid; the label `namespace_id`.
    pub uid: Name,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
    /// Its uid; the label `pod_id`.
    pub uid: Name,
    /// The node that it is on; empty before one was chosen.
    pub node: Name,
    /// `Running`, `Pending`...
    pub phase: Name,
    /// `status.startTime`.
    pub started: Option<Timestamp>,
    /// The object's labels.
    pub labels: Map,
    /// Heapster's labels `labels` and those that `store_label` names.
    pub copied: Copied,
    /// Its containers in the order of the specification, then those init containers that go on running beside them;
    /// other init containers are left out. Pods that one workload made share them.
    pub containers: Arc<[Container]>,
    /// The workload that controls it directly.
    pub owner: Option<Owner>,
}

/// A container of a pod's specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Container {
    /// Its name.
    pub name: Name,
    /// Its image, as the specification writes it.
    pub image: Name,
    /// What it asks for.
    pub requests: Resources,
    /// What it may have.
    pub limits: Resources,
    /// `restartCount` of its status, where there is one.
    pub restarts: Option<u32>,
}

/// What controls an object: the owner reference with `controller: true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name, in the same namespace.
    pub name: Name,
}

/// User labels as Heapster copies them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// All that are not ignored: `k:v` in order, joined by the separator; the label `labels`.
    pub joined: Name,
    /// Those to be stored, under their new name, in order.
    pub stored: Vec<(Name, Name)>,
}

/// How user labels are copied: Heapster's `label_separator`, `ignore_label`, `store_label`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRules {
    /// Between the pairs.
    pub separator: String,
    /// Left out of the joined text.
    pub ignore: Vec<String>,
    /// Copied under a name of their own: (the user's label, the name).
    pub store: Vec<(String, String)>,
}

impl Default for LabelRules {
    fn default() -> Self {
        Self { separator: ",".to_owned(), ignore: Vec::new(), store: Vec::new() }
    }
}

impl LabelRules {
    /// The copy of these labels.
    pub fn copy(&self, labels: &Map) -> Copied {
        let kept = labels.iter().filter(|(key, _)| !self.ignore.iter().any(|one| **one == ***key));
        let pairs: Vec<_> = kept.map(|(key, value)| format!("{key}:{value}")).collect();
        let stored = self
            .store
            .iter()
            .filter_map(|(key, name)| Some((Name::from(name.as_str()), labels.get(key.as_str())?.clone())));
        let mut stored: Vec<_> = stored.collect();
        stored.sort_unstable();
        Copied { joined: pairs.join(&self.separator).into(), stored }
    }
}

/// All that is known, for many readers; who watches the API server writes.
#[derive(Default)]
pub struct Objects {
    known: RwLock<Known>,
}

/// The maps behind [`Objects`].
#[derive(Default)]
pub struct Known {
    /// By name.
    pub nodes: BTreeMap<Name, Arc<Node>>,
    /// By name.
    pub namespaces: HashMap<Name, Arc<Namespace>>,
    /// By namespace, then by name.
    pub pods: BTreeMap<Name, BTreeMap<Name, Arc<Pod>>>,
    /// What controls a ReplicaSet (a Deployment) or a Job (a CronJob): by namespace, kind and name. Workloads that
    /// nothing controls are not there.
    pub owners: HashMap<(Name, WorkloadKind, Name), Owner>,
    /// Whether the first list of nodes has come.
    pub nodes_listed: bool,
    /// Whether the first list of pods has come.
    pub pods_listed: bool,
}

impl Known {
    /// A pod by its names.
    pub fn pod(&self, namespace: &str, pod: &str) -> Option<&Arc<Pod>> {
        self.pods.get(namespace)?.get(pod)
    }

    /// The workloads above a pod, from the one that controls it to the topmost.
    pub fn workloads_of(&self, pod: &Pod) -> Vec<Owner> {
        let mut chain: Vec<Owner> = Vec::new();
        let mut next = pod.owner.clone();
        // a ReplicaSet and its Deployment; more would be a loop of owners
        while let Some(owner) = next.take().filter(|_| chain.len() < 4) {
            let above = (pod.namespace.clone(), owner.kind, owner.name.clone());
            next = self.owners.get(&above).cloned();
            chain.push(owner);
        }
        chain
    }
}

impl Objects {
    /// For reading. Hold it shortly: who watches waits meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For writing.
    pub fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node by its name.
    pub fn node(&self, name: &str) -> Option<Arc<Node>> {
        self.read().nodes.get(name).cloned()
    }

    /// A pod by its names.
    pub fn pod(&self, namespace: &str, pod: &str) -> Option<Arc<Pod>> {
        self.read().pod(namespace, pod).cloned()
    }

    /// A namespace by its name.
    pub fn namespace(&self, name: &str) -> Option<Arc<Namespace>> {
        self.read().namespaces.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| (Name::from(*key), Name::from(*value))).collect()
    }

    #[test]
    fn labels_are_joined_ignored_and_stored() {
        let labels = map(&[("b", "2"), ("a", "1"), ("c", "3")]);
        assert_eq!(&*LabelRules::default().copy(&labels).joined, "a:1,b:2,c:3");
        let store = ["b", "c"].map(|key| (key.to_owned(), key.replace('b', "price"))).to_vec();
        let rules = LabelRules { separator: "-".to_owned(), ignore: vec!["b".to_owned()], store };
        let copied = rules.copy(&labels);
        assert_eq!(&*copied.joined, "a:1-c:3");
        let stored: Vec<_> = copied.stored.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(stored, [("c", "3"), ("price", "2")]);
    }

    #[test]
    fn a_pods_workloads_are_followed_to_the_top_and_a_loop_ends() {
        let owner = |kind, name: &str| Owner { kind, name: name.into() };
        let mut known = Known::default();
        let above = (Name::from("ns"), WorkloadKind::ReplicaSet, Name::from("web-1"));
        known.owners.insert(above, owner(WorkloadKind::Deployment, "web"));
        let pod = |owner| Pod { namespace: "ns".into(), owner: Some(owner), ..Pod::default() };
        let (first, second) =
            (owner(WorkloadKind::ReplicaSet, "web-1"), owner(WorkloadKind::Deployment, "web"));
        assert_eq!(known.workloads_of(&pod(first.clone())), [first.clone(), second]);
        known.owners.insert(("ns".into(), WorkloadKind::ReplicaSet, "web-1".into()), first.clone());
        assert_eq!(known.workloads_of(&pod(first)).len(), 4);
        assert!(known.workloads_of(&Pod::default()).is_empty());
    }
}
