//! What is in the summary, and whose it is.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::container::{Identity, Reference};
use plimsoll_core::machine::FsInfo;
use plimsoll_measure::filesystem::VolumeStats;
use serde_json::{Value, json};

use crate::app::{App, Options};
use crate::fake::kubernetes::{LOOSE_UID, Member, WEB_UID};
use crate::fake::{Fake, WEB, samples};
use crate::tests::{app, ask, get};

async fn summary(host: Fake) -> Value {
    get(&app(host), "/stats/summary").await.json()
}

fn named<'a>(all: &'a Value, name: &str) -> &'a Value {
    let found =
        all.as_array().unwrap().iter().find(|item| item["name"] == name || item["podRef"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all}"))
}

fn names(all: &Value) -> Vec<&str> {
    all.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn containers_stand_in_their_pods() {
    let all = summary(Fake::kubernetes()).await;
    let pods: Vec<String> = all["pods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| {
            let [namespace, name] = ["namespace", "name"].map(|key| pod["podRef"][key].as_str().unwrap());
            format!("{namespace}/{name}: {}", names(&pod["containers"]).join(" "))
        })
        .collect();
    assert_eq!(pods, ["default/loose: one two", "kube-system/fixed-fixture: main", "shop/web: helper httpd"]);
    assert_eq!(all["pods"][2]["podRef"]["uid"], WEB_UID);
}

#[tokio::test]
async fn what_clients_count_with_is_right() {
    let all = summary(Fake::kubernetes()).await;
    let node = &all["node"];
    // 5 x 300 ms after three seconds, a half second's worth of them each second
    assert_eq!(
        (&node["cpu"]["usageCoreNanoSeconds"], &node["cpu"]["usageNanoCores"]),
        (&json!(1_500_000_000), &json!(500_000_000))
    );
    assert_eq!(node["memory"]["availableBytes"], 25_276_510_208_u64 - 6_881_280);
    assert_eq!(node["swap"]["swapAvailableBytes"], 2_147_483_648_u64 - 4096);
    assert_eq!(node["rlimit"], json!({"time": "2026-11-21T10:48:08Z", "maxpid": 32_768, "curproc": 291}));
    assert_eq!((&node["network"]["name"], &node["network"]["rxBytes"]), (&json!("eth0"), &json!(15_240)));
    assert_eq!(node["fs"]["inodesUsed"], 16_777_216 - 16_305_133);
    assert_eq!(node["runtime"]["imageFs"]["capacityBytes"], 8_417_406_976_u64);
    let web = named(&all["pods"], "web");
    // the pod's own group, which has 7 where its containers have 3 and 2
    assert_eq!(web["cpu"]["usageCoreNanoSeconds"], 2_100_000_000);
    assert_eq!(web["memory"]["availableBytes"], 2 * 67_108_864 - 7 * 1_376_256);
    let helper = named(&web["containers"], "helper");
    assert_eq!(helper["memory"]["availableBytes"], 67_108_864 - 2 * 1_376_256);
    assert_eq!(helper["rootfs"]["usedBytes"], 8192);
    assert_eq!(helper["logs"]["usedBytes"], 2 * 40_960 - 8192);
    assert_eq!(named(&web["containers"], "httpd")["memory"].get("availableBytes"), None, "no limit");
    // layers 12288 and 8192, the logs beside them, a volume
    assert_eq!(web["ephemeral-storage"]["usedBytes"], 3 * 40_960 + 2 * 40_960 + 4_198_400);
    assert_eq!(web["ephemeral-storage"]["inodesUsed"], 3 + 2 + 2);
    assert_eq!(web["process_stats"], json!({"process_count": 4}));
    assert_eq!(web["network"]["interfaces"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&web["volume"][0]["name"], &web["volume"][0]["usedBytes"]),
        (&json!("data"), &json!(4_198_400))
    );
}

