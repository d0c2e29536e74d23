//! Pods of a real runtime that kubelet would talk to, made as kubelet makes them, with known work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use common::container::Container;
use common::containerd::{Containerd, IMAGE};
use common::cri::{Cri, Pod, Sandbox};
use common::crio::Crio;
use common::exposition::Sample;
use common::program::Plimsoll;
use common::{Need, close, close_to_burnt, eventually, kernel, number, seconds, text};
use serde_json::Value;

const MIB: f64 = 1_048_576.0;
const CONTAINERD: [Need; 6] = [
    Need::Root,
    Need::Workload,
    Need::Image,
    Need::Program("containerd"),
    Need::Program("ctr"),
    Need::Program("/usr/lib/cni/bridge"),
];

const CRIO: [Need; 8] = [
    Need::Root,
    Need::Workload,
    Need::Image,
    Need::Rare("crio"),
    Need::Rare("pinns"),
    Need::Program("conmon"),
    Need::Program("podman"),
    Need::Program("/usr/lib/cni/bridge"),
];

/// Whether pods are in slices of systemd.
fn systemd() -> bool {
    std::env::var("PLIMSOLL_TEST_CGROUP_DRIVER").is_ok_and(|driver| driver == "systemd")
}

/// The parent that kubelet would give a pod, and the group that this is.
fn parent(pod: &str) -> (String, String) {
    if systemd() {
        let slice = format!("kubepods-burstable-pod{pod}.slice");
        (slice.clone(), format!("/kubepods.slice/kubepods-burstable.slice/{slice}"))
    } else {
        let path = format!("/kubepods/burstable/pod{pod}");
        (path.clone(), path)
    }
}

/// What the program knows of a group, once its runtime has told that it runs.
#[track_caller]
fn known(program: &Plimsoll, namespace: &str, group: &str) -> Value {
    eventually("the runtime has told who it is", 15.0, || {
        let info = program.try_json(&format!("/api/v1.3/containers{group}"))?;
        let started = info["spec"]["start_time"].as_str().is_some_and(|at| !at.starts_with("0001"));
        if info["namespace"] == namespace && started { Ok(info) } else { Err(info.to_string()) }
    })
}

#[track_caller]
fn stats(program: &Plimsoll, group: &str) -> Value {
    eventually("it is in the API", 10.0, || program.fresh("name", group))["stats"][0].clone()
}

/// The series of a family that are this group's.
fn series(program: &Plimsoll, group: &str, family: &str) -> Vec<Sample> {
    let all = program.metrics_of("/metrics?max_age=0s");
    all.into_iter().filter(|sample| sample.name == family && sample.label("id") == group).collect()
}

/// The exit code in the deletion event.
#[track_caller]
fn exit_code(program: &Plimsoll, group: &str) -> i64 {
    eventually("the event of its end", 15.0, || {
        let events =
            program.try_json("/api/v1.3/events?deletion_events=true&subcontainers=true&max_events=-1")?;
        let all = events.as_array().cloned().unwrap_or_default();
        let mine = all.iter().find(|event| event["container_name"] == group);
        mine.and_then(|event| event.pointer("/event_data/container_deletion/exit_code")?.as_i64())
            .ok_or(format!("no event of {group} in {events}"))
    })
}

/// The words in which runtimes differ.
struct Words {
    namespace: &'static str,
    /// Before the name of a container, and of a pod.
    alias: &'static str,
    pod_alias: &'static str,
    /// The label by which kubelet's own `/metrics/cadvisor` names a sandbox' container.
    sandbox: &'static str,
}

