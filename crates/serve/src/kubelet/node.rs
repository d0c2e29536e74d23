//! Who belongs to whom: pods with their containers, system containers, and containers of no pod.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::time::Timestamp;

use super::labels::Named;
use crate::names;
use crate::overview::who;
use crate::past::View;

/// The host as a node.
#[derive(Default)]
pub(super) struct Node {
    /// The root group.
    pub(super) root: Option<View>,
    /// The pods that have a container with numbers, by namespace and name; of two with the same the later first.
    pub(super) pods: Vec<Pod>,
    /// `kubelet`, `runtime`, `misc`, `pods`: those whose groups are there.
    pub(super) system: Vec<(&'static str, View)>,
    /// Containers of no pod, under names of which none is there twice, and none is that of a system container.
    pub(super) loose: Vec<(String, View)>,
    /// The runtime that runs the pods, else the other containers; empty where there are none.
    pub(super) runtime: &'static str,
}

/// A pod.
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    /// The group that is the pod's.
    pub(super) group: Option<View>,
    /// The container that holds its network.
    pub(super) sandbox: Option<View>,
    /// By name; of a container that was made anew only the newest, and none that has ended.
    pub(super) containers: Vec<(String, View)>,
}

impl Pod {
    /// When it was made: its sandbox, else the first of its containers.
    pub(super) fn start(&self) -> Option<Timestamp> {
        match &self.sandbox {
            Some(sandbox) => created(sandbox),
            None => self.containers.iter().filter_map(|(_, view)| created(view)).min(),
        }
    }
}

/// When a container was made, by its runtime, else when its group was.
pub(super) fn created(view: &View) -> Option<Timestamp> {
    view.identity.created.or(view.spec.creation_time)
}

/// Namespace, name and UID of a pod.
type Key<'a> = [&'a str; 3];
/// A container of a pod with its name there, which is empty for a sandbox.
type Member<'a> = (&'a str, &'a View);

impl Node {
    /// From all containers, which are sorted by name.
    pub(super) fn of(views: &[View]) -> Self {
        let mut pods: BTreeMap<Key<'_>, Vec<Member<'_>>> = BTreeMap::new();
        let mut rest: Vec<&View> = Vec::new();
        for view in views {
            match Named::of(view) {
                Some(named) => pods
                    .entry([named.namespace, named.pod, named.uid])
                    .or_default()
                    .push((if named.is_sandbox() { "" } else { named.container }, view)),
                None if !view.runtime.is_empty() && is_shown(view) => rest.push(view),
                None => {}
            }
        }
        let mut pods: Vec<Pod> = pods
            .into_iter()
            .map(|(key, members)| pod(key, &members, views))
            .filter(|pod| !pod.containers.is_empty())
            .collect();
        pods.sort_by_cached_key(|pod| (pod.namespace.clone(), pod.name.clone(), Reverse(pod.start())));
        let of_pods = pods.first().and_then(|pod| pod.containers.first()).map(|(_, view)| view);
        let runtime = of_pods.or(rest.first().copied()).map_or("", |view| view.runtime);
        let system = system(views, runtime, &pods);
        let loose = named(rest, &system);
        Self {
            root: at(views, "/").filter(|root| root.latest.is_some()).cloned(),
            pods,
            system,
            loose,
            runtime,
        }
    }
}

/// One with numbers that has not ended. A group that a runtime has left behind has no memory: a process always has.
fn is_shown(view: &View) -> bool {
    let emptied =
        |latest: &plimsoll_measure::sample::Sample| latest.memory.as_ref().and_then(|m| m.usage) == Some(0);
    view.identity.exit_code.is_none() && view.latest.as_ref().is_some_and(|latest| !emptied(latest))
}

