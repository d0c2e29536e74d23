//! Which of a container's mounts are volumes of its runtime.
//!
//! Reads: nothing; what a runtime answered, or an OCI specification.
//! Gives: [`Volume`], each directory and each name once.

use std::path::Path;

use plimsoll_core::container::Volume;
use serde_json::Value;

use super::json;

/// The kubelet's folder of the `emptyDir` volumes of a pod.
const EMPTY_DIR: &str = "kubernetes.io~empty-dir";

/// Those among the `Mounts` of Docker's API, which says what each is.
pub(crate) fn of_mounts(inspected: &Value) -> Vec<Volume> {
    let mounts = json::list(inspected, "/Mounts").iter();
    once(mounts.filter(|mount| json::text(mount, "/Type") == Some("volume")).filter_map(|mount| {
        let path = json::text(mount, "/Source").filter(|path| path.starts_with('/'))?;
        let name = json::text(mount, "/Name").filter(|name| !name.is_empty())?;
        Some(Volume { name: name.to_owned(), path: path.into() })
    }))
}

/// Those among the mounts of an OCI specification, to which all are binds: by where runtimes keep volumes.
pub(crate) fn of_spec(spec: &Value) -> Vec<Volume> {
    let sources = json::list(spec, "/mounts").iter().filter_map(|mount| json::text(mount, "/source"));
    once(sources.filter_map(|source| {
        let name = name(Path::new(source))?;
        Some(Volume { name: name.to_owned(), path: source.into() })
    }))
}

/// The name of the volume of this directory: `volumes/NAME/_data` (Docker, Podman), `volumes/NAMESPACE/NAME/_data`
/// (nerdctl), `pods/UID/volumes/kubernetes.io~empty-dir/NAME` (the kubelet), `containers/ID/volumes/NAME` (what an image
/// declares, with containerd's CRI).
fn name(source: &Path) -> Option<&str> {
    let mut above = source.to_str().filter(|path| path.starts_with('/'))?.rsplit('/');
    match (above.next()?, above.next()?, above.next()?, above.next()?) {
        ("_data", name, "volumes", _) | ("_data", name, _, "volumes") => Some(name),
        (name, EMPTY_DIR, "volumes", _) => Some(name),
        (name, "volumes", _, "containers") => Some(name),
        _ => None,
    }
    .filter(|name| !name.is_empty())
}

/// One that is mounted at several places counts once, and a name is a series.
fn once(volumes: impl Iterator<Item = Volume>) -> Vec<Volume> {
    let mut all: Vec<Volume> = Vec::new();
    for volume in volumes {
        if !all.iter().any(|other| other.path == volume.path || other.name == volume.name) {
            all.push(volume);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(volumes: &[Volume]) -> Vec<(&str, &str)> {
        volumes.iter().map(|volume| (volume.name.as_str(), volume.path.to_str().unwrap())).collect()
    }

    #[test]
    fn of_dockers_mounts_only_volumes_count_and_each_once() {
        let inspected = serde_json::json!({"Mounts": [
            {"Type": "volume", "Name": "data", "Source": "/var/lib/docker/volumes/data/_data", "Destination": "/a"},
            {"Type": "volume", "Name": "data", "Source": "/var/lib/docker/volumes/data/_data", "Destination": "/b"},
            {"Type": "bind", "Source": "/srv", "Destination": "/srv"},
            {"Type": "tmpfs", "Source": "", "Destination": "/tmp"},
            {"Type": "volume", "Name": "", "Source": "/x"},
            {"Type": "volume", "Name": "odd", "Source": "x"},
            {"Type": "volume", "Name": 7, "Source": "/x"},
            7
        ]});
        assert_eq!(pairs(&of_mounts(&inspected)), [("data", "/var/lib/docker/volumes/data/_data")]);
        assert!(of_mounts(&Value::Null).is_empty());
    }

    #[test]
    fn a_specifications_binds_are_volumes_where_runtimes_keep_them() {
        for (source, expected) in [
            ("/home/a/.local/share/containers/storage/volumes/data/_data", Some("data")),
            ("/var/lib/nerdctl/1935db59/volumes/default/data/_data", Some("data")),
            ("/var/lib/kubelet/pods/0f9c2b8e/volumes/kubernetes.io~empty-dir/cache", Some("cache")),
            ("/var/lib/containerd/io.containerd.grpc.v1.cri/containers/7f/volumes/3d", Some("3d")),
            // others keep these, or nobody does
            ("/var/lib/kubelet/pods/0f9c2b8e/volumes/kubernetes.io~csi/pv/mount", None),
            ("/var/lib/kubelet/pods/0f9c2b8e/volumes/kubernetes.io~configmap/c", None),
            ("/srv/data", None),
            ("/data", None),
            ("volumes/x/_data", None),
            ("/volumes//_data", None),
            ("/a/volumes//_data", None),
            ("proc", None),
        ] {
            let spec = serde_json::json!({"mounts": [{"type": "bind", "source": source}, {"type": "proc"}]});
            let expected: Vec<_> = expected.into_iter().map(|name| (name, source)).collect();
            assert_eq!(pairs(&of_spec(&spec)), expected, "{source}");
        }
    }

    #[test]
    fn a_name_stands_once() {
        let mount = |source: &str| serde_json::json!({"source": source});
        let spec = serde_json::json!({"mounts": [mount("/a/volumes/x/_data"), mount("/b/volumes/x/_data")]});
        assert_eq!(pairs(&of_spec(&spec)), [("x", "/a/volumes/x/_data")]);
    }
}
