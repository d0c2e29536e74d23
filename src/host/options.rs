//! What a host is built with; every field has cAdvisor's default.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_discover::runtime;
use plimsoll_kernel::root::Root;
use plimsoll_measure::accelerator;
use plimsoll_measure::perf;
use plimsoll_retain::events::Limits;
use plimsoll_serve::labels::LabelRules;

use super::{Pace, RoundOptions};

/// What a host is built with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the kernel's trees are.
    pub root: Root,
    /// Kinds of metric that are read.
    pub kinds: Kinds,
    /// When containers are read.
    pub pace: Pace,
    /// How often the whole cgroup tree is listed, as a check on the watches; zero is never.
    pub global_interval: Duration,
    /// How often the machine's description is renewed; zero is never.
    pub machine_interval: Duration,
    /// How often a container's writable layer is measured.
    pub disk_interval: Duration,
    /// What is measured in rounds of its own, and how often.
    pub rounds: RoundOptions,
    /// perf events that are counted.
    pub perf_events: Option<perf::Config>,
    /// How often resctrl's monitoring groups are filled again; zero is once.
    pub resctrl_interval: Duration,
    /// NVIDIA's library; absent is searched for where there is a driver.
    pub nvidia_library: Option<PathBuf>,
    /// How long samples are kept; zero is for ever.
    pub storage_duration: Duration,
    /// Threads that read; zero is one per eight CPUs.
    pub sampling_threads: usize,
    /// Descriptors kept open on hot kernel files; zero is chosen from the process' limit.
    pub open_files: usize,
    /// Which of a container's labels its series carry.
    pub label_rules: LabelRules,
    /// Whether raw cgroups but `/` are left out.
    pub docker_only: bool,
    /// Prefixes of raw cgroups that are let in; empty is all.
    pub raw_prefixes: Vec<String>,
    /// File that tells of mounts of raw cgroups, in cAdvisor's form; empty is none.
    pub container_hints: PathBuf,
    /// Whether the root's numbers are not read.
    pub without_root_stats: bool,
    /// The runtimes that are asked, each at most once.
    pub runtimes: Vec<runtime::Config>,
    /// The kernel's log, for kills for want of memory.
    pub kernel_log: PathBuf,
    /// How long and how many events are kept.
    pub event_limits: Limits,
    /// How many ended containers stay readable.
    pub ended_containers: usize,
    /// For how long.
    pub ended_age: Duration,
    /// Metrics of one application, at most.
    pub application_metrics: usize,
    /// Series of one application, at most.
    pub application_series: usize,
    /// Whether an application is asked at its container's own addresses only.
    pub application_own_address: bool,
    /// What is shown to applications that ask for a certificate.
    pub collector_identity: Option<plimsoll_poll::Identity>,
    /// Files that may hold the machine's id, the first readable counts.
    pub machine_id_files: Vec<PathBuf>,
    /// Files that may hold the boot's id.
    pub boot_id_files: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: Root::detect(),
            kinds: Kinds::default(),
            pace: Pace::default(),
            global_interval: Duration::from_secs(60),
            machine_interval: Duration::from_secs(300),
            disk_interval: Duration::from_secs(60),
            rounds: RoundOptions::default(),
            perf_events: None,
            resctrl_interval: Duration::ZERO,
            nvidia_library: None,
            storage_duration: Duration::from_secs(120),
            sampling_threads: 0,
            open_files: 0,
            label_rules: LabelRules::default(),
            docker_only: false,
            raw_prefixes: Vec::new(),
            container_hints: "/etc/cadvisor/container_hints.json".into(),
            without_root_stats: false,
            runtimes: runtime::Config::defaults(),
            kernel_log: "/dev/kmsg".into(),
            event_limits: Limits::default(),
            ended_containers: 1000,
            ended_age: Duration::from_secs(3600),
            application_metrics: 100,
            application_series: 10_000,
            application_own_address: false,
            collector_identity: None,
            machine_id_files: vec!["/etc/machine-id".into(), "/var/lib/dbus/machine-id".into()],
            boot_id_files: vec!["/proc/sys/kernel/random/boot_id".into()],
        }
    }
}

impl Options {
    /// Threads that read: one per eight CPUs unless told otherwise.
    pub(crate) fn threads(&self) -> usize {
        match self.sampling_threads {
            0 => std::thread::available_parallelism().map_or(1, |cpus| cpus.get().div_ceil(8)),
            threads => threads,
        }
    }

    /// How GPUs are asked about: as often as containers, but not more than once a second.
    pub(crate) fn accelerators(&self) -> accelerator::Options {
        accelerator::Options {
            interval: self.pace.base.max(Duration::from_secs(1)),
            library: self.nvidia_library.clone(),
            ..accelerator::Options::default()
        }
    }

    /// Descriptors kept open on kernel files: what the process' limit leaves room for, and no more than hold half
    /// a percent of the machine's memory in the kernel.
    pub(crate) fn descriptors(&self) -> usize {
        match self.open_files {
            0 => kept_of(descriptor_limit()).min(affordable(machine_memory())),
            files => files,
        }
    }

    /// How many of them are for counters of perf events: half, where any are counted.
    pub(crate) fn counters(&self) -> usize {
        let counts = self.perf_events.is_some() && self.kinds.has(Kind::PerfEvent);
        if counts { self.descriptors() / 2 } else { 0 }
    }
}

/// Descriptors for the processes whose end is waited for: at most an eighth of what the process may have.
pub(crate) fn guards() -> usize {
    (descriptor_limit() / 8).clamp(4, 1024)
}

fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Of a small limit a quarter, since runtimes, clients and the program itself need some dozens; else three quarters.
fn kept_of(limit: usize) -> usize {
    if limit < 1024 { limit / 4 } else { limit / 4 * 3 }
}

/// What a descriptor holds in the kernel once it has been read: the file's buffer, a page, and the file itself.
const DESCRIPTOR_BYTES: u64 = 5_800;

/// How many descriptors hold half a percent of a machine's memory.
fn affordable(memory: u64) -> usize {
    usize::try_from(memory / 200 / DESCRIPTOR_BYTES).unwrap_or(usize::MAX)
}

fn machine_memory() -> u64 {
    let info = rustix::system::sysinfo();
    // the kernel's `unsigned long`, narrower on 32 bits
    #[allow(clippy::useless_conversion, reason = "narrower on 32 bits")]
    u64::from(info.totalram).saturating_mul(u64::from(info.mem_unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_follow_the_memory_of_the_machine() {
        // a container of cgroup v1 has 15 files that are read each time
        assert_eq!(affordable(4 << 30) / 15, 246);
        assert_eq!(affordable(32 << 30) / 15, 1974);
        assert!(machine_memory() > 1 << 24);
    }

    #[test]
    fn a_small_limit_leaves_room_for_everything_else() {
        let f = |limit, kept| assert_eq!(kept_of(limit), kept);
        f(96, 24);
        f(1023, 255);
        f(20_000, 15_000);
    }

    #[test]
    fn counters_have_half_of_the_descriptors_where_any_are_counted() {
        let without = Options { open_files: 100, ..Options::default() };
        assert_eq!(without.counters(), 0);
        let counting = Options { perf_events: Some(perf::Config::default()), ..without };
        assert_eq!(counting.counters(), 50);
        let off = Options { kinds: Kinds::default().without(Kind::PerfEvent), ..counting };
        assert_eq!(off.counters(), 0);
    }

    #[test]
    fn what_the_user_asks_for_is_kept() {
        assert_eq!(Options { open_files: 7, ..Options::default() }.descriptors(), 7);
    }
}