fn pod([namespace, name, uid]: Key<'_>, members: &[Member<'_>], views: &[View]) -> Pod {
    let group = members.iter().find_map(|(_, view)| group(&view.reference.name, uid, views)).cloned();
    let mut newest: BTreeMap<&str, &View> = BTreeMap::new();
    for (container, view) in members {
        // a sandbox may be a group without a process, which only tells the network
        let shown = if container.is_empty() { view.identity.exit_code.is_none() } else { is_shown(view) };
        if shown {
            let kept = newest.entry(container).or_insert(view);
            if created(kept) < created(view) {
                *kept = view;
            }
        }
    }
    let sandbox = newest.remove("").cloned();
    let containers = newest.into_iter().map(|(name, view)| (name.to_owned(), view.clone())).collect();
    Pod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        group,
        sandbox,
        containers,
    }
}

/// The group above a container that carries the pod's UID: systemd's slices have underscores for its dashes.
fn group<'a>(name: &str, uid: &str, views: &'a [View]) -> Option<&'a View> {
    if uid.is_empty() {
        return None;
    }
    let in_slice = uid.replace('-', "_");
    let mut above = names::parent(name);
    while let Some(name) = above {
        let own = name.rsplit('/').next().unwrap_or_default();
        if own.contains(uid) || own.contains(&in_slice) {
            return at(views, name).filter(|view| view.latest.is_some());
        }
        above = names::parent(name);
    }
    None
}

fn at<'a>(views: &'a [View], name: &str) -> Option<&'a View> {
    let found = views.binary_search_by(|view| view.reference.name.as_str().cmp(name));
    found.ok().and_then(|nth| views.get(nth))
}

/// kubelet's own groups, that of the runtime, that of other services and that of all pods, under the usual names.
/// The group of all pods is the one above theirs that is called so: a kubelet may have a root of its own.
fn system(views: &[View], runtime: &str, pods: &[Pod]) -> Vec<(&'static str, View)> {
    let service = |unit: &str| {
        views
            .iter()
            .find(|view| view.latest.is_some() && view.reference.name.rsplit('/').next() == Some(unit))
    };
    let first =
        |all: &[&str]| all.iter().find_map(|name| at(views, name).filter(|view| view.latest.is_some()));
    let found = [
        ("kubelet", service("kubelet.service").or_else(|| first(&["/kubelet"]))),
        ("runtime", service(&format!("{runtime}.service"))),
        ("misc", first(&["/system", "/system.slice"])),
        (
            "pods",
            pods.iter()
                .find_map(|pod| all_pods(pod, views))
                .or_else(|| first(&["/kubepods", "/kubepods.slice"])),
        ),
    ];
    found.into_iter().filter_map(|(name, view)| Some((name, view?.clone()))).collect()
}

/// The group above a pod's that is that of all pods.
fn all_pods<'a>(pod: &Pod, views: &'a [View]) -> Option<&'a View> {
    let mut above = names::parent(&pod.group.as_ref()?.reference.name);
    while let Some(name) = above {
        let own = name.rsplit('/').next().unwrap_or_default();
        if own == "kubepods" || own == "kubepods.slice" || own.ends_with("-kubepods.slice") {
            return at(views, name).filter(|view| view.latest.is_some());
        }
        above = names::parent(name);
    }
    None
}

/// What people call each; a name that is taken already gives way to the id.
fn named(rest: Vec<&View>, system: &[(&'static str, View)]) -> Vec<(String, View)> {
    let mut taken: BTreeSet<String> = system.iter().map(|(name, _)| (*name).to_owned()).collect();
    // readers rename and treat these their own way, whether they are there or not
    taken.extend(["kubelet", "runtime", "misc", "pods"].map(str::to_owned));
    rest.into_iter()
        .map(|view| {
            let (id, group) = (&view.reference.id, &view.reference.name);
            let mut choices = [who::title_of(view), id.clone(), group.clone()].into_iter();
            let free = choices.find(|name| !name.is_empty() && !taken.contains(name));
            let name = free.unwrap_or_else(|| group.clone());
            taken.insert(name.clone());
            (name, view.clone())
        })
        .collect()
}
