//! `/api/v1/metric-export-schema`: which metrics and labels the export has.

use http::Response;
use plimsoll_core::cluster::labels::{self, Label};
use plimsoll_core::cluster::metric::{List, Metric};
use serde::Serialize;

use crate::body::Body;
use crate::cluster::reply;

const COMMON: [Label; 5] = [
    labels::NODENAME,
    labels::HOSTNAME,
    labels::HOST_ID,
    labels::CONTAINER_NAME,
    labels::CONTAINER_BASE_IMAGE,
];
const OF_PODS: [Label; 4] = [labels::POD_NAME, labels::POD_ID, labels::NAMESPACE_ID, labels::LABELS];
const OF_ACCELERATORS: [Label; 3] = [labels::MAKE, labels::MODEL, labels::ACCELERATOR_ID];

/// The exported metrics, in the order of the schema: standard, limits, labeled.
pub fn metrics() -> impl Iterator<Item = Metric> {
    let limits = [Metric::CpuLimit, Metric::MemoryLimit];
    Metric::of_list(List::Standard).chain(limits).chain(Metric::of_list(List::Labeled))
}

/// The exported labels.
pub fn labels() -> impl Iterator<Item = Label> {
    COMMON.into_iter().chain(OF_PODS)
}

#[derive(Serialize)]
struct Schema {
    metrics: Vec<Described>,
    common_labels: Vec<Key>,
    pod_labels: Vec<Key>,
}

#[derive(Serialize)]
struct Described {
    name: &'static str,
    description: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<Key>,
    #[serde(rename = "type")]
    kind: &'static str,
    value_type: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    units: &'static str,
}

#[derive(Serialize)]
struct Key {
    key: &'static str,
    description: &'static str,
}

impl From<Label> for Key {
    fn from(label: Label) -> Self {
        Self { key: label.name, description: label.help }
    }
}

/// Answers with the schema.
pub fn answer() -> Response<Body> {
    let described = |metric: Metric| {
        let row = metric.row();
        let labels = match row.list {
            List::Labeled if row.name.starts_with("accelerator/") => OF_ACCELERATORS.map(Key::from).into(),
            List::Labeled => vec![labels::RESOURCE_ID.into()],
            _ => Vec::new(),
        };
        Described {
            name: row.name,
            description: row.help,
            labels,
            kind: row.kind.word(),
            value_type: if row.float { "double" } else { "int64" },
            units: row.unit.word(),
        }
    };
    reply::pretty(&Schema {
        metrics: metrics().map(described).collect(),
        common_labels: COMMON.map(Key::from).into(),
        pod_labels: OF_PODS.map(Key::from).into(),
    })
}
