//! Who a container is, from what Podman leaves on disk while nobody answers for it.
//!
//! Reads: below the storage `<driver>-containers/containers.json` (else `volatile-containers.json`), the
//!        bundle's `config.json`, the pid file, `healthcheck.log`; for labels and the count of restarts Podman's
//!        [`database`].
//! Gives: all that the socket would tell.
//! Cost:  four files and some pages of the database a container.

use std::path::{Path, PathBuf};

use plimsoll_core::container::{Identity, Layers};
use serde_json::Value;

use super::{NAMESPACE, database};
use crate::runtime::conmon::{self, Place};
use crate::runtime::remote::Inspected;
use crate::runtime::storage::{self, file};
use crate::runtime::{json, started, volumes};

/// Reads the files of a container that runs. `None` if they are not there.
pub(super) fn read(
    proc: &Path,
    rootfs: &Path,
    id: &str,
    place: &Place,
    envs: &[String],
) -> Option<Inspected> {
    let bundle = conmon::below(rootfs, &place.bundle);
    let spec = file(&bundle.join("config.json"))?;
    // <driver>-containers/<id>/userdata
    let store = bundle.parent().and_then(Path::parent);
    // a store that does not outlive the machine has its records beside the pid files
    let run = conmon::below(rootfs, &place.pid_file);
    let transient = run.ancestors().nth(3);
    let mut records = store.into_iter().chain(transient).flat_map(storage::records);
    let record = records.find(|one| json::text(one, "/id") == Some(id)).unwrap_or_default();
    let metadata = storage::metadata(&record);
    let pid = conmon::pid(rootfs, place).filter(|pid| proc.join(pid.to_string()).exists());
    let name = json::text(&record, "/names/0").unwrap_or(&place.name);
    let network =
        json::list(&spec, "/linux/namespaces").iter().find(|one| json::text(one, "/type") == Some("network"));
    let kept = database::read(rootfs, id, place).unwrap_or_default();
    let identity = Identity {
        id: id.to_owned(),
        namespace: NAMESPACE,
        labels: kept.labels,
        restart_count: kept.restarts,
        aliases: [name, id].into_iter().filter(|alias| !alias.is_empty()).map(str::to_owned).collect(),
        envs: json::environment(&spec, "/process/env", envs),
        image: json::text_or_empty(&metadata, "/image-name"),
        created: json::time(&record, "/created"),
        started: pid.and_then(|pid| started::of(proc, pid)),
        pid,
        // a container that joins another's network is given it by the other's process
        has_network: network
            .and_then(|one| json::text(one, "/path"))
            .is_none_or(|path| !path.starts_with("/proc/")),
        has_filesystem: true,
        layers: Some(layers(&place.bundle, &record)),
        volumes: volumes::of_spec(&spec),
        health: health(rootfs, &bundle, place),
        ..Identity::default()
    };
    Some(Inspected { identity, running: pid.is_some() })
}

/// The layer that the record names, in the words of the storage's driver. Without one the mounts of the container's
/// first process tell.
fn layers(bundle: &Path, record: &Value) -> Layers {
    let folder = folder(bundle);
    let store = folder.as_deref().and_then(Path::parent);
    let driver =
        store.and_then(|store| store.file_name()?.to_str()?.strip_suffix("-containers")).unwrap_or_default();
    let of_layer = |layer: &str| {
        let root = store?.parent()?.join(driver);
        match driver {
            "overlay" | "overlay2" => Some(root.join(layer).join("diff")),
            "vfs" => Some(root.join("dir").join(layer)),
            "btrfs" => Some(root.join("subvolumes").join(layer)),
            _ => None,
        }
    };
    let layer = json::text(record, "/layer").filter(|layer| !layer.is_empty() && !layer.contains(['/', '.']));
    Layers { upper: layer.and_then(of_layer), driver: driver.to_owned(), extra: folder }
}

/// Podman's folder of a container, with its log: `<driver>-containers/<id>`, above the bundle.
pub(super) fn folder(bundle: &Path) -> Option<PathBuf> {
    bundle.parent().filter(|_| bundle.ends_with("userdata")).map(Path::to_path_buf)
}

