//! `/metrics/cadvisor` of a kubelet, `/metrics` of a cAdvisor: as much as series tell of what `container` reads.
//!
//! Reads: of each control group (label `id`) `container_cpu_usage_seconds_total`, `container_memory_*`,
//! `container_network_*` (summed over interfaces), `container_fs_*`, `container_accelerator_*`,
//! `container_start_time_seconds`.
//!
//! Whose they are is told by the labels `namespace`, `pod`, `container` (or `pod_name`, `container_name`, or the
//! copied labels of a cAdvisor). A pod's own group and its `POD` container are one set, with the pod's network; CPU and
//! memory stay in it only where no container of the pod is told, because sums over containers are made later. Groups
//! inside a pod's that have no labels are left out: the pod's group counts them.

use std::borrow::Cow;

use hashbrown::{HashMap, HashSet};
use plimsoll_core::cluster::batch::{Resource, Set, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::time::Timestamp;

use super::{DecodeError, ENTITIES, Reading, beginning, keep_later};
use crate::text::{self, Sample};

type State = foldhash::fast::RandomState;

/// The labels that are read.
#[derive(Default)]
struct Labels<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    image: Cow<'a, str>,
    namespace: Cow<'a, str>,
    pod: Cow<'a, str>,
    container: Cow<'a, str>,
    cpu: Cow<'a, str>,
    device: Cow<'a, str>,
    /// `failure_type`, then `scope`.
    failure: (Cow<'a, str>, Cow<'a, str>),
    /// `make`, `model`, `acc_id`.
    accelerator: [Cow<'a, str>; 3],
}

impl<'a> Labels<'a> {
    fn take(&mut self, name: &str, value: Cow<'a, str>) {
        let field = match name {
            "id" => &mut self.id,
            "name" => &mut self.name,
            "image" => &mut self.image,
            "namespace" | "container_label_io_kubernetes_pod_namespace" => &mut self.namespace,
            "pod" | "pod_name" | "container_label_io_kubernetes_pod_name" => &mut self.pod,
            "container" | "container_name" | "container_label_io_kubernetes_container_name" => {
                &mut self.container
            }
            "cpu" => &mut self.cpu,
            "device" => &mut self.device,
            "failure_type" => &mut self.failure.0,
            "scope" => &mut self.failure.1,
            "make" => &mut self.accelerator[0],
            "model" => &mut self.accelerator[1],
            "acc_id" => &mut self.accelerator[2],
            _ => return,
        };
        // of two names for one thing, the one that says something
        if field.is_empty() {
            *field = value;
        }
    }

    /// A pod's own group, or its `POD` container.
    fn is_pod(&self) -> bool {
        !self.namespace.is_empty() && !self.pod.is_empty() && matches!(&*self.container, "" | "POD")
    }

    fn is_container(&self) -> bool {
        !self.namespace.is_empty() && !self.pod.is_empty() && !self.is_pod()
    }

    /// Inside a pod's group by its path, without labels that say whose.
    fn is_nameless(&self) -> bool {
        self.pod.is_empty()
            && self.id.rsplit_once('/').is_some_and(|(above, _)| {
                let parent = above.rsplit('/').next().unwrap_or_default();
                above.contains("kubepods") && (parent.starts_with("pod") || parent.contains("-pod"))
            })
    }
}

/// What a series gives.
#[derive(Clone, Copy)]
enum Gives {
    Cpu,
    /// A number of the set.
    Plain(Metric),
    /// A number of an interface, of which the set has the sum.
    Network(Metric),
    /// A number of a device.
    Device(Metric),
    Accelerator(Metric),
    Faults,
    Started,
}

fn gives(series: &str) -> Option<Gives> {
    Some(match series.strip_prefix("container_")? {
        "cpu_usage_seconds_total" => Gives::Cpu,
        "memory_usage_bytes" => Gives::Plain(Metric::MemoryUsage),
        "memory_rss" => Gives::Plain(Metric::MemoryRss),
        "memory_cache" => Gives::Plain(Metric::MemoryCache),
        "memory_working_set_bytes" => Gives::Plain(Metric::MemoryWorkingSet),
        "memory_failures_total" => Gives::Faults,
        "network_receive_bytes_total" => Gives::Network(Metric::NetworkRx),
        "network_receive_errors_total" => Gives::Network(Metric::NetworkRxErrors),
        "network_transmit_bytes_total" => Gives::Network(Metric::NetworkTx),
        "network_transmit_errors_total" => Gives::Network(Metric::NetworkTxErrors),
        "fs_usage_bytes" => Gives::Device(Metric::FilesystemUsage),
        "fs_limit_bytes" => Gives::Device(Metric::FilesystemLimit),
        "fs_inodes_total" => Gives::Device(Metric::FilesystemInodes),
        "fs_inodes_free" => Gives::Device(Metric::FilesystemInodesFree),
        "fs_reads_bytes_total" => Gives::Device(Metric::DiskIoReadBytes),
        "fs_writes_bytes_total" => Gives::Device(Metric::DiskIoWriteBytes),
        "accelerator_memory_total_bytes" => Gives::Accelerator(Metric::AcceleratorMemoryTotal),
        "accelerator_memory_used_bytes" => Gives::Accelerator(Metric::AcceleratorMemoryUsed),
        "accelerator_duty_cycle" => Gives::Accelerator(Metric::AcceleratorDutyCycle),
        "start_time_seconds" => Gives::Started,
        _ => return None,
    })
}

/// What was told of one control group.
struct Group<'a> {
    labels: Labels<'a>,
    /// The series `cpu="total"`, else the sum over CPUs.
    cpu: Option<(u64, bool)>,
    /// The CPU's sample, else another's.
    at: Option<Timestamp>,
    started: Option<Timestamp>,
    /// What it told, in the order of the lines.
    set: Set,
}

