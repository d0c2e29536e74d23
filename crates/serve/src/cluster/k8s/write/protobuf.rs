//! Objects and statuses as protobuf, in the envelope that Kubernetes puts around it.
//!
//! The messages are those of `k8s.io.metrics.pkg.apis.metrics.v1beta1`, of `k8s.io.apimachinery.pkg.apis.meta.v1` and of
//! `k8s.io.apimachinery.pkg.runtime`; a field's number is written where it is written.

use plimsoll_core::cluster::objects::Map;
use plimsoll_core::cluster::quantity::{split_binary, split_nanocores};
use plimsoll_core::time::Timestamp;
use prost::encoding::{WireType, encode_varint, encoded_len_varint};

use super::super::accept::As;
use super::super::request::GROUP_VERSION;
use super::super::status::Status;
use super::super::usage::{Parts, Row, Usage};
use super::Writing;

/// The first bytes of every answer.
const MAGIC: &[u8] = b"k8s\0";

/// Writes objects one after the other.
pub(in super::super) struct Writer {
    items: Vec<u8>,
    objects: Objects,
}

impl Writer {
    pub(in super::super) fn new(writing: Writing) -> Self {
        Self { items: Vec::new(), objects: Objects::new(writing) }
    }

    /// An object of a list.
    pub(in super::super) fn item(&mut self, row: &Row<'_>) {
        message(&mut self.items, 2, |out| self.objects.body(out, row));
    }

    /// The objects so far, as a part of a list.
    pub(in super::super) fn items(self) -> Vec<u8> {
        self.items
    }

    /// What stands around the objects of a list that have so many bytes.
    pub(in super::super) fn around(writing: Writing, bytes: usize) -> (Vec<u8>, Vec<u8>) {
        let (kind, version) = match writing.shape {
            As::Metadata(version) | As::MetadataList(version) => ("PartialObjectMetadataList", version),
            As::Objects | As::Table(_) => (writing.kind.list(), GROUP_VERSION),
        };
        let mut list = Vec::new();
        message(&mut list, 1, |_| {});
        let mut head = head(kind, version, list.len() + bytes);
        head.extend_from_slice(&list);
        (head, tail())
    }

    /// The list.
    pub(in super::super) fn end(self) -> Vec<u8> {
        let (mut all, tail) = Self::around(self.objects.writing, self.items.len());
        all.extend_from_slice(&self.items);
        all.extend_from_slice(&tail);
        all
    }

    /// An object alone.
    pub(in super::super) fn one(writing: Writing, row: &Row<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        Objects::new(writing).body(&mut out, row);
        match writing.shape {
            As::Metadata(version) | As::MetadataList(version) => {
                enveloped("PartialObjectMetadata", version, &out)
            }
            As::Objects | As::Table(_) => enveloped(writing.kind.one(), GROUP_VERSION, &out),
        }
    }
}

/// A status.
pub(in super::super) fn status(status: &Status) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, 1, |_| {});
    string(&mut out, 2, "Failure");
    string(&mut out, 3, &status.message);
    string(&mut out, 4, status.reason);
    if let Some(details) = &status.details {
        message(&mut out, 5, |out| {
            string(out, 1, &details.name);
            string(out, 2, details.group);
            string(out, 3, &details.kind);
        });
    }
    int(&mut out, 6, i64::from(status.code));
    enveloped("Status", "v1", &out)
}

fn enveloped(kind: &str, version: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = head(kind, version, raw.len());
    out.extend_from_slice(raw);
    out.extend_from_slice(&tail());
    out
}

/// What stands before an object of so many bytes.
fn head(kind: &str, version: &str, bytes: usize) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    message(&mut out, 1, |out| {
        string(out, 1, version);
        string(out, 2, kind);
    });
    key(2, WireType::LengthDelimited, &mut out);
    varint(bytes as u64, &mut out);
    out
}

/// What stands behind it: no encoding, no type.
fn tail() -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, 3, "");
    string(&mut out, 4, "");
    out
}

/// What objects have in common, written once.
struct Objects {
    writing: Writing,
    /// `creationTimestamp`: now.
    created: Vec<u8>,
    /// The labels that were written last: the pods of a workload share them and stand together.
    labels: (Map, Vec<u8>),
}

