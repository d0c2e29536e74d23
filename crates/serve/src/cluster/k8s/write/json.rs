//! Objects as JSON.
//!
//! Cost: no allocation an object; the text of an instant is made once a second.

use plimsoll_core::cluster::objects::Map;
use plimsoll_core::cluster::quantity::{split_binary, split_nanocores};
use plimsoll_core::time::Timestamp;

use super::super::accept::As;
use super::super::request::GROUP_VERSION;
use super::super::usage::{Parts, Row, Usage};
use super::{Include, Writing};
use crate::go::append_duration;
use crate::json;

/// Writes objects one after the other.
pub(in super::super) struct Writer {
    writing: Writing,
    /// Texts of instants, by second.
    instants: [(i64, Vec<u8>); 64],
    /// The labels that were written last, and their text: the pods of a workload share them and stand together.
    labels: (Map, Vec<u8>),
    first: bool,
}

impl Writer {
    pub(in super::super) fn new(writing: Writing) -> Self {
        let instants = std::array::from_fn(|_| (i64::MIN, Vec::new()));
        Self { writing, instants, labels: Default::default(), first: true }
    }

    /// One that goes on with a list in which objects stand already.
    pub(in super::super) fn following(writing: Writing) -> Self {
        Self { first: false, ..Self::new(writing) }
    }

