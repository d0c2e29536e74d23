//! `/stats/summary`: what a kubelet tells of its node, its pods and their containers, by Heapster's rules.
//!
//! Gives: of the node its uptime, CPU, memory, network and filesystem `/`; of system containers and of pods'
//! containers uptime, CPU, memory, filesystems `/` and `logs`, accelerators, metrics of applications; of pods uptime,
//! network and a filesystem `Volume:<name>` each. Pods' own CPU and memory are sums that `reduce` makes.
//!
//! A sample's time is the first one set of CPU, memory and network. Of containers of one name in a pod the one that
//! started last counts.

mod shape;

use std::fmt;

use plimsoll_core::cluster::batch::{Custom, Resource, Set, Value};
use plimsoll_core::cluster::metric::{Kind, Metric};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use self::shape::{Container, Cpu, Fs, Memory, Network, Node, Pod};
use super::json::{Object, Text, anything, pass_over};
use super::{DecodeError, ENTITIES, Reading, beginning, keep_later};

const EXPECTED: &str = "the kubelet's summary of stats as JSON";
const TOO_MANY: &str = "too many entities";

/// Reads an answer.
///
/// # Errors
/// It is no JSON object, has neither a node nor pods, or tells of too much.
pub fn decode(bytes: &[u8], reading: &Reading<'_>) -> Result<Vec<Set>, DecodeError> {
    let mut out = Out { reading, sets: Vec::new(), known: false };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = json.deserialize_map(Summary(&mut out)).and_then(|()| json.end());
    match read {
        Ok(()) if out.known => {
            keep_later(&mut out.sets);
            Ok(out.sets)
        }
        Ok(()) => Err(DecodeError::Other { expected: EXPECTED, got: beginning(bytes) }),
        Err(_) if out.sets.len() > ENTITIES => Err(DecodeError::TooMany),
        Err(error) => {
            Err(DecodeError::Other { expected: EXPECTED, got: format!("{}: {error}", beginning(bytes)) })
        }
    }
}

/// Where sets go while the answer is read.
struct Out<'a> {
    reading: &'a Reading<'a>,
    sets: Vec<Set>,
    /// Whether there was a node or a list of pods.
    known: bool,
}

/// The whole answer.
struct Summary<'o, 'a>(&'o mut Out<'a>);