impl Objects {
    fn new(writing: Writing) -> Self {
        let mut created = Vec::new();
        message(&mut created, 8, |out| time(out, writing.now));
        Self { writing, created, labels: Default::default() }
    }

    /// `NodeMetrics`, `PodMetrics` or `PartialObjectMetadata`.
    fn body(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        message(out, 1, |out| self.metadata(out, row));
        if matches!(self.writing.shape, As::Metadata(_) | As::MetadataList(_)) {
            return;
        }
        message(out, 2, |out| time(out, row.when.at));
        message(out, 3, |out| int(out, 1, row.when.window_nanos));
        match row.parts {
            Parts::Whole(used) => usage(out, 4, used),
            Parts::Containers(all) => all.iter().for_each(|(name, used)| {
                message(out, 4, |out| {
                    string(out, 1, name);
                    usage(out, 2, *used);
                });
            }),
        }
    }

    /// `ObjectMeta`.
    fn metadata(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        string(out, 1, row.name);
        if let Some(namespace) = row.namespace {
            string(out, 3, namespace);
        }
        out.extend_from_slice(&self.created);
        let (map, text) = &mut self.labels;
        if !map.is_shared_with(row.labels) {
            text.clear();
            for (key, value) in row.labels {
                message(text, 11, |out| {
                    string(out, 1, key);
                    string(out, 2, value);
                });
            }
            *map = row.labels.clone();
        }
        out.extend_from_slice(text);
    }
}

/// `Time`, in whole seconds as in JSON.
fn time(out: &mut Vec<u8>, at: Timestamp) {
    int(out, 1, at.nanos().div_euclid(1_000_000_000));
    int(out, 2, 0);
}

/// A map of quantities.
fn usage(out: &mut Vec<u8>, field: u32, usage: Usage) {
    for (name, value) in [("cpu", split_nanocores(usage.nanocores)), ("memory", split_binary(usage.memory))] {
        message(out, field, |out| {
            string(out, 1, name);
            message(out, 2, |out| quantity(out, 1, value));
        });
    }
}

fn quantity(out: &mut Vec<u8>, field: u32, (number, suffix): (u64, &str)) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number);
    key(field, WireType::LengthDelimited, out);
    varint((digits.len() + suffix.len()) as u64, out);
    out.extend_from_slice(digits.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
}

/// A field's number, and how its value is written. All numbers here take one byte.
fn key(field: u32, kind: WireType, out: &mut Vec<u8>) {
    varint(u64::from(field << 3 | kind as u32), out);
}

/// Most take one byte.
#[inline(always)]
fn varint(value: u64, out: &mut Vec<u8>) {
    match u8::try_from(value) {
        Ok(byte) if byte < 0x80 => out.push(byte),
        _ => encode_varint(value, out),
    }
}

