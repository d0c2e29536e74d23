//! What happens by itself and on command: pods come and go, nodes report, restart, come and go.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::node::Node;
use crate::object::{Body, Kind, NodeBody, Object, Phase, PodBody};
use crate::people::{kind_at, new_pod, pods_of, set_phase, sort, successor};
use crate::seed::mix;
use crate::world::{State, World};

/// Lets nodes report and replaces pods until it is dropped.
pub(crate) async fn run(world: Arc<World>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    let (mut reported, mut due, mut last, mut drawn) = (0.0, 0.0, world.moment(), 0);
    loop {
        ticks.tick().await;
        let at = world.moment();
        let seconds = (at - last).clamp(0, 10_000) as f64 / 1000.0;
        last = at;
        if world.options.heartbeat > 0 {
            let count = world.read().nodes.len();
            reported += seconds * count as f64 / world.options.heartbeat as f64;
            while reported >= 1.0 {
                reported -= 1.0;
                report(&world, drawn, at);
                drawn += 1;
            }
        }
        due += seconds * f64::from(world.churn.load(Ordering::Relaxed)) / 60.0;
        while due >= 1.0 {
            due -= 1.0;
            drawn += 1;
            replace(&world, mix(world.options.seed, drawn as u64), at);
        }
    }
}

/// The next node's object changes, as a kubelet's does from time to time.
fn report(world: &World, turn: usize, at: i64) {
    let mut state = world.write();
    let count = state.nodes.len().max(1);
    let Some(name) = state.nodes.keys().nth(turn % count).cloned() else { return };
    change_node(world, &mut state, &name, |body| body.heartbeat = at);
}

fn change_node(world: &World, state: &mut State, name: &str, change: impl FnOnce(&mut NodeBody)) {
    let Some(object) = state.get(Kind::Node, "", name) else { return };
    let mut object = Object::clone(object);
    if let Body::Node(body) = &mut object.body {
        change(body);
    }
    world.put(state, object);
}

/// Says that nodes are ready, or that nothing is known of them.
pub(crate) fn set_ready(world: &World, nodes: &[Arc<Node>], ready: bool) {
    let mut state = world.write();
    for node in nodes {
        change_node(world, &mut state, &node.name, |body| body.ready = ready);
    }
}

/// One pod of some node is replaced by another of its owner.
pub(crate) fn replace(world: &World, drawn: u64, at: i64) {
    let mut state = world.write();
    let count = state.nodes.len().max(1);
    let Some(node) = state.nodes.values().nth(drawn as usize % count).cloned() else { return };
    let old = {
        let pods = node.pods.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = pods.len().max(1);
        pods.get((drawn >> 32) as usize % count).cloned()
    };
    let Some(old) = old else { return };
    remove_pod(world, &mut state, &node, &old, at);
    let pod = successor(&world.options, &old, &node, at);
    add_pod(world, &mut state, &node, pod);
}

/// So many pods more on each of these nodes.
pub(crate) fn add_pods(world: &World, nodes: &[Arc<Node>], count: usize, at: i64) {
    let mut state = world.write();
    for node in nodes {
        for place in 0..count {
            let pod = new_pod(&mut state, &world.options, kind_at(place + 2), Some(node), at);
            add_pod(world, &mut state, node, pod);
        }
    }
}

/// The last pods of each of these nodes go.
pub(crate) fn remove_pods(world: &World, nodes: &[Arc<Node>], count: usize, at: i64) {
    let mut state = world.write();
    for node in nodes {
        let last: Vec<_> = pods_of(node).iter().rev().take(count).cloned().collect();
        for pod in last {
            remove_pod(world, &mut state, node, &pod, at);
        }
    }
}

/// Takes a node out with its pods.
pub(crate) fn remove_node(world: &World, node: &Node, at: i64) {
    let mut state = world.write();
    let pods = pods_of(node).clone();
    for pod in pods {
        remove_pod(world, &mut state, node, &pod, at);
    }
    state.nodes.remove(&node.name);
    if let Some(object) = state.get(Kind::Node, "", &node.name).cloned() {
        world.remove(&mut state, &object);
    }
}

/// The machine boots: its counters and those of its containers begin anew.
pub(crate) fn reboot(world: &World, node: &Node, at: i64) {
    let mut state = world.write();
    node.booted.store(at, Ordering::Relaxed);
    node.gone.store(0, Ordering::Relaxed);
    restart_all(world, &mut state, node, at);
}

/// All containers of a node begin anew; the machine goes on.
pub(crate) fn restart(world: &World, node: &Node, at: i64) {
    let mut state = world.write();
    for pod in pods_of(node).iter() {
        bury(node, pod, at);
    }
    restart_all(world, &mut state, node, at);
}

fn restart_all(world: &World, state: &mut State, node: &Node, at: i64) {
    let old = std::mem::take(&mut *pods_of(node));
    for pod in old {
        let mut pod = Object::clone(&pod);
        if let Body::Pod(body) = &mut pod.body {
            let PodBody { started, restarts, .. } = body;
            (*started, *restarts) = (at, *restarts + 1);
        }
        let pod = world.put(state, pod);
        pods_of(node).push(pod);
    }
}

fn add_pod(world: &World, state: &mut State, node: &Node, pod: Object) {
    let mut first = pod.clone();
    set_phase(&mut first, Phase::Pending);
    world.put(state, first);
    let pod = world.put(state, pod);
    pods_of(node).push(pod);
    sort(node);
}

fn remove_pod(world: &World, state: &mut State, node: &Node, pod: &Arc<Object>, at: i64) {
    pods_of(node).retain(|one| !Arc::ptr_eq(one, pod));
    bury(node, pod, at);
    world.remove(state, pod);
}

/// What a pod has used stays with its machine.
fn bury(node: &Node, pod: &Object, at: i64) {
    if let Some(body) = pod.pod() {
        node.gone.fetch_add(Node::used(body, at), Ordering::Relaxed);
    }
}
