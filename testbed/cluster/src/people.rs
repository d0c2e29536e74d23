//! Who lives in the cluster: nodes, and pods of a fixed mix of workloads.
//!
//! The first two pods of a node belong to DaemonSets; of ten, one to a StatefulSet, one to a Job (every second of
//! them made by a CronJob), the others to Deployments through ReplicaSets. Besides, every fourth node has a finished
//! pod of a Job, and for every twenty nodes a pod waits for one.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, RwLock};

use tokio::sync::watch;

use crate::fault::Trouble;
use crate::load::Load;
use crate::node::{EVERY, Node};
use crate::object::{Ask, Body, Container, Kind, NodeBody, Object, Owner, Phase, PodBody};
use crate::options::Options;
use crate::seed::{mix, number, suffix, uid};
use crate::world::State;

/// How long everything has run when the program starts, in milliseconds.
const BEFORE: i64 = 3_600_000;
const SYSTEM: &str = "kube-system";

/// Fills an empty cluster.
pub(crate) fn settle(state: &mut State, options: &Options, port: u16, now: i64) {
    let namespaces = (0..options.namespaces).map(|index| format!("team-{index}"));
    for name in namespaces.chain(["default", SYSTEM].map(str::to_owned)) {
        let labels = vec![("kubernetes.io/metadata.name", Arc::from(name.as_str()))];
        state.insert(object(Kind::Namespace, "", &name, now - BEFORE, labels, Body::Namespace, options));
    }
    let mut nodes = Vec::new();
    for _ in 0..options.nodes {
        let (node, object) = add_node(state, options, port, now - BEFORE);
        state.insert(object);
        nodes.push(node);
    }
    // a workload's pods come to lie on nodes beside each other
    for place in 0..options.pods {
        for node in &nodes {
            let pod = new_pod(state, options, kind_at(place), Some(node), now - BEFORE + 60_000);
            let (pod, _) = state.insert(pod);
            pods_of(node).push(pod);
        }
    }
    for node in nodes.iter().step_by(4) {
        let mut pod = new_pod(state, options, Kind::Job, Some(node), now - BEFORE + 60_000);
        set_phase(&mut pod, Phase::Succeeded);
        state.insert(pod);
    }
    for _ in 0..options.nodes.div_ceil(20) {
        let mut pod = new_pod(state, options, Kind::Deployment, None, now - 60_000);
        set_phase(&mut pod, Phase::Pending);
        state.insert(pod);
    }
    for node in &nodes {
        sort(node);
    }
}

/// What owns the pod at this place of a node.
pub(crate) fn kind_at(place: usize) -> Kind {
    match (place, place % 10) {
        (0 | 1, _) => Kind::DaemonSet,
        (_, 8) => Kind::Job,
        (_, 9) => Kind::StatefulSet,
        _ => Kind::Deployment,
    }
}

/// The pods that run on a node.
pub(crate) fn pods_of(node: &Node) -> std::sync::RwLockWriteGuard<'_, Vec<Arc<Object>>> {
    node.pods.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Puts a node's pods into their order.
pub(crate) fn sort(node: &Node) {
    pods_of(node).sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
}

/// One node more, without pods; and its object, which is still to be put in.
pub(crate) fn add_node(state: &mut State, options: &Options, port: u16, at: i64) -> (Arc<Node>, Object) {
    let index = state.next(Kind::Node);
    let name = format!("node-{index:05}");
    let number = mix(options.seed, number(&name));
    let step = if options.whole_seconds { 1000 } else { 1 };
    let node = Arc::new(Node {
        name: name.as_str().into(),
        address: address(options.first, index),
        number,
        phase: (mix(number, 20) % EVERY as u64) as i64 / step * step,
        booted: AtomicI64::new(at),
        pods: RwLock::default(),
        gone: AtomicU64::new(0),
        trouble: watch::Sender::new(Trouble::default()),
    });
    let labels = [
        ("kubernetes.io/arch", "amd64".to_owned()),
        ("kubernetes.io/hostname", name.clone()),
        ("kubernetes.io/os", "linux".to_owned()),
        ("topology.kubernetes.io/zone", format!("zone-{}", index % 3)),
    ];
    let labels = labels.into_iter().map(|(key, value)| (key, Arc::from(value))).collect();
    let body = NodeBody { address: node.address, port, ready: true, heartbeat: at, number };
    let object = object(Kind::Node, "", &name, at, labels, Body::Node(body), options);
    state.nodes.insert(Arc::clone(&node.name), Arc::clone(&node));
    (node, object)
}

