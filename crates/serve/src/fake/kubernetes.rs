//! The same small host as a node: cgroup v2, containerd with pods, and Docker's containers beside them.

use std::sync::Arc;

use plimsoll_core::container::{Identity, Layers, MemorySpec, Reference, Spec};
use plimsoll_core::machine::FsInfo;
use plimsoll_measure::filesystem::VolumeStats;
use plimsoll_measure::sample::{Psi, PsiLine, Sample};

use super::{Fake, START, group_spec, layer, samples};

/// The UID of `shop/web`.
pub const WEB_UID: &str = "8f26097e-759a-49ec-bf97-ea8c4ce682da";
/// That of `default/loose`.
pub const LOOSE_UID: &str = "5d0649b1-5def-4583-9b3b-dcb73950af73";
/// That of the static pod `kube-system/fixed-fixture`, whose network is the host's.
pub const FIXED_UID: &str = "eaee17b424083ba33ff046c69fe2ece3";

const SLICE: &str = "/kubepods.slice";
const BURSTABLE: &str = "/kubepods.slice/kubepods-burstable.slice";
const BEST_EFFORT: &str = "/kubepods.slice/kubepods-besteffort.slice";
const LIMIT: u64 = 67_108_864;

/// A container of a pod.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// Namespace, name and UID of the pod.
    pub pod: [&'a str; 3],
    /// The container's name; empty for a sandbox.
    pub name: &'a str,
    /// Its id.
    pub id: &'a str,
    /// The group above it.
    pub above: &'a str,
    /// Seconds from [`START`] to its making.
    pub made: i64,
}

impl Fake {
    /// The host as a node of Kubernetes. `shop/web` has two containers, one of which was made anew and left its old
    /// group behind; `kube-system/fixed-fixture` has the host's network; `default/loose` has no group of its own.
    pub fn kubernetes() -> Self {
        let mut host = Self::plain();
        for (_, samples) in host.containers.values_mut() {
            *samples = unified(std::mem::take(samples));
        }
        for (view, samples) in host.containers.values_mut() {
            view.latest = samples.last().cloned().map(Arc::new);
        }
        for (name, scale) in [
            ("/system.slice", 5),
            ("/system.slice/containerd.service", 2),
            ("/system.slice/kubelet.service", 3),
            (SLICE, 9),
            (BURSTABLE, 8),
            (BEST_EFFORT, 1),
        ] {
            host.add(Reference::raw(name), unlimited(), unified(samples(scale, None)));
        }
        host.web();
        host.fixed();
        host.loose();
        host.machine.swap_capacity = 2_147_483_648;
        host.storage.push(FsInfo {
            device: "/dev/vdb".to_owned(),
            mountpoint: "/var/lib/containerd".to_owned(),
            labels: Some(vec!["containerd-images".to_owned()]),
            capacity: 8_417_406_976,
            available: 7_882_416_128,
            usage: 88_719_360,
            inodes: Some(524_288),
            inodes_free: Some(523_824),
            timestamp: START,
        });
        host
    }

    fn web(&mut self) {
        let uid = WEB_UID.replace('-', "_");
        let above = format!("{BURSTABLE}/kubepods-burstable-pod{uid}.slice");
        self.add(Reference::raw(above.clone()), limited(LIMIT * 2), unified(samples(7, None)));
        let pod = ["shop", "web", WEB_UID];
        let member = |name, id, made| Member { pod, name, id, above: &above, made };
        self.add_member(&member("", "5ab1f49a895d", -60), unified(samples(1, Some("eth0"))));
        self.add_member(&member("httpd", "ca574d8d6e17", -50), with_volume(unified(on_disk(3))));
        // it ended without a word of its runtime, and its group is still there
        let mut old = unified(on_disk(9));
        for memory in old.iter_mut().filter_map(|sample| sample.memory.as_mut()) {
            memory.usage = Some(0);
        }
        self.add_member(&member("helper", "1111f49a895d", -50), old);
        self.add_member(&member("helper", "2268067896e6", -20), unified(on_disk(2)));
        if let Some((view, _)) =
            self.containers.get_mut(&format!("{above}/cri-containerd-2268067896e6.scope"))
        {
            view.identity = Arc::new(Identity { restart_count: 1, ..Identity::clone(&view.identity) });
            view.spec = Arc::new(limited(LIMIT));
        }
    }

