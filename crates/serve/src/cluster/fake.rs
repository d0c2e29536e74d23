//! A collector's past made of literals, for tests and fuzzing: two nodes, three namespaces, two rounds.
//!
//! What is odd in it is meant: node `n2` has another host name; `shop/web-2` has a container without numbers;
//! `shop/late` is still pending, `shop/done` has ended; `kube-system/dns` has a volume, `shop/db-0` an accelerator and
//! an application's metric; system containers have slashes in their names.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, CpuRate, Custom, Resource, Set, Value};
use plimsoll_core::cluster::history::History;
use plimsoll_core::cluster::key::{Key, WorkloadKind};
use plimsoll_core::cluster::metric::{Kind, Metric};
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{
    Container, Copied, Map, Namespace, Node, Objects, Owner, Pod, Resources,
};
use plimsoll_core::time::Timestamp;

use super::past::{ClusterPast, Health, Meter, Named};

/// 2026-11-21T10:48:00Z: the newest round.
pub const ROUND: Timestamp = Timestamp::from_secs(1_795_258_080);
/// When everything here was started: 2026-11-21T08:00:00Z.
pub const STARTED: Timestamp = Timestamp::from_secs(1_795_248_000);
const MINUTE: i64 = 60_000_000_000;

/// The past; every part may be changed before it is asked.
pub struct ClusterFake {
    /// Rounds, oldest first.
    pub rounds: Vec<Arc<Batch>>,
    /// What the API server says.
    pub objects: Objects,
    /// Longer ago.
    pub history: Option<Arc<dyn History>>,
    /// How the collector is.
    pub health: Health,
    /// What the collector tells of itself.
    pub meters: Vec<Meter>,
    /// The present.
    pub now: Timestamp,
}

impl ClusterFake {
    /// A collector that has just been started: no round, no object.
    pub fn empty() -> Self {
        let health = Health { resolution_nanos: MINUTE, ..Health::default() };
        Self {
            rounds: Vec::new(),
            objects: Objects::default(),
            history: None,
            health,
            meters: Vec::new(),
            now: ROUND.plus_nanos(10_000_000_000),
        }
    }

    /// A small cluster, all kinds of entity in it.
    pub fn cluster() -> Self {
        let objects = objects();
        let rounds = vec![
            Arc::new(round(&objects, ROUND.plus_nanos(-MINUTE), 1)),
            Arc::new(round(&objects, ROUND, 2)),
        ];
        let health = Health {
            round_began: Some(ROUND.plus_nanos(5_000_000_000)),
            objects_listed: true,
            ..Self::empty().health
        };
        Self { rounds, objects, health, ..Self::empty() }
    }
}

impl ClusterPast for ClusterFake {
    fn latest(&self) -> Option<Arc<Batch>> {
        self.rounds.last().cloned()
    }

    fn points(&self, key: &Key, metric: &Named, start: Timestamp, end: Timestamp) -> Vec<(Timestamp, Value)> {
        let value = |set: &Set| match metric {
            Named::Listed(metric) => set.values.get(*metric),
            Named::Custom(name) => {
                set.custom().iter().find(|custom| *custom.name == **name).map(|custom| custom.value)
            }
        };
        self.over(key, start, end, value)
    }

    fn labeled(
        &self,
        key: &Key,
        metric: Metric,
        resource: &Resource,
        start: Timestamp,
        end: Timestamp,
    ) -> Vec<(Timestamp, Value)> {
        let value = |set: &Set| {
            let mut all = set.labeled().iter();
            all.find(|one| one.metric == metric && one.resource == *resource).map(|one| one.value)
        };
        self.over(key, start, end, value)
    }

