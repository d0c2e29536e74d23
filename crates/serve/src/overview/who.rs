//! Who a container is: what of a row does not move from sample to sample.

use std::collections::BTreeMap;

use plimsoll_core::time::Timestamp;
use serde::Deserialize;
use serde::ser::SerializeMap;

use super::Word;
use super::changes::{Changing, changing};
use crate::kubelet::labels;
use crate::names;
use crate::past::View;

/// The names of a container and what its runtime tells; text that is empty is not known.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Who {
    /// The cgroup's name: the key.
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// The cgroup above; empty for the root.
    pub parent: String,
    /// `docker`, `containerd`, ...; JSON says "" for a raw cgroup.
    pub runtime: Word,
    /// The runtime's id.
    pub id: String,
    /// The image as the user named it.
    pub image: String,
    /// `running`: the group is there and a runtime knows it; `paused`: its runtime or the kernel says so.
    pub state: String,
    /// `healthy`, `unhealthy`, `starting`.
    pub health: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// Its pod in Kubernetes.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// Its project in Compose.
    pub compose: String,
    /// The systemd slice that it is in, or is.
    pub slice: String,
    /// All labels of the runtime.
    pub labels: BTreeMap<String, String>,
}

changing!(Who {
    name,
    title,
    parent,
    runtime,
    id,
    image,
    state,
    health,
    created,
    started,
    pod,
    namespace,
    compose,
    slice,
    labels,
});

/// Labels in which Kubernetes' runtimes, Compose and nerdctl keep what people call things.
const CONTAINER: &[&str] = &[labels::CONTAINER, "nerdctl/name"];
const POD: &[&str] = &[labels::POD];
const NAMESPACE: &[&str] = &[labels::NAMESPACE];
const COMPOSE: &[&str] = &["com.docker.compose.project", "io.podman.compose.project"];

impl Who {
    /// As it is known now.
    pub(super) fn of(view: &View) -> Self {
        let (reference, identity, spec) = (&view.reference, &view.identity, &view.spec);
        let labels = labels::of(view);
        let label = |keys: &[&str]| keys.iter().find_map(|key| labels.get(*key)).cloned().unwrap_or_default();
        let health = identity.health.clone().filter(|health| health != "none").unwrap_or_default();
        Self {
            name: reference.name.clone(),
            title: title_of(view),
            parent: names::parent(&reference.name).unwrap_or_default().to_owned(),
            runtime: view.runtime.into(),
            id: reference.id.clone(),
            image: if identity.image.is_empty() { spec.image.clone() } else { identity.image.clone() },
            state: state(view).to_owned(),
            health,
            created: identity.created.or(spec.creation_time),
            started: identity.started.or(spec.start_time),
            pod: label(POD),
            namespace: label(NAMESPACE),
            compose: label(COMPOSE),
            slice: slice(&reference.name).to_owned(),
            labels: labels.clone(),
        }
    }
}

/// A group without a runtime is in no state, unless the kernel has stopped it.
fn state(view: &View) -> &'static str {
    if view.identity.paused || view.spec.frozen == Some(true) {
        "paused"
    } else if view.runtime.is_empty() {
        ""
    } else {
        "running"
    }
}

/// What a person calls a container.
pub(crate) fn title_of(view: &View) -> String {
    let (reference, labels) = (&view.reference, labels::of(view));
    let label = CONTAINER.iter().find_map(|key| labels.get(*key)).map_or("", String::as_str);
    title(&reference.name, label, &reference.aliases, &reference.id)
}

/// What a label calls it, else its first name at the runtime that is not its id, else the last part of its cgroup's.
fn title(name: &str, label: &str, aliases: &[String], id: &str) -> String {
    if !label.is_empty() {
        return label.to_owned();
    }
    match aliases.iter().find(|alias| !alias.is_empty() && *alias != id) {
        Some(alias) => alias.trim_start_matches('/').to_owned(),
        None if !id.is_empty() => id.chars().take(12).collect(),
        None if name == "/" => name.to_owned(),
        None => name.rsplit('/').next().unwrap_or(name).to_owned(),
    }
}

/// The innermost slice on the way to it.
fn slice(name: &str) -> &str {
    name.rsplit('/').find(|part| part.ends_with(".slice")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_what_people_say() {
        let f = |name, label, aliases: &[&str], id, want: &str| {
            let aliases: Vec<String> = aliases.iter().map(|alias| (*alias).to_owned()).collect();
            assert_eq!(title(name, label, &aliases, id), want);
        };
        f("/", "", &[], "", "/");
        f("/system.slice/ssh.service", "", &[], "", "ssh.service");
        f("/docker/0123456789abcdef", "", &["web", "0123456789abcdef"], "0123456789abcdef", "web");
        f("/k/0123456789abcdef", "", &["0123456789abcdef"], "0123456789abcdef", "0123456789ab");
        f("/k/0123", "app", &["k8s_app_pod_ns", "0123"], "0123", "app");
    }

    #[test]
    fn the_innermost_slice() {
        let f = |name, want| assert_eq!(slice(name), want);
        f("/", "");
        f("/docker/x", "");
        f("/user.slice/user-0.slice/session-1.scope", "user-0.slice");
        f("/system.slice", "system.slice");
    }
}