    fn fixed(&mut self) {
        let above = format!("{BURSTABLE}/kubepods-burstable-pod{FIXED_UID}.slice");
        self.add(Reference::raw(above.clone()), unlimited(), unified(samples(2, None)));
        let pod = ["kube-system", "fixed-fixture", FIXED_UID];
        let member = |name, id, made| Member { pod, name, id, above: &above, made };
        self.add_member(&member("", "6c53a554dccb", -90), unified(samples(1, Some("eth0"))));
        self.add_member(&member("main", "e93aef0535df", -80), unified(on_disk(1)));
        if let Some((view, _)) =
            self.containers.get_mut(&format!("{above}/cri-containerd-6c53a554dccb.scope"))
        {
            view.identity = Arc::new(Identity { host_network: true, ..Identity::clone(&view.identity) });
        }
    }

    fn loose(&mut self) {
        let pod = ["default", "loose", LOOSE_UID];
        let member = |name, id, made| Member { pod, name, id, above: "/k8s.io", made };
        self.add_member(&member("", "0525ada61d8b", -40), unified(samples(1, Some("eth0"))));
        self.add_member(&member("one", "e20b26418935", -30), unified(on_disk(4)));
        self.add_member(&member("two", "f20b26418935", -30), unified(on_disk(5)));
    }

    /// Adds a container of a pod as containerd has it.
    pub fn add_member(&mut self, member: &Member<'_>, samples: Vec<Sample>) {
        let Member { pod: [namespace, pod, uid], name, id, above, made } = *member;
        let mut labels: std::collections::BTreeMap<String, String> = [
            ("io.kubernetes.pod.namespace", namespace),
            ("io.kubernetes.pod.name", pod),
            ("io.kubernetes.pod.uid", uid),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        if name.is_empty() {
            labels.insert("app".to_owned(), pod.to_owned());
            labels.insert("io.cri-containerd.kind".to_owned(), "sandbox".to_owned());
        } else {
            labels.insert("io.kubernetes.container.name".to_owned(), name.to_owned());
        }
        let alias = [name, pod, namespace, uid, "0"].join("_").trim_start_matches('_').to_owned();
        let created = Some(START.plus_nanos(made * 1_000_000_000 + 953_011_000));
        let identity = Identity {
            id: id.to_owned(),
            namespace: "containerd",
            aliases: vec![alias, id.to_owned()],
            labels: labels.clone(),
            image: if name.is_empty() { "registry.k8s.io/pause:3.9" } else { "busybox:local" }.to_owned(),
            created,
            started: created.map(|at| at.plus_nanos(400_000_000)),
            has_network: name.is_empty(),
            has_filesystem: true,
            layers: Some(Layers {
                driver: "overlayfs".to_owned(),
                upper: None,
                extra: (!name.is_empty()).then(|| format!("/var/log/pods/{pod}/{name}/0.log").into()),
            }),
            ..Identity::default()
        };
        let reference = Reference {
            id: id.to_owned(),
            name: format!("{above}/cri-containerd-{id}.scope"),
            aliases: identity.aliases.clone(),
            namespace: "containerd".to_owned(),
        };
        let name = reference.name.clone();
        let spec = Spec { creation_time: created, labels, image: identity.image.clone(), ..unlimited() };
        self.add(reference, spec, samples);
        if let Some((view, _)) = self.containers.get_mut(&name) {
            view.identity = Arc::new(identity);
            view.runtime = "containerd";
        }
    }
}

fn unlimited() -> Spec {
    let memory = MemorySpec { limit: u64::MAX, reservation: 0, swap_limit: u64::MAX };
    Spec { memory, ..group_spec() }
}

fn limited(limit: u64) -> Spec {
    Spec { memory: MemorySpec { limit, reservation: 0, swap_limit: 0 }, ..group_spec() }
}

/// With what v2 has and v1 has not.
fn unified(mut all: Vec<Sample>) -> Vec<Sample> {
    let line = |total| PsiLine { total, avg10: 125, avg60: 50, avg300: 7 };
    for sample in &mut all {
        if let Some(memory) = &mut sample.memory {
            memory.swap = Some(4096);
            memory.events.high = Some(0);
            memory.psi = Some(Psi { full: line(12), some: line(34) });
        }
        if let Some(io) = &mut sample.diskio {
            io.psi = Some(Psi { full: line(56), some: line(78) });
        }
    }
    all
}

/// Samples of a container with a writable layer and a log.
fn on_disk(scale: u64) -> Vec<Sample> {
    let mut all = samples(scale, None);
    for sample in &mut all {
        let mut layer = layer(scale);
        layer.device = "/dev/vdb".to_owned();
        sample.filesystem = vec![layer];
    }
    all
}

fn with_volume(mut all: Vec<Sample>) -> Vec<Sample> {
    for sample in &mut all {
        sample.volumes = vec![VolumeStats {
            name: "data".to_owned(),
            device: "/dev/vdb".to_owned(),
            usage: 4_198_400,
            inodes: Some(2),
        }];
    }
    all
}
