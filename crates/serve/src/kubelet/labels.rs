//! The labels by which Kubernetes' runtimes tell whose a container is.

use std::collections::BTreeMap;

use crate::past::View;

/// The container's name in its pod.
pub(crate) const CONTAINER: &str = "io.kubernetes.container.name";
/// The pod's name.
pub(crate) const POD: &str = "io.kubernetes.pod.name";
/// The pod's namespace.
pub(crate) const NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// The pod's UID; of a static pod the hash of its file.
pub(crate) const UID: &str = "io.kubernetes.pod.uid";

/// What Docker and CRI-O call the container that holds a pod's network; containerd gives it no name.
pub(crate) const SANDBOX: &str = "POD";

/// A container's place in Kubernetes. Text that is empty was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) pod: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) container: &'a str,
}

impl<'a> Named<'a> {
    /// That of a container, if it is in a pod: with a pod's name and namespace.
    pub(crate) fn of(view: &'a View) -> Option<Self> {
        let labels = of(view);
        let label = |key| labels.get(key).map(String::as_str).filter(|text| !text.is_empty());
        Some(Self {
            namespace: label(NAMESPACE)?,
            pod: label(POD)?,
            uid: label(UID).unwrap_or_default(),
            container: label(CONTAINER).unwrap_or_default(),
        })
    }

    /// Whether it only holds the pod's network.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.container.is_empty() || self.container == SANDBOX
    }
}

/// The runtime's own labels, not those of the spec, where rules of `/metrics` may have left some out.
pub(crate) fn of(view: &View) -> &BTreeMap<String, String> {
    if view.identity.labels.is_empty() { &view.spec.labels } else { &view.identity.labels }
}