    /// What stands before the objects of a list.
    pub(in super::super) fn begin(&mut self, out: &mut Vec<u8>) {
        let (kind, version) = match self.writing.shape {
            As::Objects => (self.writing.kind.list(), GROUP_VERSION),
            As::Table(version) => return table_head(out, version),
            As::Metadata(version) | As::MetadataList(version) => ("PartialObjectMetadataList", version),
        };
        head(out, kind, version);
        out.extend_from_slice(br#","metadata":{},"items":["#);
    }

    /// An object of a list.
    pub(in super::super) fn item(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        if !std::mem::take(&mut self.first) {
            out.push(b',');
        }
        match self.writing.shape {
            As::Objects => {
                out.push(b'{');
                self.rest(out, row);
            }
            As::Table(version) => self.table_row(out, row, version),
            As::Metadata(version) | As::MetadataList(version) => self.metadata_only(out, row, version),
        }
    }

    /// What stands behind the objects of a list.
    pub(in super::super) fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"]}");
    }

    /// An object alone.
    pub(in super::super) fn one(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        match self.writing.shape {
            As::Objects => self.object(out, row),
            As::Table(_) => {
                self.begin(out);
                self.item(out, row);
                self.end(out);
            }
            As::Metadata(version) | As::MetadataList(version) => self.metadata_only(out, row, version),
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        head(out, self.writing.kind.one(), GROUP_VERSION);
        out.push(b',');
        self.rest(out, row);
    }

    /// An object from its metadata on.
    fn rest(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        self.metadata(out, row);
        out.extend_from_slice(br#","timestamp":""#);
        self.instant(out, row.when.at);
        out.extend_from_slice(br#"","window":""#);
        append_duration(out, row.when.window_nanos);
        out.push(b'"');
        match row.parts {
            Parts::Whole(usage) => append_usage(out, usage),
            Parts::Containers(all) => {
                out.extend_from_slice(br#","containers":["#);
                for (order, (name, usage)) in all.iter().enumerate() {
                    out.extend_from_slice(if order == 0 { br#"{"name":"# } else { br#",{"name":"# });
                    string(out, name);
                    append_usage(out, *usage);
                    out.push(b'}');
                }
                out.push(b']');
            }
        }
        out.push(b'}');
    }

    fn metadata_only(&mut self, out: &mut Vec<u8>, row: &Row<'_>, version: &str) {
        head(out, "PartialObjectMetadata", version);
        out.push(b',');
        self.metadata(out, row);
        out.push(b'}');
    }

    fn metadata(&mut self, out: &mut Vec<u8>, row: &Row<'_>) {
        out.extend_from_slice(br#""metadata":{"name":"#);
        string(out, row.name);
        if let Some(namespace) = row.namespace {
            out.extend_from_slice(br#","namespace":"#);
            string(out, namespace);
        }
        out.extend_from_slice(br#","creationTimestamp":""#);
        self.instant(out, self.writing.now);
        out.push(b'"');
        if !self.labels.0.is_shared_with(row.labels) {
            self.labels.1.clear();
            labels(&mut self.labels.1, row.labels);
            self.labels.0 = row.labels.clone();
        }
        out.extend_from_slice(&self.labels.1);
        out.push(b'}');
    }

    fn table_row(&mut self, out: &mut Vec<u8>, row: &Row<'_>, version: &str) {
        let usage = row.parts.sum();
        out.extend_from_slice(br#"{"cells":["#);
        string(out, row.name);
        out.push(b',');
        quantity(out, split_nanocores(usage.nanocores));
        out.push(b',');
        quantity(out, split_binary(usage.memory));
        out.extend_from_slice(br#",""#);
        append_duration(out, row.when.window_nanos);
        out.extend_from_slice(br#""],"object":"#);
        match self.writing.include {
            Include::Nothing => out.extend_from_slice(b"null"),
            Include::Metadata => self.metadata_only(out, row, version),
            Include::Object => self.object(out, row),
        }
        out.push(b'}');
    }

    /// An instant in whole seconds.
    fn instant(&mut self, out: &mut Vec<u8>, at: Timestamp) {
        let secs = at.nanos().div_euclid(1_000_000_000);
        let place = usize::try_from(secs.rem_euclid(64)).unwrap_or_default();
        let Some((known, text)) = self.instants.get_mut(place) else { return };
        if *known != secs {
            (*known, *text) = (secs, Timestamp::from_secs(secs).to_string().into_bytes());
        }
        out.extend_from_slice(text);
    }
}

/// Labels as a field behind others, if there are any.
fn labels(out: &mut Vec<u8>, labels: &Map) {
    for (order, (key, value)) in labels.iter().enumerate() {
        out.extend_from_slice(if order == 0 { br#","labels":{"# } else { b"," });
        string(out, key);
        out.push(b':');
        string(out, value);
    }
    if !labels.is_empty() {
        out.push(b'}');
    }
}

fn head(out: &mut Vec<u8>, kind: &str, version: &str) {
    for part in [r#"{"kind":""#, kind, r#"","apiVersion":""#, version, r#"""#] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn table_head(out: &mut Vec<u8>, version: &str) {
    head(out, "Table", version);
    out.extend_from_slice(br#","metadata":{},"columnDefinitions":["#);
    let columns = [
        ("Name", "name", "Name of the object"),
        ("cpu", "quantity", "CPU in use, in cores"),
        ("memory", "quantity", "Memory in use without inactive file pages, in bytes"),
        ("Window", "duration", "The time over which CPU was measured"),
    ];
    for (order, (name, format, description)) in columns.into_iter().enumerate() {
        let comma = if order == 0 { "" } else { "," };
        let column = format!(
            r#"{comma}{{"name":"{name}","type":"string","format":"{format}","description":"{description}","priority":0}}"#
        );
        out.extend_from_slice(column.as_bytes());
    }
    out.extend_from_slice(br#"],"rows":["#);
}

fn append_usage(out: &mut Vec<u8>, usage: Usage) {
    out.extend_from_slice(br#","usage":{"cpu":"#);
    quantity(out, split_nanocores(usage.nanocores));
    out.extend_from_slice(br#","memory":"#);
    quantity(out, split_binary(usage.memory));
    out.push(b'}');
}

fn quantity(out: &mut Vec<u8>, (value, suffix): (u64, &str)) {
    out.push(b'"');
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    out.push(b'"');
}

/// A text; names and labels hardly ever need an escape.
fn string(out: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&');
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        json::append(out, text);
    }
}
