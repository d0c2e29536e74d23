//! `/stats/summary`: the node, its system containers and its pods, each with its newest numbers.

use http::Response;
use serde::Serialize;

use super::node::{Node, Pod, created};
use super::numbers::{Cpu, Io, Memory, Network, Sampled, Seconds, Swap, cpu_sum, memory_sum, sum, swap_sum};
use super::storage::{Fs, Runtime, Storage, Volume, part, whole};
use super::told::{Accelerator, Metric, accelerators, metrics};
use crate::body::Body;
use crate::past::{Past, View};
use crate::reply;

#[derive(Serialize)]
struct Summary {
    node: NodeStats,
    pods: Vec<PodStats>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeStats {
    node_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system_containers: Vec<ContainerStats>,
    start_time: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Cpu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    io: Option<Io>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fs: Option<Fs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<Runtime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rlimit: Option<Rlimit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Swap>,
}

/// Tasks on the machine, and how many there may be.
#[derive(Serialize)]
struct Rlimit {
    time: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    maxpid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    curproc: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodStats {
    pod_ref: PodRef,
    start_time: Option<Seconds>,
    containers: Vec<ContainerStats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Cpu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    io: Option<Io>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volume: Vec<Volume>,
    #[serde(rename = "ephemeral-storage", skip_serializing_if = "Option::is_none")]
    ephemeral_storage: Option<Fs>,
    #[serde(rename = "process_stats", skip_serializing_if = "Option::is_none")]
    process_stats: Option<Processes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Swap>,
}

#[derive(Serialize)]
struct PodRef {
    name: String,
    namespace: String,
    uid: String,
}

#[derive(Serialize)]
struct Processes {
    process_count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStats {
    name: String,
    start_time: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Cpu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    io: Option<Io>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accelerators: Vec<Accelerator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rootfs: Option<Fs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<Fs>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user_defined_metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Swap>,
}

/// Answers with the summary; a `short` one has only times, CPU, memory and swap.
pub(super) fn answer(past: &dyn Past, short: bool) -> Response<Body> {
    let node = Node::of(&past.containers());
    let storage = Storage::of(past);
    let writer = Writer { past, storage, swap_capacity: past.machine().swap_capacity, short };
    let pods = node.pods.iter().map(|pod| writer.pod(pod)).collect();
    reply::value(&Summary { node: writer.node(&node), pods })
}

struct Writer<'a> {
    past: &'a dyn Past,
    storage: Storage,
    /// The machine's, in bytes.
    swap_capacity: u64,
    short: bool,
}

impl Writer<'_> {
    /// What a short summary leaves out.
    fn more<T>(&self, part: impl FnOnce() -> Option<T>) -> Option<T> {
        if self.short { None } else { part() }
    }

    fn node(&self, node: &Node) -> NodeStats {
        let (machine, state) = (self.past.machine(), self.past.host_state());
        let root = node.root.as_ref().and_then(Sampled::of);
        let root = root.as_ref();
        let system = node.system.iter().map(|(name, view)| self.container(name, view));
        let loose = node.loose.iter().map(|(name, view)| self.container(name, view));
        let cards: Vec<&str> =
            machine.network_devices.iter().flatten().map(|card| card.name.as_str()).collect();
        let rlimit = Rlimit { time: Seconds(state.at), maxpid: state.max_tasks, curproc: state.tasks };
        NodeStats {
            node_name: name(&state.name),
            system_containers: system.chain(loose).collect(),
            start_time: state.boot.or_else(|| created(node.root.as_ref()?)).map(Seconds),
            cpu: root.and_then(|root| root.cpu(self.past)),
            memory: root.and_then(|root| root.memory(Some(machine.memory_capacity))),
            io: self.more(|| root?.io()),
            network: self.more(|| root?.network(Some(&cards))),
            fs: self.more(|| self.storage.root().map(whole)),
            runtime: self.more(|| self.storage.runtime(node.runtime)),
            rlimit: self.more(|| state.tasks.or(state.max_tasks).map(|_| rlimit)),
            swap: root.and_then(|root| root.swap(machine.swap_capacity)),
        }
    }