/// 127.16.0.1, .2... without .0 and .255.
fn address(first: Ipv4Addr, index: u64) -> Ipv4Addr {
    let [a, b, c, _] = first.octets();
    let (block, last) = (index / 254, index % 254 + 1);
    let third = u64::from(c) + block;
    Ipv4Addr::new(a, b.wrapping_add((third / 256) as u8), (third % 256) as u8, last as u8)
}

/// A pod that no one has seen yet, of the next workload of this kind that wants one.
pub(crate) fn new_pod(
    state: &mut State,
    options: &Options,
    kind: Kind,
    node: Option<&Arc<Node>>,
    started: i64,
) -> Object {
    let count = state.next(kind);
    let (namespace, owner, app, name) = match kind {
        Kind::DaemonSet => daemon(state, options, count, node, started),
        Kind::StatefulSet => stateful(state, options, count, started),
        Kind::Job => job(state, options, count, started),
        _ => deployed(state, options, count, started),
    };
    pod(options, &namespace, &name, owner, &app, node, started)
}

/// Another pod in the place of this one, with its owner and on its node.
pub(crate) fn successor(options: &Options, old: &Object, node: &Arc<Node>, started: i64) -> Object {
    let number = mix(number(&old.uid), started as u64);
    let stem = old.name.rsplit_once('-').map_or(&*old.name, |(stem, _)| stem);
    let name = match &old.owner {
        // the same one again
        Some(owner) if owner.kind == Kind::StatefulSet => old.name.to_string(),
        _ => format!("{stem}-{}", suffix(number, 5)),
    };
    let app = old.labels.first().map_or_else(|| Arc::from("app"), |(_, app)| Arc::clone(app));
    let mut pod = pod(options, &old.namespace, &name, old.owner.clone(), &app, Some(node), started);
    pod.uid = uid(number);
    pod
}

type Place = (Arc<str>, Option<Owner>, Arc<str>, String);

fn daemon(state: &mut State, options: &Options, count: u64, node: Option<&Arc<Node>>, at: i64) -> Place {
    let stem =
        if (count / (options.nodes.max(1) as u64)).is_multiple_of(2) { "node-agent" } else { "log-shipper" };
    let owner = workload(state, options, Kind::DaemonSet, SYSTEM, stem, options.nodes as u64, None, at);
    let place = node.map_or(count, |node| node.number);
    (SYSTEM.into(), Some(owner), stem.into(), format!("{stem}-{}", suffix(mix(place, number(stem)), 5)))
}

fn stateful(state: &mut State, options: &Options, count: u64, at: i64) -> Place {
    let (set, ordinal) = (count / 5, count % 5);
    let (namespace, stem) = (team(options, set), format!("db-{set}"));
    let owner = workload(state, options, Kind::StatefulSet, &namespace, &stem, 5, None, at);
    (namespace, Some(owner), stem.as_str().into(), format!("{stem}-{ordinal}"))
}

fn job(state: &mut State, options: &Options, count: u64, at: i64) -> Place {
    let job = count / 2;
    let namespace = team(options, job);
    let (stem, above) = if job.is_multiple_of(2) {
        let cron = format!("batch-{job}");
        let above = workload(state, options, Kind::CronJob, &namespace, &cron, 1, None, at);
        (format!("{cron}-{}", at / 60_000), Some(above))
    } else {
        (format!("once-{job}"), None)
    };
    let owner = workload(state, options, Kind::Job, &namespace, &stem, 2, above, at);
    let name = format!("{stem}-{}", suffix(mix(options.seed, count ^ 0x10b), 5));
    (namespace, Some(owner), stem.as_str().into(), name)
}

fn deployed(state: &mut State, options: &Options, count: u64, at: i64) -> Place {
    let group = count / 10;
    let stem = ["web", "api", "worker", "cache", "queue"].get(group as usize % 5).copied().unwrap_or("web");
    let (namespace, app) = (team(options, group), format!("{stem}-{group}"));
    let above = workload(state, options, Kind::Deployment, &namespace, &app, 10, None, at);
    let set = format!("{app}-{}", suffix(mix(options.seed, group), 10));
    let owner = workload(state, options, Kind::ReplicaSet, &namespace, &set, 10, Some(above), at);
    (namespace, Some(owner), app.into(), format!("{set}-{}", suffix(mix(options.seed, count), 5)))
}

fn team(options: &Options, group: u64) -> Arc<str> {
    format!("team-{}", group % options.namespaces.max(1) as u64).into()
}

