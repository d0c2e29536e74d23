use serde_json::{Value as Json, json};

use super::*;
use crate::decode::tests::{Desk, all_shown, reference};

const ASKED: &str = "2026-11-21T10:48:08Z";

fn of(text: &str) -> Vec<String> {
    all_shown(&decode(text.as_bytes(), &Desk::of("n").at(ASKED)).unwrap())
}

/// A container of this name with these labels and more of its specification, and one sample.
fn info(name: &str, labels: Json, spec: Json, stat: Json) -> Json {
    let mut all = json!({"creation_time": "2026-11-21T10:48:00Z", "labels": labels});
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let mut sample = json!({"timestamp": "2026-11-21T10:48:07Z"});
    sample.as_object_mut().unwrap().extend(stat.as_object().unwrap().clone());
    json!({"name": name, "spec": all, "stats": [sample]})
}

fn kube(namespace: &str, pod: &str, container: &str) -> Json {
    json!({
        "io.kubernetes.pod.namespace": namespace,
        "io.kubernetes.pod.name": pod,
        "io.kubernetes.container.name": container,
        "io.kubernetes.pod.uid": "u",
    })
}

#[test]
fn a_cadvisors_list_is_read_whole() {
    let wanted = [
        "node:host/container:docker 2026-11-21T08:38:07Z 2026-11-21T10:48:07.811751959Z uptime=7801000 \
         cpu/usage=300000000 memory/usage=5627904 memory/rss=110592 memory/cache=4829184 memory/working_set=1376256 \
         memory/page_faults=3000 memory/major_page_faults=3 disk/io_read_bytes{/dev/vda}=12288 \
         disk/io_write_bytes{/dev/vda}=12288",
        "node:host/container:fx-worker 2026-11-21T10:46:23.5Z 2026-11-21T10:48:07.811751959Z uptime=104500 \
         cpu/usage=900000000 memory/usage=16883712 memory/rss=331776 memory/cache=14487552 \
         memory/working_set=4128768 memory/page_faults=9000 memory/major_page_faults=9 network/rx=9144 \
         network/rx_errors=0 network/tx=4500 network/tx_errors=0 filesystem/usage{/dev/vda}=368640 \
         filesystem/limit{/dev/vda}=270553174016 filesystem/available{/dev/vda}=0",
        "node:host/container:fx-idle 2026-11-21T10:46:23.5Z 2026-11-21T10:48:07.811751959Z uptime=104500 \
         cpu/usage=1200000000 memory/usage=22511616 memory/rss=442368 memory/cache=19316736 \
         memory/working_set=5505024 memory/page_faults=12000 memory/major_page_faults=12 \
         filesystem/usage{/dev/vda}=163840 filesystem/limit{/dev/vda}=270553174016 filesystem/available{/dev/vda}=0",
        "node:host/container:fx-web 2026-11-21T10:46:23.5Z 2026-11-21T10:48:07.811751959Z uptime=104500 \
         cpu/usage=600000000 memory/usage=11255808 memory/rss=221184 memory/cache=9658368 memory/working_set=2752512 \
         memory/page_faults=6000 memory/major_page_faults=6 network/rx=6096 network/rx_errors=0 network/tx=3000 \
         network/tx_errors=0 filesystem/usage{/dev/vda}=245760 filesystem/limit{/dev/vda}=270553174016 \
         filesystem/available{/dev/vda}=0 disk/io_read_bytes{/dev/vda}=24576 disk/io_write_bytes{/dev/vda}=24576 \
         accelerator/memory_total{GPU-3a9e6ea4-1b3a-4a1f-8a0f-1d2f5d2f7b11,nvidia,NVIDIA A100-SXM4-40GB}=42949672960 \
         accelerator/memory_used{GPU-3a9e6ea4-1b3a-4a1f-8a0f-1d2f5d2f7b11,nvidia,NVIDIA A100-SXM4-40GB}=1610612736 \
         accelerator/duty_cycle{GPU-3a9e6ea4-1b3a-4a1f-8a0f-1d2f5d2f7b11,nvidia,NVIDIA A100-SXM4-40GB}=42 \
         custom/active=-4 gauge custom/requests_total=0.0 cumulative",
    ];
    let sets =
        decode(include_bytes!("../../testdata/subcontainers.json"), &Desk::of("host").at(ASKED)).unwrap();
    assert_eq!(all_shown(&sets), wanted);
}