    fn pod(&self, pod: &Pod) -> PodStats {
        let containers: Vec<ContainerStats> =
            pod.containers.iter().map(|(name, view)| self.container(name, view)).collect();
        let group = pod.group.as_ref().and_then(Sampled::of);
        let group = group.as_ref();
        let sampled: Vec<Sampled<'_>> =
            pod.containers.iter().filter_map(|(_, view)| Sampled::of(view)).collect();
        let cpu = match group {
            Some(group) => group.cpu(self.past),
            None => cpu_sum(&containers.iter().map(|c| c.cpu.clone()).collect::<Vec<_>>()),
        };
        let memory = match group {
            Some(group) => group.memory(None),
            None => memory_sum(&containers.iter().map(|c| c.memory.clone()).collect::<Vec<_>>()),
        };
        let swap = match group {
            Some(group) => group.swap(self.swap_capacity),
            None => swap_sum(&containers.iter().map(|c| c.swap.clone()).collect::<Vec<_>>()),
        };
        let volume = self.more(|| Some(self.volumes(&sampled))).unwrap_or_default();
        PodStats {
            pod_ref: PodRef {
                name: pod.name.clone(),
                namespace: pod.namespace.clone(),
                uid: pod.uid.clone(),
            },
            start_time: pod.start().map(Seconds),
            cpu,
            memory,
            io: self.more(|| group?.io()),
            network: self.more(|| network(pod)),
            ephemeral_storage: self.more(|| self.ephemeral(&containers, &volume)),
            process_stats: self.more(|| processes(&sampled)),
            swap,
            volume,
            containers,
        }
    }

    fn container(&self, name: &str, view: &View) -> ContainerStats {
        let sampled = Sampled::of(view);
        let sampled = sampled.as_ref();
        ContainerStats {
            name: name.to_owned(),
            start_time: created(view).map(Seconds),
            cpu: sampled.and_then(|sampled| sampled.cpu(self.past)),
            memory: sampled.and_then(|sampled| sampled.memory(None)),
            io: self.more(|| sampled?.io()),
            accelerators: self.more(|| Some(accelerators(&sampled?.latest))).unwrap_or_default(),
            rootfs: self.more(|| self.storage.layer(sampled?)),
            logs: self.more(|| self.storage.logs(sampled?)),
            user_defined_metrics: self.more(|| Some(metrics(view.app.as_deref()))).unwrap_or_default(),
            swap: sampled.and_then(|sampled| sampled.swap(self.swap_capacity)),
        }
    }

    /// The volumes of all its containers; one that several have counts once.
    fn volumes(&self, containers: &[Sampled<'_>]) -> Vec<Volume> {
        let mut all: Vec<Volume> =
            containers.iter().flat_map(|sampled| self.storage.volumes(sampled)).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        all
    }

    /// What goes with the pod on disk: layers, logs and volumes, save those in memory. Absent where a layer is not known: a part of the sum is not
    /// the sum.
    fn ephemeral(&self, containers: &[ContainerStats], volumes: &[Volume]) -> Option<Fs> {
        let layers: Vec<&Fs> = containers.iter().map(|c| c.rootfs.as_ref()).collect::<Option<_>>()?;
        let logs = containers.iter().filter_map(|container| container.logs.as_ref());
        let volumes = || volumes.iter().filter(|volume| !volume.in_memory).map(|volume| &volume.fs);
        let bytes: Vec<&Fs> = layers.iter().copied().chain(logs).chain(volumes()).collect();
        let inodes: Vec<&Fs> = layers.into_iter().chain(volumes()).collect();
        let root = self.storage.root()?;
        let time = bytes.iter().map(|part| part.time).max()?;
        Some(part(root, time, sum(&bytes, |part| part.used_bytes), sum(&inodes, |part| part.inodes_used)))
    }
}

/// The node's name in Kubernetes: its host's, in lower case.
pub(super) fn name(host: &str) -> String {
    host.trim().to_lowercase()
}

/// That of its sandbox, else of the container that has it. The host's own network is no pod's.
fn network(pod: &Pod) -> Option<Network> {
    let all = pod.sandbox.iter().chain(pod.containers.iter().map(|(_, view)| view));
    let mut own = all.filter(|view| !view.identity.host_network);
    own.find_map(|view| Sampled::of(view)?.network(None))
}

/// Processes of its containers, without that of the sandbox.
fn processes(containers: &[Sampled<'_>]) -> Option<Processes> {
    let counts: Vec<Option<u64>> =
        containers.iter().map(|sampled| sampled.latest.processes.as_ref()?.process_count).collect();
    let process_count = sum(&counts.iter().collect::<Vec<_>>(), |count| *count)?;
    Some(Processes { process_count })
}
