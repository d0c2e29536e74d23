//! A collector over hosts that run Plimsoll, with real containers and real networks between them: nothing is faked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::container::Container;
use common::containerd::{Containerd, IMAGE};
use common::cri::{Cri, Pod, Sandbox};
use common::net::Net;
use common::program::Plimsoll;
use common::{Need, close, eventually, kernel};
use rustix::process::Signal;
use serde_json::Value;

const MIB: f64 = 1_048_576.0;
const NEEDS: [Need; 7] = [
    Need::Root,
    Need::Workload,
    Need::Image,
    Need::Program("containerd"),
    Need::Program("ctr"),
    Need::Program("/usr/lib/cni/bridge"),
    Need::Program("ip"),
];

/// A host: its network, its runtime, its agent, a pod with a container.
struct Host {
    agent: Plimsoll,
    net: Net,
    main: Container,
    // both end their containers when they are dropped
    _pod: Sandbox,
    containerd: Containerd,
}

impl Host {
    #[track_caller]
    fn start(pod: &str) -> Self {
        let containerd = Containerd::with_cri();
        let cri = Cri::new(&containerd.socket, &containerd.prefix, IMAGE);
        let parent = format!("/kubepods/burstable/pod{}", containerd.prefix);
        let sandbox = cri.pod(pod, &Pod { cgroup_parent: &parent, ..Pod::default() });
        let main = sandbox.container("main", 0, &[], 128 << 20);
        let net = Net::new();
        let agent = Self::agent(&net, &containerd);
        Self { agent, net, main, _pod: sandbox, containerd }
    }

    #[track_caller]
    fn agent(net: &Net, containerd: &Containerd) -> Plimsoll {
        let socket = containerd.flag();
        Plimsoll::start_in(net, &[&socket, "--docker=", "--podman=", "--allow_dynamic_housekeeping=false"])
    }

    fn line(&self, name: &str) -> String {
        format!("{name} {}:8080", self.net.address)
    }
}

/// A metric's newest point in the model, and its instant.
fn point(collector: &Plimsoll, entity: &str, metric: &str) -> Result<(f64, String), String> {
    let path = if entity.is_empty() { String::new() } else { format!("{entity}/") };
    let told = collector.try_json(&format!("/api/v1/model/{path}metrics/{metric}"))?;
    let last = told["metrics"].as_array().and_then(|all| all.last()).cloned();
    let last = last.ok_or(format!("no point of {metric} of {entity:?}: {told}"))?;
    let value = last.get("floatValue").or_else(|| last.get("value")).and_then(Value::as_f64);
    let at = last["timestamp"].as_str().unwrap_or_default().to_owned();
    Ok((value.ok_or(format!("no value in {last}"))?, at))
}

/// The newest points of a metric of several entities, all of one round.
#[track_caller]
fn at_once(collector: &Plimsoll, entities: &[&str], metric: &str) -> Vec<f64> {
    eventually(&format!("one round's {metric} of {entities:?}"), 30.0, || {
        let points: Result<Vec<_>, _> =
            entities.iter().map(|entity| point(collector, entity, metric)).collect();
        let points = points?;
        if points.windows(2).all(|pair| pair[0].1 == pair[1].1) {
            Ok(points.into_iter().map(|(value, _)| value).collect())
        } else {
            Err(format!("of different rounds: {points:?}"))
        }
    })
}