#[test]
fn containers_are_known_by_labels_aliases_and_old_forms() {
    let f = |name: &str, labels: Json, key: &str| {
        let mut text = info(name, labels, json!({}), json!({}));
        let key_of = |text: &Json| {
            let sets = of(&json!([text]).to_string());
            sets[0].split(' ').next().unwrap().to_owned()
        };
        assert_eq!(key_of(&text), key, "{name}");
        text["aliases"] = json!([]);
        assert_eq!(key_of(&text), key, "{name}");
    };
    f("/", json!({}), "node:n");
    f("/", kube("a", "p", "c"), "node:n");
    f("/system.slice/ssh.service", json!({}), "node:n/container:system.slice/ssh.service");
    f("/x", kube("a", "p", "c"), "namespace:a/pod:p/container:c");
    f("/x", kube("a", "p", "POD"), "namespace:a/pod:p");
    f("/x", kube("", "p", "c"), "node:n/container:x");
    f("/x", kube("a", "", "c"), "node:n/container:x");
    f("/x", kube("a", "p", ""), "node:n/container:x");
    f("k8s_c.1f_p", kube("", "a/p", ""), "namespace:a/pod:p/container:c");
    f("k8s_c", kube("", "a/p", ""), "node:n/container:k8s_c");
    f("k8s_POD.1f_p", kube("a", "p", ""), "namespace:a/pod:p");
    let mut named = info("/docker/1f", json!({}), json!({}), json!({}));
    named["aliases"] = json!(["web", "1f"]);
    assert_eq!(
        of(&json!([named]).to_string()),
        ["node:n/container:web 2026-11-21T10:48:00Z 2026-11-21T10:48:07Z uptime=8000"]
    );
}

#[test]
fn a_pods_own_container_is_told_to_be_its_sandbox() {
    let text = json!([
        info("/", json!({}), json!({}), json!({})),
        info("/a", kube("a", "p", "POD"), json!({}), json!({})),
        info("/b", kube("a", "p", "c"), json!({}), json!({})),
    ]);
    let sets = decode(text.to_string().as_bytes(), &Desk::of("n").at(ASKED)).unwrap();
    let sandboxes: Vec<_> = sets.iter().map(|set| (set.key.word(), set.is_sandbox())).collect();
    assert_eq!(sandboxes, [("node", false), ("pod", true), ("pod_container", false)]);
}

#[test]
fn values_follow_the_specification() {
    let stat = json!({
        "cpu": {"usage": {"total": 5}},
        "memory": {"usage": 1, "cache": 2, "rss": 3, "working_set": 4, "container_data": {"pgfault": 5}},
        "network": {"name": "a", "rx_bytes": 1, "tx_bytes": 2, "interfaces": [
            {"name": "a", "rx_bytes": 1, "tx_bytes": 2, "rx_errors": 3},
            {"name": "b", "rx_bytes": 10, "tx_bytes": 20},
        ]},
        "filesystem": [
            {"device": "/dev/a", "capacity": 9, "usage": 8, "available": 7, "inodes": 6, "inodes_free": 5},
            {"device": "/dev/b", "capacity": 9, "has_inodes": true, "inodes": 6, "inodes_free": 5},
        ],
        "diskio": {"io_service_bytes": [
            {"device": "", "major": 8, "minor": 1, "stats": {"Read": 4}},
            {"device": "/dev/b", "major": 8, "minor": 2, "stats": {"Write": 6, "Total": 6}},
        ]},
    });
    let flags = ["cpu", "memory", "network", "filesystem", "diskio"];
    let all: serde_json::Map<_, _> = flags.iter().map(|flag| (format!("has_{flag}"), json!(true))).collect();
    let spec = |spec: Json| of(&json!([info("/x", kube("a", "p", "c"), spec, stat.clone())]).to_string());
    let start = "namespace:a/pod:p/container:c 2026-11-21T10:48:00Z 2026-11-21T10:48:07Z uptime=8000";
    let numbers = "cpu/usage=5 memory/usage=1 memory/rss=3 memory/cache=2 memory/working_set=4 \
        memory/page_faults=5 network/rx=11 network/rx_errors=3 network/tx=22 \
        filesystem/usage{/dev/a}=8 filesystem/limit{/dev/a}=9 filesystem/available{/dev/a}=7 \
        filesystem/limit{/dev/b}=9 filesystem/inodes{/dev/b}=6 filesystem/inodes_free{/dev/b}=5 \
        disk/io_read_bytes{8:1}=4 disk/io_write_bytes{8:1}=0 \
        disk/io_read_bytes{/dev/b}=0 disk/io_write_bytes{/dev/b}=6";
    assert_eq!(spec(Json::Object(all)), [format!("{start} {numbers}")]);
    assert_eq!(spec(json!({"image": "i:1"})), [format!("{start} image=i:1")]);
    assert_eq!(spec(json!({"has_cpu": true})), [format!("{start} cpu/usage=5")]);
}

