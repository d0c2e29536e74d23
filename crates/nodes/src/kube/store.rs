//! Puts items where their readers are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use plimsoll_core::cluster::key::WorkloadKind;
use plimsoll_core::cluster::objects::{Known, Objects};

use super::object::Item;
use super::watch::Resource;

/// The items of a list, those that are known and have not changed in the place that they have.
pub(super) fn settled(objects: &Objects, items: &mut [Item]) {
    let known = objects.read();
    for item in items {
        match item {
            Item::Node(new) => take(new, known.nodes.get(&new.name)),
            Item::Namespace(new) => take(new, known.namespaces.get(&new.name)),
            Item::Pod(new) => take(new, known.pod(&new.namespace, &new.name)),
            Item::Workload { .. } => {}
        }
    }
}

fn take<T: PartialEq>(new: &mut Arc<T>, known: Option<&Arc<T>>) {
    if let Some(known) = known.filter(|known| ***known == **new) {
        *new = Arc::clone(known);
    }
}

/// Puts a whole list in the place of what was known. Readers see the one or the other, never a part.
pub(super) fn replace(objects: &Objects, resource: Resource, items: Vec<Item>) {
    // what is gone is dropped behind the lock: it may be much
    match resource {
        Resource::Nodes => {
            let nodes = items.into_iter().filter_map(|item| match item {
                Item::Node(node) => Some((node.name.clone(), node)),
                _ => None,
            });
            let mut nodes: BTreeMap<_, _> = nodes.collect();
            let mut known = objects.write();
            std::mem::swap(&mut known.nodes, &mut nodes);
            known.nodes_listed = true;
            drop(known);
        }
        Resource::Namespaces => {
            let namespaces = items.into_iter().filter_map(|item| match item {
                Item::Namespace(namespace) => Some((namespace.name.clone(), namespace)),
                _ => None,
            });
            let mut namespaces: HashMap<_, _> = namespaces.collect();
            std::mem::swap(&mut objects.write().namespaces, &mut namespaces);
        }
        Resource::Pods => {
            let mut pods: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
            for item in items {
                if let Item::Pod(pod) = item {
                    pods.entry(pod.namespace.clone()).or_default().insert(pod.name.clone(), pod);
                }
            }
            let mut known = objects.write();
            std::mem::swap(&mut known.pods, &mut pods);
            known.pods_listed = true;
            drop(known);
        }
        Resource::ReplicaSets => replace_owners(objects, WorkloadKind::ReplicaSet, items),
        Resource::Jobs => replace_owners(objects, WorkloadKind::Job, items),
    }
}

fn replace_owners(objects: &Objects, kind: WorkloadKind, items: Vec<Item>) {
    let mut known = objects.write();
    known.owners.retain(|(_, one, _), _| *one != kind);
    for item in items {
        if let Item::Workload { namespace, kind, name, owner: Some(owner) } = item {
            known.owners.insert((namespace, kind, name), owner);
        }
    }
}

/// Adds an item, or puts it in the place of the one of its name.
pub(super) fn put(objects: &Objects, item: Item) {
    let mut one = [item];
    settled(objects, &mut one);
    let [item] = one;
    let mut known = objects.write();
    match item {
        Item::Node(node) => drop(known.nodes.insert(node.name.clone(), node)),
        Item::Namespace(namespace) => drop(known.namespaces.insert(namespace.name.clone(), namespace)),
        Item::Pod(pod) => {
            known.pods.entry(pod.namespace.clone()).or_default().insert(pod.name.clone(), pod);
        }
        Item::Workload { namespace, kind, name, owner: Some(owner) } => {
            known.owners.insert((namespace, kind, name), owner);
        }
        gone @ Item::Workload { owner: None, .. } => forget(&mut known, &gone),
    }
}

/// Takes an item away.
pub(super) fn remove(objects: &Objects, item: &Item) {
    forget(&mut objects.write(), item);
}

