//! Where containers run: what the machine is made of, as JSON shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The machine; `/api/v1.x/machine`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MachineInfo {
    /// When this was read.
    pub timestamp: Timestamp,
    /// `/proc/cpuinfo` vendor_id; empty where there is none (ARM).
    pub vendor_id: String,
    /// Logical CPUs.
    pub num_cores: u64,
    /// Physical cores of all sockets.
    pub num_physical_cores: u64,
    /// Sockets.
    pub num_sockets: u64,
    /// s390x only.
    #[serde(skip_serializing_if = "crate::container::is_zero")]
    pub num_books: u64,
    /// s390x only.
    #[serde(skip_serializing_if = "crate::container::is_zero")]
    pub num_drawers: u64,
    /// Highest frequency; 0 where unknown.
    pub cpu_frequency_khz: u64,
    /// Bytes: meminfo MemTotal.
    pub memory_capacity: u64,
    /// Bytes: meminfo SwapTotal.
    pub swap_capacity: u64,
    /// By DIMM type, from EDAC; empty without it.
    pub memory_by_type: BTreeMap<String, MemoryType>,
    /// Persistent memory.
    pub nvm: Nvm,
    /// Huge pages by size; `None` (`null`) where the kernel has none.
    pub hugepages: Option<Vec<HugePages>>,
    /// First readable of `--machine_id_file`.
    pub machine_id: String,
    /// DMI product_uuid or its substitutes.
    pub system_uuid: String,
    /// First readable of `--boot_id_file`.
    pub boot_id: String,
    /// The partition table.
    pub filesystems: Option<Vec<Filesystem>>,
    /// Disks by `major:minor`.
    pub disk_map: Option<BTreeMap<String, Disk>>,
    /// Network cards.
    pub network_devices: Option<Vec<NetworkDevice>>,
    /// NUMA nodes.
    pub topology: Option<Vec<Node>>,
    /// `GCE`, `AWS`, `Azure`, `Unknown`.
    pub cloud_provider: String,
    /// `Unknown` where unknown.
    pub instance_type: String,
    /// Empty where unknown.
    pub instance_id: String,
}

/// Memory of one DIMM type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryType {
    /// Bytes.
    pub capacity: u64,
    /// Modules.
    pub dimm_count: u64,
}

/// Persistent memory. JSON has 0 for what is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Nvm {
    /// Bytes that are used as memory; absent where only root may read it.
    #[serde(serialize_with = "or_zero")]
    pub memory_mode_capacity: Option<u64>,
    /// Bytes that persist; the space in the name is real.
    #[serde(rename = "app direct_mode_capacity", serialize_with = "or_zero")]
    pub app_direct_mode_capacity: Option<u64>,
    /// Watts; absent where there is such memory, since Intel's library alone knows it.
    #[serde(serialize_with = "or_zero")]
    pub avg_power_budget: Option<u64>,
}

#[allow(clippy::ref_option, reason = "the signature that serde asks for")]
fn or_zero<S: serde::Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(number.unwrap_or(0))
}

/// Huge pages of one size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HugePages {
    /// KiB.
    pub page_size: u64,
    /// Pages reserved.
    pub num_pages: u64,
}

/// A filesystem as the machine has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filesystem {
    /// Key of the partition table.
    pub device: String,
    /// Bytes.
    pub capacity: u64,
    /// `vfs`, `zfs`, ...
    pub r#type: String,
    /// Inodes in all.
    pub inodes: u64,
    /// Whether inodes are counted.
    pub has_inodes: bool,
}

/// A disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// `vda`.
    pub name: String,
    /// Device number.
    pub major: u64,
    /// Device number.
    pub minor: u64,
    /// Bytes.
    pub size: u64,
    /// Scheduler in use, `none` without one.
    pub scheduler: String,
}

/// A network card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkDevice {
    /// `eth0`.
    pub name: String,
    /// Hardware address.
    pub mac_address: String,
    /// Mbit/s; 0 unreadable, -1 unknown to the driver.
    pub speed: i64,
    /// Bytes.
    pub mtu: i64,
}

/// A NUMA node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Number.
    pub node_id: u64,
    /// Bytes.
    pub memory: u64,
    /// Huge pages of the node.
    pub hugepages: Option<Vec<HugePages>>,
    /// Cores of the node.
    pub cores: Option<Vec<Core>>,
    /// Caches shared by the whole node.
    pub caches: Option<Vec<Cache>>,
    /// Distance to each node, itself included.
    pub distances: Option<Vec<u64>>,
}

/// A core.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Core {
    /// Number inside its socket.
    pub core_id: u64,
    /// Logical CPUs.
    pub thread_ids: Option<Vec<u64>>,
    /// Its own caches.
    pub caches: Option<Vec<Cache>>,
    /// Caches shared with some other cores.
    pub uncore_caches: Option<Vec<Cache>>,
    /// Socket.
    pub socket_id: u64,
    /// s390x only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub book_id: String,
    /// s390x only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub drawer_id: String,
}

/// A cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Number among its like.
    pub id: u64,
    /// Bytes.
    pub size: u64,
    /// `Data`, `Instruction`, `Unified`.
    pub r#type: String,
    /// 1, 2, 3.
    pub level: u64,
}

/// What runs here, for `cadvisor_version_info` and the attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// uname release.
    pub kernel: String,
    /// PRETTY_NAME of os-release.
    pub os: String,
    /// Docker's version; empty while unknown.
    pub docker: String,
    /// Docker's API version; empty while unknown.
    pub docker_api: String,
    /// The cAdvisor version whose interface we speak, with ours behind it.
    pub cadvisor: String,
    /// Our source revision; empty where unknown.
    pub revision: String,
}

/// A filesystem with its use at one instant; `/api/v2.x/storage`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FsInfo {
    /// When it was read.
    pub timestamp: Timestamp,
    /// Key of the partition table.
    pub device: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Bytes.
    pub capacity: u64,
    /// Bytes that an ordinary user can still write.
    pub available: u64,
    /// Bytes.
    pub usage: u64,
    /// `root`, `docker-images`, ...; `None` (`null`) when there is none.
    pub labels: Option<Vec<String>>,
    /// Inodes in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u64>,
    /// Inodes free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes_free: Option<u64>,
}

/// A process; `/api/v2.x/ps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Name of the user, or the number where it has none.
    pub user: String,
    /// Process id.
    pub pid: i64,
    /// Parent's process id.
    pub parent_pid: i64,
    /// As `ps` prints it: `10:48`, or `Nov21` on another day.
    pub start_time: String,
    /// Share of one CPU over its life, in percent.
    pub percent_cpu: f32,
    /// Share of the machine's memory, in percent.
    pub percent_mem: f32,
    /// Bytes resident.
    pub rss: u64,
    /// Bytes of address space.
    pub virtual_size: u64,
    /// State letters as `ps` prints them.
    pub status: String,
    /// CPU time as `ps` prints it: `00:00:01`.
    pub running_time: String,
    /// The cgroup, for `/` only.
    pub cgroup_path: String,
    /// Short name of the command.
    pub cmd: String,
    /// Open descriptors.
    pub fd_count: u64,
    /// CPU that it last ran on.
    pub psr: i64,
}