/// A pod with a container, as kubelet's own endpoint names them.
#[track_caller]
fn named(program: &Plimsoll, words: &Words, pod: &Sandbox, container: &Container, attempt: u64) {
    let info = known(program, words.namespace, &container.group);
    let of =
        |name: &str, attempt: u64| format!("{}{name}{}_shop_{}_{attempt}", words.alias, pod.name, pod.uid);
    assert_eq!(info["aliases"], serde_json::json!([of("main_", attempt), container.id]));
    assert_eq!(
        (&info["id"], &info["name"]),
        (&container.id.as_str().into(), &container.group.as_str().into())
    );
    let spec = &info["spec"];
    assert_eq!(spec["image"], IMAGE);
    assert_eq!(spec["labels"]["io.kubernetes.container.name"], "main");
    assert_eq!(
        spec["labels"]["restartcount"].as_str(),
        (attempt > 0).then(|| attempt.to_string()).as_deref()
    );
    assert_eq!(spec["has_network"], false, "the pod's network is its sandbox'");
    let sandbox = &pod.group;
    let its = known(program, words.namespace, sandbox);
    assert_eq!(its["aliases"][0], format!("{}{}_shop_{}_0", words.pod_alias, pod.name, pod.uid));
    assert_eq!(its["aliases"][1], pod.id.as_str());
    assert_eq!(its["spec"]["has_network"], true);
    for (spec, container) in [(spec, "main"), (&its["spec"], words.sandbox)] {
        let labels = &spec["labels"];
        let of = |key: &str| labels[format!("io.kubernetes.{key}")].as_str().unwrap_or_default();
        assert_eq!(
            (of("container.name"), of("pod.name"), of("pod.namespace"), of("pod.uid")),
            (container, pod.name.as_str(), "shop", pod.uid.as_str())
        );
        let now = jiff::Timestamp::now();
        for key in ["/creation_time", "/start_time"] {
            let at: jiff::Timestamp = text(spec, key).parse().unwrap();
            assert!(now.duration_since(at).as_secs_f64().abs() < seconds(60.0).as_secs_f64(), "{key}: {at}");
        }
    }
    for (group, id, container) in
        [(&container.group, &container.id, "main"), (sandbox, &pod.id, words.sandbox)]
    {
        let [series] = &series(program, group, "container_memory_rss")[..] else {
            panic!("not one series of {group}")
        };
        for (label, value) in [
            ("container_label_io_kubernetes_container_name", container),
            ("container_label_io_kubernetes_pod_name", &pod.name),
            ("container_label_io_kubernetes_pod_namespace", "shop"),
        ] {
            assert_eq!(series.label(label), value, "{label} of {series:?}");
        }
        assert!(series.label("name").contains(&pod.uid), "{series:?}");
        assert!(group.contains(id.as_str()), "{series:?}");
    }
}

/// CPU time, memory and network, against the kernel and against what was done.
#[track_caller]
fn measured(program: &Plimsoll, pod: &Sandbox, container: &Container, above: Option<&str>) {
    container.order("sleep 0");
    let before = stats(program, &container.group);
    let burnt: f64 = container.order("burn 1000").parse().unwrap();
    let after = stats(program, &container.group);
    let grown = |pointer: &str| number(&after, pointer) - number(&before, pointer);
    close_to_burnt("cpu.usage.total", grown("/cpu/usage/total"), burnt, 1.5);
    close(
        "the kernel's CPU time",
        number(&after, "/cpu/usage/total"),
        kernel::cpu_nanos(&container.group),
        0.1,
    );
    container.order("hold 64");
    let held = stats(program, &container.group);
    close("memory.rss", number(&held, "/memory/rss") - number(&after, "/memory/rss"), 64.0 * MIB, 1.0);
    close("the kernel's rss", number(&held, "/memory/rss"), kernel::anonymous_bytes(&container.group), 0.1);
    if let Some(pod_group) = above {
        let whole = stats(program, pod_group);
        close("the pod's CPU time", number(&whole, "/cpu/usage/total"), kernel::cpu_nanos(pod_group), 0.1);
        // of a group above the kernel may add up what its CPUs counted only after two seconds
        eventually("the pod's memory has its containers'", 15.0, || {
            let rss = number(&stats(program, pod_group), "/memory/rss");
            if rss >= 0.99 * 64.0 * MIB { Ok(()) } else { Err(format!("{rss} bytes")) }
        });
    }
    // the network of the pod is its sandbox', and nobody else's
    let sandbox = &pod.group;
    let received = |program: &Plimsoll| {
        let all = series(program, sandbox, "container_network_receive_bytes_total");
        all.into_iter().find(|series| series.label("interface") == "eth0").map(|series| series.value)
    };
    let before = received(program).expect("eth0 of the sandbox");
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sender = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&vec![7; 16 << 20]).unwrap();
    });
    container.order(&format!("receive {}:{port} 16", gateway(container.pid)));
    let told = received(program).unwrap();
    let truth = kernel::network_bytes(container.pid, "eth0").0;
    assert!(told - before >= 16.0 * MIB, "{told} after {before}");
    close("received bytes", told, truth, 1.0);
    assert_eq!(series(program, &container.group, "container_network_receive_bytes_total"), []);
    sender.join().unwrap();
}