/// Podman writes it beside the pid file's folder or in the bundle, depending on its version.
fn health(rootfs: &Path, bundle: &Path, place: &Place) -> Option<String> {
    let run = conmon::below(rootfs, &place.pid_file);
    let beside = run.parent().and_then(Path::parent).map(|folder| folder.join("healthcheck.log"));
    let log = beside.as_deref().and_then(file).or_else(|| file(&bundle.join("healthcheck.log")))?;
    json::text(&log, "/Status").filter(|word| !word.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use plimsoll_core::container::Volume;

    use super::*;

    const ID: &str = "a6ee0b5b4d4e09e3a6d36797665f428a9939f580df4f82d541ee58ebeb6082eb";
    const SPEC: &str = r#"{"process":{"env":["TEST_X=1","PATH=/bin"]},
        "mounts":[{"destination":"/proc","source":"proc"},
            {"destination":"/d","type":"bind","source":"/store/volumes/data/_data"}],
        "linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/run/netns/netns-1"}]}}"#;

    struct Host(tempfile::TempDir);

    impl Host {
        fn new() -> Self {
            let host = Self(tempfile::tempdir().unwrap());
            host.put("store/ID/userdata/config.json", SPEC);
            host.put(
                "store/containers.json",
                r#"[{"id":"x"},{"id":"ID","names":["web"],"image":"5ca0",
                    "metadata":"{\"image-name\":\"localhost/box:1\",\"name\":\"web\"}",
                    "created":"2026-11-28T00:46:36.365554621Z"}]"#,
            );
            host.put("run/ID/userdata/pidfile", "77");
            host.put("run/ID/healthcheck.log", r#"{"Status":"starting","FailingStreak":0}"#);
            host.put("proc/77/stat", "77 (workload) S 1 77 77 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 9 0 1550 7");
            host.put("proc/stat", "btime 1795826000\n");
            host
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.path().join(path.replace("ID", ID));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("ID", ID)).unwrap();
        }

        fn read(&self) -> Option<Inspected> {
            let place = Place {
                name: "conmons".to_owned(),
                bundle: format!("/store/{ID}/userdata").into(),
                pid_file: format!("/run/{ID}/userdata/pidfile").into(),
                ..Place::default()
            };
            read(&self.0.path().join("proc"), self.0.path(), ID, &place, &["TEST_".to_owned()])
        }
    }

    #[test]
    fn a_running_container_is_read_from_its_files() {
        let Inspected { identity, running } = Host::new().read().unwrap();
        assert!(running);
        assert_eq!(identity.aliases, ["web", ID]);
        assert_eq!(identity.image, "localhost/box:1");
        assert_eq!(identity.created.unwrap().to_string(), "2026-11-28T00:46:36.365554621Z");
        assert_eq!(identity.started.unwrap().to_string(), "2026-11-28T00:33:35.5Z");
        assert_eq!((identity.pid, identity.health.as_deref()), (Some(77), Some("starting")));
        assert_eq!(identity.envs["test_x"], "1");
        assert!(identity.has_network);
        let data = Volume { name: "data".to_owned(), path: "/store/volumes/data/_data".into() };
        assert_eq!(identity.volumes, [data]);
    }

    #[test]
    fn the_layer_is_where_the_driver_keeps_it() {
        let f = |driver: &str, record: &str, upper: Option<&str>| {
            let folder = PathBuf::from(format!("/s/{driver}-containers/ab"));
            let record = serde_json::from_str(record).unwrap();
            let told = layers(&folder.join("userdata"), &record);
            let upper = upper.map(PathBuf::from);
            assert_eq!(told, Layers { driver: driver.to_owned(), upper, extra: Some(folder) }, "{driver}");
        };
        f("overlay", r#"{"layer":"7f"}"#, Some("/s/overlay/7f/diff"));
        f("vfs", r#"{"layer":"7f"}"#, Some("/s/vfs/dir/7f"));
        f("btrfs", r#"{"layer":"7f"}"#, Some("/s/btrfs/subvolumes/7f"));
        f("zfs", r#"{"layer":"7f"}"#, None);
        f("overlay", "{}", None);
        f("overlay", r#"{"layer":"../../x"}"#, None);
        assert_eq!(layers(Path::new("/odd"), &Value::Null), Layers::default());
    }

    #[test]
    fn without_a_record_conmons_name_is_taken() {
        let host = Host::new();
        host.put("store/containers.json", "[7,null]");
        let identity = host.read().unwrap().identity;
        assert_eq!((identity.aliases[0].as_str(), identity.image.as_str()), ("conmons", ""));
        host.put("store/volatile-containers.json", r#"[{"id":"ID","names":["late"]}]"#);
        assert_eq!(host.read().unwrap().identity.aliases[0], "late");
    }

    #[test]
    fn a_store_that_does_not_outlive_the_machine_is_read() {
        let host = Host::new();
        host.put("store/containers.json", "[]");
        host.put("run/volatile-containers.json", r#"[{"id":"ID","names":["fleeting"]}]"#);
        assert_eq!(host.read().unwrap().identity.aliases[0], "fleeting");
    }

    #[test]
    fn a_joined_network_is_not_its_own() {
        let host = Host::new();
        host.put("store/ID/userdata/config.json", &SPEC.replace("/run/netns/netns-1", "/proc/7/ns/net"));
        assert!(!host.read().unwrap().identity.has_network);
    }

    #[test]
    fn one_whose_process_is_gone_does_not_run_and_one_without_bundle_is_none() {
        let host = Host::new();
        fs::remove_dir_all(host.0.path().join("proc/77")).unwrap();
        assert!(!host.read().unwrap().running);
        host.put("store/ID/userdata/config.json", "{");
        assert_eq!(host.read(), None);
    }
}
