//! Accelerators: which GPUs a container has, and what is done with them. NVIDIA's only, as in cAdvisor.
//!
//! Reads: NVIDIA's library (see `plimsoll_kernel::nvml`); proc/driver/nvidia/gpus/*/information,
//!        proc/driver/nvidia/capabilities; of a group its devices.list (v1), else the device nodes of its first
//!        process, `/proc/<pid>/root/dev`; `/proc/<pid>/cgroup` of processes on a GPU
//! Gives: `accelerators` of a container, container_accelerator_*, plimsoll_container_accelerator_*
//! Cost:  a thread of its own: without a driver one look at a path every 30 s; else ten calls of the library a GPU
//!        and second, and a file or two a container every minute. A sample copies what was found last
//!
//! **Whose is a GPU?** Of a container that was *given* it, whether it uses it or not, and of one that *uses* it.
//! Given is what the kernel lets it open: on v1 its `devices.list`, as in cAdvisor. v2 has no such file (a BPF
//! program decides), so the device nodes that its runtime put into its `/dev` count. A group that may open every
//! device (privileged, a service, `/`) was not given any, as in cAdvisor. Used is what the driver says: the groups
//! of the processes with a context on it. What is not believed: `NVIDIA_VISIBLE_DEVICES`, which images of CUDA set
//! to `all` without a GPU; and who has the node open, which every monitor has of every GPU.
//!
//! **One owner.** A process counts for the innermost container that it is in, else for its own group, and not for
//! those above, so that sums over containers count it once.

pub mod driver;
pub mod families;
pub mod given;

mod owner;
mod poll;
mod reading;

#[cfg(test)]
mod tests;

use plimsoll_core::columnar;
use serde::Serialize;

use crate::sample::or_zero;

pub use poll::{Accelerators, Group, Meters, Options, Trouble};
pub use reading::Gpu;

/// One GPU, or a MIG instance of one, as a container has it; an item of `accelerators` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Accelerator {
    /// `nvidia`.
    pub make: String,
    /// `NVIDIA A100-SXM4-40GB`.
    pub model: String,
    /// The UUID: `GPU-...`, of an instance `MIG-...`.
    pub id: String,
    /// Bytes of its memory. Absent where NVIDIA's library is, or while the GPU is lost.
    #[serde(serialize_with = "or_zero")]
    pub memory_total: Option<u64>,
    /// Bytes in use, by all and with what the driver reserves. Absent likewise.
    #[serde(serialize_with = "or_zero")]
    pub memory_used: Option<u64>,
    /// Percent of the last ten seconds in which it worked, for all. Absent of an instance too.
    #[serde(serialize_with = "or_zero")]
    pub duty_cycle: Option<u64>,
    /// The container's own processes on it; ours, not cAdvisor's. Absent where their numbers are those of another
    /// PID namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<Vec<Process>>,
}

/// A process of the container on a GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Process {
    /// Its number in the host's PID namespace.
    pub pid: u64,
    /// Bytes of the GPU's memory that are its. Absent where the driver does not tell (MPS, WSL).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_used: Option<u64>,
    /// Percent of the time in which its kernels ran lately. Absent of an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization: Option<u64>,
}

columnar!(Accelerator { make, model, id, memory_total, memory_used, duty_cycle, processes });
columnar!(Process { pid, memory_used, utilization });

impl Accelerator {
    /// Whether anything of it is measured; else it is known by name only, for which JSON has no form.
    pub fn is_measured(&self) -> bool {
        self.memory_total.is_some() || self.duty_cycle.is_some() || self.processes.is_some()
    }

    /// What the container's processes have together; absent where it is not known of any of them.
    fn sum(&self, of: impl Fn(&Process) -> Option<u64>) -> Option<u64> {
        let processes = self.processes.as_ref()?;
        if processes.is_empty() {
            return Some(0);
        }
        processes.iter().filter_map(of).reduce(u64::saturating_add)
    }

    /// Bytes of its memory that are the container's.
    pub fn own_memory(&self) -> Option<u64> {
        self.sum(|process| process.memory_used)
    }

    /// Percent of its time that is the container's.
    pub fn own_utilization(&self) -> Option<u64> {
        self.sum(|process| process.utilization)
    }
}