/// Reads an answer.
///
/// # Errors
/// There is no such series in it, or there are too many groups.
pub fn decode(bytes: &[u8], reading: &Reading<'_>) -> Result<Vec<Set>, DecodeError> {
    let text = String::from_utf8_lossy(bytes);
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<Cow<'_, str>, usize, State> = HashMap::default();
    for line in text::lines(&text) {
        let Some(gives) = gives(line.name) else { continue };
        let mut labels = Labels::default();
        let Some(sample) = line.read(|name, value| labels.take(name, value)) else { continue };
        if labels.id.is_empty() {
            continue;
        }
        let place = match places.get(&labels.id) {
            Some(place) => *place,
            None if groups.len() >= ENTITIES => return Err(DecodeError::TooMany),
            None => {
                places.insert(labels.id.clone(), groups.len());
                groups.push(Group::new(&labels));
                groups.len() - 1
            }
        };
        if let Some(group) = groups.get_mut(place) {
            group.take(gives, &labels, sample, reading);
        }
    }
    if groups.is_empty() {
        let expected = "cAdvisor's metrics of containers";
        return Err(DecodeError::Other { expected, got: beginning(bytes) });
    }
    let alone = alone(&groups);
    let mut sets: Vec<Set> = Vec::with_capacity(groups.len());
    let mut pods: HashMap<Key, usize, State> = HashMap::default();
    for (group, alone) in groups.into_iter().zip(alone) {
        let is_pod = group.labels.is_pod();
        let Some(set) = group.set(alone, reading) else { continue };
        match pods.get(&set.key).and_then(|place| sets.get_mut(*place)) {
            Some(pod) if is_pod => join(pod, set),
            _ => {
                if is_pod {
                    pods.insert(set.key.clone(), sets.len());
                }
                sets.push(set);
            }
        }
    }
    keep_later(&mut sets);
    Ok(sets)
}

/// For each group whether no container of its pod was told.
fn alone<'a>(groups: &[Group<'a>]) -> Vec<bool> {
    let pod = |group: &Group<'a>| (group.labels.namespace.clone(), group.labels.pod.clone());
    let containers = groups.iter().filter(|group| group.labels.is_container());
    let told: HashSet<_, State> = containers.map(pod).collect();
    groups.iter().map(|group| !told.contains(&pod(group))).collect()
}