/// The host, as a container's network sees it: its routes' only neighbour.
#[track_caller]
fn gateway(pid: u32) -> String {
    let text = kernel::read(std::path::Path::new(&format!("/proc/{pid}/net/route")));
    // the pod has its own /24 and no default route: the bridge has its first address
    let network = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (interface, destination) = (words.next()?, u32::from_str_radix(words.next()?, 16).ok()?);
            (interface == "eth0" && destination != 0).then(|| destination.to_le_bytes())
        })
        .next()
        .unwrap_or_else(|| panic!("no network in {text}"));
    format!("{}.{}.{}.1", network[0], network[1], network[2])
}

#[test]
fn containerds_pods_are_named_and_measured() {
    if !common::able("containerds_pods_are_named_and_measured", &CONTAINERD) {
        return;
    }
    let containerd = Containerd::with_cri();
    let cri = Cri::new(&containerd.socket, &containerd.prefix, IMAGE);
    let (given, group) = parent(&containerd.prefix);
    let old = cri.pod("old", &Pod { cgroup_parent: &given, ..Pod::default() });
    let older = old.container("main", 0, &[], 0);
    let program = Plimsoll::start(&[
        containerd.flag().as_str(),
        "--docker=",
        "--podman=",
        "--containerd_env_metadata_whitelist=TEST_",
        "--allow_dynamic_housekeeping=false",
    ]);
    let words = Words { namespace: "containerd", alias: "", pod_alias: "", sandbox: "" };
    named(&program, &words, &old, &older, 0);

    // one that came later, as kubelet makes it for the third time
    let web = cri.pod("web", &Pod { cgroup_parent: &given, ..Pod::default() });
    let main = web.container("main", 2, &[("TEST_VAR", "FOO"), ("OTHER", "1")], 134_217_728);
    named(&program, &words, &web, &main, 2);
    let unit = if systemd() { format!("cri-containerd-{}.scope", main.id) } else { main.id.clone() };
    assert_eq!(main.group, format!("{group}/{unit}"));
    let spec = &known(&program, "containerd", &main.group)["spec"];
    assert_eq!(spec["envs"], serde_json::json!({"TEST_VAR": "FOO"}));
    assert_eq!(number(spec, "/memory/limit"), 128.0 * MIB);
    measured(&program, &web, &main, Some(&group));
    main.last_order("exit 3");
    assert_eq!(exit_code(&program, &main.group), 3);
    // its sandbox goes on
    assert_eq!(known(&program, "containerd", &web.group)["aliases"][1], web.id.as_str());
    let ended = program.json("/api/plimsoll/v1/ended");
    assert!(ended.to_string().contains(&main.id), "{ended}");
}

