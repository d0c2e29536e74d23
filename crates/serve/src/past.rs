//! What serving needs of the running host; the program plugs its host in here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::app::AppMetrics;
use plimsoll_core::container::{Identity, Limits, Reference, Spec};
use plimsoll_core::event::{Event, EventType};
use plimsoll_core::family::Emit;
use plimsoll_core::machine::{FsInfo, MachineInfo, ProcessInfo, Versions};
use plimsoll_core::runtime::Status;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::sample::Sample;
use tokio::sync::broadcast;

/// An answer that may have to wait.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A container as it is known now. Cheap to clone: all parts are shared.
#[derive(Clone)]
pub struct View {
    /// Its names.
    pub reference: Arc<Reference>,
    /// What its runtime tells.
    pub identity: Arc<Identity>,
    /// Its limits; `memory.limit` is as the kernel says, so 0 or `u64::MAX` where there is none.
    pub spec: Arc<Spec>,
    /// The rendered labels: `id="/x",image="",name=""` and so on, without braces. See `labels::block`.
    pub labels: Arc<[u8]>,
    /// Whether the labels are final: its runtime has told who it is, none claims it, or it was waited for long
    /// enough. `/metrics` leaves out those that are not, so that no series changes its labels halfway.
    pub settled: bool,
    /// The newest sample; absent just after the container appeared.
    pub latest: Option<Arc<Sample>>,
    /// Kills for want of memory whose killed task was in this group.
    pub oom_events: u64,
    /// What its application tells of itself; absent where nothing asks for it.
    pub app: Option<Arc<AppMetrics>>,
    /// The runtime that told who it is, also one for whose containers cAdvisor has no namespace; empty for a raw
    /// cgroup.
    pub runtime: &'static str,
}

/// Which samples: those between `start` and `end` (inclusive, open where absent), the newest `count`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Not before.
    pub start: Option<Timestamp>,
    /// Not after.
    pub end: Option<Timestamp>,
    /// At most so many, the newest; absent is all.
    pub count: Option<usize>,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// The container's name; with `subcontainers` those below it as well.
    pub container: String,
    /// Whether containers below count.
    pub subcontainers: bool,
    /// Types that count; none gives nothing.
    pub types: Vec<EventType>,
    /// Not before.
    pub start: Option<Timestamp>,
    /// Not after.
    pub end: Option<Timestamp>,
    /// At most so many, the newest; absent is all.
    pub max: Option<usize>,
}

/// `latest_usage`, `minute_usage` ... of one container; `/api/v2.x/summary`.
pub use plimsoll_core::summary::DerivedStats;

/// Something that a feature lacks on this machine, for `/validate/` and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What does not work or works less well.
    pub feature: String,
    /// Why.
    pub reason: String,
    /// What would mend it.
    pub remedy: String,
}

/// A container that is no more, with the last that was read of it.
#[derive(Clone, Debug)]
pub struct EndedContainer {
    /// Its names.
    pub reference: Arc<Reference>,
    /// What its runtime told.
    pub identity: Arc<Identity>,
    /// Its limits.
    pub spec: Arc<Spec>,
    /// When its end was seen.
    pub ended: Timestamp,
    /// What it returned; absent where no runtime told.
    pub exit_code: Option<i64>,
    /// Whether it was killed for want of memory.
    pub oom_killed: bool,
    /// Kills for want of memory in it.
    pub oom_events: u64,
    /// Its last sample: its totals.
    pub last: Option<Arc<Sample>>,
}

/// Limits that were in force and are no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormerLimits {
    /// When others were found.
    pub until: Timestamp,
    /// What they were.
    pub limits: Limits,
}

/// How the host is now: what an overview has beside its containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostState {
    /// Now, by the host's clock.
    pub at: Timestamp,
    /// The machine's name.
    pub name: String,
    /// When the machine was started.
    pub boot: Option<Timestamp>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Tasks (threads) that there are: the fourth word of `/proc/loadavg`.
    pub tasks: Option<u64>,
    /// Tasks that there may be: the lesser of `kernel.pid_max` and `kernel.threads-max`.
    pub max_tasks: Option<u64>,
    /// The runtimes that are asked, in their order.
    pub runtimes: Vec<RuntimeState>,
}

/// How a runtime is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeState {
    /// As in [`View::runtime`].
    pub name: &'static str,
    /// `up`, `down`, or `absent` where there is none.
    pub state: &'static str,
    /// Its version, if it tells one.
    pub version: Option<String>,
    /// Why it does not answer.
    pub why: Option<String>,
}

