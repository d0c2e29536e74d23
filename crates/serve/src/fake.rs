//! A past made of literals, for tests and fuzzing: a small host with cgroup v1 and Docker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::app::{AppMetrics, MetricSpec, Poll, Series, Specs, Value};
use plimsoll_core::container::{CpuSpec, Identity, MemorySpec, ProcessSpec, Reference, Spec};
use plimsoll_core::event::{ContainerDeletion, Event, EventData, EventType, OomKill};
use plimsoll_core::family::Emit;
use plimsoll_core::machine::{
    Cache, Core, Disk, Filesystem, FsInfo, HugePages, MachineInfo, NetworkDevice, Node, ProcessInfo, Versions,
};
use plimsoll_core::runtime::{Image, Status};
use plimsoll_core::summary::{InstantUsage, Percentiles, Usage};
use plimsoll_core::time::Timestamp;
use plimsoll_measure::accelerator::{Accelerator, Process};
use plimsoll_measure::cpu::{Cfs, Cpu, CpuUsage};
use plimsoll_measure::filesystem::{FsStats, VolumeStats};
use plimsoll_measure::io::{DiskIo, Ops, PerDisk};
use plimsoll_measure::memory::{Faults, Memory};
use plimsoll_measure::network::{Interface, Network};
use plimsoll_measure::pids::Processes;
use plimsoll_measure::sample::{Psi, PsiLine, Sample};
use tokio::sync::broadcast;

use crate::names::is_within;
use crate::past::{
    DerivedStats, EndedContainer, EventQuery, HostState, Later, Missing, OwnMetric, Past, RuntimeState,
    Validation, View, Window,
};

pub mod kubernetes;

/// Ids of the three containers.
pub const WEB: &str = "48f993e4c45a0c77b936426b26a02d6bf5e5fabeab65c15967f32026b2c8ee3e";
/// A container that is throttled.
pub const WORKER: &str = "0e2a8c33f679b641b344e5405fff97e3bf568cab4a94a6a160b21624c8f6a81d";
/// A container without a network.
pub const IDLE: &str = "320c1e707b5d95310f433565488736720f7eab62983cdf040f6a296951c604d2";
/// When the first sample was taken.
pub const START: Timestamp = Timestamp::from_secs(1_795_258_084);

/// The past: every part may be changed before it is asked.
pub struct Fake {
    /// What runs here.
    pub versions: Versions,
    /// The machine.
    pub machine: MachineInfo,
    /// The containers with their samples, oldest first.
    pub containers: BTreeMap<String, (View, Vec<Sample>)>,
    /// Summaries by name.
    pub summaries: BTreeMap<String, DerivedStats>,
    /// Kept events, oldest first.
    pub events: Vec<Event>,
    /// Where new events are told.
    pub happens: broadcast::Sender<Arc<Event>>,
    /// Processes, or why there are none.
    pub processes: Result<Vec<ProcessInfo>, String>,
    /// Filesystems.
    pub storage: Vec<FsInfo>,
    /// Docker, or why it does not answer.
    pub docker: Result<Status, String>,
    /// What is missing.
    pub missing: Vec<Missing>,
    /// The cgroup set-up.
    pub validation: Validation,
    /// How the host is now.
    pub state: HostState,
    /// Containers that ended.
    pub ended: Vec<EndedContainer>,
    /// How often samples were asked for.
    pub asked: std::sync::atomic::AtomicUsize,
    /// Names that were refreshed, for whom to look at.
    pub refreshed: std::sync::Mutex<Vec<(Vec<String>, Duration)>>,
}

impl Fake {
    /// A host without anything.
    pub fn empty() -> Self {
        Self {
            versions: Versions::default(),
            machine: MachineInfo::default(),
            containers: BTreeMap::new(),
            summaries: BTreeMap::new(),
            events: Vec::new(),
            happens: broadcast::channel(16).0,
            processes: Ok(Vec::new()),
            storage: Vec::new(),
            docker: Err("no Docker at /var/run/docker.sock: mount it into this container".to_owned()),
            missing: Vec::new(),
            validation: Validation::default(),
            state: HostState::default(),
            ended: Vec::new(),
            asked: std::sync::atomic::AtomicUsize::new(0),
            refreshed: std::sync::Mutex::default(),
        }
    }

