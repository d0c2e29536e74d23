//! What the API server says of pods and their containers: requests, limits, restarts, labels, and sets for those that
//! their node did not name.
//!
//! As Heapster: what is not asked for or not limited is 0; pods without any set stay so. Unlike Heapster, a container's
//! set that is made here has the time at which its pod was made, and so has one of a pod that is made here.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{Container, Known, Objects, Pod};

use crate::each_place;

/// The pod of the set that was looked at last: a pod's sets stand together.
struct Last {
    namespace: Name,
    pod: Name,
    object: Option<Arc<Pod>>,
    // whether its own set is known to be there
    stands: bool,
}

/// Attaches pods to the sets of pods and containers.
pub(crate) fn enrich(batch: &mut Batch, objects: &Objects) {
    let mut last: Option<Last> = None;
    each_place(batch.len(), objects, |place, known| {
        let Some(set) = batch.nth(place) else { return };
        let (Key::Pod { namespace, pod } | Key::Container { namespace, pod, .. }) = &set.key else { return };
        let kept = last.take().filter(|last| last.namespace == *namespace && last.pod == *pod);
        let mut of = kept.unwrap_or_else(|| Last {
            namespace: namespace.clone(),
            pod: pod.clone(),
            object: known.pod(namespace, pod).cloned(),
            stands: false,
        });
        if let Some(object) = &of.object {
            let is_pod = matches!(set.key, Key::Pod { .. });
            if let Some(set) = batch.nth_mut(place) {
                attach(set, object, known);
            }
            if is_pod {
                add_containers(batch, place, object);
            } else if !of.stands {
                add_pod(batch, place, object);
            }
            of.stands = true;
        }
        last = Some(of);
    });
}

/// Points a set at its pod and, if it is a container, fills in what the pod says of it.
fn attach(set: &mut Set, object: &Arc<Pod>, known: &Known) {
    if set.node.is_none() && !object.node.is_empty() {
        set.node = known.nodes.get(&object.node).cloned();
    }
    set.pod = Some(Arc::clone(object));
    set.created = object.started.or(set.created);
    if let Key::Container { container, .. } = &set.key
        && let Some(spec) = object.containers.iter().find(|one| one.name == *container)
    {
        fill(set, spec);
    }
}

fn fill(set: &mut Set, spec: &Container) {
    // these, and the CPU's and the page faults' rates
    set.values.reserve(8);
    set.values.set_int(Metric::CpuRequest, spec.requests.cpu_milli.unwrap_or(0));
    set.values.set_int(Metric::CpuLimit, spec.limits.cpu_milli.unwrap_or(0));
    set.values.set_int(Metric::MemoryRequest, spec.requests.memory.unwrap_or(0));
    set.values.set_int(Metric::MemoryLimit, spec.limits.memory.unwrap_or(0));
    set.values.set_known(Metric::RestartCount, spec.restarts.map(u64::from));
    if set.image.is_none() && !spec.image.is_empty() {
        set.image = Some(spec.image.clone());
    }
}

/// A set for the pod of the container at this place, unless there is one.
fn add_pod(batch: &mut Batch, container: usize, object: &Arc<Pod>) {
    let key = Key::Pod { namespace: object.namespace.clone(), pod: object.name.clone() };
    if batch.place_of(&key).is_some() {
        return;
    }
    let mut set = Set::new(key);
    set.node = batch.nth(container).and_then(|set| set.node.clone());
    set.pod = Some(Arc::clone(object));
    set.created = object.started;
    let place = batch.len();
    batch.insert(set);
    add_containers(batch, place, object);
}

/// Sets for the containers of the pod at this place that have none.
fn add_containers(batch: &mut Batch, pod: usize, object: &Arc<Pod>) {
    for spec in object.containers.iter() {
        let key = Key::Container {
            namespace: object.namespace.clone(),
            pod: object.name.clone(),
            container: spec.name.clone(),
        };
        if batch.place_near(&key, pod + 1).is_some() {
            continue;
        }
        let mut set = Set::new(key);
        set.node = batch.nth(pod).and_then(|set| set.node.clone());
        set.pod = Some(Arc::clone(object));
        set.created = object.started;
        fill(&mut set, spec);
        batch.insert(set);
    }
}

#[cfg(test)]
mod tests;
