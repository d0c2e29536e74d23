//! A host that is made up: containers with one sample each, for tests and examples.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plimsoll_core::container::{CpuSpec, Identity, MemorySpec, Reference, Spec};
use plimsoll_core::event::Event;
use plimsoll_core::family::{Emit, Row, Source, Type};
use plimsoll_core::kinds::Kind;
use plimsoll_core::machine::{FsInfo, MachineInfo, ProcessInfo, Versions};
use plimsoll_core::runtime::Status;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::cpu::{Cfs, Cpu, CpuUsage};
use plimsoll_measure::memory::Memory;
use plimsoll_measure::network::{Interface, Network};
use plimsoll_measure::sample::Sample;
use plimsoll_serve::labels::{LabelRules, block};
use plimsoll_serve::past::{
    DerivedStats, EventQuery, HostState, Later, Missing, OwnMetric, Past, View, Window,
};
use tokio::sync::broadcast;

#[derive(Default)]
pub struct Fake {
    pub versions: Versions,
    pub machine: MachineInfo,
    pub views: Vec<View>,
    pub refreshed: Mutex<Vec<(Vec<String>, Duration)>>,
}

impl Past for Fake {
    fn versions(&self) -> Arc<Versions> {
        Arc::new(self.versions.clone())
    }
    fn machine(&self) -> Arc<MachineInfo> {
        Arc::new(self.machine.clone())
    }
    fn host_state(&self) -> HostState {
        HostState::default()
    }
    fn containers(&self) -> Vec<View> {
        self.views.clone()
    }
    fn container(&self, name: &str) -> Option<View> {
        self.views.iter().find(|v| v.reference.name == name).cloned()
    }
    fn samples(&self, _: &str, _: Window) -> Option<Vec<Sample>> {
        None
    }
    fn summary(&self, _: &str) -> Option<DerivedStats> {
        None
    }
    fn refresh(&self, names: Vec<String>, max_age: Duration) -> Later<'_, ()> {
        self.refreshed.lock().unwrap().push((names, max_age));
        Box::pin(std::future::ready(()))
    }
    fn events(&self, _: &EventQuery) -> Vec<Event> {
        Vec::new()
    }
    fn watch_events(&self) -> broadcast::Receiver<Arc<Event>> {
        broadcast::channel(1).1
    }
    fn processes(&self, _: &str) -> Later<'_, Result<Vec<ProcessInfo>, String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    fn storage(&self) -> Vec<FsInfo> {
        Vec::new()
    }
    fn device_by_uuid(&self, _: &str) -> Option<String> {
        None
    }
    fn docker(&self) -> Later<'_, Result<Status, String>> {
        Box::pin(std::future::ready(Err("no Docker here".to_owned())))
    }
    fn missing(&self) -> Vec<Missing> {
        Vec::new()
    }
    fn own_metrics(&self, out: &mut dyn FnMut(&OwnMetric, &mut dyn FnMut(&mut dyn Emit))) {
        static READS: OwnMetric = OwnMetric {
            name: "plimsoll_reads_total",
            help: "Files read.",
            kind: Type::Counter,
            labels: &["subject"],
        };
        // one family in two pieces, and one that is known already
        out(&READS, &mut |out| out.int(&["cpu"], 7));
        out(&READS, &mut |out| out.int(&["memory"], 1_000_000));
        out(&OwnMetric { name: "process_open_fds", ..READS }, &mut |out| out.int(&[""], 1));
    }
}

/// The containers of a busy host: each with labels as Kubernetes sets them, and a full sample.
pub fn busy(count: usize) -> Fake {
    let machine = MachineInfo {
        timestamp: Timestamp(1_795_258_000_123_000_000),
        memory_capacity: 25_276_510_208,
        num_cores: 4,
        machine_id: "machine-id-test".to_owned(),
        system_uuid: "system-uuid-test".to_owned(),
        boot_id: "boot-id-test".to_owned(),
        ..MachineInfo::default()
    };
    Fake { machine, views: (0..count).map(|n| container(n as u64)).collect(), ..Fake::default() }
}

/// The same with samples of this very moment, as a reader that looks at the time must have them.
pub fn fresh(mut fake: Fake) -> Fake {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    for view in &mut fake.views {
        let sample =
            Sample { at: Timestamp(now.as_nanos() as i64), ..(**view.latest.as_ref().unwrap()).clone() };
        view.latest = Some(Arc::new(sample));
    }
    fake.machine.timestamp = Timestamp(now.as_nanos() as i64);
    fake
}