    /// A small host: the root, `/docker` and three containers with three samples each, one of them with a GPU and an
    /// application's own metrics.
    pub fn host() -> Self {
        let mut host = Self::plain();
        if let Some((view, samples)) = host.containers.get_mut(&format!("/docker/{WEB}")) {
            let app = application();
            view.spec = Arc::new(Spec {
                has_custom_metrics: true,
                custom_metrics: app.specs.clone(),
                ..(*view.spec).clone()
            });
            view.app = Some(Arc::new(app));
            *samples = with_gpu(std::mem::take(samples));
        }
        host
    }

    /// The same host without what the one on which cAdvisor's answers were recorded had not: GPUs and applications'
    /// own metrics.
    pub fn plain() -> Self {
        let mut host = Self { versions: versions(), machine: machine(), ..Self::empty() };
        host.add(Reference::raw("/"), root_spec(), root_samples());
        host.add(Reference::raw("/docker"), group_spec(), samples(1, None));
        host.add_docker(WEB, "fx-web", web_spec(), with_volumes(samples(2, Some("eth0"))));
        host.add_docker(WORKER, "fx-worker", worker_spec(), without_disk(samples(3, Some("eth0"))));
        host.add_docker(IDLE, "fx-idle", idle_spec(), without_disk(idle_samples()));
        for name in host.containers.keys() {
            host.summaries.insert(name.clone(), summary());
        }
        host.events = events();
        host.processes = Ok(processes());
        host.storage = storage();
        host.docker = Ok(docker());
        host.missing = vec![Missing {
            feature: "Names of containerd's containers".to_owned(),
            reason: "/run/containerd/containerd.sock is not there.".to_owned(),
            remedy: "mount /run/containerd".to_owned(),
        }];
        host.validation = validation();
        host.state = state();
        host
    }

    /// Adds a container of Docker.
    pub fn add_docker(&mut self, id: &str, name: &str, spec: Spec, samples: Vec<Sample>) {
        let reference = Reference {
            id: id.to_owned(),
            name: format!("/docker/{id}"),
            aliases: vec![name.to_owned(), id.to_owned()],
            namespace: "docker".to_owned(),
        };
        self.add(reference, spec, samples);
    }

    /// Adds a container.
    pub fn add(&mut self, reference: Reference, spec: Spec, samples: Vec<Sample>) {
        let name = reference.name.clone();
        let runtime = if reference.namespace == "docker" { "docker" } else { "" };
        let view = View {
            reference: Arc::new(reference),
            identity: Arc::new(Identity::default()),
            spec: Arc::new(spec),
            labels: Arc::from(&b""[..]),
            settled: true,
            latest: samples.last().cloned().map(Arc::new),
            oom_events: 0,
            app: None,
            runtime,
        };
        self.containers.insert(name, (view, samples));
    }
}

impl Past for Fake {
    fn ended(&self) -> Vec<EndedContainer> {
        self.ended.clone()
    }

    fn versions(&self) -> Arc<Versions> {
        Arc::new(self.versions.clone())
    }

    fn machine(&self) -> Arc<MachineInfo> {
        Arc::new(self.machine.clone())
    }

    fn host_state(&self) -> HostState {
        self.state.clone()
    }

    fn containers(&self) -> Vec<View> {
        self.containers.values().map(|(view, _)| view.clone()).collect()
    }

    fn container(&self, name: &str) -> Option<View> {
        self.containers.get(name).map(|(view, _)| view.clone())
    }

