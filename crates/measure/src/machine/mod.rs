//! What the machine is made of.
//!
//! Reads: proc/cpuinfo, proc/meminfo, sys/devices/system/{cpu,node,edac}, sys/kernel/mm/hugepages, sys/block,
//!        sys/class/{net,dmi}, sys/bus/nd, sys/firmware/dmi, the id files that the flags name, the table of filesystems
//! Gives: `/api/v1.x/machine`, machine_* on /metrics
//! Cost:  about ten files a CPU; read at start and every few minutes
//!
//! Nothing here fails: what cannot be read is 0, "" or absent, and told once.

pub(crate) mod file;

pub mod cpuinfo;
pub mod families;

mod caches;
mod cloud;
mod disks;
mod ids;
mod memory;
mod network;
pub mod nvm;
mod topology;
mod versions;

#[cfg(test)]
pub(crate) mod reference;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use plimsoll_core::machine::{Filesystem, MachineInfo};
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;

pub use versions::versions;

/// Where the ids of the machine stand, as paths of the host; the first that can be read counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `--machine_id_file`.
    pub machine_id_files: Vec<PathBuf>,
    /// `--boot_id_file`.
    pub boot_id_files: Vec<PathBuf>,
}

/// The defaults of cAdvisor's flags.
impl Default for Options {
    fn default() -> Self {
        Self {
            machine_id_files: vec!["/etc/machine-id".into(), "/var/lib/dbus/machine-id".into()],
            boot_id_files: vec!["/proc/sys/kernel/random/boot_id".into()],
        }
    }
}

/// Reads the whole description. `now` is the instant that it carries.
pub fn read(
    root: &Root,
    options: &Options,
    filesystems: &mut crate::filesystem::Table,
    now: Timestamp,
) -> MachineInfo {
    let cpuinfo = cpuinfo::read(&root.proc.join("cpuinfo"));
    let cpus = topology::Cpus::read(&root.sys);
    let counts = cpuinfo.counts().or(cpus.counts());
    let topology = topology::nodes(&root.sys, &cpus);
    let memory = memory::capacity(&root.proc.join("meminfo"));
    let cloud = cloud::detect(&root.sys.join("class/dmi/id"));
    MachineInfo {
        timestamp: now,
        num_cores: match topology::threads(topology.as_deref()) {
            0 => cpuinfo.processors,
            threads => threads,
        },
        num_physical_cores: counts.cores,
        num_sockets: counts.sockets,
        num_books: counts.books,
        num_drawers: counts.drawers,
        cpu_frequency_khz: topology::max_frequency_khz(&root.sys).or(cpuinfo.khz).unwrap_or(0),
        vendor_id: cpuinfo.vendor_id,
        memory_capacity: memory.total,
        swap_capacity: memory.swap,
        memory_by_type: memory::by_type(&root.sys.join("devices/system/edac/mc")),
        nvm: nvm::read(&root.sys),
        hugepages: memory::hugepages(&root.sys.join("kernel/mm/hugepages")),
        machine_id: ids::first(root, &options.machine_id_files),
        system_uuid: ids::system_uuid(root),
        boot_id: ids::first(root, &options.boot_id_files),
        filesystems: Some(of_table(filesystems, now)),
        disk_map: disks::read(&root.sys.join("block")),
        network_devices: network::read(&root.sys.join("class/net")),
        topology,
        cloud_provider: cloud.provider.to_owned(),
        instance_type: cloud.instance_type,
        instance_id: cloud.instance_id,
    }
}

/// The filesystems without what moves.
fn of_table(table: &mut crate::filesystem::Table, now: Timestamp) -> Vec<Filesystem> {
    let mut stats = Vec::new();
    table.usage(now, &mut stats);
    stats
        .into_iter()
        .map(|fs| Filesystem {
            device: fs.device,
            capacity: fs.capacity,
            r#type: fs.r#type,
            inodes: fs.inodes,
            has_inodes: fs.has_inodes,
        })
        .collect()
}
