//! A node's sets among those of the others.

use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::objects::Objects;

/// Puts them in. Two nodes tell of one pod when it moved: that one counts on which the API server knows it, else the
/// one that started later, else the one that was sampled later.
pub(super) fn into(batch: &mut Batch, sets: Vec<Set>, objects: &Objects) {
    for set in sets {
        if let Some(old) = batch.insert(set)
            && let Some(new) = batch.get_mut(&old.key)
            && is_better(&old, new, objects)
        {
            *new = old;
        }
    }
}

/// Whether the first counts; for two that are alike the one whose node has the smaller name, whoever came first.
fn is_better(one: &Set, other: &Set, objects: &Objects) -> bool {
    let node = |set: &Set| set.node.as_ref().map(|node| node.name.clone());
    let home = match &one.key {
        Key::Pod { namespace, pod } | Key::Container { namespace, pod, .. } => {
            objects.pod(namespace, pod).map(|pod| pod.node.clone())
        }
        _ => None,
    };
    let at_home = |set: &Set| home.is_some() && node(set) == home;
    let rank = |set: &Set| (at_home(set), set.started, set.scraped);
    match rank(one).cmp(&rank(other)) {
        std::cmp::Ordering::Equal => node(one) < node(other),
        unequal => unequal.is_gt(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_core::cluster::metric::Metric;
    use plimsoll_core::cluster::objects::{Node, Pod};
    use plimsoll_core::time::Timestamp;

    use super::*;

    fn set(node: &str, started: i64, scraped: i64) -> Set {
        let mut set = Set::new(Key::Pod { namespace: "a".into(), pod: "p".into() });
        set.node = Some(Arc::new(Node { name: node.into(), ..Node::default() }));
        (set.started, set.scraped) = (Some(Timestamp(started)), Some(Timestamp(scraped)));
        set.values.set_int(Metric::Uptime, 1);
        set
    }

    #[test]
    fn a_pod_that_moved_is_there_once_whoever_came_first() {
        let f = |one: Set, other: Set, objects: &Objects, wanted: &str| {
            for order in [[one.clone(), other.clone()], [other, one]] {
                let mut batch = Batch::new(Timestamp(0));
                for set in order {
                    into(&mut batch, vec![set], objects);
                }
                assert_eq!(batch.len(), 1);
                assert_eq!(&*batch.iter().next().unwrap().node.as_ref().unwrap().name, wanted);
            }
        };
        let nobody = Objects::default();
        f(set("n1", 5, 9), set("n2", 6, 8), &nobody, "n2");
        f(set("n1", 5, 9), set("n2", 5, 8), &nobody, "n1");
        f(set("n1", 5, 8), set("n2", 5, 8), &nobody, "n1");
        let objects = Objects::default();
        let pod = Pod { node: "n1".into(), ..Pod::default() };
        objects.write().pods.entry("a".into()).or_default().insert("p".into(), Arc::new(pod));
        f(set("n1", 5, 9), set("n2", 6, 8), &objects, "n1");
        f(set("n3", 5, 9), set("n2", 6, 8), &objects, "n2");
    }
}
