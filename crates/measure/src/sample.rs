//! Everything read from one container at one instant.

use plimsoll_core::columnar;
use plimsoll_core::columns::Named;
use plimsoll_core::time::Timestamp;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::accelerator::Accelerator;
use crate::cpu::Cpu;
use crate::cpuset::CpuSet;
use crate::filesystem::{FsStats, VolumeStats};
use crate::hugetlb::HugeTlb;
use crate::io::DiskIo;
use crate::load::TaskStats;
use crate::memory::Memory;
use crate::network::Network;
use crate::perf::Perf;
use crate::pids::Processes;
use crate::resctrl::Resctrl;

/// One container at one instant: a field a subject. A part that was not read (its kind is off, its
/// controller is not there) is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When the counters were read.
    pub at: Timestamp,
    /// CPU time.
    pub cpu: Option<Cpu>,
    /// Block io.
    pub diskio: Option<DiskIo>,
    /// Memory.
    pub memory: Option<Memory>,
    /// Huge pages by size (`2MB`).
    pub hugetlb: Vec<Named<HugeTlb>>,
    /// Network interfaces.
    pub network: Option<Network>,
    /// Filesystems: of the machine for `/`, else the writable layer.
    pub filesystem: Vec<FsStats>,
    /// Volumes, which count for no filesystem of the container's.
    pub volumes: Vec<VolumeStats>,
    /// Tasks by state.
    pub task_stats: Option<TaskStats>,
    /// GPUs.
    pub accelerators: Vec<Accelerator>,
    /// Processes and threads.
    pub processes: Option<Processes>,
    /// The cpuset controller.
    pub cpuset: Option<CpuSet>,
    /// Bytes of memory that were touched.
    pub referenced_memory: Option<u64>,
    /// When those parts were true that are measured in rounds of their own; known of the newest sample only.
    pub rounds: RoundTimes,
    /// perf events.
    pub perf: Option<Perf>,
    /// The CPU's monitoring of caches and bandwidth.
    pub resctrl: Option<Resctrl>,
}

/// When parts of a sample were true that are not read with the rest of it ([`crate::rounds`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTimes {
    /// `network.sockets`.
    pub sockets: Option<Timestamp>,
    /// `task_stats` and the averages of `cpu`.
    pub load: Option<Timestamp>,
    /// `referenced_memory`.
    pub referenced: Option<Timestamp>,
}

// the instant is kept by the timeline itself; another instant alone makes no other sample
columnar!(Sample {
    cpu,
    diskio,
    memory,
    hugetlb,
    network,
    filesystem,
    volumes,
    task_stats,
    accelerators,
    processes,
    cpuset,
    referenced_memory,
    perf,
    resctrl,
} but not at, rounds);

/// Pressure stall information: `{cpu,memory,io}.pressure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Psi {
    /// All tasks stalled.
    pub full: PsiLine,
    /// Some tasks stalled.
    pub some: PsiLine,
}

/// One line of a pressure file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PsiLine {
    /// Microseconds stalled.
    pub total: u64,
    /// Hundredths of a percent over 10 s, as the kernel prints with two decimals.
    pub avg10: u64,
    /// Hundredths of a percent over 60 s.
    pub avg60: u64,
    /// Hundredths of a percent over 300 s.
    pub avg300: u64,
}

impl Serialize for PsiLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let percent = |hundredths: u64| hundredths as f64 / 100.0;
        let mut line = serializer.serialize_struct("PsiLine", 4)?;
        line.serialize_field("total", &self.total)?;
        line.serialize_field("avg10", &percent(self.avg10))?;
        line.serialize_field("avg60", &percent(self.avg60))?;
        line.serialize_field("avg300", &percent(self.avg300))?;
        line.end()
    }
}

columnar!(Psi { full, some });
columnar!(PsiLine { total, avg10, avg60, avg300 });

/// For `#[serde(serialize_with)]`: cAdvisor's JSON has no absent numbers inside a part, so an absent one is
/// written 0 there (and nowhere else).
///
/// # Errors
/// Those of the serializer.
#[allow(clippy::ref_option, reason = "the signature that serde asks for")]
pub fn or_zero<S: Serializer>(n: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(n.unwrap_or(0))
}

/// The same for a pressure file.
///
/// # Errors
/// Those of the serializer.
#[allow(clippy::ref_option, reason = "the signature that serde asks for")]
pub fn or_zero_psi<S: Serializer>(psi: &Option<Psi>, serializer: S) -> Result<S::Ok, S::Error> {
    psi.unwrap_or_default().serialize(serializer)
}

/// For `#[serde(skip_serializing_if)]`: left out where it is absent or 0, as Go's `omitempty` does.
#[allow(clippy::ref_option, reason = "the signature that serde asks for")]
pub(crate) fn none_or_zero(n: &Option<u64>) -> bool {
    n.is_none_or(|n| n == 0)
}
