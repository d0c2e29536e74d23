//! The API's objects as JSON, made into what is kept of them.

mod node;
mod once;
mod pod;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use plimsoll_core::cluster::key::WorkloadKind;
use plimsoll_core::cluster::names::{Name, Names};
use plimsoll_core::cluster::objects::{
    Container, Copied, LabelRules, Map, Namespace, Node, Owner, Pod, Resources,
};
use plimsoll_core::cluster::quantity;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use self::once::Once;
use super::watch::Resource;

/// What is kept of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How users' labels are copied.
    pub labels: LabelRules,
    /// The node's annotation that is its host id where `spec.externalID` is empty.
    pub host_id_annotation: Option<String>,
    /// The nodes' annotations that are kept.
    pub annotations: Vec<String>,
}

/// An object as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Node(Arc<Node>),
    Namespace(Arc<Namespace>),
    Pod(Arc<Pod>),
    Workload { namespace: Name, kind: WorkloadKind, name: Name, owner: Option<Owner> },
}

/// Makes items; equal texts, sets of labels and lists of containers are kept once.
pub(super) struct Maker {
    rules: Rules,
    names: Arc<Names>,
    labels: Once<Map>,
    containers: Once<Arc<[Container]>>,
}

impl Maker {
    pub(super) fn new(rules: Rules, names: Arc<Names>) -> Self {
        Self { rules, names, labels: Once::default(), containers: Once::default() }
    }

    /// The object's version, and what is kept of it.
    pub(super) fn item(&self, resource: Resource, json: &str) -> Result<(String, Item), serde_json::Error> {
        let (meta, item) = match resource {
            Resource::Nodes => {
                let node: node::Json = serde_json::from_str(json)?;
                let kept = self.node(&node);
                (node.metadata, Item::Node(Arc::new(kept)))
            }
            Resource::Pods => {
                let pod: pod::Json = serde_json::from_str(json)?;
                let kept = self.pod(&pod);
                (pod.metadata, Item::Pod(Arc::new(kept)))
            }
            Resource::Namespaces => {
                let Bare { metadata } = serde_json::from_str(json)?;
                let kept = Namespace { name: self.name(&metadata.name), uid: self.name(&metadata.uid) };
                (metadata, Item::Namespace(Arc::new(kept)))
            }
            Resource::ReplicaSets => self.workload(json, WorkloadKind::ReplicaSet)?,
            Resource::Jobs => self.workload(json, WorkloadKind::Job)?,
        };
        if meta.name.is_empty() {
            return Err(serde::de::Error::custom("it has no metadata.name"));
        }
        Ok((meta.resource_version, item))
    }

    fn workload(&self, json: &str, kind: WorkloadKind) -> Result<(Meta, Item), serde_json::Error> {
        let Bare { metadata } = serde_json::from_str(json)?;
        let (namespace, name) = (self.name(&metadata.namespace), self.name(&metadata.name));
        let owner = self.owner(&metadata);
        Ok((metadata, Item::Workload { namespace, kind, name, owner }))
    }

    fn name(&self, text: &str) -> Name {
        self.names.get(text)
    }

    /// The workload that controls an object. A kind of another group that merely has the same name is none of ours.
    fn owner(&self, meta: &Meta) -> Option<Owner> {
        let owner = meta.owner_references.iter().find(|owner| owner.controller)?;
        let kind = WorkloadKind::of_kind(&owner.kind)?;
        let (group, _) = owner.api_version.split_once('/').unwrap_or(("", ""));
        let ours = match kind {
            WorkloadKind::CronJob | WorkloadKind::Job => group == "batch",
            WorkloadKind::ReplicationController => group.is_empty(),
            _ => matches!(group, "apps" | "extensions"),
        };
        ours.then(|| Owner { kind, name: self.name(&owner.name) })
    }

    fn labels(&self, pairs: &BTreeMap<String, String>) -> Map {
        self.labels.get(pairs.iter().map(|(name, value)| (self.name(name), self.name(value))).collect())
    }

