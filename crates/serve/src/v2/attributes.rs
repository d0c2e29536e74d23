//! `/api/v2.x/attributes`: versions and the machine in short.

use std::collections::BTreeMap;

use http::Response;
use plimsoll_core::machine::{Disk, Filesystem, HugePages, NetworkDevice, Node};
use serde::Serialize;

use crate::body::Body;
use crate::past::Past;
use crate::reply;

#[derive(Serialize)]
struct Attributes<'a> {
    kernel_version: &'a str,
    container_os_version: &'a str,
    docker_version: &'a str,
    docker_api_version: &'a str,
    cadvisor_version: &'a str,
    num_cores: u64,
    cpu_frequency_khz: u64,
    memory_capacity: u64,
    machine_id: &'a str,
    system_uuid: &'a str,
    hugepages: &'a Option<Vec<HugePages>>,
    filesystems: &'a Option<Vec<Filesystem>>,
    disk_map: &'a Option<BTreeMap<String, Disk>>,
    network_devices: &'a Option<Vec<NetworkDevice>>,
    topology: &'a Option<Vec<Node>>,
    cloud_provider: &'a str,
    instance_type: &'a str,
}

/// Answers with the attributes.
pub fn answer(past: &dyn Past) -> Response<Body> {
    let (versions, machine) = (past.versions(), past.machine());
    reply::value(&Attributes {
        kernel_version: &versions.kernel,
        container_os_version: &versions.os,
        docker_version: &versions.docker,
        docker_api_version: &versions.docker_api,
        cadvisor_version: &versions.cadvisor,
        num_cores: machine.num_cores,
        cpu_frequency_khz: machine.cpu_frequency_khz,
        memory_capacity: machine.memory_capacity,
        machine_id: &machine.machine_id,
        system_uuid: &machine.system_uuid,
        hugepages: &machine.hugepages,
        filesystems: &machine.filesystems,
        disk_map: &machine.disk_map,
        network_devices: &machine.network_devices,
        topology: &machine.topology,
        cloud_provider: &machine.cloud_provider,
        instance_type: &machine.instance_type,
    })
}