#[track_caller]
fn keys(collector: &Plimsoll) -> Vec<String> {
    let all = collector.json("/api/v1/model/debug/allkeys");
    all.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

const WEB: &str = "namespaces/shop/pods/web";
const DB: &str = "namespaces/shop/pods/db";

#[test]
fn pods_of_two_hosts_are_told_and_summed() {
    if !common::able("pods_of_two_hosts_are_told_and_summed", &NEEDS) {
        return;
    }
    let (one, two) = (Host::start("web"), Host::start("db"));
    let word = |host: &Host, name: &str| host.line(name).replace(' ', "=");
    let hosts = format!("--hosts={},{}", word(&one, "one"), word(&two, "two"));
    let collector = Plimsoll::cluster(&[&hosts, "--route=summary", "--metric_resolution=5s"]);
    eventually("all entities are there", 30.0, || {
        let keys = keys(&collector);
        let wanted = [
            "cluster",
            "namespace:shop",
            "namespace:shop/pod:web",
            "namespace:shop/pod:web/container:main",
            "namespace:shop/pod:db/container:main",
            "node:one",
            "node:two",
        ];
        match wanted.iter().find(|key| !keys.contains(&(**key).to_owned())) {
            Some(missing) => Err(format!("{missing} is not in {keys:?}")),
            None => Ok(()),
        }
    });
    let of_container = |pod: &str| format!("{pod}/containers/main");
    let (web, db) = (of_container(WEB), of_container(DB));

    // what is burnt and held on each host is told as the kernel has it
    for (host, entity, millis, mib) in [(&one, &web, 2000, 64.0), (&two, &db, 1000, 32.0)] {
        let before = kernel::cpu_nanos(&host.main.group);
        let burnt: f64 = host.main.order(&format!("burn {millis}")).parse().unwrap();
        host.main.order(&format!("hold {mib}"));
        let after = kernel::cpu_nanos(&host.main.group);
        assert!(after - before >= burnt * 0.99);
        eventually("its CPU time and memory are told", 30.0, || {
            let (told, _) = point(&collector, entity, "cpu/usage")?;
            let (held, _) = point(&collector, entity, "memory/rss")?;
            if (told - after).abs() <= after * 0.01 && held >= mib * MIB {
                Ok(())
            } else {
                Err(format!("{told} ns of {after}, {held} bytes of {mib} MiB"))
            }
        });
        let rss = at_once(&collector, &[entity], "memory/rss")[0];
        close("memory/rss", rss, kernel::anonymous_bytes(&host.main.group), 1.0);
    }

    // the rate, while one burns for longer than two rounds
    std::thread::scope(|scope| {
        let burning = scope.spawn(|| one.main.order("burn 15000"));
        let begin = std::time::Instant::now();
        let first = kernel::cpu_nanos(&one.main.group);
        eventually("the rate is told", 24.0, || {
            let (told, _) = point(&collector, &web, "cpu/usage_rate")?;
            let truth = (kernel::cpu_nanos(&one.main.group) - first) / begin.elapsed().as_secs_f64() / 1e6;
            // a round lies behind; on a machine with other work what it gets goes up and down
            if told > truth * 0.8 && told < truth * 1.25 + 20.0 {
                Ok(())
            } else {
                Err(format!("{told} of {truth}"))
            }
        });
        burning.join().unwrap();
    });

    // sums: containers in pods, pods in namespaces, namespaces in the cluster
    let all = [web.as_str(), db.as_str(), WEB, DB, "namespaces/shop", ""];
    for metric in ["memory/usage", "cpu/usage_rate"] {
        let told = at_once(&collector, &all, metric);
        assert_eq!((told[0], told[1]), (told[2], told[3]), "{metric}: a pod is its containers");
        assert_eq!(told[2] + told[3], told[4], "{metric}: the namespace is its pods");
        assert_eq!(told[4], told[5], "{metric}: the cluster is its namespaces");
    }
    let nodes = at_once(&collector, &["nodes/one", "nodes/two"], "memory/working_set");
    assert!(nodes.iter().all(|bytes| *bytes > 96.0 * MIB), "a node has more than its pods: {nodes:?}");

    // what autoscalers and `kubectl top` ask
    eventually("the metrics API has both pods", 30.0, || {
        let list = collector.try_json("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods")?;
        let items = list["items"].as_array().ok_or("no items")?;
        let of = |pod: &Value| (pod["metadata"]["name"].clone(), pod["containers"][0]["name"].clone());
        let names: Vec<_> = items.iter().map(of).collect();
        if names == [("db".into(), "main".into()), ("web".into(), "main".into())] {
            Ok(())
        } else {
            Err(list.to_string())
        }
    });
    let nodes = collector.json("/apis/metrics.k8s.io/v1beta1/nodes");
    assert!(nodes["items"][1]["usage"]["cpu"].as_str().is_some_and(|cpu| cpu.ends_with('n')), "{nodes}");

    // the export has them too, and the collector tells of itself
    let export = collector.json("/api/v1/metric-export");
    let labels: Vec<_> = export.as_array().unwrap().iter().map(|set| set["labels"].clone()).collect();
    let has = |key: &str, value: &str| labels.iter().any(|labels| labels[key] == value);
    assert!(
        has("pod_name", "web") && has("nodename", "two") && has("container_name", "machine"),
        "{labels:?}"
    );
    let own = collector.metrics();
    assert!(own.iter().any(|series| series.name.starts_with("heapster_")), "{own:?}");
}

/// The instants of a node's newest points, and whether the other's pod is there.
fn newest(collector: &Plimsoll) -> Result<BTreeMap<&'static str, String>, String> {
    let keys = collector.try_json("/api/v1/model/debug/allkeys")?;
    let there = |key: &str| keys.as_array().is_some_and(|all| all.iter().any(|one| one == key));
    let mut found = BTreeMap::new();
    for (name, key, entity) in [
        ("one", "node:one", "nodes/one"),
        ("two", "node:two", "nodes/two"),
        ("web", "namespace:shop/pod:web", WEB),
        ("db", "namespace:shop/pod:db", DB),
    ] {
        if there(key) {
            found.insert(name, point(collector, entity, "memory/working_set")?.1);
        }
    }
    Ok(found)
}

