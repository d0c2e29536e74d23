//! `/metrics/cadvisor`: cAdvisor's families as kubelet has them, whose containers carry the names of their pods and
//! none of their other labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, Response};

use super::labels::Named;
use super::node::Node;
use crate::body::Body;
use crate::labels::pair;
use crate::metrics::{self, MetricsOptions};
use crate::past::{Past, View};

/// The runtime whose containers have no name of their own in a kubelet.
const CONTAINERD: &str = "containerd";

/// Answers with the scrape; families about this program stay on its own `/metrics`.
pub(super) fn answer(past: &Arc<dyn Past>, options: &MetricsOptions, headers: &HeaderMap) -> Response<Body> {
    let mut views = past.containers();
    // a container whose runtime has yet to tell its labels would show twice under other ones
    views.retain(|view| view.settled);
    let blocks = blocks(&views);
    for (view, block) in views.iter_mut().zip(blocks) {
        view.labels = block;
    }
    metrics::about_containers(past, options, views, headers)
}

/// The label `name`: the first alias, but of a pod's containers under containerd the id, for which rules and dashboards
/// of kubelets are written.
fn name<'a>(view: &'a View, pod: &str) -> &'a str {
    let reference = &view.reference;
    if view.runtime == CONTAINERD && !pod.is_empty() && !reference.id.is_empty() {
        return &reference.id;
    }
    reference.aliases.first().map_or("", String::as_str)
}

/// Each view's labels, sorted by name.
fn blocks(views: &[View]) -> Vec<Arc<[u8]>> {
    let node = Node::of(views);
    let groups: BTreeMap<&str, (&str, &str)> = node
        .pods
        .iter()
        .filter_map(|pod| Some((&*pod.group.as_ref()?.reference.name, (&*pod.namespace, &*pod.name))))
        .collect();
    views
        .iter()
        .map(|view| {
            let reference = &view.reference;
            let (container, namespace, pod) = match (Named::of(view), groups.get(&*reference.name)) {
                (Some(named), _) => (named.container, named.namespace, named.pod),
                (None, Some((namespace, pod))) => ("", *namespace, *pod),
                (None, None) => ("", "", ""),
            };
            let mut block = Vec::with_capacity(256);
            pair(&mut block, "container", container);
            pair(&mut block, "id", &reference.name);
            pair(&mut block, "image", &view.identity.image);
            pair(&mut block, "name", name(view, pod));
            pair(&mut block, "namespace", namespace);
            pair(&mut block, "pod", pod);
            block.into()
        })
        .collect()
}