impl<'de> Visitor<'de> for Summary<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'_>>()? {
            match &*key {
                "node" => {
                    let node = map.next_value::<Object<Node<'_>>>()?;
                    self.0.known = true;
                    self.0.node(&node);
                }
                "pods" => map.next_value_seed(Pods(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The list of pods: each becomes sets before the next is read.
struct Pods<'o, 'a>(&'o mut Out<'a>);

impl<'de> DeserializeSeed<'de> for Pods<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pods<'_, '_> {
    type Value = ();
    anything!();
    pass_over!(null, bool, number, text, map);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.known = true;
        while let Some(pod) = list.next_element::<Object<Pod<'_>>>()? {
            self.0.pod(&pod);
            if self.0.sets.len() > ENTITIES {
                return Err(A::Error::custom(TOO_MANY));
            }
        }
        Ok(())
    }
}

impl Out<'_> {
    fn node(&mut self, node: &Node<'_>) {
        let scraped = node.cpu.time.0.or(node.memory.time.0).or(node.network.time.0);
        let mut set = self.reading.set(self.reading.node_key(), node.start_time.0, scraped);
        cpu_and_memory(&mut set, &node.cpu, &node.memory);
        network(&mut set, &node.network);
        self.filesystem(&mut set, "/", &node.fs);
        self.sets.push(set);
        self.containers(&node.system_containers, |reading, name| {
            // Heapster's names for the two, older than the kubelet's
            let name = match name {
                "runtime" => "docker-daemon",
                "misc" => "system",
                other => other,
            };
            reading.system_key(name)
        });
    }

    fn pod(&mut self, pod: &Pod<'_>) {
        let (namespace, name) = (&*pod.pod_ref.namespace, &*pod.pod_ref.name);
        if namespace.is_empty() || name.is_empty() {
            return;
        }
        let key = self.reading.pod_key(namespace, name);
        let mut set = self.reading.set(key, pod.start_time.0, pod.network.time.0);
        network(&mut set, &pod.network);
        for volume in pod.volume.iter().filter(|volume| !volume.name.is_empty()) {
            self.filesystem(&mut set, &format!("Volume:{}", &*volume.name), &volume.fs());
        }
        self.sets.push(set);
        self.containers(&pod.containers, |reading, container| {
            reading.container_key(namespace, name, container)
        });
    }

    fn containers(
        &mut self,
        containers: &[Object<Container<'_>>],
        key: impl Fn(&Reading<'_>, &str) -> plimsoll_core::cluster::key::Key,
    ) {
        for container in containers.iter().filter(|container| !container.name.is_empty()) {
            let scraped = container.cpu.time.0.or(container.memory.time.0);
            let key = key(self.reading, &container.name);
            let mut set = self.reading.set(key, container.start_time.0, scraped);
            cpu_and_memory(&mut set, &container.cpu, &container.memory);
            self.filesystem(&mut set, "/", &container.rootfs);
            self.filesystem(&mut set, "logs", &container.logs);
            self.accelerators(&mut set, container);
            self.custom(&mut set, container);
            self.sets.push(set);
        }
    }

    fn filesystem(&self, set: &mut Set, id: &str, fs: &Fs) {
        let all = [
            (Metric::FilesystemUsage, fs.used_bytes),
            (Metric::FilesystemLimit, fs.capacity_bytes),
            (Metric::FilesystemAvailable, fs.available_bytes),
            (Metric::FilesystemInodes, fs.inodes),
            (Metric::FilesystemInodesFree, fs.inodes_free),
        ];
        if all.iter().all(|(_, number)| number.0.is_none()) {
            return;
        }
        let resource = Resource::Id(self.reading.name(id));
        for (metric, number) in all {
            if let Some(number) = number.0 {
                set.push_labeled(metric, resource.clone(), Value::Int(number.cast_signed()));
            }
        }
    }

    fn accelerators(&self, set: &mut Set, container: &Container<'_>) {
        for accelerator in container.accelerators.iter() {
            let name = |text: &str| self.reading.name(text);
            let resource = Resource::Accelerator {
                make: name(&accelerator.make),
                model: name(&accelerator.model),
                id: name(&accelerator.id),
            };
            let all = [
                (Metric::AcceleratorMemoryTotal, accelerator.memory_total),
                (Metric::AcceleratorMemoryUsed, accelerator.memory_used),
                (Metric::AcceleratorDutyCycle, accelerator.duty_cycle),
            ];
            for (metric, number) in all {
                if let Some(number) = number.0 {
                    set.push_labeled(metric, resource.clone(), Value::Int(number.cast_signed()));
                }
            }
        }
    }

    fn custom(&self, set: &mut Set, container: &Container<'_>) {
        for metric in container.user_defined_metrics.iter().filter(|metric| !metric.name.is_empty()) {
            let kind = match &*metric.r#type {
                "gauge" => Kind::Gauge,
                "cumulative" => Kind::Cumulative,
                "delta" => Kind::Delta,
                _ => continue,
            };
            if let Some(value) = metric.value.0 {
                let name = self.reading.name(&format!("custom/{}", &*metric.name));
                let custom = Custom { name, kind, value: Value::Float(value) };
                set.more.get_or_insert_default().custom.push(custom);
            }
        }
    }
}

fn cpu_and_memory(set: &mut Set, cpu: &Cpu, memory: &Memory) {
    let all = [
        (Metric::CpuUsage, cpu.usage_core_nano_seconds),
        (Metric::MemoryUsage, memory.usage_bytes),
        (Metric::MemoryRss, memory.rss_bytes),
        (Metric::MemoryWorkingSet, memory.working_set_bytes),
        (Metric::MemoryPageFaults, memory.page_faults),
        (Metric::MemoryMajorPageFaults, memory.major_page_faults),
    ];
    for (metric, number) in all {
        set.values.set_known(metric, number.0);
    }
}

fn network(set: &mut Set, network: &Network) {
    let counters = network.counters();
    let all = [
        (Metric::NetworkRx, counters.rx_bytes),
        (Metric::NetworkRxErrors, counters.rx_errors),
        (Metric::NetworkTx, counters.tx_bytes),
        (Metric::NetworkTxErrors, counters.tx_errors),
    ];
    for (metric, number) in all {
        set.values.set_known(metric, number.0);
    }
}

#[cfg(test)]
mod tests;