#[tokio::test]
async fn a_pod_without_a_group_has_the_sum_of_its_containers() {
    let all = summary(Fake::kubernetes()).await;
    let pod = named(&all["pods"], "loose");
    assert_eq!(pod["podRef"]["uid"], LOOSE_UID);
    assert_eq!(
        (&pod["cpu"]["usageCoreNanoSeconds"], &pod["cpu"]["usageNanoCores"]),
        (&json!(2_700_000_000_u64), &json!(900_000_000))
    );
    assert_eq!(pod["memory"]["workingSetBytes"], 9 * 1_376_256);
    assert_eq!(pod["swap"]["swapUsageBytes"], 8192);
    let mut host = Fake::kubernetes();
    let (view, samples) = host.containers.get_mut("/k8s.io/cri-containerd-e20b26418935.scope").unwrap();
    samples.last_mut().unwrap().memory = None;
    view.latest = samples.last().cloned().map(Arc::new);
    let all = summary(host).await;
    let pod = named(&all["pods"], "loose");
    assert_eq!((pod.get("memory"), pod.get("swap")), (None, None), "a part of the sum is not the sum");
    assert!(pod["cpu"].is_object());
}

#[tokio::test]
async fn a_pod_starts_with_its_sandbox() {
    let mut host = Fake::kubernetes();
    let start = async |host| named(&summary(host).await["pods"], "loose")["startTime"].clone();
    let clone = Fake::kubernetes();
    assert_eq!(start(clone).await, "2026-11-21T10:47:24Z");
    host.containers.remove("/k8s.io/cri-containerd-0525ada61d8b.scope");
    assert_eq!(start(host).await, "2026-11-21T10:47:34Z");
}

#[tokio::test]
async fn the_hosts_network_is_no_pods() {
    let all = summary(Fake::kubernetes()).await;
    assert_eq!(named(&all["pods"], "fixed-fixture").get("network"), None);
}

#[tokio::test]
async fn a_container_that_has_ended_or_has_no_sample_yet_is_not_there() {
    let mut host = Fake::kubernetes();
    let (view, _) = host.containers.get_mut("/k8s.io/cri-containerd-e20b26418935.scope").unwrap();
    view.identity = Arc::new(Identity { exit_code: Some(0), ..Identity::clone(&view.identity) });
    let pod = ["default", "starts", "u"];
    let member = |name, id| Member { pod, name, id, above: "/k8s.io", made: 0 };
    host.add_member(&member("", "aa"), samples(1, None));
    host.add_member(&member("main", "ab"), Vec::new());
    let all = summary(host).await;
    assert_eq!(names(&named(&all["pods"], "loose")["containers"]), ["two"]);
    assert!(!all.to_string().contains("starts"), "{all}");
}

#[tokio::test]
async fn of_a_container_that_was_made_anew_the_newest_counts() {
    let mut host = Fake::kubernetes();
    let pod = ["shop", "web", WEB_UID];
    host.add_member(&Member { pod, name: "httpd", id: "00", above: "/k8s.io", made: -51 }, samples(9, None));
    let all = summary(host).await;
    let web = named(&all["pods"], "web");
    assert_eq!(names(&web["containers"]), ["helper", "httpd"]);
    assert_eq!(named(&web["containers"], "httpd")["cpu"]["usageCoreNanoSeconds"], 900_000_000);
}

#[tokio::test]
async fn no_rate_without_a_sample_before() {
    let mut host = Fake::kubernetes();
    host.add_member(
        &Member { pod: ["a", "b", ""], name: "c", id: "00", above: "/k8s.io", made: 0 },
        samples(1, None).into_iter().take(1).collect(),
    );
    let all = summary(host).await;
    let cpu = &named(&all["pods"], "b")["cpu"];
    assert_eq!((cpu.get("usageNanoCores"), &cpu["usageCoreNanoSeconds"]), (None, &json!(100_000_000)));
}

#[tokio::test]
async fn containers_of_no_pod_are_system_containers_with_names_of_their_own() {
    let mut host = Fake::kubernetes();
    let spec = host.containers["/docker"].0.spec.as_ref().clone();
    for (id, name) in [("0b", "runtime"), ("0c", "twice"), ("0d", "twice"), ("0e", "misc")] {
        host.add_docker(id, name, spec.clone(), samples(1, None));
    }
    let all = summary(host).await;
    let system = &all["node"]["systemContainers"];
    assert_eq!(
        names(system),
        [
            "kubelet",
            "runtime",
            "misc",
            "pods", // kubelet's own
            "0b",
            "twice",
            "0d",
            "0e",
            "fx-worker",
            "fx-idle",
            "fx-web",
        ]
    );
    assert_eq!(named(system, "runtime")["cpu"]["usageCoreNanoSeconds"], 600_000_000, "containerd.service");
    assert!(named(system, "fx-web")["rootfs"].is_object());
}