/// A container that is told apart by its number.
pub fn container(n: u64) -> View {
    // as random as a real one, so that compression is not flattered
    let mut state = n.wrapping_add(1);
    let id: String = (0..4).map(|_| format!("{:016x}", next(&mut state))).collect();
    let reference = Reference {
        id: id.clone(),
        name: format!("/docker/{id}"),
        aliases: vec![format!("k8s_app_pod-{n}_default"), id],
        namespace: "docker".to_owned(),
    };
    let labels = BTreeMap::from([
        ("io.kubernetes.container.name".to_owned(), "app".to_owned()),
        ("io.kubernetes.pod.name".to_owned(), format!("pod-{n}")),
        ("io.kubernetes.pod.namespace".to_owned(), "default".to_owned()),
        ("io.kubernetes.pod.uid".to_owned(), format!("4f2c8d1e-0000-0000-0000-{n:012}")),
    ]);
    let identity = Identity {
        labels,
        namespace: "docker",
        image: "registry.example.com/team/app:1.2.3".to_owned(),
        ..Identity::default()
    };
    let spec = Spec {
        creation_time: Some(Timestamp::from_secs(1_795_250_000)),
        has_cpu: true,
        cpu: CpuSpec { limit: 512, quota: 50_000, period: 100_000, ..CpuSpec::default() },
        has_memory: true,
        memory: MemorySpec { limit: 134_217_728, reservation: 0, swap_limit: u64::MAX },
        ..Spec::default()
    };
    View {
        labels: block(&reference, &identity, &LabelRules::default()),
        reference: Arc::new(reference),
        identity: Arc::new(identity),
        spec: Arc::new(spec),
        settled: true,
        latest: Some(Arc::new(sample(n))),
        oom_events: 0,
        app: None,
        runtime: "",
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn sample(n: u64) -> Sample {
    let nanos = 1_234_567_891 * (n + 1) + 17;
    let bytes = 81_788_928 + 4096 * n;
    let interface = |name: &str| Interface {
        name: name.to_owned(),
        rx_bytes: bytes * 31,
        rx_packets: bytes / 97,
        tx_bytes: bytes * 17,
        tx_packets: bytes / 101,
        ..Interface::default()
    };
    Sample {
        at: Timestamp(1_795_258_086_655_000_000 + n as i64 * 1_000_000),
        cpu: Some(Cpu {
            usage: CpuUsage {
                total: Some(nanos * 4),
                per_cpu_usage: vec![nanos, nanos + 1, nanos + 2, nanos + 3],
                user: Some(nanos * 3),
                system: Some(nanos),
            },
            cfs: Cfs {
                periods: Some(1023 + n),
                throttled_periods: Some(n),
                throttled_time: Some(nanos / 3),
                bursts_periods: Some(0),
                burst_time: Some(0),
            },
            ..Cpu::default()
        }),
        memory: Some(Memory {
            usage: Some(bytes),
            max_usage: Some(bytes * 2),
            cache: Some(bytes / 3),
            rss: Some(bytes / 5),
            working_set: Some(bytes / 2),
            failcnt: Some(0),
            ..Memory::default()
        }),
        network: Some(Network { interfaces: vec![interface("eth0")], ..Network::default() }),
        ..Sample::default()
    }
}

macro_rules! rows {
    ($($name:literal $help:literal $kind:ident $switch:ident [$($label:literal),*] $values:expr;)*) => {
        &[$(&Row {
            name: $name,
            help: $help,
            kind: Type::$kind,
            switch: Some(Kind::$switch),
            labels: &[$($label),*],
            timestamped: true,
            source: Source::both("-"),
            values: $values,
        }),*]
    };
}

fn seconds(out: &mut dyn Emit, nanos: impl Fn(&Cpu) -> Option<u64>, sample: &Sample) {
    out.seconds(sample.cpu.as_ref().and_then(nanos));
}

fn memory(out: &mut dyn Emit, bytes: impl Fn(&Memory) -> Option<u64>, sample: &Sample) {
    out.maybe(sample.memory.as_ref().and_then(bytes));
}

fn network(out: &mut dyn Emit, value: impl Fn(&Interface) -> u64, sample: &Sample) {
    for interface in sample.network.iter().flat_map(|n| &n.interfaces) {
        out.int(&[&interface.name], value(interface));
    }
}

/// A few families, enough to see every shape of line.
pub static ROWS: &[&Row<Sample>] = rows! {
    "container_cpu_cfs_periods_total" "Number of elapsed enforcement period intervals." Counter Cpu []
        |s, out| out.maybe(s.cpu.as_ref().and_then(|c| c.cfs.periods));
    "container_cpu_usage_seconds_total" "Cumulative cpu time consumed in seconds." Counter Cpu ["cpu"]
        |s, out| for (n, nanos) in s.cpu.iter().flat_map(|c| &c.usage.per_cpu_usage).enumerate() {
            let names = ["cpu00", "cpu01", "cpu02", "cpu03"];
            out.float(&[names[n % 4]], *nanos as f64 / 1e9);
        };
    "container_cpu_user_seconds_total" "Cumulative user cpu time consumed in seconds." Counter Cpu []
        |s, out| seconds(out, |c| c.usage.user, s);
    "container_memory_failcnt" "Number of memory usage hits limits" Counter Memory []
        |s, out| memory(out, |m| m.failcnt, s);
    "container_memory_usage_bytes" "Current memory usage in bytes, including all memory regardless of when it was accessed" Gauge Memory []
        |s, out| memory(out, |m| m.usage, s);
    "container_memory_working_set_bytes" "Current working set in bytes." Gauge Memory []
        |s, out| memory(out, |m| m.working_set, s);
    "container_network_receive_bytes_total" "Cumulative count of bytes received" Counter Network ["interface"]
        |s, out| network(out, |i| i.rx_bytes, s);
    "container_network_transmit_bytes_total" "Cumulative count of bytes transmitted" Counter Network ["interface"]
        |s, out| network(out, |i| i.tx_bytes, s);
};

/// Families of the machine.
pub static MACHINE: &[&Row<MachineInfo>] = &[
    &Row {
        name: "machine_cpu_cores",
        help: "Number of logical CPU cores.",
        kind: Type::Gauge,
        switch: None,
        labels: &[],
        timestamped: true,
        source: Source::both("/proc/cpuinfo"),
        values: |m, out| out.int(&[], m.num_cores),
    },
    &Row {
        name: "machine_memory_bytes",
        help: "Amount of memory installed on the machine.",
        kind: Type::Gauge,
        switch: None,
        labels: &[],
        timestamped: true,
        source: Source::both("/proc/meminfo"),
        values: |m, out| out.int(&[], m.memory_capacity),
    },
];