fn forget(known: &mut Known, item: &Item) {
    match item {
        Item::Node(node) => drop(known.nodes.remove(&node.name)),
        Item::Namespace(namespace) => drop(known.namespaces.remove(&namespace.name)),
        Item::Pod(pod) => {
            if let Some(pods) = known.pods.get_mut(&pod.namespace) {
                pods.remove(&pod.name);
                if pods.is_empty() {
                    known.pods.remove(&pod.namespace);
                }
            }
        }
        Item::Workload { namespace, kind, name, .. } => {
            known.owners.remove(&(namespace.clone(), *kind, name.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::cluster::objects::{Namespace, Node, Owner, Pod};

    use super::*;

    fn pod(name: &str, phase: &str) -> Item {
        Item::Pod(Arc::new(Pod {
            namespace: "ns".into(),
            name: name.into(),
            phase: phase.into(),
            ..Pod::default()
        }))
    }

    fn workload(kind: WorkloadKind, name: &str, owner: Option<&str>) -> Item {
        let owner = owner.map(|name| Owner { kind: WorkloadKind::Deployment, name: name.into() });
        Item::Workload { namespace: "ns".into(), kind, name: name.into(), owner }
    }

    #[test]
    fn what_has_not_changed_keeps_its_place() {
        let objects = Objects::default();
        replace(&objects, Resource::Pods, vec![pod("a", "Running"), pod("b", "Running")]);
        let before = [objects.pod("ns", "a").unwrap(), objects.pod("ns", "b").unwrap()];
        let mut list = vec![pod("a", "Running"), pod("b", "Failed"), pod("c", "Running")];
        settled(&objects, &mut list);
        replace(&objects, Resource::Pods, list);
        assert!(Arc::ptr_eq(&before[0], &objects.pod("ns", "a").unwrap()));
        assert_eq!(&*objects.pod("ns", "b").unwrap().phase, "Failed");
        put(&objects, pod("a", "Running"));
        assert!(Arc::ptr_eq(&before[0], &objects.pod("ns", "a").unwrap()));
        assert!(objects.read().pods_listed && !objects.read().nodes_listed);
    }

    #[test]
    fn items_are_put_and_taken_away() {
        let objects = Objects::default();
        let node = Item::Node(Arc::new(Node { name: "n".into(), ..Node::default() }));
        let namespace = Item::Namespace(Arc::new(Namespace { name: "ns".into(), uid: "u".into() }));
        let all = [node, namespace, pod("a", "Running")];
        for item in &all {
            put(&objects, item.clone());
        }
        assert!(objects.node("n").is_some() && objects.pod("ns", "a").is_some());
        assert_eq!(&*objects.namespace("ns").unwrap().uid, "u");
        for item in &all {
            remove(&objects, item);
            remove(&objects, item);
        }
        let known = objects.read();
        assert!(known.nodes.is_empty() && known.namespaces.is_empty() && known.pods.is_empty());
    }

    #[test]
    fn owners_of_one_kind_are_replaced_alone() {
        let objects = Objects::default();
        let (set, job) = (WorkloadKind::ReplicaSet, WorkloadKind::Job);
        replace(
            &objects,
            Resource::ReplicaSets,
            vec![workload(set, "a", Some("x")), workload(set, "b", None)],
        );
        replace(&objects, Resource::Jobs, vec![workload(job, "a", Some("y"))]);
        let names = || {
            let known = objects.read();
            let mut names: Vec<_> = known
                .owners
                .iter()
                .map(|((_, kind, name), owner)| format!("{} {name} {}", kind.kind(), owner.name))
                .collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(), ["Job a y", "ReplicaSet a x"]);
        put(&objects, workload(set, "a", None));
        assert_eq!(names(), ["Job a y"]);
        replace(&objects, Resource::ReplicaSets, vec![workload(set, "c", Some("z"))]);
        assert_eq!(names(), ["Job a y", "ReplicaSet c z"]);
        remove(&objects, &workload(job, "a", None));
        assert_eq!(names(), ["ReplicaSet c z"]);
    }
}
