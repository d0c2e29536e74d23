//! Small clusters for the tests.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{Container, Namespace, Node, Objects, Pod, Resources};
use plimsoll_core::time::Timestamp;

pub(crate) const MINUTE: i64 = 60_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_040 + secs)
}

pub(crate) fn node(name: &str) -> Key {
    Key::Node(name.into())
}

pub(crate) fn pod(namespace: &str, pod: &str) -> Key {
    Key::Pod { namespace: namespace.into(), pod: pod.into() }
}

pub(crate) fn container(namespace: &str, pod: &str, container: &str) -> Key {
    Key::Container { namespace: namespace.into(), pod: pod.into(), container: container.into() }
}

/// A set with whole numbers.
pub(crate) fn set(key: Key, values: &[(Metric, i64)]) -> Set {
    let mut set = Set::new(key);
    for (metric, value) in values {
        set.values.set_int(*metric, *value);
    }
    set
}

/// A set that a node sampled.
pub(crate) fn sampled(key: Key, started: i64, scraped: i64, values: &[(Metric, i64)]) -> Set {
    Set { started: Some(at(started)), scraped: Some(at(scraped)), ..set(key, values) }
}

pub(crate) fn batch(secs: i64, sets: impl IntoIterator<Item = Set>) -> Batch {
    let mut batch = Batch::new(at(secs));
    sets.into_iter().for_each(|set| drop(batch.insert(set)));
    batch
}

pub(crate) fn ints(batch: &Batch, key: &Key, metrics: &[Metric]) -> Vec<Option<i64>> {
    let set = batch.get(key).unwrap();
    metrics.iter().map(|metric| set.values.int(*metric)).collect()
}

pub(crate) fn resources(cpu_milli: i64, memory: i64) -> Resources {
    Resources { cpu_milli: Some(cpu_milli), memory: Some(memory), ephemeral_storage: None }
}

/// The pod `ns1/pod1` on `n1`: c1 asks for 100/555, nginx for 333/1000 and may have 2222/3333.
pub(crate) fn objects() -> Objects {
    let objects = Objects::default();
    let containers = vec![
        Container {
            name: "c1".into(),
            image: "k8s.gcr.io/c1:1".into(),
            requests: resources(100, 555),
            restarts: Some(2),
            ..Container::default()
        },
        Container {
            name: "nginx".into(),
            image: "nginx".into(),
            requests: resources(333, 1000),
            limits: resources(2222, 3333),
            restarts: Some(1),
        },
    ];
    let pod = Pod {
        namespace: "ns1".into(),
        name: "pod1".into(),
        uid: "uid-1".into(),
        node: "n1".into(),
        started: Some(at(-1000)),
        containers: containers.into(),
        ..Pod::default()
    };
    add_pod(&objects, pod);
    let mut known = objects.write();
    known.namespaces.insert("ns1".into(), Arc::new(Namespace { name: "ns1".into(), uid: "ns-uid".into() }));
    known.nodes.insert("n1".into(), host("n1"));
    drop(known);
    objects
}

pub(crate) fn add_pod(objects: &Objects, pod: Pod) {
    objects.write().pods.entry(pod.namespace.clone()).or_default().insert(pod.name.clone(), Arc::new(pod));
}

pub(crate) fn host(name: &str) -> Arc<Node> {
    Arc::new(Node {
        name: Name::from(name),
        hostname: format!("host-of-{name}").into(),
        capacity: resources(4000, 8000),
        allocatable: resources(2000, 5000),
        ..Node::default()
    })
}
