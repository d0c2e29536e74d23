//! Who a container is, from what CRI-O leaves on disk, while it does not answer.
//!
//! Reads: `config.json` and `pidfile` in the folder that conmon's command line names, else below
//!        `/run/containers/storage` and `/var/lib/containers/storage`; for a pod without a process the records of the
//!        storage, which tell its containers.
//! Gives: all that CRI-O's socket tells, and the volumes, which that does not. A pod without a process (no conmon leads to
//!        it) is not found where CRI-O keeps its files elsewhere.
//! Cost:  two files a container; for a pod without a process one as long as the list of containers besides.

use std::path::{Path, PathBuf};

use plimsoll_core::time::Timestamp;
use serde_json::{Value, json};

use super::container;
use crate::runtime::conmon::{Place, below};
use crate::runtime::remote::Inspected;
use crate::runtime::{json, process, small, storage};

/// Where CRI-O has its files unless it is told otherwise.
const STORAGES: [&str; 2] = ["/run/containers/storage", "/var/lib/containers/storage"];

/// What is left of a container.
pub(super) struct Left {
    /// Its folder, as we see it.
    bundle: PathBuf,
    /// Its OCI specification, in whose annotations CRI-O notes all that it knows.
    pub(super) spec: Value,
}

/// Looks for a container; `None` if it is not CRI-O's or has left nothing.
pub(super) fn find(rootfs: &Path, id: &str, place: Option<&Place>) -> Option<Left> {
    let told = place.map(|place| below(rootfs, &place.bundle));
    let stores = STORAGES.iter().flat_map(|storage| {
        let names = std::fs::read_dir(below(rootfs, Path::new(storage))).into_iter().flatten().flatten();
        names.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with("-containers"))
    });
    let bundles = told.into_iter().chain(stores.map(|store| store.join(id).join("userdata")));
    bundles
        .filter_map(|bundle| Some(Left { spec: storage::file(&bundle.join("config.json"))?, bundle }))
        .find(|left| left.note("ContainerID") == Some(id))
}

impl Left {
    /// The same as CRI-O would answer.
    pub(super) fn read(&self, proc: &Path, rootfs: &Path, id: &str, place: Option<&Place>) -> Inspected {
        let text = |name: &str| self.note(name).unwrap_or_default();
        let object = |name: &str| serde_json::from_str(text(name)).unwrap_or(Value::Null);
        let spoofed = self.note("Spoofed") == Some("true");
        let first = |names: [&str; 2]| {
            names.iter().filter_map(|name| self.note(name)).find(|text| !text.is_empty()).map(str::to_owned)
        };
        let pid = if spoofed {
            self.others(rootfs, id).find_map(|other| lives(proc, &self.beside(&other), &other))
        } else {
            let told = place.map(|place| below(rootfs, &place.pid_file));
            let file = told.filter(|path| path.is_file()).unwrap_or_else(|| self.bundle.join("pidfile"));
            lives(proc, &file, id)
        };
        let mut annotations: Value = object("Annotations");
        if spoofed {
            annotations = json!({ container::SPOOFED: "true" });
        }
        let created = Timestamp::parse(text("Created")).ok().flatten();
        container::read(
            &json!({
                // a pod's `Name` is the pod's own
                "name": first(["ContainerName", "Name"]).or_else(|| Some(place?.name.clone())),
                "pid": pid,
                "image": first(["ImageName", "Image"]).filter(|_| !spoofed),
                "created_time": created.map(Timestamp::nanos),
                "labels": object("Labels"),
                "annotations": annotations,
                "log_path": Some(text("LogPath")).filter(|_| !spoofed),
                "root": text("MountPoint"),
            }),
            id,
        )
    }

    fn note(&self, name: &str) -> Option<&str> {
        json::text(&self.spec, &format!("/annotations/io.kubernetes.cri-o.{name}"))
    }

    /// The containers of this pod.
    fn others(&self, rootfs: &Path, id: &str) -> impl Iterator<Item = String> {
        let own = self.bundle.ancestors().nth(2);
        // the records lie in the storage that has the layers
        let layers = self.note("MountPoint").map(|path| below(rootfs, Path::new(path))).unwrap_or_default();
        let name = own.and_then(Path::file_name).unwrap_or_default();
        let stores: Vec<_> =
            layers.ancestors().map(|above| above.join(name)).chain(own.map(Path::to_path_buf)).collect();
        stores.into_iter().flat_map(|store| storage::records(&store)).filter_map(move |record| {
            let other = json::text(&record, "/id").filter(|other| *other != id)?;
            (json::text(&storage::metadata(&record), "/pod-id") == Some(id)).then(|| other.to_owned())
        })
    }

    /// The pid file of another container.
    fn beside(&self, other: &str) -> PathBuf {
        self.bundle.ancestors().nth(2).unwrap_or(&self.bundle).join(other).join("userdata/pidfile")
    }
}

