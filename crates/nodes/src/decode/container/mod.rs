//! cAdvisor's containers: what `POST /stats/container/` of a kubelet and `/api/v1.x/subcontainers/` of a cAdvisor
//! answer, by Heapster's rules.
//!
//! Gives: each container's uptime, CPU, memory, network (over all interfaces), filesystems, disks, accelerators and
//! metrics of its application, as far as its specification says that it has them. `/` is the node. One with Kubernetes'
//! labels is a pod's; `POD` is the pod itself, with its network, and marked as its sandbox. Others are system containers
//! by their first alias, else their path. Of two with one key the one that started last counts.

mod shape;

use std::fmt;

use hashbrown::HashMap;
use plimsoll_core::cluster::batch::{Custom, Resource, Set, Value};
use plimsoll_core::cluster::metric::{Kind, Metric};
use serde::de::{Deserializer as _, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use self::shape::{Info, Stat};
use super::json::Object;
use super::{DecodeError, ENTITIES, Reading, beginning, keep_later};

const EXPECTED: &str = "cAdvisor's containers as a JSON object or list";

/// Reads an answer: an object with a container under each name, or a list of them.
///
/// # Errors
/// It is neither, has no container in it at all, or has too many.
pub fn decode(bytes: &[u8], reading: &Reading<'_>) -> Result<Vec<Set>, DecodeError> {
    let mut out = Out { reading, sets: Vec::new(), known: false };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = json.deserialize_any(Containers(&mut out)).and_then(|()| json.end());
    let other = |got| Err(DecodeError::Other { expected: EXPECTED, got });
    match read {
        Err(_) if out.sets.len() > ENTITIES => Err(DecodeError::TooMany),
        Err(error) => other(format!("{}: {error}", beginning(bytes))),
        Ok(()) if !out.known => other(beginning(bytes)),
        Ok(()) => {
            keep_later(&mut out.sets);
            Ok(out.sets)
        }
    }
}

/// Where sets go while the answer is read.
struct Out<'a> {
    reading: &'a Reading<'a>,
    sets: Vec<Set>,
    /// Whether anything in the answer was a container.
    known: bool,
}

struct Containers<'o, 'a>(&'o mut Out<'a>);

impl<'de> Visitor<'de> for Containers<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((_, info)) = map.next_entry::<IgnoredAny, Object<Info<'_>>>()? {
            self.0.take(&info)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(info) = list.next_element::<Object<Info<'_>>>()? {
            self.0.take(&info)?;
        }
        Ok(())
    }
}

