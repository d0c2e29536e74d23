//! How long a round of many nodes takes to be reduced and kept, and how much memory its past takes.
//!
//! `cargo run --release -p plimsoll-retain --example cluster -- NODES ROUNDS resource|summary`: nodes of 30 pods of two
//! containers, a round every 15 seconds, nodes in another order each time. All numbers move in each
//! round.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "it runs by itself")]

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Resource, Set, Value};
use plimsoll_core::cluster::key::{Key, WorkloadKind};
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::{Name, Names};
use plimsoll_core::cluster::objects::{Container, Namespace, Node, Objects, Owner, Pod, Resources};
use plimsoll_core::time::Timestamp;
use plimsoll_reduce::{Options, Reducer};
use plimsoll_retain::model::{self, Model};

const SECOND: i64 = 1_000_000_000;
const RESOLUTION: i64 = 15 * SECOND;
const PODS: usize = 30;
const NAMESPACES: usize = 40;
/// Pods of a ReplicaSet.
const REPLICAS: usize = 5;

fn main() {
    let mut words = std::env::args().skip(1);
    let nodes: usize = words.next().map_or(500, |word| word.parse().unwrap());
    let rounds: usize = words.next().map_or(70, |word| word.parse().unwrap());
    let summary = words.next().as_deref() == Some("summary");
    let names = Names::default();
    let objects = Objects::default();
    let mut fleet = Fleet::new(nodes, &names, &objects, summary);
    let mut reducer = Reducer::new(Options { resolution_nanos: RESOLUTION });
    let mut model = Model::new(model::Options::default());
    let mut took: BTreeMap<&str, f64> = BTreeMap::new();
    let at_start = resident();
    let (mut sets, mut counted) = (0, 0.0);
    for round in 0..rounds {
        let mut batch = fleet.round(round);
        // the first rounds fill the store
        let counts = if round >= rounds / 2 { 1.0 } else { 0.0 };
        counted += counts;
        let mut last = cpu();
        let mut add = |name| {
            *took.entry(name).or_default() += counts * (cpu() - last);
            last = cpu();
        };
        let previous = model.latest().cloned();
        reducer.reduce_telling(&mut batch, previous.as_deref(), &objects, &mut add);
        drop(previous);
        batch.shrink();
        add("shrink");
        sets = batch.len();
        model.push(Arc::new(batch));
        add("model");
    }
    println!("{nodes} nodes, {sets} sets a round");
    let mut all = 0.0;
    for (name, took) in took {
        let mean = took / counted;
        all += mean;
        println!("{name:26} {mean:.4} s, {:.3} us a set", mean * 1e6 / sets as f64);
    }
    println!("all: {all:.3} s, {:.1} us a node", all * 1e6 / nodes as f64);
    let newest = model.latest().unwrap();
    let whole: usize = newest.iter().map(bytes).sum();
    println!("newest round: {} bytes a node", whole / nodes);
    println!("past: {} bytes a node", model.bytes() / nodes);
    println!("resident: {} bytes a node more than at the start", resident().saturating_sub(at_start) / nodes);
    let (now, asked) = (newest.at, cpu());
    let ask = |key| model.points(key, Metric::CpuUsageRate, Timestamp(0), now, now).len();
    let points: usize = fleet.keys.iter().map(ask).sum();
    let micros = (cpu() - asked) * 1e6 / fleet.keys.len() as f64;
    println!("a question: {micros:.1} us for {} points", points / fleet.keys.len());
}

/// What a set takes on the heap and in the batch, its index with it.
fn bytes(set: &Set) -> usize {
    let more = set.more.as_ref().map_or(0, |more| size_of_val(&**more) + size_of_val(&*more.labeled));
    size_of::<Set>() + set.values.len() * 8 + more + 5
}

/// Seconds for which this thread had a CPU: other work on the machine does not count.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

struct Fleet {
    nodes: Vec<Arc<Node>>,
    /// Of each node in turn: itself, then each pod with its containers.
    keys: Vec<Key>,
    volumes: [Name; 3],
    summary: bool,
    random: u64,
}

