//! Pods over what stands above them: a ReplicaSet and its Deployment, a Job and its CronJob... Heapster has no such
//! sums; these have the metrics of namespaces.

use std::sync::Arc;

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::objects::{Known, Objects, Pod};

use crate::aggregate::{SUMMED, add};
use crate::each_place;

/// Sums up; makes the workloads' sets.
pub(crate) fn sum(batch: &mut Batch, objects: &Objects) {
    each_place(batch.len(), objects, |place, known| {
        let Some(set) = batch.nth(place).filter(|set| matches!(set.key, Key::Pod { .. })) else { return };
        let Some(pod) = set.pod.as_ref().filter(|pod| pod.owner.is_some()).map(Arc::clone) else { return };
        for key in above(&pod, known) {
            let above = batch.place_or_insert(&key);
            if let Some((pod, sums)) = batch.pair(place, above) {
                if sums.namespace.is_none() {
                    sums.namespace.clone_from(&pod.namespace);
                }
                add(&mut sums.values, &pod.values, &SUMMED);
            }
        }
    });
}

/// The workloads above a pod, each once: owners may stand in a ring.
fn above(pod: &Pod, known: &Known) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for owner in known.workloads_of(pod) {
        let key = Key::Workload { namespace: pod.namespace.clone(), kind: owner.kind, name: owner.name };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}
