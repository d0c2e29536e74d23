//! `/api/v2.x/spec/<name>`: limits and what is known of a container; `ContainerSpec` of v2.

use std::collections::BTreeMap;

use http::Response;
use plimsoll_core::app::Specs;
use plimsoll_core::container::{CpuSpec, MemorySpec, ProcessSpec};
use plimsoll_core::time::{Timestamp, or_go_zero};
use serde::Serialize;

use super::options::RequestOptions;
use crate::body::Body;
use crate::past::{Past, View};
use crate::v1::containers::limited;
use crate::{names, reply};

/// What is known of a container, as v2 writes it.
#[derive(Serialize)]
pub struct ContainerSpec<'a> {
    #[serde(serialize_with = "or_go_zero")]
    creation_time: Option<Timestamp>,
    #[serde(serialize_with = "or_go_zero")]
    start_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    envs: &'a BTreeMap<String, String>,
    has_cpu: bool,
    cpu: &'a CpuSpec,
    has_memory: bool,
    memory: MemorySpec,
    has_hugetlb: bool,
    has_custom_metrics: bool,
    #[serde(skip_serializing_if = "Specs::is_empty")]
    custom_metrics: &'a Specs,
    has_processes: bool,
    processes: &'a ProcessSpec,
    has_network: bool,
    has_filesystem: bool,
    has_diskio: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
}

impl<'a> ContainerSpec<'a> {
    /// Of this container, on a machine with so much memory.
    pub fn of(view: &'a View, machine_memory: u64) -> Self {
        let spec = &*view.spec;
        Self {
            creation_time: spec.creation_time,
            start_time: spec.start_time,
            aliases: &view.reference.aliases,
            namespace: &view.reference.namespace,
            labels: &spec.labels,
            envs: &spec.envs,
            has_cpu: spec.has_cpu,
            cpu: &spec.cpu,
            has_memory: spec.has_memory,
            memory: limited(spec, machine_memory).memory.clone(),
            has_hugetlb: spec.has_hugetlb,
            has_custom_metrics: spec.has_custom_metrics,
            custom_metrics: &spec.custom_metrics,
            has_processes: spec.has_processes,
            processes: &spec.processes,
            has_network: spec.has_network,
            has_filesystem: spec.has_filesystem,
            has_diskio: spec.has_diskio,
            image: &spec.image,
        }
    }
}

/// Answers with an object: full name to spec.
///
/// # Errors
/// cAdvisor's sentence.
pub async fn answer(past: &dyn Past, options: &RequestOptions, name: &str) -> Result<Response<Body>, String> {
    let views = names::select_fresh(past, options, name).await?;
    let machine_memory = past.machine().memory_capacity;
    let specs: BTreeMap<&String, ContainerSpec<'_>> =
        views.iter().map(|view| (&view.reference.name, ContainerSpec::of(view, machine_memory))).collect();
    Ok(reply::value(&specs))
}