#[test]
fn an_interface_alone_is_taken_and_made_up_zeros_are_not() {
    let f = |network: Json| {
        let text = info("/x", json!({}), json!({"has_network": true}), json!({"network": network}));
        of(&json!([text]).to_string())[0].split_once("uptime=8000").unwrap().1.trim().to_owned()
    };
    assert_eq!(f(json!({"rx_bytes": 5, "tx_bytes": 0})), "network/rx=5 network/tx=0");
    assert_eq!(f(json!({"name": "eth0", "rx_bytes": 0})), "network/rx=0");
    assert_eq!(f(json!({"name": "", "rx_bytes": 0, "tx_bytes": 0})), "");
}

#[test]
fn the_newest_of_twins_and_of_samples_counts() {
    let with = |started: &str, total: u32| {
        let mut one = info("/x", kube("a", "p", "c"), json!({"has_cpu": true}), json!({}));
        one["spec"]["creation_time"] = json!(started);
        one["stats"] = json!([
            {"timestamp": "2026-11-21T10:48:01Z", "cpu": {"usage": {"total": 1}}},
            {"timestamp": "2026-11-21T10:48:02Z", "cpu": {"usage": {"total": total}}},
        ]);
        one
    };
    let (old, new) = (with("2026-11-21T10:00:00Z", 70), with("2026-11-21T10:48:00Z", 5));
    let wanted =
        ["namespace:a/pod:p/container:c 2026-11-21T10:48:00Z 2026-11-21T10:48:02Z uptime=8000 cpu/usage=5"];
    assert_eq!(of(&json!([old, new]).to_string()), wanted);
    assert_eq!(of(&json!({"/1": new, "/2": old}).to_string()), wanted);
    let none = json!({"name": "/x", "spec": {}, "stats": []});
    assert!(of(&json!([none]).to_string()).is_empty());
}

#[test]
fn a_broken_container_costs_itself() {
    let good = info("/good", json!({}), json!({}), json!({}));
    for bad in [json!(null), json!(7), json!({"name": "/bad", "stats": 7}), json!({"name": 7, "spec": []})] {
        assert_eq!(of(&json!([bad, good]).to_string()).len(), 1, "{bad}");
    }
    let odd =
        info("/odd", json!([]), json!({"has_cpu": 1, "has_memory": true}), json!({"memory": {"usage": "x"}}));
    assert_eq!(of(&json!([odd, good]).to_string()).len(), 2);
}

#[test]
fn heapsters_cases_come_out_alike() {
    let Some(text) = reference("heapsters_cases_come_out_alike", "stats-container-cases.json") else {
        return;
    };
    let all: Json = serde_json::from_slice(&text).unwrap();
    let desk = Desk::of("test");
    let reading = desk.at("2018-07-26T12:01:05Z");
    let read = |text: Json| decode(text.to_string().as_bytes(), &reading).unwrap();
    let sets = read(all["response"].clone());
    let keys: Vec<_> = sets.iter().map(|set| set.key.to_string()).collect();
    assert_eq!(keys, ["node:test", "node:test/container:docker-daemon"]);
    let cases = all["decode_cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let sets = read(json!([case["in"]]));
        assert_eq!(sets.len(), 1);
        let set = &sets[0];
        assert_eq!(
            (json!(set.key.to_string()), json!(set.key.word())),
            (case["key"].clone(), case["type"].clone())
        );
        assert_eq!(set.started.unwrap().to_string(), "2018-07-26T12:00:00Z");
        assert_eq!(set.scraped.unwrap().to_string(), "2018-07-26T12:01:00Z");
        let has_cpu = case["in"]["spec"]["has_cpu"] == true;
        assert_eq!(set.values.int(Metric::CpuUsage), has_cpu.then_some(100));
        for (name, value) in case["values"].as_object().into_iter().flatten() {
            let custom = set.custom().iter().find(|custom| *custom.name == **name).unwrap();
            assert_eq!(Some(custom.value.as_f64()), value.as_f64(), "{name}");
        }
    }
}