#[test]
fn a_host_that_is_away_costs_the_others_nothing() {
    if !common::able("a_host_that_is_away_costs_the_others_nothing", &NEEDS) {
        return;
    }
    let (one, mut two) = (Host::start("web"), Host::start("db"));
    let folder = common::folder();
    let file = folder.path().join("hosts");
    std::fs::write(&file, format!("{}\n{}\n", one.line("one"), two.line("two"))).unwrap();
    let flag = format!("--hosts_file={}", file.display());
    let collector = Plimsoll::cluster(&[&flag, "--route=summary", "--metric_resolution=5s"]);
    let all_there = |what: &str| {
        eventually(what, 40.0, || {
            let found = newest(&collector)?;
            if found.len() == 4 { Ok(found) } else { Err(format!("{found:?}")) }
        })
    };
    // absent rather than stale, while the other's numbers go on round by round
    let away = |what: &str| {
        let first = eventually(what, 40.0, || {
            let found = newest(&collector)?;
            if found.keys().eq(["one", "web"].iter()) { Ok(found) } else { Err(format!("{found:?}")) }
        });
        let mut last = first;
        for _ in 0..2 {
            let start = std::time::Instant::now();
            last = eventually("the other's next round", 12.0, || {
                let found = newest(&collector)?;
                if found.get("one") > last.get("one") { Ok(found) } else { Err(format!("{found:?}")) }
            });
            assert!(
                start.elapsed() < common::seconds(9.0),
                "rounds wait for who is away: {:?}",
                start.elapsed()
            );
            assert!(!last.contains_key("two") && !last.contains_key("db"), "{last:?}");
        }
    };
    all_there("both are there");

    two.net.cable(false);
    away("the cable is out");
    two.net.cable(true);
    all_there("the cable is in again");

    rustix::process::kill_process(two.agent.pid(), Signal::STOP).unwrap();
    away("the agent hangs");
    rustix::process::kill_process(two.agent.pid(), Signal::CONT).unwrap();
    all_there("the agent goes on");

    let _ = two.agent.end(Signal::TERM);
    away("the agent has ended");
    two.agent = Host::agent(&two.net, &two.containerd);
    all_there("the agent runs again");

    std::fs::write(&file, format!("{}\n", one.line("one"))).unwrap();
    away("the host was taken off the list");
}