#[tokio::test]
async fn the_runtime_is_the_one_that_has_the_pods_or_else_the_containers() {
    let mut host = Fake::plain();
    let spec = host.containers["/docker"].0.spec.as_ref().clone();
    for unit in ["containerd", "docker"] {
        host.add(
            Reference::raw(format!("/system.slice/{unit}.service")),
            spec.clone(),
            samples(unit.len() as u64, None),
        );
    }
    let all = summary(host).await;
    assert_eq!(
        named(&all["node"]["systemContainers"], "runtime")["cpu"]["usageCoreNanoSeconds"],
        1_800_000_000
    );
}

#[tokio::test]
async fn of_an_interface_list_without_eth0_the_first_card_is_the_default() {
    let mut host = Fake::kubernetes();
    let (view, samples) = host.containers.get_mut("/").unwrap();
    let network = samples.last_mut().unwrap().network.as_mut().unwrap();
    let mut bridge = network.interfaces[0].clone();
    bridge.name = "cni0".to_owned();
    network.interfaces[0].name = "ens4".to_owned();
    network.interfaces.insert(0, bridge);
    view.latest = samples.last().cloned().map(Arc::new);
    host.machine.network_devices.as_mut().unwrap()[0].name = "ens4".to_owned();
    let all = summary(host).await;
    assert_eq!(all["node"]["network"]["name"], "ens4");
}

#[tokio::test]
async fn v1_limits_memory_and_swap_together() {
    let mut host = Fake::host();
    let (view, samples) = host.containers.get_mut(&format!("/docker/{WEB}")).unwrap();
    samples.last_mut().unwrap().memory.as_mut().unwrap().swap = Some(1 << 20);
    view.latest = samples.last().cloned().map(Arc::new);
    host.machine.swap_capacity = 1 << 30;
    let all = summary(host).await;
    let swap = &named(&all["node"]["systemContainers"], "fx-web")["swap"];
    // 256 MiB of both, 128 MiB of memory, 1 MiB in use
    assert_eq!((&swap["swapAvailableBytes"], &swap["swapUsageBytes"]), (&json!(127 << 20), &json!(1 << 20)));
}

#[tokio::test]
async fn without_swap_on_the_machine_nothing_may_be_swapped_out() {
    let mut host = Fake::kubernetes();
    host.machine.swap_capacity = 0;
    let app = app(host);
    let resource = get(&app, "/metrics/resource").await.text().to_owned();
    let limits: Vec<&str> =
        resource.lines().filter(|line| line.starts_with("container_swap_limit_bytes{")).collect();
    assert!(limits.len() > 1 && limits.iter().all(|line| line.contains("} 0 ")), "{limits:?}");
    let short: Value =
        serde_json::from_str(get(&app, "/stats/summary?only_cpu_and_memory=true").await.text()).unwrap();
    assert_eq!(short["pods"][0]["containers"][0]["swap"]["swapAvailableBytes"], 0, "{short}");
}

#[tokio::test]
async fn a_pod_without_an_interface_that_is_the_default_has_an_empty_name() {
    let mut host = Fake::kubernetes();
    let (view, samples) = host.containers.get_mut("/").unwrap();
    let network = samples.last_mut().unwrap().network.as_mut().unwrap();
    network.interfaces.retain(|interface| interface.name == "eth0");
    network.interfaces[0].name = "bridge".to_owned();
    view.latest = samples.last().cloned().map(Arc::new);
    let node = summary(host).await["node"]["network"].clone();
    assert_eq!((&node["name"], node.get("rxBytes")), (&json!(""), None), "{node}");
    assert_eq!(node["interfaces"][0]["name"], "bridge");
}

#[tokio::test]
async fn the_group_of_all_pods_is_found_below_a_root_of_its_own() {
    let mut host = Fake::kubernetes();
    let moved: Vec<String> =
        host.containers.keys().filter(|name| name.starts_with("/kubepods.slice")).cloned().collect();
    for name in moved {
        let (mut view, samples) = host.containers.remove(&name).unwrap();
        let name = format!("/lab.slice{name}");
        view.reference = Arc::new(Reference { name: name.clone(), ..(*view.reference).clone() });
        host.containers.insert(name, (view, samples));
    }
    let all = summary(host).await;
    assert!(named(&all["node"]["systemContainers"], "pods")["cpu"].is_object(), "{all}");
}

