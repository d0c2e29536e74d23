//! `/api/v2.0/stats/<name>`: samples in the older form, where every part is there, zero or not.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use plimsoll_core::container::Spec;
use plimsoll_measure::sample::Sample;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::options::RequestOptions;
use super::rate;
use crate::body::Body;
use crate::custom::Custom;
use crate::past::{Past, View, Window};
use crate::v1::containers::array_piece;
use crate::v1::stats::{HugeTlbs, ListNetwork, ResctrlOrEmpty, maybe, perf_stats, referenced};
use crate::{json, names, reply};

/// Answers with an object: full name to samples; a container without one yet is left out.
///
/// # Errors
/// cAdvisor's sentence.
pub async fn answer(
    past: &Arc<dyn Past>,
    options: &RequestOptions,
    name: &str,
) -> Result<Response<Body>, String> {
    let mut views = names::select_fresh(&**past, options, name).await?;
    views.retain(|view| view.latest.is_some());
    let window = Window { count: options.count, ..Window::default() };
    let past = Arc::clone(past);
    let all = views.into_iter().enumerate().flat_map(move |(nth, view)| {
        let mut out = Vec::new();
        if nth > 0 {
            out.push(b',');
        }
        json::append(&mut out, &view.reference.name);
        out.push(b':');
        let samples = past.samples(&view.reference.name, window).unwrap_or_default();
        if samples.is_empty() {
            out.extend_from_slice(b"[]");
        }
        let mut at = 0;
        let stats = std::iter::from_fn(move || {
            let mut out = Vec::with_capacity(4096);
            (at < samples.len()).then(|| {
                array_piece(&mut out, &samples, &mut at, &mut |out: &mut Vec<u8>, sample, before| {
                    json::append(out, &Stats { sample, before, view: &view });
                });
                Bytes::from(out)
            })
        });
        std::iter::once(Bytes::from(out)).chain(stats)
    });
    let begin = std::iter::once(Bytes::from_static(b"{"));
    Ok(reply::json_pieces(begin.chain(all).chain(std::iter::once(Bytes::from_static(b"}")))))
}

/// `DeprecatedContainerStats`. Zero objects stand for what is absent: there is no other way in this form.
struct Stats<'a> {
    sample: &'a Sample,
    before: Option<&'a Sample>,
    view: &'a View,
}

impl Serialize for Stats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { sample, before, view } = self;
        let spec: &Spec = &view.spec;
        let mut stats = serializer.serialize_struct("DeprecatedContainerStats", 1)?;
        stats.serialize_field("timestamp", &sample.at)?;
        stats.serialize_field("has_cpu", &spec.has_cpu)?;
        or_zeros(&mut stats, "cpu", spec.has_cpu, sample.cpu.as_ref())?;
        maybe(&mut stats, "cpu_inst", rate::between(*before, sample).filter(|_| spec.has_cpu))?;
        stats.serialize_field("has_diskio", &spec.has_diskio)?;
        or_zeros(&mut stats, "diskio", spec.has_diskio, sample.diskio.as_ref())?;
        stats.serialize_field("has_memory", &spec.has_memory)?;
        or_zeros(&mut stats, "memory", spec.has_memory, sample.memory.as_ref())?;
        stats.serialize_field("has_hugetlb", &spec.has_hugetlb)?;
        let hugetlb = (spec.has_hugetlb && !sample.hugetlb.is_empty()).then_some(HugeTlbs(&sample.hugetlb));
        maybe(&mut stats, "hugetlb", hugetlb)?;
        stats.serialize_field("has_network", &spec.has_network)?;
        let network = sample.network.as_ref().filter(|_| spec.has_network);
        match network {
            Some(network) => stats.serialize_field("network", &ListNetwork::of(network))?,
            None => stats.serialize_field("network", &ListNetwork::none())?,
        }
        let has_processes = spec.has_processes && sample.processes.is_some();
        stats.serialize_field("has_processes", &has_processes)?;
        or_zeros(&mut stats, "processes", has_processes, sample.processes.as_ref())?;
        stats.serialize_field("has_filesystem", &spec.has_filesystem)?;
        let filesystem = (spec.has_filesystem && !sample.filesystem.is_empty()).then_some(&sample.filesystem);
        maybe(&mut stats, "filesystem", filesystem)?;
        stats.serialize_field("has_load", &sample.task_stats.is_some())?;
        stats.serialize_field("load_stats", &sample.task_stats.unwrap_or_default())?;
        stats.serialize_field("has_custom_metrics", &spec.has_custom_metrics)?;
        let custom = Custom::of(view.app.as_deref(), *before, sample).filter(|_| spec.has_custom_metrics);
        maybe(&mut stats, "custom_metrics", custom)?;
        perf_stats(&mut stats, sample.perf.as_ref())?;
        maybe(&mut stats, "referenced_memory", referenced(sample.referenced_memory))?;
        stats.serialize_field("resctrl", &ResctrlOrEmpty(sample.resctrl.as_ref()))?;
        stats.end()
    }
}

fn or_zeros<S: SerializeStruct, T: Serialize + Default>(
    fields: &mut S,
    name: &'static str,
    has: bool,
    value: Option<&T>,
) -> Result<(), S::Error> {
    match value.filter(|_| has) {
        Some(value) => fields.serialize_field(name, value),
        None => fields.serialize_field(name, &T::default()),
    }
}