/// Two groups of one pod: what the first has not, the second gives.
fn join(pod: &mut Set, other: Set) {
    for (metric, value) in other.values.iter() {
        if pod.values.get(metric).is_none() {
            pod.values.set(metric, value);
        }
    }
    pod.started = pod.started.or(other.started);
    pod.scraped = pod.scraped.or(other.scraped);
    match (&mut pod.more, other.more) {
        (Some(more), Some(other)) => more.labeled.extend(other.labeled),
        (more @ None, other) => *more = other,
        (Some(_), None) => {}
    }
}

impl<'a> Group<'a> {
    fn new(labels: &Labels<'a>) -> Self {
        let Labels { id, name, image, namespace, pod, container, .. } = labels;
        let labels = Labels {
            id: id.clone(),
            name: name.clone(),
            image: image.clone(),
            namespace: namespace.clone(),
            pod: pod.clone(),
            container: container.clone(),
            ..Labels::default()
        };
        Self { labels, cpu: None, at: None, started: None, set: Set::new(Key::Cluster) }
    }

    fn take(&mut self, gives: Gives, labels: &Labels<'_>, sample: Sample, reading: &Reading<'_>) {
        let Some(number) = sample.whole(if matches!(gives, Gives::Cpu) { 1e9 } else { 1.0 }) else { return };
        let value = Value::Int(number.cast_signed());
        let mut push = |metric, resource| self.set.push_labeled(metric, resource, value);
        match gives {
            Gives::Cpu => {
                let whole = matches!(&*labels.cpu, "total" | "");
                self.cpu = match self.cpu {
                    Some((known, true)) if !whole => Some((known, true)),
                    Some((known, false)) if !whole => Some((known.saturating_add(number), false)),
                    _ => Some((number, whole)),
                };
                self.at = sample.at;
            }
            Gives::Plain(metric) => self.set.values.set(metric, value),
            Gives::Network(metric) => self.set.values.add(metric, value),
            Gives::Faults if labels.failure.1 == "container" => match &*labels.failure.0 {
                "pgfault" => self.set.values.set(Metric::MemoryPageFaults, value),
                "pgmajfault" => self.set.values.set(Metric::MemoryMajorPageFaults, value),
                _ => {}
            },
            Gives::Faults => {}
            Gives::Started => self.started = sample.instant(),
            Gives::Device(metric) => push(metric, Resource::Id(reading.name(&labels.device))),
            Gives::Accelerator(metric) => {
                let [make, model, id] = labels.accelerator.each_ref().map(|text| reading.name(text));
                push(metric, Resource::Accelerator { make, model, id });
            }
        }
        self.at = self.at.or(sample.at);
    }

    /// Its set under its key; a pod that is not `alone` has containers of its own there.
    fn set(self, alone: bool, reading: &Reading<'_>) -> Option<Set> {
        let labels = &self.labels;
        let key = if labels.is_container() {
            reading.container_key(&labels.namespace, &labels.pod, &labels.container)
        } else if labels.is_pod() {
            reading.pod_key(&labels.namespace, &labels.pod)
        } else if labels.id == "/" {
            reading.node_key()
        } else if labels.is_nameless() {
            return None;
        } else if labels.name.is_empty() {
            reading.system_key(labels.id.strip_prefix('/').unwrap_or(&labels.id))
        } else {
            reading.system_key(&labels.name)
        };
        let mut set = reading.set(key, self.started, Some(self.at.unwrap_or(reading.at)));
        if labels.is_container() && !labels.image.is_empty() {
            set.image = Some(reading.name(&labels.image));
        }
        let only_network = labels.is_pod() && !alone;
        if !only_network {
            set.values.set_known(Metric::CpuUsage, self.cpu.map(|(nanos, _)| nanos));
            set.more = self.set.more;
        }
        let of_network = |metric: Metric| metric.name().starts_with("network/");
        for (metric, value) in
            self.set.values.iter().filter(|(metric, _)| !only_network || of_network(*metric))
        {
            set.values.set(metric, value);
        }
        Some(set)
    }
}

#[cfg(test)]
mod tests;
