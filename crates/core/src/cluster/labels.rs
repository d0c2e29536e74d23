//! A set's labels, as sinks and exports write them: a view of its key and of the objects that it points at.

use super::batch::Set;
use super::key::Key;

/// A label's name and what it says, for schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// `pod_name`.
    pub name: &'static str,
    /// A sentence.
    pub help: &'static str,
}

macro_rules! labels {
    ($($id:ident $name:literal $help:literal)*) => {
        $(#[doc = $help] pub const $id: Label = Label { name: $name, help: $help };)*

        /// All that a set or a labeled value may have, but those that `store_label` names.
        pub const ALL: &[Label] = &[$($id,)*];
    };
}

labels! {
    TYPE "type" "What the entity is"
    NODENAME "nodename" "The name of the node's object"
    HOSTNAME "hostname" "The node's host name"
    HOST_ID "host_id" "The node's id outside the cluster"
    SCHEDULABLE "schedulable" "Whether pods may be put on the node"
    POD_NAME "pod_name" "The pod's name"
    POD_ID "pod_id" "The pod's uid"
    NAMESPACE_NAME "namespace_name" "The namespace's name"
    NAMESPACE_ID "namespace_id" "The namespace's uid"
    CONTAINER_NAME "container_name" "The container's name, or the path of its cgroup"
    CONTAINER_BASE_IMAGE "container_base_image" "The container's image"
    LABELS "labels" "The user's labels, joined"
    RESOURCE_ID "resource_id" "The filesystem, volume or disk"
    MAKE "make" "Who made the accelerator"
    MODEL "model" "The accelerator's model"
    ACCELERATOR_ID "accelerator_id" "The accelerator's id"
    WORKLOAD_NAME "workload_name" "The workload's name"
}

impl Set {
    /// Its labels with their values, in no order; values may be empty. A stored label of the user may have the name of
    /// one that came before: the later one counts.
    pub fn labels(&self) -> Vec<(&str, &str)> {
        let copied = match (&self.key, &self.node, &self.pod) {
            (Key::Node(_), Some(node), _) => Some(&node.copied),
            (Key::Pod { .. } | Key::Container { .. }, _, Some(pod)) => Some(&pod.copied),
            _ => None,
        };
        let node = self.node.as_ref();
        // a node that the API server does not know has its name at least
        let keyed = self.key.node().map(|name| &**name);
        let schedulable = |unschedulable| if unschedulable { "false" } else { "true" };
        let of_node = node.filter(|_| matches!(self.key, Key::Node(_)));
        let workload = match &self.key {
            Key::Workload { name, .. } => Some(name),
            _ => None,
        };
        let known: [(Label, Option<&str>); 13] = [
            (TYPE, Some(self.key.word())),
            (NODENAME, node.map(|node| &*node.name).or(keyed)),
            (HOSTNAME, node.map(|node| &*node.hostname).or(keyed)),
            (HOST_ID, node.map(|node| &*node.host_id)),
            (SCHEDULABLE, of_node.map(|node| schedulable(node.unschedulable))),
            (POD_NAME, self.key.pod().map(|name| &**name)),
            (POD_ID, self.pod.as_ref().map(|pod| &*pod.uid)),
            (NAMESPACE_NAME, self.key.namespace().map(|name| &**name)),
            (NAMESPACE_ID, self.namespace.as_ref().map(|namespace| &*namespace.uid)),
            (CONTAINER_NAME, self.key.container().map(|name| &**name)),
            (CONTAINER_BASE_IMAGE, self.image.as_deref()),
            (WORKLOAD_NAME, workload.map(|name| &**name)),
            (LABELS, copied.map(|copied| &*copied.joined)),
        ];
        let mut all = Vec::with_capacity(known.len());
        all.extend(known.into_iter().filter_map(|(label, value)| Some((label.name, value?))));
        all.extend(
            copied.into_iter().flat_map(|copied| &copied.stored).map(|(name, value)| (&**name, &**value)),
        );
        all
    }

    /// One label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels().into_iter().rev().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cluster::objects::{Copied, LabelRules, Map, Namespace, Node, Pod};

    #[test]
    fn labels_are_those_of_the_key_and_its_objects() {
        let mut set = Set::new(Key::Pod { namespace: "shop".into(), pod: "web".into() });
        let stored = vec![("tier".into(), "front".into())];
        let copied = Copied { joined: "app:web".into(), stored };
        set.pod = Some(Arc::new(Pod { uid: "u-1".into(), copied, ..Pod::default() }));
        set.namespace = Some(Arc::new(Namespace { name: "shop".into(), uid: "n-1".into() }));
        let host =
            Node { name: "n1".into(), hostname: "host1".into(), unschedulable: true, ..Node::default() };
        set.node = Some(Arc::new(host));
        let wanted = [
            ("type", "pod"),
            ("nodename", "n1"),
            ("hostname", "host1"),
            ("host_id", ""),
            ("pod_name", "web"),
            ("pod_id", "u-1"),
            ("namespace_name", "shop"),
            ("namespace_id", "n-1"),
            ("labels", "app:web"),
            ("tier", "front"),
        ];
        assert_eq!(set.labels(), wanted);
        assert_eq!((set.label("tier"), set.label("schedulable")), (Some("front"), None));
        let mut node = Set::new(Key::Node("n1".into()));
        node.node = set.node;
        assert_eq!(node.label("schedulable"), Some("false"));
        node.node = None;
        assert_eq!(node.labels(), [("type", "node"), ("nodename", "n1"), ("hostname", "n1")]);
    }
    #[test]
    fn labels_are_copied_as_heapster_copies_them() {
        let file = "../../../shared/reference/cluster/data/label-copier-cases.json";
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let Ok(text) = std::fs::read(&file) else {
            println!("SKIP labels_are_copied_as_heapster_copies_them: {} is not there", file.display());
            return;
        };
        let cases: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let list = |value: &serde_json::Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
        let pairs = |value: &serde_json::Value| {
            let pairs = value.as_object().unwrap().iter();
            pairs.map(|(key, value)| (key.clone(), text(value))).collect::<Vec<_>>()
        };
        let labels: Map =
            pairs(&cases["labels"]).into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let initial = pairs(&cases["initial"]);
        let all = cases["cases"].as_array().unwrap();
        assert!(!all.is_empty());
        for case in all {
            let stored = |word: String| match word.split_once('=') {
                Some((name, label)) => (label.to_owned(), name.to_owned()),
                None => (word.clone(), word),
            };
            let rules = LabelRules {
                separator: text(&case["separator"]),
                ignore: list(&case["ignore"]),
                store: list(&case["store"]).into_iter().map(stored).collect(),
            };
            let mut set = Set::new(Key::Node("n1".into()));
            set.node = Some(Arc::new(Node { copied: rules.copy(&labels), ..Node::default() }));
            for (key, value) in pairs(&case["out"]) {
                if !initial.contains(&(key.clone(), value.clone())) {
                    assert_eq!(set.label(&key), Some(value.as_str()), "{key} of {case}");
                }
            }
            let own = ["type", "nodename", "hostname", "host_id", "schedulable"];
            let copied = set.labels().into_iter().filter(|(key, _)| !own.contains(key)).count();
            assert_eq!(copied, case["out"].as_object().unwrap().len() - initial.len(), "{case}");
        }
    }
}
