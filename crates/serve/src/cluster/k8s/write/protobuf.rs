//! Objects and statuses as protobuf, in the envelope that Kubernetes puts around it.
//!
//! The messages are those of `k8s.io.metrics.pkg.apis.metrics.v1beta1`, of `k8s.io.apimachinery.pkg.apis.meta.v1` and of
//! `k8s.io.apimachinery.pkg.runtime`; a field's number is written where it is written.

use plimsoll_core::cluster::quantity::{format_binary, format_nanocores};
use plimsoll_core::time::Timestamp;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::super::accept::As;
use super::super::request::GROUP_VERSION;
use super::super::status::Status;
use super::super::usage::{Parts, Row, Usage};
use super::Writing;

/// The first bytes of every answer.
const MAGIC: &[u8] = b"k8s\0";

/// Writes objects one after the other.
pub(in super::super) struct Writer {
    writing: Writing,
    items: Vec<u8>,
}

impl Writer {
    pub(in super::super) fn new(writing: Writing) -> Self {
        let mut items = Vec::new();
        // ListMeta
        message(&mut items, 1, |_| {});
        Self { writing, items }
    }

    /// An object of a list.
    pub(in super::super) fn item(&mut self, row: &Row<'_>) {
        let writing = self.writing;
        message(&mut self.items, 2, |out| body(out, row, writing));
    }

    /// The list.
    pub(in super::super) fn end(self) -> Vec<u8> {
        let (kind, version) = match self.writing.shape {
            As::Metadata(version) | As::MetadataList(version) => ("PartialObjectMetadataList", version),
            As::Objects | As::Table(_) => (self.writing.kind.list(), GROUP_VERSION),
        };
        enveloped(kind, version, &self.items)
    }

    /// An object alone.
    pub(in super::super) fn one(writing: Writing, row: &Row<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        body(&mut out, row, writing);
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
    let mut out = Vec::with_capacity(raw.len() + 64);
    out.extend_from_slice(MAGIC);
    message(&mut out, 1, |out| {
        string(out, 1, version);
        string(out, 2, kind);
    });
    bytes(&mut out, 2, raw);
    string(&mut out, 3, "");
    string(&mut out, 4, "");
    out
}

/// `NodeMetrics`, `PodMetrics` or `PartialObjectMetadata`.
fn body(out: &mut Vec<u8>, row: &Row<'_>, writing: Writing) {
    message(out, 1, |out| metadata(out, row, writing.now));
    if matches!(writing.shape, As::Metadata(_) | As::MetadataList(_)) {
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
fn metadata(out: &mut Vec<u8>, row: &Row<'_>, now: Timestamp) {
    string(out, 1, row.name);
    if let Some(namespace) = row.namespace {
        string(out, 3, namespace);
    }
    message(out, 8, |out| time(out, now));
    for (key, value) in row.labels {
        message(out, 11, |out| {
            string(out, 1, key);
            string(out, 2, value);
        });
    }
}

/// `Time`, in whole seconds as in JSON.
fn time(out: &mut Vec<u8>, at: Timestamp) {
    int(out, 1, at.nanos().div_euclid(1_000_000_000));
    int(out, 2, 0);
}

/// A map of quantities.
fn usage(out: &mut Vec<u8>, field: u32, usage: Usage) {
    for (name, value) in [("cpu", format_nanocores(usage.nanocores)), ("memory", format_binary(usage.memory))]
    {
        message(out, field, |out| {
            string(out, 1, name);
            message(out, 2, |out| string(out, 1, &value));
        });
    }
}

fn string(out: &mut Vec<u8>, field: u32, text: &str) {
    bytes(out, field, text.as_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn int(out: &mut Vec<u8>, field: u32, value: i64) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value.cast_unsigned(), out);
}

/// A message, whose length is put before it once it is known.
fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(field, WireType::LengthDelimited, out);
    let start = out.len();
    write(out);
    let length = out.len() - start;
    let room = encoded_len_varint(length as u64);
    out.resize(start + length + room, 0);
    out.copy_within(start..start + length, start + room);
    if let Some(mut place) = out.get_mut(start..start + room) {
        encode_varint(length as u64, &mut place);
    }
}