#[tokio::test]
async fn a_volume_in_memory_is_no_storage_that_goes_with_the_pod() {
    let told = async |device: &str| {
        let mut host = Fake::kubernetes();
        let of_web = |view: &crate::past::View| {
            view.reference.aliases.iter().any(|name| name.starts_with("httpd_web_"))
        };
        let (view, samples) = host.containers.values_mut().find(|(view, _)| of_web(view)).unwrap();
        samples.last_mut().unwrap().volumes = vec![VolumeStats {
            name: "cache".to_owned(),
            device: device.to_owned(),
            usage: 1 << 30,
            inodes: Some(7),
        }];
        view.latest = samples.last().cloned().map(Arc::new);
        let at = "/var/lib/kubelet/pods/x/volumes/kubernetes.io~empty-dir/cache".to_owned();
        let whole = host.storage[0].clone();
        host.storage.push(FsInfo { device: at.clone(), mountpoint: at, labels: None, ..whole });
        let all = summary(host).await;
        let web = named(&all["pods"], "web").clone();
        assert_eq!(named(&web["volume"], "cache")["usedBytes"], 1 << 30, "{web}");
        web["ephemeral-storage"]["usedBytes"].as_u64().unwrap()
    };
    let in_memory = told("/var/lib/kubelet/pods/x/volumes/kubernetes.io~empty-dir/cache").await;
    assert!(in_memory < 1 << 30, "{in_memory}");
    assert_eq!(told("/dev/vdb").await, in_memory + (1 << 30));
}

#[tokio::test]
async fn gpus_and_application_metrics_are_told() {
    let mut host = Fake::host();
    let (view, samples) = host.containers.get_mut(&format!("/docker/{WEB}")).unwrap();
    view.latest = samples.last().cloned().map(Arc::new);
    let all = summary(host).await;
    let web = named(&all["node"]["systemContainers"], "fx-web");
    let gpus = web["accelerators"].as_array().unwrap();
    assert_eq!(gpus.len(), 1, "one of which nothing is known is left out");
    assert_eq!((&gpus[0]["memoryTotal"], &gpus[0]["dutyCycle"]), (&json!(42_949_672_960_u64), &json!(42)));
    let told: Vec<(&str, &Value)> = web["userDefinedMetrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| (metric["name"].as_str().unwrap(), &metric["value"]))
        .collect();
    assert_eq!(
        told,
        [("active", &json!(-4)), ("requests_total", &json!(1027.5)), ("requests_total", &json!(0))],
        "what JSON has no word for is left out"
    );
    assert_eq!(web["userDefinedMetrics"][2]["labels"], json!({"code": "500", "path": "/"}));
}

#[tokio::test]
async fn a_short_summary_samples_the_root_and_a_long_one_nothing() {
    let host = Arc::new(Fake::kubernetes());
    let app = App::new(Arc::<Fake>::clone(&host), Options::default());
    for uri in
        ["/stats/summary", "/stats/summary?only_cpu_and_memory=1", "/stats/summary?only_cpu_and_memory=true"]
    {
        assert_eq!(ask(&app, "GET", uri, "").await.status, 200);
    }
    assert_eq!(*host.refreshed.lock().unwrap(), [(vec!["/".to_owned()], Duration::ZERO)]);
    host.refreshed.lock().unwrap().clear();
    assert_eq!(get(&app, "/stats/summary?max_age=2s").await.status, 200);
    let all = host.containers.keys().cloned().collect();
    assert_eq!(*host.refreshed.lock().unwrap(), [(all, Duration::from_secs(2))]);
    let wrong = get(&app, "/stats/summary?max_age=2").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().starts_with("failed to parse 'max_age' option"), "{}", wrong.text());
}

#[tokio::test]
async fn an_empty_host_is_a_node_without_numbers() {
    let all = summary(Fake::empty()).await;
    assert_eq!(all["node"], json!({"nodeName": "", "startTime": null}));
    assert_eq!(all["pods"], json!([]));
}

#[tokio::test]
async fn a_host_name_is_a_node_name() {
    let mut host = Fake::kubernetes();
    host.state.name = " Node-1\n".to_owned();
    host.state.boot = None;
    let node = &summary(host).await["node"];
    assert_eq!((&node["nodeName"], &node["startTime"]), (&json!("node-1"), &json!("2026-11-21T08:38:07Z")));
}