/// Whose numbers they are.
enum Whose<'a> {
    Node,
    System(&'a str),
    Pod { namespace: &'a str, pod: &'a str },
    Container { namespace: &'a str, pod: &'a str, container: &'a str },
}

/// By Kubernetes' labels, else by name.
fn whose<'a>(info: &'a Info<'_>) -> Whose<'a> {
    let alias = info.aliases.first().filter(|alias| !alias.is_empty());
    let name: &str = alias.unwrap_or(&info.name);
    if &*info.name == "/" {
        return Whose::Node;
    }
    let labels = &info.spec.labels;
    let (mut namespace, mut pod) = (&*labels.namespace, &*labels.pod);
    // Kubernetes 1.0 wrote both into one label, and the container's name only into Docker's: k8s_name.hash_...
    if let Some((before, after)) = pod.split_once('/').filter(|_| namespace.is_empty()) {
        (namespace, pod) = (before, after);
    }
    let container = match &*labels.container {
        "" => name.strip_prefix("k8s_").and_then(|rest| rest.split_once('.')).map_or("", |(name, _)| name),
        container => container,
    };
    match (namespace, pod, container) {
        ("", ..) | (_, "", _) | (.., "") => Whose::System(name.strip_prefix('/').unwrap_or(name)),
        (namespace, pod, "POD") => Whose::Pod { namespace, pod },
        (namespace, pod, container) => Whose::Container { namespace, pod, container },
    }
}

impl Out<'_> {
    fn take<E: Error>(&mut self, info: &Info<'_>) -> Result<(), E> {
        if info.name.is_empty() && info.aliases.is_empty() {
            return Ok(());
        }
        self.known = true;
        let Some(stat) = &info.stats.0 else { return Ok(()) };
        let reading = self.reading;
        let whose = whose(info);
        let key = match whose {
            Whose::Node => reading.node_key(),
            Whose::System(name) => reading.system_key(name),
            Whose::Pod { namespace, pod } => reading.pod_key(namespace, pod),
            Whose::Container { namespace, pod, container } => {
                reading.container_key(namespace, pod, container)
            }
        };
        let mut set = reading.set(key, info.spec.creation_time.0, stat.timestamp.0);
        if matches!(whose, Whose::Container { .. }) && !info.spec.image.is_empty() {
            set.image = Some(reading.name(&info.spec.image));
        }
        if matches!(whose, Whose::Pod { .. }) {
            // of its sandbox alone: its containers come beside it
            set.more.get_or_insert_default().sandbox = true;
        }
        plain(&mut set, info, stat);
        self.labeled(&mut set, info, stat);
        self.custom(&mut set, info, stat);
        self.sets.push(set);
        if self.sets.len() > ENTITIES { Err(E::custom("too many containers")) } else { Ok(()) }
    }

    fn labeled(&self, set: &mut Set, info: &Info<'_>, stat: &Stat<'_>) {
        let name = |text: &str| self.reading.name(text);
        let mut push = |resource: &Resource, metric, number: Option<u64>| {
            if let Some(number) = number {
                set.push_labeled(metric, resource.clone(), Value::Int(number.cast_signed()));
            }
        };
        let filesystems = stat.filesystem.iter().filter(|_| info.spec.has_filesystem.0);
        for filesystem in filesystems {
            let resource = Resource::Id(name(&filesystem.device));
            push(&resource, Metric::FilesystemUsage, filesystem.usage.0);
            push(&resource, Metric::FilesystemLimit, filesystem.capacity.0);
            push(&resource, Metric::FilesystemAvailable, filesystem.available.0);
            if filesystem.has_inodes.0 {
                push(&resource, Metric::FilesystemInodes, filesystem.inodes.0);
                push(&resource, Metric::FilesystemInodesFree, filesystem.inodes_free.0);
            }
        }
        for disk in stat.diskio.io_service_bytes.iter().filter(|_| info.spec.has_diskio.0) {
            let resource = Resource::Id(match &*disk.device {
                "" => name(&format!(
                    "{}:{}",
                    disk.major.0.unwrap_or_default(),
                    disk.minor.0.unwrap_or_default()
                )),
                device => name(device),
            });
            // the kernel leaves out what never happened
            push(&resource, Metric::DiskIoReadBytes, disk.stats.read.0.or(Some(0)));
            push(&resource, Metric::DiskIoWriteBytes, disk.stats.write.0.or(Some(0)));
        }
        for accelerator in stat.accelerators.iter() {
            let resource = Resource::Accelerator {
                make: name(&accelerator.make),
                model: name(&accelerator.model),
                id: name(&accelerator.id),
            };
            push(&resource, Metric::AcceleratorMemoryTotal, accelerator.memory_total.0);
            push(&resource, Metric::AcceleratorMemoryUsed, accelerator.memory_used.0);
            push(&resource, Metric::AcceleratorDutyCycle, accelerator.duty_cycle.0);
        }
    }

    fn custom(&self, set: &mut Set, info: &Info<'_>, stat: &Stat<'_>) {
        if !info.spec.has_custom_metrics.0 {
            return;
        }
        let told: HashMap<&str, _, foldhash::fast::RandomState> =
            stat.custom_metrics.0.iter().map(|(name, samples)| (&**name, samples)).collect();
        for metric in info.spec.custom_metrics.iter().filter(|metric| !metric.name.is_empty()) {
            let kind = match &*metric.r#type {
                "gauge" => Kind::Gauge,
                "cumulative" => Kind::Cumulative,
                _ => continue,
            };
            let samples = told.get(&*metric.name).into_iter().flat_map(|samples| samples.iter());
            let newest = samples.max_by_key(|sample| sample.timestamp.0);
            let value = newest.and_then(|sample| match &*metric.format {
                "int" => Some(Value::Int(sample.int_value.0.unwrap_or_default() as i64)),
                "float" => Some(Value::Float(sample.float_value.0.unwrap_or_default())),
                _ => None,
            });
            if let Some(value) = value {
                let name = self.reading.name(&format!("custom/{}", &*metric.name));
                set.more.get_or_insert_default().custom.push(Custom { name, kind, value });
            }
        }
    }
}

fn plain(set: &mut Set, info: &Info<'_>, stat: &Stat<'_>) {
    let (spec, memory) = (&info.spec, &stat.memory);
    if spec.has_cpu.0 {
        set.values.set_known(Metric::CpuUsage, stat.cpu.usage.total.0);
    }
    if spec.has_memory.0 {
        let all = [
            (Metric::MemoryUsage, memory.usage),
            (Metric::MemoryRss, memory.rss),
            (Metric::MemoryCache, memory.cache),
            (Metric::MemoryWorkingSet, memory.working_set),
            (Metric::MemoryPageFaults, memory.container_data.pgfault),
            (Metric::MemoryMajorPageFaults, memory.container_data.pgmajfault),
        ];
        for (metric, number) in all {
            set.values.set_known(metric, number.0);
        }
    }
    if spec.has_network.0 {
        let counters = stat.network.sums();
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
}

#[cfg(test)]
mod tests;
