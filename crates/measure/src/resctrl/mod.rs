//! The CPU's own monitoring of caches and memory bandwidth (Intel RDT, AMD QoS) for one container.
//!
//! Reads: `<sys>/fs/resctrl`: `info/L3_MON/mon_features`; `mon_data/*/{llc_occupancy,mbm_total_bytes,mbm_local_bytes}` of
//!        the container's monitoring group; `tasks` of all groups; `<proc>/<pid>/task`
//! Writes: a directory `mon_groups/cadvisor-<name>` a container but `/`, and its `tasks`. Only with the kind `resctrl`,
//!        which is off by default; removed when the container or the agent ends
//! Gives: bytes in the last level cache now, bytes moved to and from memory, by L3 domain
//! Cost:  three files a domain, every housekeeping interval, on a thread of its own ([`Tracker`]); an RMID of the
//!        CPU a container, of which there are some hundreds

mod group;
mod tracker;
mod tree;

pub mod families;

pub use tracker::{Tracked, Tracker};
pub use tree::Tree;

use plimsoll_core::columnar;
use serde::Serialize;

/// What the CPU counted. Positions in both lists are those of the L3 domains, which on most machines are the NUMA
/// nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Resctrl {
    /// Empty where the CPU does not monitor bandwidth.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memory_bandwidth: Vec<MemoryBandwidth>,
    /// Empty where the CPU does not monitor caches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache: Vec<Cache>,
}

/// Bytes moved in one domain since its group was made. Absent where the kernel says `Unavailable`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MemoryBandwidth {
    /// To and from all memory. `mbm_total_bytes`.
    #[serde(rename = "mbm_total_bytes", skip_serializing_if = "is_none_or_zero")]
    pub total: Option<u64>,
    /// To and from the domain's own memory. `mbm_local_bytes`.
    #[serde(rename = "mbm_local_bytes", skip_serializing_if = "is_none_or_zero")]
    pub local: Option<u64>,
}

/// One last level cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cache {
    /// Bytes in it now. `llc_occupancy`.
    #[serde(skip_serializing_if = "is_none_or_zero")]
    pub llc_occupancy: Option<u64>,
}

columnar!(Resctrl { memory_bandwidth, cache });
columnar!(MemoryBandwidth { total, local });
columnar!(Cache { llc_occupancy });

/// Go's `omitempty`.
#[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_none_or_zero(number: &Option<u64>) -> bool {
    number.unwrap_or(0) == 0
}
