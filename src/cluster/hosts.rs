//! What hosts say of nodes and pods where no API server does: who was in the newest round is there, and nobody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{Container, Objects, Pod};

/// Puts those of the batch in the place of those that were there.
pub(super) fn tell(objects: &Objects, batch: &Batch) {
    let mut nodes = BTreeMap::new();
    let mut pods: BTreeMap<(&Name, &Name), (Pod, Vec<Container>)> = BTreeMap::new();
    for set in batch.iter() {
        match &set.key {
            Key::Node(name) => {
                nodes.extend(set.node.as_ref().map(|node| (name.clone(), Arc::clone(node))));
            }
            Key::Container { namespace, pod, container } => {
                let new = || Pod {
                    namespace: namespace.clone(),
                    name: pod.clone(),
                    phase: "Running".into(),
                    node: set.node.as_ref().map(|node| node.name.clone()).unwrap_or_default(),
                    started: set.started,
                    ..Pod::default()
                };
                let (_, containers) = pods.entry((namespace, pod)).or_insert_with(|| (new(), Vec::new()));
                let image = set.image.clone().unwrap_or_default();
                containers.push(Container { name: container.clone(), image, ..Container::default() });
            }
            _ => {}
        }
    }
    let mut by_namespace: BTreeMap<Name, BTreeMap<Name, Arc<Pod>>> = BTreeMap::new();
    for ((namespace, name), (pod, containers)) in pods {
        let pod = Pod { containers: containers.into(), ..pod };
        by_namespace.entry(namespace.clone()).or_default().insert(name.clone(), Arc::new(pod));
    }
    let mut known = objects.write();
    (known.nodes, known.pods) = (nodes, by_namespace);
    (known.nodes_listed, known.pods_listed) = (true, true);
}

#[cfg(test)]
mod tests {
    use plimsoll_core::cluster::batch::Set;
    use plimsoll_core::cluster::objects::Node;
    use plimsoll_core::time::Timestamp;

    use super::*;

    #[test]
    fn who_is_in_the_round_is_there_and_nobody_else() {
        let node = Arc::new(Node { name: "one".into(), ..Node::default() });
        let set = |key: Key| Set { node: Some(Arc::clone(&node)), ..Set::new(key) };
        let container = |pod: &str, container: &str| Key::Container {
            namespace: "shop".into(),
            pod: pod.into(),
            container: container.into(),
        };
        let mut batch = Batch::new(Timestamp(60));
        for key in [Key::Node("one".into()), container("web", "main"), container("web", "side"), Key::Cluster]
        {
            batch.insert(set(key));
        }
        let objects = Objects::default();
        tell(&objects, &batch);
        assert_eq!(objects.node("one").as_deref(), Some(&*node));
        let pod = objects.pod("shop", "web").unwrap();
        let names: Vec<_> = pod.containers.iter().map(|container| &*container.name).collect();
        assert_eq!((&*pod.phase, &*pod.node, names), ("Running", "one", vec!["main", "side"]));
        tell(&objects, &Batch::new(Timestamp(120)));
        assert!(objects.node("one").is_none() && objects.pod("shop", "web").is_none());
    }
}
