//! `GET /containers/ID`: who one container is.

use std::path::{Path, PathBuf};

use plimsoll_core::container::{Identity, Layers};
use plimsoll_core::time::Timestamp;
use serde_json::Value;

use super::NAMESPACE;
use crate::runtime::json::{self, ParseError};
use crate::runtime::remote::Inspected;

/// The annotation of a pod whose own process was left out, as is the default.
pub(super) const SPOOFED: &str = "io.kubernetes.cri-o.Spoofed";

/// Reads an answer about the container of that id, which the answer itself does not repeat.
pub(super) fn parse(bytes: &[u8], id: &str) -> Result<Inspected, ParseError> {
    Ok(read(&json::object(bytes, "a container as an object")?, id))
}

/// The same of an answer that has been taken apart, or put together.
pub(super) fn read(all: &Value, id: &str) -> Inspected {
    let texts = |key: &str| {
        let map = all.get(key).and_then(Value::as_object);
        map.into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let labels = texts("labels");
    let mut annotations = texts("annotations");
    // a pod without a process of its own has only a group; the pid is that of its first container
    let spoofed = annotations.remove(SPOOFED).is_some_and(|value| value == "true");
    let pid = json::int(all, "/pid").and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
    let name = json::text(all, "/name").unwrap_or_default();
    let restarts = annotations.remove("io.kubernetes.container.restartCount");
    let created = json::int(all, "/created_time").filter(|nanos| *nanos > 0).map(Timestamp);
    let identity = Identity {
        id: id.to_owned(),
        namespace: NAMESPACE,
        aliases: [name, id].into_iter().filter(|alias| !alias.is_empty()).map(str::to_owned).collect(),
        image: json::text_or_empty(all, "/image"),
        created,
        started: created.filter(|_| spoofed),
        pid: pid.filter(|_| !spoofed),
        network_pid: pid.filter(|_| spoofed),
        // the pod's network is its sandbox', which CRI-O names so
        has_network: labels.get("io.kubernetes.container.name").is_some_and(|name| name == "POD"),
        has_filesystem: true,
        layers: Some(layers(all)),
        restart_count: restarts.and_then(|count| count.parse().ok()).unwrap_or(0),
        labels,
        ..Identity::default()
    };
    Inspected { identity, running: pid.is_some() || spoofed }
}

/// Where the container's root is an overlay, what it changed lies beside it. Of other drivers the mounts of its first
/// process tell.
fn layers(all: &Value) -> Layers {
    let path = |pointer: &str| json::text(all, pointer).filter(|path| path.starts_with('/')).map(Path::new);
    let upper = path("/root").filter(|root| root.ends_with("merged")).and_then(Path::parent);
    Layers {
        driver: String::new(),
        upper: upper.map(|folder| folder.join("diff")),
        extra: path("/log_path").map(PathBuf::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &[u8] = include_bytes!("testdata/container-web.json");

    #[test]
    fn a_container_is_read_whole() {
        let Inspected { identity, running } = parse(WEB, "abc").unwrap();
        assert!(running);
        assert_eq!(identity.aliases, ["k8s_main_web_default_0f9c2b8e_3", "abc"]);
        assert_eq!(identity.image, "localhost/plimsoll/busybox:1");
        assert_eq!(identity.labels["io.kubernetes.pod.name"], "web");
        assert_eq!(identity.created.unwrap().to_string(), "2026-11-21T10:00:51.675258832Z");
        assert_eq!((identity.pid, identity.restart_count, identity.has_network), (Some(18191), 3, false));
    }

    #[test]
    fn the_layer_lies_beside_the_root() {
        let layers = parse(WEB, "abc").unwrap().identity.layers.unwrap();
        assert_eq!(layers.upper.unwrap(), Path::new("/var/lib/containers/storage/overlay/1f/diff"));
        assert_eq!(layers.extra.unwrap(), Path::new("/var/log/pods/default_web_0f9c2b8e/main/3.log"));
        let other =
            parse(br#"{"root":"/var/lib/containers/storage/vfs/dir/1f","log_path":""}"#, "abc").unwrap();
        assert_eq!(other.identity.layers, Some(Layers::default()));
    }

    #[test]
    fn what_crio_answers_without_annotations_is_read() {
        let Inspected { identity, running } =
            parse(include_bytes!("testdata/1.30/container.json"), "abc").unwrap();
        assert!(running);
        assert_eq!((identity.pid, identity.network_pid, identity.has_network), (Some(21010), None, false));
        assert_eq!(identity.restart_count, 0);
    }

    #[test]
    fn a_pod_without_a_process_has_the_network_of_its_first_container() {
        let recorded = include_str!("testdata/1.30/sandbox.json");
        for (text, pid) in [(recorded.to_owned(), Some(21010)), (recorded.replace("21010", "0"), None)] {
            let Inspected { identity, running } = parse(text.as_bytes(), "abc").unwrap();
            assert!(running, "as long as its group is there");
            assert_eq!((identity.pid, identity.network_pid, identity.has_network), (None, pid, true));
            assert_eq!(identity.aliases[0], "k8s_POD_web_default_408d24a5-0f17-411c-96d6-45c7002c5df9_0");
            assert_eq!((identity.started, identity.image.as_str()), (identity.created, ""));
        }
    }

    #[test]
    fn a_sandbox_has_the_pods_network() {
        let of = |text: &str| parse(text.as_bytes(), "abc").unwrap().identity;
        assert!(of(r#"{"labels":{"io.kubernetes.container.name":"POD"}}"#).has_network);
        let odd = of(
            r#"{"name":7,"pid":-1,"labels":[],"annotations":{"io.kubernetes.container.restartCount":"x"}}"#,
        );
        assert_eq!((odd.aliases, odd.pid, odd.restart_count), (vec!["abc".to_owned()], None, 0));
    }

    #[test]
    fn what_is_no_container_is_refused() {
        for text in ["", "[]", "<html>"] {
            assert!(parse(text.as_bytes(), "abc").is_err(), "{text}");
        }
    }
}
