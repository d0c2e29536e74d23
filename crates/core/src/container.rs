//! Who is measured: a container's names, what its runtime tells of it, and its limits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::app::Specs;
use crate::time::{Timestamp, or_go_zero};

/// The names of a container, as JSON shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// The runtime's id; empty for a raw cgroup.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The cgroup's path below its hierarchy, `/` for the root.
    pub name: String,
    /// Other names: the runtime's name first, then the id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// `docker`, ...; empty for a raw cgroup.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

impl Reference {
    /// A raw cgroup: nothing but its name.
    pub fn raw(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// What a runtime tells of one container. A raw cgroup has the default one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// The runtime's id.
    pub id: String,
    /// `docker`, ...
    pub namespace: &'static str,
    /// The runtime's name for it first, then the id.
    pub aliases: Vec<String>,
    /// Labels as the runtime has them.
    pub labels: BTreeMap<String, String>,
    /// Environment variables that the white-list lets through; Docker's keys in lower case.
    pub envs: BTreeMap<String, String>,
    /// The image as the user named it.
    pub image: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// Its first process in the host's namespace; network numbers are read there.
    pub pid: Option<u32>,
    /// A process of another container of its pod, whose network is its own, where it has no process itself:
    /// CRI-O's sandboxes.
    pub network_pid: Option<u32>,
    /// Whether it has a network of its own (not another container's).
    pub has_network: bool,
    /// Whether the network that its first process has is the host's; false where that cannot be seen.
    pub host_network: bool,
    /// Whether its writable layer can be measured.
    pub has_filesystem: bool,
    /// Where that layer is; absent where the runtime does not tell.
    pub layers: Option<Layers>,
    /// Volumes that its runtime keeps for it, each once; other containers may have them too.
    pub volumes: Vec<Volume>,
    /// How often the runtime restarted it.
    pub restart_count: u64,
    /// `healthy`, `unhealthy`, `starting`, `none`; absent where the runtime has no such thing.
    pub health: Option<String>,
    /// What it returned, once it has ended and the runtime told.
    pub exit_code: Option<i64>,
    /// Whether the runtime says that it was killed for want of memory.
    pub oom_killed: bool,
    /// Whether the runtime says that it is paused. Where the kernel's freezer does that, [`Spec::frozen`] tells too.
    pub paused: bool,
}

/// Where a container keeps what it changes, in paths of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// The storage driver or snapshotter: `overlay2`, `overlayfs`, `vfs`, ...; empty when it is not told.
    pub driver: String,
    /// The directory with all that the container changed. Absent where the runtime does not tell it; then the
    /// mount table of the container's first process is asked.
    pub upper: Option<PathBuf>,
    /// A directory or file besides that counts as the container's, with its log.
    pub extra: Option<PathBuf>,
}

/// A volume that a runtime keeps: it outlives the container's layer, and several containers may share it. Directories
/// of the host that are bound into a container are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// As the runtime calls it; one without a name has a number as its name.
    pub name: String,
    /// Its directory, a path of the host.
    pub path: PathBuf,
}

impl Identity {
    /// The labels as cAdvisor shows them: with `restartcount` when the runtime restarted the container.
    pub fn shown_labels(&self) -> Cow<'_, BTreeMap<String, String>> {
        if self.restart_count == 0 || self.labels.contains_key("restartcount") {
            return Cow::Borrowed(&self.labels);
        }
        let mut labels = self.labels.clone();
        labels.insert("restartcount".to_owned(), self.restart_count.to_string());
        Cow::Owned(labels)
    }
}

/// What a container may use and what is known of it: `spec` in v1 JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spec {
    /// When the container was created.
    #[serde(serialize_with = "or_go_zero")]
    pub creation_time: Option<Timestamp>,
    /// When it was last started.
    #[serde(serialize_with = "or_go_zero")]
    pub start_time: Option<Timestamp>,
    /// Labels of the runtime.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Environment variables by white-list.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub envs: BTreeMap<String, String>,
    /// Whether the cpu controller is there.
    pub has_cpu: bool,
    /// CPU shares and quota; all zero without `has_cpu`.
    pub cpu: CpuSpec,
    /// Whether the memory controller is there.
    pub has_memory: bool,
    /// Memory limits.
    pub memory: MemorySpec,
    /// Whether the hugetlb controller is there.
    pub has_hugetlb: bool,
    /// Whether network numbers are read for it.
    pub has_network: bool,
    /// Whether the pids controller is there.
    pub has_processes: bool,
    /// The pids limit.
    pub processes: ProcessSpec,
    /// Whether filesystem numbers are read for it.
    pub has_filesystem: bool,
    /// Whether the io controller is there.
    pub has_diskio: bool,
    /// Whether application metrics are collected from it.
    pub has_custom_metrics: bool,
    /// Whether the kernel keeps all its processes stopped: v1 `freezer.state` | v2 `cgroup.freeze`, `cgroup.events`.
    /// Absent where the freezer has no such group. Not a part of the format.
    #[serde(skip)]
    pub frozen: Option<bool>,
    /// What those are.
    #[serde(skip_serializing_if = "Specs::is_empty")]
    pub custom_metrics: Specs,
    /// The image as the user named it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
}

impl Spec {
    /// What the CPU time and the memory are limited to, as the kernel says it.
    pub fn limits(&self) -> Limits {
        Limits { quota: self.cpu.quota, period: self.cpu.period, memory: self.memory.limit }
    }
}

/// The limits whose past is kept, as the kernel says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// [`CpuSpec::quota`].
    pub quota: u64,
    /// [`CpuSpec::period`].
    pub period: u64,
    /// [`MemorySpec::limit`].
    pub memory: u64,
}

/// Limits of the cpu and cpuset controllers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CpuSpec {
    /// Shares: v1 `cpu.shares` | v2 `cpu.weight`, converted to shares.
    pub limit: u64,
    /// Always 0; the field is part of the format.
    pub max_limit: u64,
    /// CPUs that may be used, as `0-1`: v1 `cpuset.cpus` | v2 `cpuset.cpus.effective`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mask: String,
    /// Microseconds of CPU a period; 0 is no quota: v1 `cpu.cfs_quota_us` | v2 `cpu.max`.
    #[serde(skip_serializing_if = "is_zero")]
    pub quota: u64,
    /// Microseconds: v1 `cpu.cfs_period_us` | v2 `cpu.max`.
    #[serde(skip_serializing_if = "is_zero")]
    pub period: u64,
}

/// Limits of the memory controller, in bytes; `u64::MAX` is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemorySpec {
    /// v1 `memory.limit_in_bytes` | v2 `memory.max`.
    #[serde(skip_serializing_if = "is_zero")]
    pub limit: u64,
    /// v1 `memory.soft_limit_in_bytes` | v2 `memory.min`.
    #[serde(skip_serializing_if = "is_zero")]
    pub reservation: u64,
    /// v1 `memory.memsw.limit_in_bytes` | v2 `memory.swap.max`.
    #[serde(skip_serializing_if = "is_zero")]
    pub swap_limit: u64,
}

/// Limits of the pids controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProcessSpec {
    /// `pids.max`; `u64::MAX` is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub limit: u64,
}

/// For `#[serde(skip_serializing_if)]`: Go's `omitempty` of a number.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
pub fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_a_label_once_there_are_any() {
        let mut identity = Identity::default();
        assert!(identity.shown_labels().is_empty());
        identity.restart_count = 2;
        assert_eq!(identity.shown_labels()["restartcount"], "2");
        identity.labels.insert("restartcount".to_owned(), "own".to_owned());
        assert_eq!(identity.shown_labels()["restartcount"], "own");
    }
}