#[test]
fn volumes_of_a_pod_are_counted_by_name() {
    if !common::able("volumes_of_a_pod_are_counted_by_name", &CONTAINERD) {
        return;
    }
    let containerd = Containerd::with_cri();
    let cri = Cri::new(&containerd.socket, &containerd.prefix, IMAGE);
    let (given, _) = parent(&containerd.prefix);
    let pod = cri.pod("web", &Pod { cgroup_parent: &given, ..Pod::default() });
    let root = common::folder();
    // as the kubelet and as nerdctl lay them out, and a directory that is nobody's volume
    let empty = root.path().join(format!("pods/{}/volumes/kubernetes.io~empty-dir/cache", pod.uid));
    let nerd = root.path().join("volumes/default/data/_data");
    let plain = root.path().join("srv");
    for (folder, mib) in [(&empty, 8), (&nerd, 4), (&plain, 2)] {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("file"), vec![7; mib << 20]).unwrap();
    }
    let mounts: [(&std::path::Path, &str); 3] = [(&empty, "/cache"), (&nerd, "/data"), (&plain, "/srv")];
    let main = pod.mounting("main", 0, &[], 0, &mounts);
    let flags =
        [containerd.flag(), "--docker=".to_owned(), "--podman=".to_owned(), "--disk_interval=1s".to_owned()];
    let program = Plimsoll::start(&flags.each_ref().map(String::as_str));
    let told = |volume: &str| {
        let all = series(&program, &main.group, "container_volume_usage_bytes");
        all.into_iter().find(|series| series.label("volume") == volume).map(|series| series.value)
    };
    for (volume, mib) in [("cache", 8.0), ("data", 4.0)] {
        let bytes =
            eventually(&format!("the size of {volume}"), 30.0, || told(volume).ok_or("no series".to_owned()));
        close(volume, bytes, mib * MIB, 1.0);
    }
    std::fs::write(empty.join("more"), vec![7; 16 << 20]).unwrap();
    eventually("what was added is seen", 30.0, || match told("cache") {
        Some(bytes) if (bytes / MIB - 24.0).abs() < 0.25 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(series(&program, &main.group, "container_volume_usage_bytes").len(), 2, "{:?}", root.path());
}

#[test]
fn a_pod_without_a_parent_is_containerds_too() {
    // kubelet always gives one, and with systemd containerd needs it
    if systemd() || !common::able("a_pod_without_a_parent_is_containerds_too", &CONTAINERD) {
        return;
    }
    let containerd = Containerd::with_cri();
    let cri = Cri::new(&containerd.socket, &containerd.prefix, IMAGE);
    let program = Plimsoll::start(&[containerd.flag().as_str(), "--docker=", "--podman="]);
    let pod = cri.pod("alone", &Pod { host_network: true, ..Pod::default() });
    let main = pod.container("main", 0, &[], 0);
    assert_eq!(main.group, format!("/k8s.io/{}", main.id));
    let words = Words { namespace: "containerd", alias: "", pod_alias: "", sandbox: "" };
    named(&program, &words, &pod, &main, 0);
}

#[test]
fn crios_pods_are_named_and_measured() {
    if !common::able("crios_pods_are_named_and_measured", &CRIO) {
        return;
    }
    let crio = Crio::start();
    let cri = Cri::new(&crio.socket, &crio.prefix, IMAGE);
    let (given, group) = parent(&crio.prefix);
    let program = Plimsoll::start(&[
        crio.flag().as_str(),
        "--docker=",
        "--podman=",
        "--containerd=",
        "--allow_dynamic_housekeeping=false",
    ]);
    // as is the default, the pod has no process of its own: a group that tells the pod's network
    let web = cri.pod("web", &Pod { cgroup_parent: &given, ..Pod::default() });
    assert_eq!(web.pid, None);
    let main = web.container("main", 2, &[("TEST_VAR", "FOO")], 134_217_728);
    let unit = if systemd() { format!("crio-{}.scope", main.id) } else { format!("crio-{}", main.id) };
    assert_eq!(main.group, format!("{group}/{unit}"));
    let words = Words { namespace: "crio", alias: "k8s_", pod_alias: "k8s_POD_", sandbox: "POD" };
    named(&program, &words, &web, &main, 2);
    assert_eq!(number(&known(&program, "crio", &main.group), "/spec/memory/limit"), 128.0 * MIB);
    eventually("the pod's network is there", 10.0, || {
        match &series(&program, &web.group, "container_network_receive_bytes_total")[..] {
            [] => Err("no series"),
            _ => Ok(()),
        }
        .map_err(str::to_owned)
    });
    measured(&program, &web, &main, Some(&group));
    let all = program.json("/api/v1.3/subcontainers/").to_string();
    assert!(!all.contains("crio-conmon"), "conmon's groups are nobody's");
    main.last_order("exit 3");
    // without systemd CRI-O leaves the group until kubelet wants it removed, when the code is in no file any more
    if !systemd() {
        eventually("its end is known", 10.0, || {
            let left = stats(&program, &main.group);
            if number(&left, "/memory/rss") == 0.0 { Ok(()) } else { Err(left.to_string()) }
        });
    }
    web.remove(&main);
    assert_eq!(exit_code(&program, &main.group), 3);
    // kubelet makes the container anew, in the network that is still there
    let again = web.container("main", 3, &[], 0);
    named(&program, &words, &web, &again, 3);
    eventually("the pod's network is told by the new container", 15.0, || {
        let all = series(&program, &web.group, "container_network_receive_bytes_total");
        let told = all.iter().find(|series| series.label("interface") == "eth0").ok_or("no series")?;
        if told.value >= 16.0 * MIB { Ok(()) } else { Err(format!("{told:?}")) }
    });
}
