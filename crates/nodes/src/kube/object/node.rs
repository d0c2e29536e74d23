//! Nodes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{Map, Node};
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
    #[serde(rename = "externalID")]
    external_id: String,
    unschedulable: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(deserialize_with = "or_default")]
    capacity: Amounts,
    #[serde(deserialize_with = "or_default")]
    allocatable: Amounts,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    addresses: Vec<Address>,
    #[serde(deserialize_with = "or_default")]
    daemon_endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Endpoints {
    #[serde(deserialize_with = "or_default")]
    kubelet_endpoint: Endpoint,
}

/// Its one field has a capital letter in the API.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    #[serde(rename = "Port")]
    port: u16,
}

impl Maker {
    pub(super) fn node(&self, json: &Json) -> Node {
        let (meta, status) = (&json.metadata, &json.status);
        let addresses = || status.addresses.iter().filter(|one| !one.address.is_empty());
        let hostname = addresses().rfind(|one| one.kind == "Hostname").map_or(&meta.name, |one| &one.address);
        let labels = self.labels(&meta.labels);
        let annotations = self.kept_annotations(&meta.annotations);
        let told = self.rules.host_id_annotation.as_ref().and_then(|name| meta.annotations.get(name));
        let host_id = Some(&json.spec.external_id).filter(|id| !id.is_empty()).or(told);
        let ready = status.conditions.iter().find(|one| one.kind == "Ready");
        Node {
            name: self.name(&meta.name),
            hostname: self.name(hostname),
            host_id: self.name(host_id.map_or("", String::as_str)),
            addresses: addresses().map(|one| (self.name(&one.kind), self.name(&one.address))).collect(),
            ip: ip(&status.addresses),
            kubelet_port: status.daemon_endpoints.kubelet_endpoint.port,
            ready: ready.map(|one| one.status == "True"),
            unschedulable: json.spec.unschedulable,
            capacity: status.capacity.resources(),
            allocatable: status.allocatable.resources(),
            copied: self.copied(&labels),
            labels,
            annotations,
        }
    }

    fn kept_annotations(&self, all: &BTreeMap<String, String>) -> Map {
        let wanted = self.rules.annotations.iter().chain(&self.rules.host_id_annotation);
        let kept = wanted.filter_map(|name| Some((self.name(name), Name::from(all.get(name)?.as_str()))));
        kept.collect()
    }
}

/// The last InternalIP, else the first LegacyHostIP, else the first ExternalIP; of those that can be read.
fn ip(addresses: &[Address]) -> Option<IpAddr> {
    let of = |kind: &'static str| {
        addresses.iter().filter(move |one| one.kind == kind).filter_map(|one| one.address.parse().ok())
    };
    of("InternalIP").next_back().or_else(|| of("LegacyHostIP").next()).or_else(|| of("ExternalIP").next())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_core::cluster::objects::Resources;

    use super::super::tests::maker;
    use super::super::{Item, Rules};
    use super::*;
    use crate::kube::watch::Resource;

    fn node(rules: Rules, json: &str) -> Arc<Node> {
        match maker(rules).item(Resource::Nodes, json).unwrap().1 {
            Item::Node(node) => node,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_real_node_is_read() {
        let list: serde_json::Value = serde_json::from_str(include_str!("../testdata/nodes.json")).unwrap();
        let first = node(Rules::default(), &list["items"][0].to_string());
        assert_eq!((&*first.name, &*first.hostname, &*first.host_id), ("node1", "node1", ""));
        assert_eq!(
            first.ip.map(|ip| ip.to_string()),
            list["items"][0]["status"]["addresses"][0]["address"].as_str().map(str::to_owned)
        );
        let bytes = Some(24_684_092 * 1024);
        let wanted =
            Resources { cpu_milli: Some(2000), memory: bytes, ephemeral_storage: Some(264_212_084 * 1024) };
        assert_eq!((first.capacity, first.allocatable), (wanted, wanted));
        assert_eq!((first.ready, first.unschedulable, first.kubelet_port), (Some(true), false, 10250));
        assert_eq!(first.labels.get("kubernetes.io/os").map(|value| &**value), Some("linux"));
        assert!(
            first.copied.joined.starts_with("beta.kubernetes.io/arch:amd64,beta.kubernetes.io/os:linux,")
        );
        assert!(first.annotations.is_empty());
        let second = node(Rules::default(), &list["items"][1].to_string());
        assert_eq!((&*second.name, second.ready), ("node2", Some(false)));
    }

    #[test]
    fn the_address_is_heapsters() {
        let ip = |addresses: &[(&str, &str)]| {
            let addresses = addresses
                .iter()
                .map(|(kind, address)| Address { kind: (*kind).into(), address: (*address).into() });
            ip(&addresses.collect::<Vec<_>>()).map(|ip| ip.to_string())
        };
        let told = Some("10.0.0.2".to_owned());
        assert_eq!(
            ip(&[("ExternalIP", "1.1.1.1"), ("InternalIP", "10.0.0.1"), ("InternalIP", "10.0.0.2")]),
            told
        );
        assert_eq!(ip(&[("InternalIP", "10.0.0.2"), ("InternalIP", "none"), ("Hostname", "1.2.3.4")]), told);
        assert_eq!(
            ip(&[("ExternalIP", "1.1.1.1"), ("LegacyHostIP", "10.0.0.2"), ("LegacyHostIP", "9.9.9.9")]),
            told
        );
        assert_eq!(ip(&[("ExternalIP", "10.0.0.2"), ("ExternalIP", "9.9.9.9")]), told);
        assert_eq!(ip(&[("InternalIP", "fd00::1")]), Some("fd00::1".to_owned()));
        assert_eq!(ip(&[("InternalDNS", "a"), ("ExternalIP", "")]), None);
    }

    #[test]
    fn host_ids_and_annotations_are_kept_by_rule() {
        let json = |external: &str| {
            format!(
                r#"{{"metadata":{{"name":"n","annotations":{{"id":"x-1","path":"/p","other":"o"}}}},
                "spec":{{"externalID":"{external}","unschedulable":true}},"status":{{"addresses":[
                {{"type":"Hostname","address":"h"}},{{"type":"Hostname","address":""}}],"conditions":[
                {{"type":"Ready","status":"Unknown"}}],"daemonEndpoints":{{"kubeletEndpoint":{{"Port":10350}}}}}}}}"#
            )
        };
        let rules = Rules {
            host_id_annotation: Some("id".to_owned()),
            annotations: vec!["path".to_owned(), "absent".to_owned()],
            ..Rules::default()
        };
        let first = node(rules.clone(), &json(""));
        assert_eq!((&*first.host_id, &*first.hostname), ("x-1", "h"));
        assert_eq!(first.annotations, Map::from([("id".into(), "x-1".into()), ("path".into(), "/p".into())]));
        assert_eq!((first.ready, first.unschedulable, first.kubelet_port), (Some(false), true, 10350));
        assert_eq!(&*node(rules, &json("e-1")).host_id, "e-1");
        assert_eq!(&*node(Rules::default(), &json("")).host_id, "");
    }

    #[test]
    fn an_empty_node_says_nothing() {
        let empty =
            node(Rules::default(), r#"{"metadata":{"name":"n"},"spec":null,"status":{"conditions":null}}"#);
        let name: Name = "n".into();
        assert_eq!(*empty, Node { name: name.clone(), hostname: name, ..Node::default() });
        let nameless = maker(Rules::default()).item(Resource::Nodes, r#"{"metadata":{}}"#).unwrap_err();
        assert_eq!(nameless.to_string(), "it has no metadata.name");
    }
}