    fn copied(&self, labels: &Map) -> Copied {
        let mut copied = self.rules.labels.copy(labels);
        copied.joined = self.name(&copied.joined);
        for (name, _) in &mut copied.stored {
            *name = self.name(name);
        }
        copied
    }
}

/// An object of which the metadata is enough.
#[derive(Deserialize)]
struct Bare {
    metadata: Meta,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta {
    name: String,
    namespace: String,
    uid: String,
    resource_version: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    owner_references: Vec<OwnerReference>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OwnerReference {
    api_version: String,
    kind: String,
    name: String,
    controller: bool,
}

/// Amounts of resources; others than these are passed over.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Amounts {
    cpu: Option<Quantity>,
    memory: Option<Quantity>,
    ephemeral_storage: Option<Quantity>,
}

impl Amounts {
    /// What can be read of them.
    fn resources(&self) -> Resources {
        let read = |quantity: &Option<Quantity>, parse: fn(&str) -> Result<i64, quantity::QuantityError>| {
            let quantity = quantity.as_ref()?;
            parse(&quantity.0).inspect_err(|error| tracing::debug!(%error, "of an object")).ok()
        };
        Resources {
            cpu_milli: read(&self.cpu, quantity::parse_milli),
            memory: read(&self.memory, quantity::parse_value),
            ephemeral_storage: read(&self.ephemeral_storage, quantity::parse_value),
        }
    }
}

/// A quantity's text; the API allows numbers too.
struct Quantity(String);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }

            fn visit_str<E>(self, text: &str) -> Result<Quantity, E> {
                Ok(Quantity(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// The API writes `null` for what is empty here and there.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn maker(rules: Rules) -> Maker {
        Maker::new(rules, Arc::default())
    }

    #[test]
    fn only_controllers_of_the_known_groups_are_owners() {
        let maker = maker(Rules::default());
        let owner = |references: &str| {
            let json = format!(r#"{{"metadata":{{"name":"x","ownerReferences":{references}}}}}"#);
            match maker.item(Resource::ReplicaSets, &json).unwrap().1 {
                Item::Workload { owner, .. } => {
                    owner.map(|owner| (owner.kind.kind(), owner.name.to_string()))
                }
                other => panic!("{other:?}"),
            }
        };
        let one = |version: &str, kind: &str, controller: bool| {
            let reference = format!(
                r#"{{"apiVersion":"{version}","kind":"{kind}","name":"a","controller":{controller}}}"#
            );
            owner(&format!("[{reference}]"))
        };
        assert_eq!(one("apps/v1", "Deployment", true), Some(("Deployment", "a".to_owned())));
        assert_eq!(one("batch/v1beta1", "CronJob", true), Some(("CronJob", "a".to_owned())));
        assert_eq!(one("v1", "ReplicationController", true), Some(("ReplicationController", "a".to_owned())));
        assert_eq!(one("apps/v1", "Deployment", false), None);
        assert_eq!(one("argoproj.io/v1alpha1", "Rollout", true), None);
        assert_eq!(one("batch.volcano.sh/v1alpha1", "Job", true), None);
        assert_eq!((owner("null"), owner("[]")), (None, None));
        let two = r#"[{"apiVersion":"apps/v1","kind":"Deployment","name":"no"},
            {"apiVersion":"apps/v1","kind":"StatefulSet","name":"yes","controller":true}]"#;
        assert_eq!(owner(two), Some(("StatefulSet", "yes".to_owned())));
    }

    #[test]
    fn quantities_may_be_numbers_and_broken_ones_are_absent() {
        let amounts: Amounts =
            serde_json::from_str(r#"{"cpu":1.5,"memory":1024,"ephemeral-storage":"many","x":"1"}"#).unwrap();
        let wanted = Resources { cpu_milli: Some(1500), memory: Some(1024), ephemeral_storage: None };
        assert_eq!(amounts.resources(), wanted);
    }
}
