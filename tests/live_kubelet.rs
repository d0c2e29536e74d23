//! A real runtime's pods in kubelet's own words, with known work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use common::containerd::{Containerd, IMAGE};
use common::cri::{Cri, Pod};
use common::exposition;
use common::program::Plimsoll;
use common::{Need, close, docker, eventually, http, kernel, number, text};
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

/// The parent that kubelet would give a pod.
fn parent() -> &'static str {
    if std::env::var("PLIMSOLL_TEST_CGROUP_DRIVER").is_ok_and(|driver| driver == "systemd") {
        "kubepods-burstable-podUID.slice"
    } else {
        "/kubepods/burstable/podUID"
    }
}

/// The pod of that name, once all its containers have numbers.
#[track_caller]
fn pod(program: &Plimsoll, name: &str, containers: usize) -> Value {
    eventually("the pod is in the summary", 20.0, || {
        let all = program.try_json("/stats/summary?max_age=0s")?;
        let pods = all["pods"].as_array().cloned().unwrap_or_default();
        let pod = pods.into_iter().find(|pod| pod["podRef"]["name"] == name);
        let count = |pod: &Value| pod["containers"].as_array().map_or(0, Vec::len);
        pod.filter(|pod| count(pod) == containers).ok_or(all.to_string())
    })
}

/// A line of `/metrics/resource`.
#[track_caller]
fn resource(all: &[exposition::Sample], family: &str, pod: &str, container: &str) -> f64 {
    let mut found = all.iter().filter(|sample| {
        sample.name == family && sample.label("pod") == pod && sample.label("container") == container
    });
    let sample = found.next().unwrap_or_else(|| panic!("no {family} of {pod}/{container} in {all:?}"));
    assert!(found.next().is_none(), "{family} of {pod}/{container} stands twice");
    assert_eq!(sample.at_millis.is_some(), family != "container_start_time_seconds", "{sample:?}");
    sample.value
}

#[test]
fn a_pods_numbers_are_the_kernels() {
    if !common::able("a_pods_numbers_are_the_kernels", &CONTAINERD) {
        return;
    }
    let containerd = Containerd::with_cri();
    let cri = Cri::new(&containerd.socket, &containerd.prefix, IMAGE);
    let web = cri.pod("web", &Pod { cgroup_parent: parent(), ..Pod::default() });
    let main = web.container("main", 0, &[], 134_217_728);
    let side = web.container("side", 0, &[], 0);
    // samples are taken when they are asked for, so that it is known what a rate is made of
    let program = Plimsoll::start(&[
        containerd.flag().as_str(),
        "--docker=",
        "--podman=",
        "--housekeeping_interval=1h",
        "--max_housekeeping_interval=1h",
    ]);
    pod(&program, "web", 2);
    let group = main.group.rsplit_once('/').unwrap().0;
    main.order("burn 1000");
    main.order("hold 64");
    side.order("burn 300");

    let told = pod(&program, "web", 2);
    assert_eq!(
        (&told["podRef"]["namespace"], &told["podRef"]["uid"]),
        (&"shop".into(), &web.uid.as_str().into())
    );
    let container = &told["containers"][0];
    assert_eq!(container["name"], "main");
    close("CPU time", number(container, "/cpu/usageCoreNanoSeconds"), kernel::cpu_nanos(&main.group), 1.0);
    close("rss", number(container, "/memory/rssBytes"), kernel::anonymous_bytes(&main.group), 1.0);
    assert!(number(container, "/memory/rssBytes") >= 64.0 * MIB, "{container}");
    close("working set", number(container, "/memory/workingSetBytes"), kernel::working_set(&main.group), 1.0);
    let left = 128.0 * MIB - number(container, "/memory/workingSetBytes");
    assert_eq!(number(container, "/memory/availableBytes"), left);
    let of_side = &told["containers"][1];
    close("CPU time", number(of_side, "/cpu/usageCoreNanoSeconds"), kernel::cpu_nanos(&side.group), 1.0);
    assert_eq!(of_side["memory"].get("availableBytes"), None, "no limit");
    // the pod's own group, in which its sandbox counts too
    close("the pod's CPU time", number(&told, "/cpu/usageCoreNanoSeconds"), kernel::cpu_nanos(group), 1.0);
    close("the pod's working set", number(&told, "/memory/workingSetBytes"), kernel::working_set(group), 1.0);
    let received = kernel::network_bytes(web.pid.unwrap(), "eth0").0;
    close("received bytes", number(&told, "/network/rxBytes"), received, 1.0);
    let now = jiff::Timestamp::now();
    for time in ["/startTime", "/containers/0/startTime", "/containers/0/cpu/time"] {
        let time = text(&told, time);
        assert_eq!(time.len(), "2026-11-21T10:48:04Z".len(), "{time}");
        let at: jiff::Timestamp = time.parse().unwrap();
        assert!(now.duration_since(at).as_secs_f64().abs() < common::seconds(90.0).as_secs_f64(), "{time}");
    }

    // the rate is that of the two samples that the other API shows
    main.order("burn 500");
    let told = pod(&program, "web", 2);
    let name = main.group.trim_start_matches('/');
    let all = program.json(&format!("/api/v2.1/stats/{name}?count=2"));
    let stats = &all[&main.group]["stats"];
    let at = |nth: usize| text(&stats[nth], "/timestamp").parse::<jiff::Timestamp>().unwrap();
    let grown = number(stats, "/1/cpu/usage/total") - number(stats, "/0/cpu/usage/total");
    let rate = grown / at(1).duration_since(at(0)).as_secs_f64();
    close("usageNanoCores", number(&told, "/containers/0/cpu/usageNanoCores"), rate, 0.01);
    assert!(grown >= 0.45e9, "{grown}");

    let all = program.metrics_of("/metrics/resource?max_age=0s");
    let f = |family: &str, pod: &str, container: &str, truth: f64| {
        close(family, resource(&all, family, pod, container), truth, 1.0);
    };
    f("container_cpu_usage_seconds_total", "web", "main", kernel::cpu_nanos(&main.group) / 1e9);
    f("container_memory_working_set_bytes", "web", "main", kernel::working_set(&main.group));
    f("pod_cpu_usage_seconds_total", "web", "", kernel::cpu_nanos(group) / 1e9);
    f("pod_memory_working_set_bytes", "web", "", kernel::working_set(group));
    f("node_cpu_usage_seconds_total", "", "", kernel::cpu_nanos("/") / 1e9);
    let started = resource(&all, "container_start_time_seconds", "web", "main");
    assert!((now.as_millisecond() as f64 / 1e3 - started).abs() < common::seconds(90.0).as_secs_f64());

    let mine = program.json(&format!("/stats/shop/web/{}/main", web.uid));
    assert_eq!(mine["name"], main.group.as_str());
    let pods = program.json("/pods");
    assert_eq!(
        text(&pods, "/items/0/status/containerStatuses/0/containerID"),
        format!("containerd://{}", main.id)
    );
    let all = program.metrics_of("/metrics/cadvisor");
    let series: Vec<_> = all
        .iter()
        .filter(|sample| sample.name == "container_memory_rss" && sample.label("pod") == "web")
        .map(|sample| (sample.label("container"), sample.label("id")))
        .collect();
    for wanted in [("main", &*main.group), ("side", &side.group), ("", &web.group), ("", group)] {
        assert!(series.contains(&wanted), "{wanted:?} in {series:?}");
    }
}