    fn names(&self, key: &Key) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for set in self.rounds.iter().filter_map(|round| round.get(key)) {
            names.extend(set.values.iter().map(|(metric, _)| metric.name().to_owned()));
            names.extend(set.custom().iter().map(|custom| custom.name.to_string()));
        }
        names.sort();
        names.dedup();
        names
    }

    fn objects(&self) -> &Objects {
        &self.objects
    }

    fn history(&self) -> Option<Arc<dyn History>> {
        self.history.clone()
    }

    fn health(&self) -> Health {
        self.health
    }

    fn meters(&self) -> Vec<Meter> {
        self.meters.clone()
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl ClusterFake {
    fn over(
        &self,
        key: &Key,
        start: Timestamp,
        end: Timestamp,
        value: impl Fn(&Set) -> Option<Value>,
    ) -> Vec<(Timestamp, Value)> {
        let within = self.rounds.iter().filter(|round| round.at >= start && round.at <= end);
        within.filter_map(|round| Some((round.at, value(round.get(key)?)?))).collect()
    }
}

fn name(text: &str) -> Name {
    Name::from(text)
}

fn map(pairs: &[(&str, &str)]) -> Map {
    pairs.iter().map(|(key, value)| (name(key), name(value))).collect()
}

fn joined(labels: &Map) -> Copied {
    plimsoll_core::cluster::objects::LabelRules::default().copy(labels)
}

/// The objects of the small cluster.
pub fn objects() -> Objects {
    let objects = Objects::default();
    {
        let mut known = objects.write();
        known.nodes_listed = true;
        known.pods_listed = true;
        for (node, hostname, host_id) in [("n1", "n1", "i-0a1"), ("n2", "host-2", "")] {
            let labels = map(&[("kubernetes.io/hostname", hostname), ("zone", "a")]);
            let amounts = |milli, memory| Resources {
                cpu_milli: Some(milli),
                memory: Some(memory),
                ..Resources::default()
            };
            let node = Node {
                name: name(node),
                hostname: name(hostname),
                host_id: name(host_id),
                addresses: vec![(name("Hostname"), name(hostname))],
                ready: Some(true),
                capacity: amounts(4000, 8 << 30),
                allocatable: amounts(3800, 7 << 30),
                copied: joined(&labels),
                labels,
                ..Node::default()
            };
            known.nodes.insert(node.name.clone(), Arc::new(node));
        }
        for (namespace, uid) in [("shop", "ns-shop"), ("kube-system", "ns-system"), ("empty", "ns-empty")] {
            let namespace = Namespace { name: name(namespace), uid: name(uid) };
            known.namespaces.insert(namespace.name.clone(), Arc::new(namespace));
        }
        let deployment = Owner { kind: WorkloadKind::Deployment, name: name("web") };
        known.owners.insert((name("shop"), WorkloadKind::ReplicaSet, name("web-6d4c")), deployment);
        let web = Owner { kind: WorkloadKind::ReplicaSet, name: name("web-6d4c") };
        let db = Owner { kind: WorkloadKind::StatefulSet, name: name("db") };
        for (namespace, pod, node, phase, containers, owner) in [
            ("shop", "web-1", "n1", "Running", &["main", "proxy"][..], Some(&web)),
            ("shop", "web-2", "n2", "Running", &["main", "proxy"], Some(&web)),
            ("shop", "db-0", "n2", "Running", &["db"], Some(&db)),
            ("shop", "late", "", "Pending", &["main"], None),
            ("shop", "done", "n1", "Succeeded", &["main"], None),
            ("kube-system", "dns", "n1", "Running", &["dns"], None),
        ] {
            let app = pod.split('-').next().unwrap_or(pod);
            let labels = map(&[("app", app), ("tier", if app == "web" { "front" } else { "back" })]);
            let containers = containers.iter().map(|container| Container {
                name: name(container),
                image: name(&format!("registry.example/{container}:1")),
                requests: Resources { cpu_milli: Some(100), memory: Some(64 << 20), ..Resources::default() },
                limits: Resources::default(),
                restarts: (!node.is_empty()).then_some(1),
            });
            let pod = Pod {
                namespace: name(namespace),
                name: name(pod),
                uid: name(&format!("uid-{pod}")),
                node: name(node),
                phase: name(phase),
                started: (!node.is_empty()).then_some(STARTED),
                copied: joined(&labels),
                labels,
                containers: containers.collect(),
                owner: owner.cloned(),
            };
            known.pods.entry(pod.namespace.clone()).or_default().insert(pod.name.clone(), Arc::new(pod));
        }
    }
    objects
}

/// One round over these objects; its numbers grow with `step`.
pub fn round(objects: &Objects, at: Timestamp, step: i64) -> Batch {
    let mut round = Batch::new(at);
    let known = objects.read();
    for (order, node) in known.nodes.values().enumerate() {
        let order = i64::try_from(order).unwrap_or_default() + 1;
        let mut set = measured(Key::Node(node.name.clone()), at, order * 1000 + step);
        set.node = Some(Arc::clone(node));
        set.values.set_int(Metric::NetworkRx, 5000 * step);
        set.values.set_float(Metric::NetworkRxRate, 83.25 * step as f64);
        set.values.set_float(Metric::NetworkTxRate, -1.5);
        set.values.set_float(Metric::CpuNodeCapacity, 4000.0);
        set.values.set_float(Metric::CpuNodeUtilization, 0.87);
        let disk = Resource::Id(name("/"));
        set.push_labeled(Metric::FilesystemUsage, disk.clone(), Value::Int(4096 * step));
        set.push_labeled(Metric::FilesystemLimit, disk, Value::Int(1 << 30));
        set.push_labeled(Metric::DiskIoReadBytesRate, Resource::Id(name("8:0")), Value::Float(12.5));
        round.insert(set);
        for container in ["kubelet", "system.slice/docker.service"] {
            let key = Key::SystemContainer { node: node.name.clone(), container: name(container) };
            let mut set = measured(key, at, order * 100 + step);
            set.node = Some(Arc::clone(node));
            round.insert(set);
        }
    }
    for pod in known.pods.values().flat_map(|pods| pods.values()).filter(|pod| *pod.phase == *"Running") {
        let with_objects = |mut set: Set| {
            set.node = known.nodes.get(&pod.node).cloned();
            set.pod = Some(Arc::clone(pod));
            set.namespace = known.namespaces.get(&pod.namespace).cloned();
            set.created = pod.started;
            set
        };
        let key = Key::Pod { namespace: pod.namespace.clone(), pod: pod.name.clone() };
        let mut sum = with_objects(Set::new(key));
        (sum.started, sum.scraped) = (Some(STARTED), Some(at));
        sum.values.set_int(Metric::NetworkRx, 700 * step);
        if *pod.name == *"dns" {
            let volume = Resource::Id(name("Volume:config"));
            sum.push_labeled(Metric::FilesystemUsage, volume, Value::Int(512));
        }
        for (order, container) in pod.containers.iter().enumerate() {
            if *pod.name == *"web-2" && *container.name == *"proxy" {
                continue;
            }
            let key = Key::Container {
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                container: container.name.clone(),
            };
            let order = i64::try_from(order).unwrap_or_default() + 1;
            let mut set = with_objects(measured(key, at, order * 10 + step));
            set.image = Some(container.image.clone());
            set.values.set_int(Metric::CpuLimit, 0);
            set.values.set_int(Metric::CpuRequest, 100);
            set.values.set_int(Metric::MemoryLimit, 0);
            if *pod.name == *"db-0" {
                let accelerator = Resource::Accelerator {
                    make: name("nvidia"),
                    model: name("Tesla K80"),
                    id: name("GPU-1"),
                };
                set.push_labeled(Metric::AcceleratorDutyCycle, accelerator, Value::Int(42));
                let custom = Custom { name: name("custom/qps"), kind: Kind::Gauge, value: Value::Float(7.5) };
                set.more.get_or_insert_default().custom.push(custom);
            }
            for metric in
                [Metric::CpuUsageRate, Metric::MemoryUsage, Metric::MemoryWorkingSet, Metric::CpuRequest]
            {
                if let Some(value) = set.values.get(metric) {
                    sum.values.add(metric, value);
                }
            }
            round.insert(set);
        }
        let summed = sum.values.clone();
        round.insert(sum);
        let mut above = vec![Key::Namespace(pod.namespace.clone()), Key::Cluster];
        let workloads = known.workloads_of(pod).into_iter();
        above.extend(workloads.map(|owner| Key::Workload {
            namespace: pod.namespace.clone(),
            kind: owner.kind,
            name: owner.name,
        }));
        for key in above {
            let set = round.or_insert(&key);
            set.namespace = key.namespace().and_then(|namespace| known.namespaces.get(namespace).cloned());
            for metric in [Metric::CpuUsageRate, Metric::MemoryUsage, Metric::CpuRequest] {
                if let Some(value) = summed.get(metric) {
                    set.values.add(metric, value);
                }
            }
        }
    }
    round
}

/// A set with the numbers that everything measured has.
fn measured(key: Key, at: Timestamp, millicores: i64) -> Set {
    let mut set = Set::new(key);
    (set.started, set.scraped) = (Some(STARTED), Some(at));
    set.values.set_int(Metric::Uptime, at.since(STARTED) / 1_000_000);
    set.values.set_int(Metric::CpuUsage, millicores * 60_000_000);
    set.values.set_int(Metric::CpuUsageRate, millicores);
    set.values.set_int(Metric::MemoryUsage, millicores << 20);
    set.values.set_int(Metric::MemoryWorkingSet, (millicores << 20) - 4096);
    set.values.set_float(Metric::MemoryPageFaultsRate, 0.5);
    let nanocores = u64::try_from(millicores * 1_000_000).unwrap_or_default();
    set.cpu_rate = Some(CpuRate { nanocores, window_nanos: MINUTE });
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_of_entity_are_there() {
        let past = ClusterFake::cluster();
        let round = past.latest().unwrap();
        let words: std::collections::BTreeSet<_> = round.iter().map(|set| set.key.word()).collect();
        let wanted = [
            "cluster",
            "deployment",
            "node",
            "ns",
            "pod",
            "pod_container",
            "replicaset",
            "statefulset",
            "sys_container",
        ];
        assert_eq!(words.into_iter().collect::<Vec<_>>(), wanted);
        let key = Key::Pod { namespace: name("shop"), pod: name("web-1") };
        let usage = Named::Listed(Metric::CpuUsageRate);
        let points = past.points(&key, &usage, Timestamp(0), ROUND);
        // main 11 and proxy 21, then 12 and 22
        assert_eq!(points, [(ROUND.plus_nanos(-MINUTE), Value::Int(32)), (ROUND, Value::Int(34))]);
        assert_eq!(past.points(&key, &usage, ROUND, ROUND).len(), 1);
    }
}