    fn samples(&self, name: &str, window: Window) -> Option<Vec<Sample>> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (_, samples) = self.containers.get(name)?;
        let inside: Vec<&Sample> = samples
            .iter()
            .filter(|sample| window.start.is_none_or(|start| sample.at >= start))
            .filter(|sample| window.end.is_none_or(|end| sample.at <= end))
            .collect();
        let skip = window.count.map_or(0, |count| inside.len().saturating_sub(count));
        Some(inside.into_iter().skip(skip).cloned().collect())
    }

    fn summary(&self, name: &str) -> Option<DerivedStats> {
        self.summaries.get(name).cloned()
    }

    fn refresh(&self, names: Vec<String>, max_age: Duration) -> Later<'_, ()> {
        if let Ok(mut refreshed) = self.refreshed.lock() {
            refreshed.push((names, max_age));
        }
        Box::pin(std::future::ready(()))
    }

    fn events(&self, query: &EventQuery) -> Vec<Event> {
        let wanted = |event: &&Event| {
            let name = &event.container_name;
            query.types.contains(&event.event_type)
                && (*name == query.container || (query.subcontainers && is_within(name, &query.container)))
                && query.start.is_none_or(|start| event.timestamp >= start)
                && query.end.is_none_or(|end| event.timestamp <= end)
        };
        let all: Vec<&Event> = self.events.iter().filter(wanted).collect();
        let skip = query.max.map_or(0, |max| all.len().saturating_sub(max));
        all.into_iter().skip(skip).cloned().collect()
    }

    fn watch_events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.happens.subscribe()
    }

    fn processes(&self, name: &str) -> Later<'_, Result<Vec<ProcessInfo>, String>> {
        let mut processes = self.processes.clone();
        if name != "/" {
            for process in processes.iter_mut().flatten() {
                process.cgroup_path.clear();
            }
        }
        Box::pin(std::future::ready(processes))
    }

    fn storage(&self) -> Vec<FsInfo> {
        self.storage.clone()
    }

    fn device_by_uuid(&self, uuid: &str) -> Option<String> {
        (uuid == "11-22").then(|| "/dev/vda".to_owned())
    }

    fn docker(&self) -> Later<'_, Result<Status, String>> {
        Box::pin(std::future::ready(self.docker.clone()))
    }

    fn podman(&self) -> Later<'_, Result<Status, String>> {
        let status = Status {
            version: "4.3.1".to_owned(),
            root_dir: "/var/lib/containers/storage".to_owned(),
            driver: "overlay".to_owned(),
            ..Status::default()
        };
        Box::pin(std::future::ready(Ok(status)))
    }

    fn missing(&self) -> Vec<Missing> {
        self.missing.clone()
    }

    fn validation(&self) -> Validation {
        self.validation.clone()
    }

    fn own_metrics(&self, _out: &mut dyn FnMut(&OwnMetric, &mut dyn FnMut(&mut dyn Emit))) {}
}

fn versions() -> Versions {
    Versions {
        kernel: "6.18.44".to_owned(),
        os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        docker: "20.10.24".to_owned(),
        docker_api: "1.41".to_owned(),
        cadvisor: "v0.60.5-plimsoll".to_owned(),
        revision: String::new(),
    }
}

