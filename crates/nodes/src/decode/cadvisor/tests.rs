use super::*;
use crate::decode::tests::{Desk, all_shown};

const ASKED: &str = "2026-11-21T10:21:00Z";

fn of(text: &str) -> Vec<String> {
    all_shown(&decode(text.as_bytes(), &Desk::of("n").at(ASKED)).unwrap())
}

#[test]
fn a_kubelets_answer_is_read() {
    let wanted: Vec<_> = include_str!("../../testdata/cadvisor.expected").lines().collect();
    let sets = decode(include_bytes!("../../testdata/cadvisor.prom"), &Desk::of("node2").at(ASKED)).unwrap();
    assert_eq!(all_shown(&sets), wanted);
}

#[test]
fn labels_of_every_age_say_whose() {
    let f = |labels: &str, wanted: &str| {
        let text = format!("container_memory_rss{{id=\"/x/y\",{labels}}} 1 1000\n");
        assert_eq!(of(&text), [format!("{wanted} - 1970-01-01T00:00:01Z memory/rss=1")], "{labels}");
    };
    f(r#"pod="p",namespace="a",container="c""#, "namespace:a/pod:p/container:c");
    f(r#"pod_name="p",namespace="a",container_name="c""#, "namespace:a/pod:p/container:c");
    f(
        r#"pod="p",pod_name="",namespace="a",container="",container_name="c""#,
        "namespace:a/pod:p/container:c",
    );
    let copied = "container_label_io_kubernetes";
    let copied = format!(
        r#"{copied}_pod_name="p",{copied}_pod_namespace="a",{copied}_container_name="c",name="k8s_c""#
    );
    f(&copied, "namespace:a/pod:p/container:c");
    f(r#"pod="p",namespace="a",container="POD""#, "namespace:a/pod:p");
    f(r#"pod="p",namespace="a""#, "namespace:a/pod:p");
    f(r#"name="web",image="i""#, "node:n/container:web");
    f("", "node:n/container:x/y");
}

#[test]
fn a_pods_group_gives_what_its_containers_do_not() {
    let line = |series: &str, id: &str, container: &str, more: &str, value: u32| {
        let whose = format!(r#"id="{id}",pod="p",namespace="a",container="{container}""#);
        format!("container_{series}{{{whose}{more}}} {value} 1000\n")
    };
    let pod = [
        line("cpu_usage_seconds_total", "/pod", "", r#",cpu="total""#, 9),
        line("memory_rss", "/pod", "", "", 90),
        line("network_receive_bytes_total", "/pod/1", "POD", r#",interface="eth0""#, 5),
        line("network_receive_bytes_total", "/pod/1", "POD", r#",interface="eth1""#, 6),
        line("memory_rss", "/pod/1", "POD", "", 1),
    ]
    .concat();
    let alone = "namespace:a/pod:p - 1970-01-01T00:00:01Z cpu/usage=9000000000 memory/rss=90 network/rx=11";
    assert_eq!(of(&pod), [alone]);
    let container = line("memory_rss", "/pod/2", "c", "", 80);
    let wanted = [
        "namespace:a/pod:p - 1970-01-01T00:00:01Z network/rx=11",
        "namespace:a/pod:p/container:c - 1970-01-01T00:00:01Z memory/rss=80",
    ];
    assert_eq!(of(&format!("{pod}{container}")), wanted);
}

#[test]
fn groups_inside_a_pods_without_labels_are_left_out() {
    let f = |id: &str, left_out: bool| {
        assert_eq!(of(&format!("container_memory_rss{{id=\"{id}\"}} 1\n")).is_empty(), left_out, "{id}");
    };
    f("/kubepods/burstable/pod1f/2e", true);
    f(
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1f.slice/cri-containerd-2e.scope",
        true,
    );
    f("/kubepods/burstable", false);
    f("/kubepods", false);
    f("/machine.slice/podman", false);
}

#[test]
fn cpus_devices_faults_and_accelerators_find_their_metrics() {
    let text = r#"
container_cpu_usage_seconds_total{id="/",cpu="cpu00"} 1.5 2000
container_cpu_usage_seconds_total{id="/",cpu="cpu01"} 2 2000
container_memory_failures_total{id="/",failure_type="pgfault",scope="container"} 3
container_memory_failures_total{id="/",failure_type="pgfault",scope="hierarchy"} 30
container_memory_failures_total{id="/",failure_type="pgmajfault",scope="container"} 4
container_fs_usage_bytes{id="/",device="/dev/a"} 5 1000
container_fs_usage_bytes{id="/",device="/dev/b"} 6 1000
container_accelerator_duty_cycle{id="/",make="m",model="o",acc_id="i"} 7
container_memory_usage_bytes{id="/"} NaN
container_memory_cache{id=""} 8
container_start_time_seconds{id="/"} 1795256400
container_spec_memory_limit_bytes{id="/other"} 1
container_cpu_usage_seconds_total{id="/total",cpu="total"} 5
container_cpu_usage_seconds_total{id="/total",cpu="cpu00"} 4
"#;
    let wanted = [
        "node:n 2026-11-21T10:20:00Z 1970-01-01T00:00:02Z uptime=60000 cpu/usage=3500000000 memory/page_faults=3 \
         memory/major_page_faults=4 filesystem/usage{/dev/a}=5 filesystem/usage{/dev/b}=6 \
         accelerator/duty_cycle{i,m,o}=7",
        "node:n/container:total - 2026-11-21T10:21:00Z cpu/usage=5000000000",
    ];
    assert_eq!(of(text), wanted);
}