/// A workload, which is made if it is not there.
#[expect(clippy::too_many_arguments, reason = "a workload is all of this")]
fn workload(
    state: &mut State,
    options: &Options,
    kind: Kind,
    namespace: &str,
    name: &str,
    replicas: u64,
    owner: Option<Owner>,
    at: i64,
) -> Owner {
    let there = state.get(kind, namespace, name).cloned();
    let there = there.unwrap_or_else(|| {
        let labels = vec![("app", Arc::from(name))];
        let made = object(kind, namespace, name, at, labels, Body::Workload { replicas }, options);
        state.insert(Object { owner, ..made }).0
    });
    Owner { kind, name: Arc::clone(&there.name), uid: there.uid.clone() }
}

fn pod(
    options: &Options,
    namespace: &str,
    name: &str,
    owner: Option<Owner>,
    app: &Arc<str>,
    node: Option<&Arc<Node>>,
    started: i64,
) -> Object {
    let number = mix(options.seed, number(namespace) ^ number(name));
    let names = ["app", "sidecar", "proxy", "metrics", "logger"];
    let step = if options.whole_seconds { 1000 } else { 1 };
    let containers = (0..options.containers).map(|index| {
        let load = Load::of(mix(number, 30 + index as u64), options.still);
        let name = names
            .get(index)
            .copied()
            .unwrap_or_else(|| MORE.get(index - names.len()).copied().unwrap_or("c"));
        let ask = |times: u64| Ask {
            millicores: (load.millicores * times).div_ceil(10) * 10,
            memory: ((load.memory >> 20) * times).max(16),
        };
        let (request, limit) = match mix(number, 31) % 5 {
            0 => (None, None),
            1 => (Some(ask(2)), Some(ask(2))),
            2 => (Some(ask(1)), None),
            _ => (Some(ask(1)), Some(ask(3))),
        };
        let lag = (mix(number, 60 + index as u64) % 8000) as i64 / step * step;
        Container { name, load, after: 1000 * (index as i64 + 1), lag, request, limit }
    });
    let daemon = owner.as_ref().is_some_and(|owner| owner.kind == Kind::DaemonSet);
    let claim =
        owner.as_ref().filter(|owner| owner.kind == Kind::StatefulSet).map(|_| format!("data-{name}"));
    let mut labels = vec![("app", Arc::clone(app))];
    if let Some(Owner { kind: Kind::ReplicaSet, name, .. }) = &owner {
        let hash = name.rsplit('-').next().unwrap_or("");
        labels.push(("pod-template-hash", hash.into()));
    }
    labels.push(("tier", if number.is_multiple_of(3) { "front" } else { "back" }.into()));
    let body = PodBody {
        node: node.map(|node| Arc::clone(&node.name)),
        host: node.map(|node| node.address),
        ip: Ipv4Addr::from((10 << 24) | (mix(number, 32) as u32 & 0x00ff_ffff)),
        phase: Phase::Running,
        started,
        restarts: 0,
        containers: containers.collect(),
        traffic: 1 + mix(number, 33) % 200,
        host_network: daemon,
        claim,
        number,
    };
    let made = object(Kind::Pod, namespace, name, started, labels, Body::Pod(body), options);
    Object { owner, ..made }
}

/// Names of containers after the first five.
const MORE: [&str; 45] = [
    "c05", "c06", "c07", "c08", "c09", "c10", "c11", "c12", "c13", "c14", "c15", "c16", "c17", "c18", "c19",
    "c20", "c21", "c22", "c23", "c24", "c25", "c26", "c27", "c28", "c29", "c30", "c31", "c32", "c33", "c34",
    "c35", "c36", "c37", "c38", "c39", "c40", "c41", "c42", "c43", "c44", "c45", "c46", "c47", "c48", "c49",
];

/// A pod in another phase.
pub(crate) fn set_phase(object: &mut Object, phase: Phase) {
    if let Body::Pod(body) = &mut object.body {
        body.phase = phase;
    }
}

fn object(
    kind: Kind,
    namespace: &str,
    name: &str,
    created: i64,
    labels: Vec<(&'static str, Arc<str>)>,
    body: Body,
    options: &Options,
) -> Object {
    let number = mix(options.seed ^ kind as u64, number(namespace) ^ number(name).rotate_left(1));
    let (namespace, name) = (namespace.into(), name.into());
    Object { kind, namespace, name, uid: uid(number), version: 0, created, labels, owner: None, body }
}