impl Fleet {
    fn new(count: usize, names: &Names, objects: &Objects, summary: bool) -> Self {
        let volumes = ["/", "logs", "Volume:kube-api-access-x7k2p"].map(Name::from);
        let mut fleet = Self { nodes: Vec::new(), keys: Vec::new(), volumes, summary, random: 1 };
        let mut known = objects.write();
        known.pods_listed = true;
        let amount = |cpu: i64, gib: i64| Resources {
            cpu_milli: Some(cpu),
            memory: Some(gib << 30),
            ephemeral_storage: None,
        };
        for i in 0..NAMESPACES {
            let name = names.get(&format!("namespace-{i}"));
            known
                .namespaces
                .insert(name.clone(), Arc::new(Namespace { name, uid: format!("uid-{i}").into() }));
        }
        let containers = ["main", "sidecar"].map(|name| Container {
            name: names.get(name),
            image: names.get("registry.example/shop/web:1.2.3"),
            requests: amount(100, 1),
            limits: amount(1000, 2),
            restarts: Some(0),
        });
        for i in 0..count {
            let name = names.get(&format!("ip-10-0-{}-{}.internal", i / 256, i % 256));
            let (capacity, allocatable) = (amount(16_000, 64), amount(15_500, 60));
            let node =
                Node { name: name.clone(), hostname: name.clone(), capacity, allocatable, ..Node::default() };
            let node = Arc::new(node);
            known.nodes.insert(name.clone(), Arc::clone(&node));
            fleet.keys.push(Key::Node(name.clone()));
            fleet.nodes.push(node);
            for j in 0..PODS {
                let number = i * PODS + j;
                // spread over the nodes, as schedulers do
                let workload = number % (count * PODS / REPLICAS).max(1);
                let namespace = names.get(&format!("namespace-{}", workload % NAMESPACES));
                let set = names.get(&format!("web-{workload}-7d9f8b6c5d"));
                let pod = names.get(&format!("{set}-{number:05x}"));
                let deployment = names.get(&format!("web-{workload}"));
                let above = (namespace.clone(), WorkloadKind::ReplicaSet, set.clone());
                known.owners.insert(above, Owner { kind: WorkloadKind::Deployment, name: deployment });
                let object = Pod {
                    namespace: namespace.clone(),
                    name: pod.clone(),
                    uid: format!("b7d3a4e0-0000-4000-8000-{number:012}").into(),
                    node: name.clone(),
                    containers: Arc::from(containers.as_slice()),
                    owner: Some(Owner { kind: WorkloadKind::ReplicaSet, name: set }),
                    ..Pod::default()
                };
                let pods = known.pods.entry(namespace.clone()).or_default();
                pods.insert(pod.clone(), Arc::new(object));
                fleet.keys.push(Key::Pod { namespace: namespace.clone(), pod: pod.clone() });
                fleet.keys.extend(["main", "sidecar"].map(|name| Key::Container {
                    namespace: namespace.clone(),
                    pod: pod.clone(),
                    container: names.get(name),
                }));
            }
        }
        drop(known);
        fleet
    }

    fn round(&mut self, round: usize) -> Batch {
        let mut batch = Batch::new(Timestamp::from_secs(1_700_000_010 + 15 * round as i64));
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, self.around(2 * i as u64) as usize % (i + 1));
        }
        let each = self.keys.len() / self.nodes.len();
        for node in order {
            for place in node * each..(node + 1) * each {
                let key = self.keys[place].clone();
                if matches!(key, Key::Pod { .. }) && !self.summary {
                    continue;
                }
                let set = self.sampled(key, Arc::clone(&self.nodes[node]), round as i64);
                batch.insert(set);
            }
        }
        batch
    }

    fn sampled(&mut self, key: Key, node: Arc<Node>, round: i64) -> Set {
        let mut set = Set::new(key);
        set.node = Some(node);
        set.started = Some(Timestamp::from_secs(1_690_000_000));
        let late = self.around(SECOND as u64);
        set.scraped = Some(Timestamp::from_secs(1_700_000_000 + 15 * round).plus_nanos(late));
        let (used, memory) = (round * 3 * SECOND + self.around(SECOND as u64), 50_000 + self.around(200));
        let count = round * 700 + self.around(300);
        if self.summary {
            set.values.set_int(Metric::Uptime, 10_000_000_000 + 15_000 * round + late / 1_000_000);
        }
        if !matches!(set.key, Key::Pod { .. }) {
            set.values.set_int(Metric::CpuUsage, used / 1000 * 1000);
            set.values.set_int(Metric::MemoryWorkingSet, 4096 * memory);
        }
        if !self.summary {
            return set;
        }
        if matches!(set.key, Key::Pod { .. }) {
            set.values.set_int(Metric::NetworkRx, count * 1500);
            set.values.set_int(Metric::NetworkTx, count * 900);
            set.values.set_int(Metric::NetworkRxErrors, 0);
            set.values.set_int(Metric::NetworkTxErrors, 0);
            self.filesystem(&mut set, 2);
        } else {
            set.values.set_int(Metric::MemoryUsage, 4096 * (memory + 5000));
            set.values.set_int(Metric::MemoryRss, 4096 * (memory - 9000));
            set.values.set_int(Metric::MemoryPageFaults, count);
            set.values.set_int(Metric::MemoryMajorPageFaults, 12);
            self.filesystem(&mut set, 0);
            self.filesystem(&mut set, 1);
        }
        set
    }

    fn filesystem(&mut self, set: &mut Set, volume: usize) {
        let free = 4096 * (9_000_000 + self.around(1000));
        let numbers = [
            (Metric::FilesystemUsage, 4096 * self.around(20)),
            (Metric::FilesystemLimit, 100 << 30),
            (Metric::FilesystemAvailable, free),
            (Metric::FilesystemInodes, 6_553_600),
            (Metric::FilesystemInodesFree, 6_000_000 + self.around(100)),
        ];
        for (metric, value) in numbers {
            set.push_labeled(metric, Resource::Id(self.volumes[volume].clone()), Value::Int(value));
        }
    }

    /// A number from half of `mean` to one and a half of it; the same in every run.
    fn around(&mut self, mean: u64) -> i64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (mean / 2 + (self.random >> 33) % (mean + 1)) as i64
    }
}