/// The cgroup set-up as `/validate/` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// Controllers of `/proc/cgroups` (v2 only: `cgroup.controllers`) and whether each is switched on.
    pub controllers: Vec<(String, bool)>,
    /// Whether the host has nothing but the unified hierarchy.
    pub unified: bool,
    /// Whether a group's memory includes that of its children: v1 `memory.use_hierarchy`; v2 always.
    pub hierarchical_memory: bool,
    /// Whether the CPU quota can be set: v1 `cpu.cfs_period_us` | v2 `cpu.max` of any group.
    pub cfs_bandwidth: bool,
    /// The directory above the `cpu` mount (v2: the mount itself); absent where none was found.
    pub cgroup_root: Option<String>,
    /// What lies in that directory.
    pub mount_entries: Vec<String>,
    /// The lines of `/proc/mounts` that mount cgroups.
    pub mounts: Vec<String>,
    /// What is watched for new groups: name, then the directories.
    pub watches: Vec<(String, Vec<String>)>,
}

/// What serving asks. Every method answers at once from memory, except those that return [`Later`].
pub trait Past: Send + Sync + 'static {
    /// What runs here.
    fn versions(&self) -> Arc<Versions>;
    /// The machine.
    fn machine(&self) -> Arc<MachineInfo>;
    /// How the host is now.
    fn host_state(&self) -> HostState;
    /// Every container whose numbers may be shown, sorted by name.
    fn containers(&self) -> Vec<View>;
    /// One container by its cgroup name.
    fn container(&self, name: &str) -> Option<View>;
    /// Samples of one container, oldest first; `None` for an unknown container.
    fn samples(&self, name: &str, window: Window) -> Option<Vec<Sample>>;
    /// The limits that a container had in its kept past, oldest first; those in force are in its [`View`].
    fn former_limits(&self, _name: &str) -> Vec<FormerLimits> {
        Vec::new()
    }
    /// Derived statistics; `None` when nothing is derived for it (yet).
    fn summary(&self, name: &str) -> Option<DerivedStats>;
    /// Returns when each of the containers has a sample no older than `max_age`.
    fn refresh(&self, names: Vec<String>, max_age: Duration) -> Later<'_, ()>;
    /// Events that were kept, oldest first.
    fn events(&self, query: &EventQuery) -> Vec<Event>;
    /// Events from now on, of every type and container.
    fn watch_events(&self) -> broadcast::Receiver<Arc<Event>>;
    /// Processes of one container (`/`: of the whole host).
    ///
    /// # Errors
    /// A sentence for the client.
    fn processes(&self, name: &str) -> Later<'_, Result<Vec<ProcessInfo>, String>>;
    /// Filesystems with their use at the root's last sample.
    fn storage(&self) -> Vec<FsInfo>;
    /// The device that has this filesystem UUID.
    fn device_by_uuid(&self, uuid: &str) -> Option<String>;
    /// Docker's own description.
    ///
    /// # Errors
    /// A sentence: why it did not answer.
    fn docker(&self) -> Later<'_, Result<Status, String>>;
    /// Podman's own description, in the same words.
    ///
    /// # Errors
    /// A sentence: why it did not answer.
    fn podman(&self) -> Later<'_, Result<Status, String>> {
        Box::pin(std::future::ready(Err("Podman is not asked".to_owned())))
    }
    /// What is missing on this machine, and what would mend it.
    fn missing(&self) -> Vec<Missing>;
    /// Containers that ended lately, oldest first.
    fn ended(&self) -> Vec<EndedContainer> {
        Vec::new()
    }
    /// The cgroup set-up, for `/validate/`.
    fn validation(&self) -> Validation {
        Validation::default()
    }
    /// Emits the host's own metrics: name, help, whether it is a counter, then values through `Emit`.
    #[allow(clippy::type_complexity, reason = "a name for it would hide that it is called once a family")]
    fn own_metrics(&self, out: &mut dyn FnMut(&OwnMetric, &mut dyn FnMut(&mut dyn Emit)));
}

/// A family about the program itself (`plimsoll_*`, `process_*`).
#[derive(Clone, Copy, Debug)]
pub struct OwnMetric {
    /// Prometheus name.
    pub name: &'static str,
    /// Help text.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: plimsoll_core::family::Type,
    /// Label names.
    pub labels: &'static [&'static str],
}
