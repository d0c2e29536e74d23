//! What a container's GPUs and its application tell, in the summary's words.

use std::collections::BTreeMap;

use plimsoll_core::app::{AppMetrics, Value};
use plimsoll_measure::sample::Sample;
use serde::Serialize;

use super::numbers::Seconds;

/// A GPU; kubelet had them from 1.8 to 1.24.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accelerator {
    make: String,
    model: String,
    id: String,
    /// Bytes.
    memory_total: u64,
    /// Bytes.
    memory_used: u64,
    /// Percent.
    duty_cycle: u64,
}

/// Those of which all is known: the form has no way to leave a number out.
pub(super) fn accelerators(sample: &Sample) -> Vec<Accelerator> {
    let told = |gpu: &plimsoll_measure::accelerator::Accelerator| {
        Some(Accelerator {
            make: gpu.make.clone(),
            model: gpu.model.clone(),
            id: gpu.id.clone(),
            memory_total: gpu.memory_total?,
            memory_used: gpu.memory_used?,
            duty_cycle: gpu.duty_cycle?,
        })
    };
    sample.accelerators.iter().filter_map(told).collect()
}

/// A number that an application tells of itself.
#[derive(Debug, Serialize)]
pub(super) struct Metric {
    name: String,
    r#type: String,
    units: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    time: Seconds,
    value: f64,
}

/// The newest of each; what JSON has no word for (infinite, not a number) is left out.
pub(super) fn metrics(app: Option<&AppMetrics>) -> Vec<Metric> {
    let Some(app) = app else { return Vec::new() };
    let specs: BTreeMap<&str, _> =
        app.specs.0.iter().flat_map(|specs| specs.iter()).map(|spec| (&*spec.name, spec)).collect();
    let mut all: Vec<Metric> = app
        .newest
        .iter()
        .flat_map(|poll| poll.iter())
        .filter_map(|(series, value, at)| {
            let spec = specs.get(&*series.name)?;
            let value = match value {
                Value::Int(value) => value as f64,
                Value::Float(value) => Some(value).filter(|value| value.is_finite())?,
            };
            Some(Metric {
                name: series.name.to_string(),
                r#type: spec.r#type.clone(),
                units: spec.units.clone(),
                labels: series.labels().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
                time: Seconds(at),
                value,
            })
        })
        .collect();
    all.sort_unstable_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    all
}