/// The pid in a file, if it is still that container's: its group is called by the id.
fn lives(proc: &Path, file: &Path, id: &str) -> Option<u32> {
    let pid: u32 = small::number(file)?;
    let groups = process::groups(&proc.join(pid.to_string()));
    groups.iter().any(|group| group.contains(id)).then_some(pid)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use plimsoll_core::container::{Identity, Volume};

    use super::*;

    const ID: &str = "4b1f6f8f9a3a4bb8a2e8b2c53a7d0c4f0a3e9d8c7b6a5f4e3d2c1b0a99887766";
    const POD: &str = "0cf7347b6e1d9d8b90b518159fb6bb3a170ea2c9a464fa3489b9f801a7965526";
    const CONTAINER: &str = include_str!("testdata/1.30/config-container.json");
    const SANDBOX: &str = include_str!("testdata/1.30/config-sandbox.json");
    const RECORDS: &str = include_str!("testdata/1.30/containers.json");
    const RUN: &str = "run/containers/storage/vfs-containers";

    /// A host with a pod and its container.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new() -> Self {
            let host = Self(tempfile::tempdir().unwrap());
            host.put(&format!("{RUN}/{ID}/userdata/config.json"), CONTAINER);
            host.put(&format!("{RUN}/{ID}/userdata/pidfile"), "21010");
            host.put(&format!("{RUN}/{POD}/userdata/config.json"), SANDBOX);
            host.put("var/lib/containers/storage/vfs-containers/containers.json", RECORDS);
            host.put(
                "proc/21010/cgroup",
                &format!("0::/kubepods.slice/kubepods-podx.slice/crio-{ID}.scope\n"),
            );
            host
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn read(&self, id: &str, place: Option<&Place>) -> Option<Inspected> {
            let rootfs = self.0.path();
            Some(find(rootfs, id, place)?.read(&rootfs.join("proc"), rootfs, id, place))
        }
    }

    fn answered(bytes: &[u8], id: &str) -> Identity {
        container::parse(bytes, id).unwrap().identity
    }

    #[test]
    fn the_files_tell_what_the_socket_tells() {
        let host = Host::new();
        let Inspected { identity, running } = host.read(ID, None).unwrap();
        let socket = answered(include_bytes!("testdata/1.30/container.json"), ID);
        assert!(running);
        // CRI-O takes the time twice
        assert_eq!(identity.created.unwrap().to_string(), "2026-11-28T03:23:58.916271315Z");
        assert_eq!(identity, Identity { created: identity.created, restart_count: 2, ..socket });
        assert_eq!(identity.image, "localhost/plimsoll/workload:1");
        assert_eq!(identity.labels["io.kubernetes.pod.uid"], "408d24a5-0f17-411c-96d6-45c7002c5df9");
        let layers = identity.layers.unwrap();
        assert_eq!(layers.extra.unwrap(), Path::new("/var/log/pods/default_web/main/0.log"));
    }

    #[test]
    fn a_pod_without_a_process_is_found_with_its_containers_network() {
        let host = Host::new();
        let Inspected { identity, running } = host.read(POD, None).unwrap();
        assert!(running);
        let socket = answered(include_bytes!("testdata/1.30/sandbox.json"), POD);
        let (created, started) = (identity.created, identity.started);
        assert!(created.is_some() && started == created);
        assert_eq!(identity, Identity { created, started, ..socket });
        assert_eq!(identity.network_pid, Some(21010));
        // the number is another's now
        host.put("proc/21010/cgroup", "0::/system.slice/x.service\n");
        assert_eq!(host.read(POD, None).unwrap().identity.network_pid, None);
    }

    #[test]
    fn conmon_leads_to_a_storage_elsewhere() {
        let host = Host::new();
        fs::rename(host.0.path().join("run"), host.0.path().join("elsewhere")).unwrap();
        assert!(host.read(ID, None).is_none());
        let bundle = format!("/elsewhere/containers/storage/vfs-containers/{ID}/userdata");
        let place = Place {
            pid_file: format!("{bundle}/pidfile").into(),
            bundle: bundle.into(),
            name: "k8s_conmons".to_owned(),
            ..Place::default()
        };
        let told = host.read(ID, Some(&place)).unwrap();
        assert_eq!((told.identity.pid, told.running), (Some(21010), true));
        // an older CRI-O notes no name
        let text = CONTAINER.replace("io.kubernetes.cri-o.Name", "x");
        host.put(&format!("elsewhere/containers/storage/vfs-containers/{ID}/userdata/config.json"), &text);
        assert_eq!(host.read(ID, Some(&place)).unwrap().identity.aliases[0], "k8s_conmons");
    }

    #[test]
    fn volumes_are_among_the_mounts() {
        let host = Host::new();
        let left = find(host.0.path(), ID, None).unwrap();
        let path = "/var/lib/kubelet/pods/408d24a5-0f17-411c-96d6-45c7002c5df9/volumes/kubernetes.io~empty-dir/cache";
        let cache = Volume { name: "cache".to_owned(), path: path.into() };
        assert_eq!(crate::runtime::volumes::of_spec(&left.spec), [cache]);
    }

    #[test]
    fn what_is_anothers_or_nothing_is_none_and_what_ended_does_not_run() {
        let host = Host::new();
        fs::remove_dir_all(host.0.path().join("proc")).unwrap();
        assert!(!host.read(ID, None).unwrap().running);
        host.put(&format!("{RUN}/{ID}/userdata/config.json"), &CONTAINER.replace(ID, POD));
        assert!(host.read(ID, None).is_none());
        for text in ["{", "[]", "{}"] {
            host.put(&format!("{RUN}/{ID}/userdata/config.json"), text);
            assert!(host.read(ID, None).is_none(), "{text}");
        }
    }
}