#[test]
fn a_pod_with_the_hosts_network_or_without_a_group_is_told_so() {
    if !common::able("a_pod_with_the_hosts_network_or_without_a_group_is_told_so", &CONTAINERD) {
        return;
    }
    let containerd = Containerd::with_cri();
    let cri = Cri::new(&containerd.socket, &containerd.prefix, IMAGE);
    // its group does not carry the pod's UID
    let shared = parent().replace("podUID", &containerd.prefix);
    let alone = cri.pod("alone", &Pod { cgroup_parent: &shared, host_network: true });
    let [one, two] = ["one", "two"].map(|name| alone.container(name, 0, &[], 0));
    let program = Plimsoll::start(&[containerd.flag().as_str(), "--docker=", "--podman="]);
    pod(&program, "alone", 2);
    for container in [&one, &two] {
        container.order("burn 500");
    }
    let told = pod(&program, "alone", 2);
    assert_eq!(told.get("network"), None, "{told}");
    let truth: f64 = [&one, &two].map(|container| kernel::cpu_nanos(&container.group)).iter().sum();
    close("the sum of CPU time", number(&told, "/cpu/usageCoreNanoSeconds"), truth, 1.0);
    assert_eq!(program.json("/pods")["items"][0]["spec"]["hostNetwork"], true);
}

#[test]
fn a_container_of_no_pod_is_a_system_container() {
    if !common::able("a_container_of_no_pod_is_a_system_container", &[Need::Docker]) {
        return;
    }
    let docker = docker::shared();
    let container = docker.container(&["--memory=64m"]);
    let program = Plimsoll::start(&[docker.flag().as_str(), "--containerd=", "--podman="]);
    let told = || {
        eventually("the container is in the summary", 20.0, || {
            let all = program.try_json("/stats/summary?max_age=0s")?;
            let system = all["node"]["systemContainers"].as_array().cloned().unwrap_or_default();
            system.into_iter().find(|other| other["name"] == container.name.as_str()).ok_or(all.to_string())
        })
    };
    told();
    container.order("burn 500");
    let told = told();
    close("CPU time", number(&told, "/cpu/usageCoreNanoSeconds"), kernel::cpu_nanos(&container.group), 1.0);
    let left = 64.0 * MIB - number(&told, "/memory/workingSetBytes");
    assert_eq!(number(&told, "/memory/availableBytes"), left);
    assert!(number(&told, "/rootfs/capacityBytes") > 0.0, "{told}");
    let question = format!(r#"{{"containerName":"{}","num_stats":1,"subcontainers":true}}"#, container.group);
    let all = http::request(program.address, "POST", "/stats/container/", &[], question.as_bytes());
    let all = all.unwrap().json();
    let mine = &all[&container.group];
    assert_eq!(mine["aliases"][0], container.name.as_str());
    assert_eq!(mine["stats"].as_array().map(Vec::len), Some(1));
}