fn machine() -> MachineInfo {
    let cache = |size, kind: &str, level| Cache { id: 0, size, r#type: kind.to_owned(), level };
    let core = |nth| Core {
        core_id: nth,
        thread_ids: Some(vec![nth]),
        caches: Some(vec![cache(49_152, "Data", 1), cache(1_048_576, "Unified", 2)]),
        ..Core::default()
    };
    let pages = vec![HugePages { page_size: 2048, num_pages: 0 }];
    let disk = Disk {
        name: "vda".to_owned(),
        major: 254,
        minor: 0,
        size: 274_877_906_944,
        scheduler: "mq-deadline".to_owned(),
    };
    let zram = Disk { name: "zram0".to_owned(), major: 253, scheduler: "none".to_owned(), ..Disk::default() };
    MachineInfo {
        timestamp: START,
        vendor_id: "GenuineIntel".to_owned(),
        num_cores: 2,
        num_physical_cores: 2,
        num_sockets: 1,
        cpu_frequency_khz: 2_596_126,
        memory_capacity: 25_276_510_208,
        hugepages: Some(pages.clone()),
        machine_id: "3d1219c7c4c5404aaa1f6d2a48adfda4".to_owned(),
        system_uuid: "3d1219c7c4c5404aaa1f6d2a48adfda4".to_owned(),
        boot_id: "28a838a7-1cec-4e54-95d0-5ac5c0149f9a".to_owned(),
        filesystems: Some(vec![Filesystem {
            device: "/dev/vda".to_owned(),
            capacity: 270_553_174_016,
            r#type: "vfs".to_owned(),
            inodes: 16_777_216,
            has_inodes: true,
        }]),
        disk_map: Some([("253:0".to_owned(), zram), ("254:0".to_owned(), disk)].into()),
        network_devices: Some(vec![NetworkDevice {
            name: "eth0".to_owned(),
            mac_address: "02:fc:00:00:00:01".to_owned(),
            speed: -1,
            mtu: 1400,
        }]),
        topology: Some(vec![Node {
            node_id: 0,
            memory: 12_308_402_176,
            hugepages: Some(pages),
            cores: Some(vec![core(0), core(1)]),
            caches: Some(vec![cache(33_554_432, "Unified", 3)]),
            distances: Some(vec![10]),
        }]),
        cloud_provider: "Unknown".to_owned(),
        instance_type: "Unknown".to_owned(),
        ..MachineInfo::default()
    }
}

/// v1's number for no limit.
const NO_LIMIT: u64 = 9_223_372_036_854_771_712;

fn group_spec() -> Spec {
    Spec {
        creation_time: Some(Timestamp::from_secs(1_795_250_287)),
        has_cpu: true,
        cpu: CpuSpec { limit: 1024, mask: "0-1".to_owned(), period: 100_000, ..CpuSpec::default() },
        has_memory: true,
        memory: MemorySpec { limit: NO_LIMIT, reservation: NO_LIMIT, swap_limit: NO_LIMIT },
        has_processes: true,
        has_diskio: true,
        ..Spec::default()
    }
}

fn root_spec() -> Spec {
    Spec {
        memory: MemorySpec { limit: 0, reservation: NO_LIMIT, swap_limit: 0 },
        has_network: true,
        has_processes: false,
        has_filesystem: true,
        ..group_spec()
    }
}

fn idle_spec() -> Spec {
    Spec {
        creation_time: Some(START.plus_nanos(-100_500_000_000)),
        start_time: Some(START.plus_nanos(-100_000_000_000)),
        has_network: true,
        has_filesystem: true,
        image: "busybox:local".to_owned(),
        ..group_spec()
    }
}

fn web_spec() -> Spec {
    let labels = [("com.example.tier", "front"), ("owner", "a \"quoted\" name")];
    Spec {
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        cpu: CpuSpec { quota: 50_000, ..group_spec().cpu },
        memory: MemorySpec { limit: 134_217_728, reservation: 67_108_864, swap_limit: 268_435_456 },
        processes: ProcessSpec { limit: 64 },
        ..idle_spec()
    }
}

fn worker_spec() -> Spec {
    Spec {
        cpu: CpuSpec { limit: 512, mask: "0".to_owned(), quota: 25_000, ..group_spec().cpu },
        ..idle_spec()
    }
}

/// Three samples, a second apart; the counters grow with `scale`.
pub fn samples(scale: u64, interface: Option<&str>) -> Vec<Sample> {
    (1..=3).map(|nth| sample(nth, scale, interface)).collect()
}

fn sample(nth: u64, scale: u64, interface: Option<&str>) -> Sample {
    let n = nth * scale;
    let disks = |unit: u64| {
        let ops = Ops {
            asynchronous: Some(n * unit),
            discard: Some(0),
            read: Some(n * unit),
            sync: Some(0),
            total: Some(2 * n * unit),
            write: Some(n * unit),
            count: None,
        };
        vec![PerDisk { device: "/dev/vda".to_owned(), major: 254, minor: 0, stats: ops }]
    };
    let counted = |name: &str| Interface {
        name: name.to_owned(),
        rx_bytes: n * 1016,
        rx_packets: n * 12,
        tx_bytes: n * 500,
        tx_packets: n * 6,
        ..Interface::default()
    };
    let line = PsiLine { total: n * 1000, avg10: 150, avg60: 33, avg300: 0 };
    let faults = Faults { pgfault: Some(n * 1000), pgmajfault: Some(n), ..Faults::default() };
    Sample {
        at: START.plus_nanos(i64::try_from(nth).unwrap_or(0) * 1_000_000_000 + 811_751_959),
        cpu: Some(Cpu {
            usage: CpuUsage {
                total: Some(n * 100_000_000),
                per_cpu_usage: vec![n * 60_000_000, n * 40_000_000],
                user: Some(n * 70_000_000),
                system: Some(n * 30_000_000),
            },
            cfs: Cfs { periods: Some(n * 10), throttled_periods: Some(n), ..Cfs::default() },
            psi: Some(Psi { full: PsiLine::default(), some: line }),
            ..Cpu::default()
        }),
        diskio: Some(DiskIo { io_service_bytes: disks(4096), io_serviced: disks(1), ..DiskIo::default() }),
        memory: Some(Memory {
            usage: Some(5_627_904 * scale),
            max_usage: Some(6_262_784 * scale),
            cache: Some(4_829_184 * scale),
            rss: Some(110_592 * scale),
            working_set: Some(1_376_256 * scale),
            container_data: faults.clone(),
            hierarchical_data: faults,
            ..Memory::default()
        }),
        hugetlb: Vec::new(),
        network: Some(Network {
            interfaces: interface.map(counted).into_iter().collect(),
            ..Network::default()
        }),
        filesystem: interface.map(|_| layer(n)).into_iter().collect(),
        accelerators: Vec::new(),
        processes: Some(Processes {
            process_count: Some(2),
            threads_current: Some(2),
            ..Processes::default()
        }),
        cpuset: None,
        ..Sample::default()
    }
}

/// A container that never read or wrote: the kernel's files have no line of a device.
fn without_disk(mut all: Vec<Sample>) -> Vec<Sample> {
    for sample in &mut all {
        sample.diskio = Some(DiskIo::default());
    }
    all
}

/// A container with a GPU, on which it has one process, and another that nothing is known of but its name.
fn with_gpu(mut all: Vec<Sample>) -> Vec<Sample> {
    for sample in &mut all {
        let named = Accelerator {
            make: "nvidia".to_owned(),
            model: "NVIDIA A100-SXM4-40GB".to_owned(),
            id: "GPU-3a9e6ea4-1b3a-4a1f-8a0f-1d2f5d2f7b11".to_owned(),
            ..Accelerator::default()
        };
        let nameless = Accelerator { id: "GPU-not-shown".to_owned(), ..named.clone() };
        let process = Process { pid: 4711, memory_used: Some(1 << 30), utilization: Some(37) };
        let measured = Accelerator {
            memory_total: Some(42_949_672_960),
            memory_used: Some(1_610_612_736),
            duty_cycle: Some(42),
            processes: Some(vec![process]),
            ..named
        };
        sample.accelerators = vec![measured, nameless];
    }
    all
}

/// A container with two volumes, of one of which the filesystem tells no inodes.
fn with_volumes(mut all: Vec<Sample>) -> Vec<Sample> {
    let volume = |name: &str, usage, inodes| VolumeStats {
        name: name.to_owned(),
        device: "/dev/vda".to_owned(),
        usage,
        inodes,
    };
    for sample in &mut all {
        sample.volumes =
            vec![volume("fx-data", 16_789_504, Some(3)), volume("fx-\"quoted\"", 1_048_576, None)];
    }
    all
}

/// No interface, but a writable layer.
fn idle_samples() -> Vec<Sample> {
    let mut all = samples(4, None);
    for sample in &mut all {
        sample.filesystem = vec![layer(4)];
    }
    all
}

/// A container's writable layer.
fn layer(n: u64) -> FsStats {
    FsStats {
        device: "/dev/vda".to_owned(),
        r#type: "vfs".to_owned(),
        capacity: 270_553_174_016,
        usage: 40_960 * n,
        base_usage: 4_096 * n,
        inodes: n,
        ..FsStats::default()
    }
}

/// The root has the machine's filesystems.
fn root_samples() -> Vec<Sample> {
    let mut all = samples(5, Some("eth0"));
    for sample in &mut all {
        sample.filesystem = vec![
            FsStats {
                device: "/dev/vda".to_owned(),
                r#type: "vfs".to_owned(),
                capacity: 270_553_174_016,
                usage: 17_914_925_056,
                available: 79_657_824_256,
                has_inodes: true,
                inodes: 16_777_216,
                inodes_free: 16_305_133,
                reads_completed: 639_024,
                read_time: 473_674,
                ..FsStats::default()
            },
            FsStats {
                device: "/dev/shm".to_owned(),
                r#type: "vfs".to_owned(),
                capacity: 25_276_510_208,
                usage: 536_576,
                available: 25_275_973_632,
                has_inodes: true,
                inodes: 3_085_511,
                inodes_free: 3_085_507,
                ..FsStats::default()
            },
        ];
    }
    all
}

/// What a web server and its exporter tell: of the first two polls, of the second one.
pub fn application() -> AppMetrics {
    let spec = |name: &str, kind: &str, format, units: &str| MetricSpec {
        name: name.to_owned(),
        r#type: kind.to_owned(),
        format,
        units: units.to_owned(),
    };
    let none: &mut [(&str, &str)] = &mut [];
    let active: Arc<[Series]> = [Series::new("active".into(), none)].into();
    let poll = |seconds: i64, collector, named, series: &Arc<[Series]>, values: &[Value]| {
        Arc::new(Poll {
            at: START.plus_nanos(seconds * 1_000_000_000),
            collector,
            named,
            series: series.clone(),
            values: values.into(),
            times: None,
        })
    };
    let exported: Arc<[Series]> = [
        Series::new("odd".into(), &mut [("sort", "infinite")]),
        Series::new("odd".into(), &mut [("sort", "none")]),
        Series::new("requests_total".into(), &mut [("path", "/a \"quoted\" one"), ("code", "200")]),
        Series::new("requests_total".into(), &mut [("path", "/"), ("code", "500")]),
    ]
    .into();
    let values = [f64::INFINITY, f64::NAN, 1027.5, 0.0].map(Value::Float);
    let web = [poll(0, 0, false, &active, &[Value::Int(3)]), poll(1, 0, false, &active, &[Value::Int(-4)])];
    let [first, second] = web;
    let third = poll(2, 1, true, &exported, &values);
    AppMetrics {
        specs: Specs(Some(
            [
                spec("active", "gauge", "int", "connections"),
                spec("odd", "UNTYPED", "float", ""),
                spec("requests_total", "cumulative", "float", ""),
            ]
            .into(),
        )),
        newest: vec![second.clone(), third.clone()],
        history: vec![first, second, third],
    }
}

fn summary() -> DerivedStats {
    let spread =
        Percentiles { present: true, mean: 4, std: 1, max: 7, fifty: 4, ninety: 6, ninetyfive: 6, count: 60 };
    let usage = Usage { percent_complete: 100, cpu: spread.clone(), memory: spread };
    DerivedStats {
        timestamp: START,
        latest_usage: InstantUsage { cpu: 4, memory: 1_335_296 },
        minute_usage: usage.clone(),
        hour_usage: usage.clone(),
        day_usage: usage,
    }
}

fn events() -> Vec<Event> {
    let event = |seconds: i64, name: String, event_type, event_data| Event {
        container_name: name,
        timestamp: START.plus_nanos(seconds * 1_000_000_000),
        event_type,
        event_data,
    };
    let killed =
        OomKill { pid: 24_366, process_name: "dd".to_owned(), constraint: "CONSTRAINT_MEMCG".to_owned() };
    let web = format!("/docker/{WEB}");
    vec![
        event(-9000, "/".to_owned(), EventType::Creation, EventData::default()),
        event(-8000, "/docker".to_owned(), EventType::Creation, EventData::default()),
        event(-100, web.clone(), EventType::Creation, EventData::default()),
        event(-50, "/".to_owned(), EventType::Oom, EventData::default()),
        event(
            -50,
            "/".to_owned(),
            EventType::OomKill,
            EventData { oom: Some(killed), ..EventData::default() },
        ),
        event(
            -10,
            "/docker/gone".to_owned(),
            EventType::Deletion,
            EventData {
                container_deletion: Some(ContainerDeletion { exit_code: 137 }),
                ..EventData::default()
            },
        ),
    ]
}

fn processes() -> Vec<ProcessInfo> {
    let process = |pid, percent_cpu, cmd: &str| ProcessInfo {
        user: "root".to_owned(),
        pid,
        parent_pid: 8411,
        start_time: "10:46".to_owned(),
        percent_cpu,
        percent_mem: 0.1,
        rss: 1_617_920,
        virtual_size: 2_322_432,
        status: "Ss".to_owned(),
        running_time: "00:00:00".to_owned(),
        cgroup_path: format!("/docker/{WEB}"),
        cmd: cmd.to_owned(),
        fd_count: 3,
        psr: 1,
    };
    vec![process(8446, 0.0, "busybox"), process(9165, 99.5, "spin")]
}

fn storage() -> Vec<FsInfo> {
    let fs = |device: &str, mountpoint: &str, labels: Option<&str>| FsInfo {
        timestamp: START,
        device: device.to_owned(),
        mountpoint: mountpoint.to_owned(),
        capacity: 270_553_174_016,
        available: 79_657_824_256,
        usage: 17_914_925_056,
        labels: labels.map(|label| vec![label.to_owned()]),
        inodes: Some(16_777_216),
        inodes_free: Some(16_305_133),
    };
    vec![
        fs("overlay", "/var/lib/docker/overlay2/7c44/merged", Some("docker-images")),
        fs("/dev/shm", "/dev/shm", None),
        fs("/dev/vda", "/", Some("root")),
    ]
}

fn docker() -> Status {
    Status {
        version: "20.10.24".to_owned(),
        api_version: "1.41".to_owned(),
        kernel_version: "6.18.44".to_owned(),
        os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        hostname: "fixture".to_owned(),
        root_dir: "/var/lib/docker".to_owned(),
        driver: "overlay2".to_owned(),
        driver_status: vec![("Backing Filesystem".to_owned(), "extfs".to_owned())],
        num_images: 1,
        num_containers: 3,
        images: vec![Image {
            tags: vec!["registry:5000/busybox:local".to_owned()],
            id: "sha256:0123456789abcdef0123456789abcdef".to_owned(),
            virtual_size: 4_261_502,
            created: Some(START.plus_nanos(-86_400_000_000_000)),
        }],
    }
}

/// A second after the last sample.
fn state() -> HostState {
    let runtime = |name, state, version: Option<&str>, why: Option<&str>| RuntimeState {
        name,
        state,
        version: version.map(str::to_owned),
        why: why.map(str::to_owned),
    };
    HostState {
        at: START.plus_nanos(4_811_751_959),
        name: "fixture".to_owned(),
        boot: Some(START.plus_nanos(-7_797_000_000_000)),
        load: Some([0.52, 0.34, 0.2]),
        tasks: Some(291),
        max_tasks: Some(32_768),
        runtimes: vec![
            runtime("docker", "up", Some("20.10.24"), None),
            runtime("containerd", "absent", None, Some("/run/containerd/containerd.sock is not there")),
        ],
    }
}

fn validation() -> Validation {
    let on = ["blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"];
    Validation {
        controllers: on.map(|name| (name.to_owned(), true)).into(),
        unified: false,
        hierarchical_memory: true,
        cfs_bandwidth: true,
        cgroup_root: Some("/sys/fs/cgroup".to_owned()),
        mount_entries: on.map(str::to_owned).into(),
        mounts: vec!["cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0".to_owned()],
        watches: vec![("/docker".to_owned(), vec!["/sys/fs/cgroup/cpu/docker".to_owned()])],
    }
}