fn string(out: &mut Vec<u8>, field: u32, text: &str) {
    bytes(out, field, text.as_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    key(field, WireType::LengthDelimited, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn int(out: &mut Vec<u8>, field: u32, value: i64) {
    key(field, WireType::Varint, out);
    varint(value.cast_unsigned(), out);
}

/// A message, whose length is put before it once it is known. Most lengths take one byte, for which room is left; before
/// a longer message more room is made.
fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    key(field, WireType::LengthDelimited, out);
    let place = out.len();
    out.push(0);
    let start = out.len();
    write(out);
    let length = out.len() - start;
    let more = encoded_len_varint(length as u64) - 1;
    if more > 0 {
        out.resize(start + length + more, 0);
        out.copy_within(start..start + length, start + more);
    }
    if let Some(mut room) = out.get_mut(place..start + more) {
        encode_varint(length as u64, &mut room);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use prost::Message;

    use super::super::super::usage::When;
    use super::super::{Include, Kind, json};
    use super::*;

    /// The messages, as a generated client reads them.
    #[derive(Clone, PartialEq, Message)]
    struct Unknown {
        #[prost(message, tag = "1")]
        type_meta: Option<TypeMeta>,
        #[prost(bytes = "vec", tag = "2")]
        raw: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct TypeMeta {
        #[prost(string, tag = "1")]
        api_version: String,
        #[prost(string, tag = "2")]
        kind: String,
    }

    #[derive(Clone, PartialEq, Message)]
    struct PodList {
        #[prost(message, repeated, tag = "2")]
        items: Vec<Pod>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Pod {
        #[prost(message, tag = "1")]
        metadata: Option<Metadata>,
        #[prost(message, tag = "2")]
        timestamp: Option<Time>,
        #[prost(message, tag = "3")]
        window: Option<Time>,
        #[prost(message, repeated, tag = "4")]
        containers: Vec<Container>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Metadata {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "3")]
        namespace: String,
        #[prost(message, tag = "8")]
        created: Option<Time>,
        #[prost(map = "string, string", tag = "11")]
        labels: HashMap<String, String>,
    }

    /// `Time`; of `Duration` its nanoseconds.
    #[derive(Clone, PartialEq, Message)]
    struct Time {
        #[prost(int64, tag = "1")]
        number: i64,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Container {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(map = "string, message", tag = "2")]
        usage: HashMap<String, Quantity>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Quantity {
        #[prost(string, tag = "1")]
        text: String,
    }

    /// The list as JSON has it.
    fn as_json(list: &PodList) -> serde_json::Value {
        let instant = |time: &Option<Time>| Timestamp::from_secs(time.as_ref().unwrap().number).to_string();
        let items = list.items.iter().map(|pod| {
            let metadata = pod.metadata.as_ref().unwrap();
            let mut window = Vec::new();
            crate::go::append_duration(&mut window, pod.window.as_ref().unwrap().number);
            let containers = pod.containers.iter().map(|container| {
                let text = |name: &str| container.usage[name].text.clone();
                serde_json::json!({ "name": container.name, "usage": { "cpu": text("cpu"), "memory": text("memory") } })
            });
            let mut json = serde_json::json!({
                "metadata": {
                    "name": metadata.name,
                    "namespace": metadata.namespace,
                    "creationTimestamp": instant(&metadata.created),
                },
                "timestamp": instant(&pod.timestamp),
                "window": String::from_utf8(window).unwrap(),
                "containers": containers.collect::<Vec<_>>(),
            });
            if !metadata.labels.is_empty() {
                json["metadata"]["labels"] = serde_json::to_value(&metadata.labels).unwrap();
            }
            json
        });
        let items: Vec<_> = items.collect();
        serde_json::json!({ "kind": "PodMetricsList", "apiVersion": GROUP_VERSION, "metadata": {}, "items": items })
    }

    /// A pod's name, labels, time, window, and containers with what they use.
    type Made = (String, Map, i64, i64, Vec<(String, u64, u64)>);

    fn pods() -> impl Strategy<Value = Vec<Made>> {
        let text = || "[\\PC\"<&\\\\]{0,9}";
        let labels = prop::collection::btree_map(text(), text(), 0..4);
        let labels = labels.prop_map(|labels| {
            let pairs = labels.into_iter();
            pairs.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect::<Map>()
        });
        let container = (text(), any::<u64>(), any::<u64>());
        let pod = (text(), labels, any::<i64>(), 0..i64::MAX, prop::collection::vec(container, 0..4));
        prop::collection::vec(pod, 0..6)
    }

    proptest! {
        #[test]
        fn protobuf_and_json_say_the_same(pods in pods(), now in any::<i64>()) {
            let now = Timestamp(now);
            let writing = Writing { kind: Kind::Pod, shape: As::Objects, include: Include::Metadata, now };
            let (mut writer, mut line) = (json::Writer::new(writing), Vec::new());
            let mut binary = Writer::new(writing);
            writer.begin(&mut line);
            for (name, labels, at, window_nanos, containers) in &pods {
                let containers: Vec<_> = containers
                    .iter()
                    .map(|(name, nanocores, memory)| (name.as_str().into(), Usage { nanocores: *nanocores, memory: *memory }))
                    .collect();
                let when = When { at: Timestamp(*at), window_nanos: *window_nanos };
                let parts = Parts::Containers(&containers);
                let row = Row { name, namespace: Some("ns"), labels, when, parts };
                writer.item(&mut line, &row);
                binary.item(&row);
            }
            writer.end(&mut line);
            let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
            let binary = binary.end();
            let unknown = Unknown::decode(binary.strip_prefix(MAGIC).unwrap()).unwrap();
            let type_meta = unknown.type_meta.unwrap();
            prop_assert_eq!((type_meta.api_version.as_str(), type_meta.kind.as_str()), (GROUP_VERSION, "PodMetricsList"));
            prop_assert_eq!(as_json(&PodList::decode(&*unknown.raw).unwrap()), json);
        }
    }
}
