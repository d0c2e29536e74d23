//! `/api/v2.1/stats/<name>`: `ContainerInfo` of v2, a spec and samples.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use plimsoll_core::container::Spec;
use plimsoll_measure::sample::Sample;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::options::RequestOptions;
use super::rate;
use super::spec::ContainerSpec;
use crate::body::Body;
use crate::custom::Custom;
use crate::past::{Past, View, Window};
use crate::v1::containers::list;
use crate::v1::stats::{HugeTlbs, ListNetwork, ResctrlOrEmpty, maybe, measured, perf_stats, referenced};
use crate::{json, names, reply};

/// Answers with an object: full name to spec and samples; without the root, whose samples are
/// `machinestats`.
///
/// # Errors
/// cAdvisor's sentence.
pub async fn answer(
    past: &Arc<dyn Past>,
    options: &RequestOptions,
    name: &str,
) -> Result<Response<Body>, String> {
    let mut views = names::select_fresh(&**past, options, name).await?;
    views.retain(|view| view.reference.name != "/");
    let window = Window { count: options.count, ..Window::default() };
    let machine_memory = past.machine().memory_capacity;
    let past = Arc::clone(past);
    let all = views.into_iter().enumerate().flat_map(move |(nth, view)| {
        let mut out = Vec::new();
        if nth > 0 {
            out.push(b',');
        }
        json::append(&mut out, &view.reference.name);
        out.extend_from_slice(b":{\"spec\":");
        json::append(&mut out, &ContainerSpec::of(&view, machine_memory));
        let samples = past.samples(&view.reference.name, window).unwrap_or_default();
        let stats = list("stats", samples, move |out, sample, before| {
            json::append(out, &Stats { sample, before, view: &view });
        });
        std::iter::once(Bytes::from(out)).chain(stats).chain(std::iter::once(Bytes::from_static(b"}")))
    });
    let begin = std::iter::once(Bytes::from_static(b"{"));
    Ok(reply::json_pieces(begin.chain(all).chain(std::iter::once(Bytes::from_static(b"}")))))
}

/// One sample as v2.1 writes it: the parts that the spec promises.
struct Stats<'a> {
    sample: &'a Sample,
    before: Option<&'a Sample>,
    view: &'a View,
}

impl Serialize for Stats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { sample, before, view } = self;
        let spec: &Spec = &view.spec;
        let mut stats = serializer.serialize_struct("ContainerStats", 1)?;
        stats.serialize_field("timestamp", &sample.at)?;
        maybe(&mut stats, "cpu", sample.cpu.as_ref().filter(|_| spec.has_cpu))?;
        maybe(&mut stats, "cpu_inst", rate::between(*before, sample).filter(|_| spec.has_cpu))?;
        maybe(&mut stats, "diskio", sample.diskio.as_ref().filter(|_| spec.has_diskio))?;
        maybe(&mut stats, "memory", sample.memory.as_ref().filter(|_| spec.has_memory))?;
        // a promised part without data is a pointer to an empty map in Go, which it writes as null
        let hugetlb =
            spec.has_hugetlb.then_some((!sample.hugetlb.is_empty()).then_some(HugeTlbs(&sample.hugetlb)));
        maybe(&mut stats, "hugetlb", hugetlb)?;
        maybe(
            &mut stats,
            "network",
            sample.network.as_ref().filter(|_| spec.has_network).map(ListNetwork::of),
        )?;
        maybe(&mut stats, "processes", sample.processes.as_ref().filter(|_| spec.has_processes))?;
        maybe(&mut stats, "filesystem", Filesystem::of(sample).filter(|_| spec.has_filesystem))?;
        maybe(&mut stats, "volumes", (!sample.volumes.is_empty()).then_some(&sample.volumes))?;
        maybe(&mut stats, "load_stats", sample.task_stats)?;
        maybe(&mut stats, "accelerators", measured(&sample.accelerators))?;
        let custom = Custom::of(view.app.as_deref(), *before, sample).filter(|_| spec.has_custom_metrics);
        maybe(&mut stats, "custom_metrics", custom)?;
        perf_stats(&mut stats, sample.perf.as_ref())?;
        maybe(&mut stats, "referenced_memory", referenced(sample.referenced_memory))?;
        stats.serialize_field("resctrl", &ResctrlOrEmpty(sample.resctrl.as_ref()))?;
        stats.end()
    }
}

/// The writable layer; the typing error is part of the format.
#[derive(serde::Serialize)]
#[allow(non_snake_case, reason = "the names of the format")]
struct Filesystem {
    totalUsageBytes: u64,
    baseUsageBytes: u64,
    containter_inode_usage: u64,
}

impl Filesystem {
    fn of(sample: &Sample) -> Option<Self> {
        let [layer] = sample.filesystem.as_slice() else { return None };
        Some(Self {
            totalUsageBytes: layer.usage,
            baseUsageBytes: layer.base_usage,
            containter_inode_usage: layer.inodes,
        })
    }
}
