//! Rounds of a small cluster, in which every number is another one.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Resource, Set, Value};
use plimsoll_core::cluster::key::{Key, WorkloadKind};
use plimsoll_core::cluster::metric::{List, Metric};
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{Copied, Node, Pod};
use plimsoll_core::time::Timestamp;

/// A whole minute, as rounds have it.
pub const AT: Timestamp = Timestamp::from_secs(1_795_000_020 / 60 * 60);
pub const MINUTE: i64 = 60_000_000_000;

pub fn pod(name: &str) -> Key {
    Key::Pod { namespace: "shop".into(), pod: name.into() }
}

/// A set with a number of its own for each metric.
pub fn set(key: Key, number: i64) -> Set {
    let mut set = Set::new(key);
    for (place, metric) in (0..).zip(Metric::ALL.iter().filter(|metric| metric.is_plain())) {
        let of_node = metric.row().list == List::Node;
        if of_node != matches!(set.key, Key::Node(_)) && of_node {
            continue;
        }
        let number = number * 1000 + place;
        let value = if metric.row().float { Value::Float(number as f64 + 0.25) } else { Value::Int(number) };
        set.values.set(*metric, value);
    }
    for (disk, more) in [("/", 500), ("/data", 600)] {
        for (place, metric) in (0..).zip([Metric::FilesystemUsage, Metric::FilesystemLimit]) {
            set.push_labeled(metric, Resource::Id(disk.into()), Value::Int(number * 1000 + more + place));
        }
    }
    set
}

/// A small cluster; its numbers grow with `number`.
pub fn batch(at: Timestamp, number: i64) -> Batch {
    let mut batch = Batch::new(at);
    for (place, name) in (0..).zip(["n1", "n2"]) {
        let hostname: Name = format!("{name}.local").into();
        let copied = Copied { joined: "zone:a,disk:ssd".into(), ..Copied::default() };
        let node = Arc::new(Node { name: name.into(), hostname, copied, ..Node::default() });
        let on_node = |key, number| Set { node: Some(Arc::clone(&node)), ..set(key, number) };
        batch.insert(on_node(Key::Node(name.into()), number + place));
        let container = Name::from("system.slice/docker.service");
        batch.insert(on_node(Key::SystemContainer { node: name.into(), container }, number + 10 + place));
        let pod_name: Name = format!("web-{place}").into();
        let copied = Copied { joined: "app:web,tier:it's \"front\"".into(), ..Copied::default() };
        let object = Arc::new(Pod {
            name: pod_name.clone(),
            uid: format!("uid-{place}").into(),
            copied,
            ..Pod::default()
        });
        for (more, container) in [(20, None), (30, Some("main")), (40, Some("side"))] {
            let (namespace, pod) = (Name::from("shop"), pod_name.clone());
            let key = match container {
                None => Key::Pod { namespace, pod },
                Some(container) => Key::Container { namespace, pod, container: container.into() },
            };
            let image = container.map(|_| Name::from("registry.local:5000/web:1=2"));
            batch.insert(Set {
                pod: Some(Arc::clone(&object)),
                image,
                ..on_node(key, number + more + place)
            });
        }
    }
    batch.insert(set(Key::Namespace("shop".into()), number + 50));
    batch.insert(set(Key::Cluster, number + 60));
    let kind = WorkloadKind::Deployment;
    batch.insert(set(Key::Workload { namespace: "shop".into(), kind, name: "web".into() }, number + 70));
    batch
}
