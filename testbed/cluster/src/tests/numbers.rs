//! Numbers: what is served is what is said to be expected, and rates are exact.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Lab, small};
use crate::Options;
use crate::people::settle;
use crate::world::World;

/// Values and instants of a family by its labels.
fn series(text: &str, name: &str) -> BTreeMap<String, (f64, Option<i64>)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    lines
        .map(|line| {
            let (labels, rest) = line.split_once("} ").unwrap();
            let (value, at) = rest.split_once(' ').map_or((rest, None), |(value, at)| (value, Some(at)));
            (labels.to_owned(), (value.parse().unwrap(), at.map(|at| at.parse().unwrap())))
        })
        .collect()
}

#[tokio::test]
async fn resource_metrics_say_what_is_expected() {
    let lab = Lab::new(small()).await;
    // both are of one tick, or the second question is after the next one
    let text = lab.kubelet(1, "/metrics/resource").await.unwrap().body;
    let expected = lab.expected("node=node-00001").await;
    let text = String::from_utf8(text.to_vec()).unwrap();
    let (cpu, memory) = (
        series(&text, "container_cpu_usage_seconds_total"),
        series(&text, "container_memory_working_set_bytes"),
    );
    let containers = expected["containers"].as_array().unwrap();
    assert_eq!((cpu.len(), memory.len(), containers.len()), (20, 20, 20));
    for one in containers {
        let labels =
            format!("container={},namespace={},pod={}", one["container"], one["namespace"], one["pod"]);
        let (seconds, at) = cpu[&labels];
        // a tick may lie between: then what was used meanwhile is known as well
        let later = one["sampled"].as_i64().unwrap() - at.unwrap();
        assert!(later == 0 || later == 10_000, "{later}");
        let used =
            one["cpu_nanos"].as_f64().unwrap() - one["millicores"].as_f64().unwrap() * later as f64 * 1e3;
        assert!((seconds * 1e9 - used).abs() < 1.0, "{seconds} {one}");
        if later == 0 {
            assert_eq!(memory[&labels].0, one["working_set"].as_f64().unwrap());
        }
    }
    let sum = |key: &str| containers.iter().map(|one| one[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(expected["cluster"]["millicores"], sum("millicores"));
    assert_eq!(expected["cluster"]["working_set"], sum("working_set"));
    assert_eq!(expected["nodes"]["node-00001"]["millicores"], sum("millicores") + 50);
}

#[tokio::test]
async fn the_routes_of_a_node_agree() {
    let lab = Lab::new(Options { still: true, ..small() }).await;
    let json = |body: &[u8]| -> Value { serde_json::from_slice(body).unwrap() };
    let (summary, containers) =
        (lab.kubelet(0, "/stats/summary").await.unwrap(), lab.kubelet(0, "/stats/container/").await.unwrap());
    let (summary, containers) = (json(&summary.body), json(&containers.body));
    let pods = summary["pods"].as_array().unwrap();
    assert_eq!(pods.len(), 10);
    for pod in pods {
        for one in pod["containers"].as_array().unwrap() {
            let same = containers.as_object().unwrap().values().find(|info| {
                let labels = &info["spec"]["labels"];
                labels["io.kubernetes.pod.name"] == pod["podRef"]["name"]
                    && labels["io.kubernetes.pod.namespace"] == pod["podRef"]["namespace"]
                    && labels["io.kubernetes.container.name"] == one["name"]
            });
            let memory = &same.unwrap()["stats"][0]["memory"];
            assert_eq!(memory["working_set"], one["memory"]["workingSetBytes"]);
            assert_eq!(memory["rss"], one["memory"]["rssBytes"]);
        }
    }
}

#[test]
fn rates_between_samples_are_exact_and_stay_so_through_churn() {
    let world = World::new(Options { whole_seconds: true, ..small() });
    let begin = 1_795_256_000_000;
    settle(&mut world.write(), &world.options, 1, begin);
    let node = world.nodes("node-00000").unwrap().remove(0);
    let (before, after) = (node.seen(begin), node.seen(begin + 15_000));
    for (old, new) in before.pods.iter().zip(&after.pods) {
        for ((what, old), (_, new)) in old.parts().unwrap().1.zip(new.parts().unwrap().1) {
            assert_eq!(new.cpu - old.cpu, what.load.millicores * (new.at - old.at) as u64);
            assert_eq!((new.at % 1000, new.started % 1000), (0, 0));
        }
    }
    assert_eq!(after.cpu - before.cpu, after.millicores * (after.at - before.at) as u64);

    // a machine's counter goes on when pods go
    for turn in 0..50 {
        crate::life::replace(&world, crate::seed::mix(3, turn), begin + 20_000 + turn as i64);
    }
    let mut last = after.cpu;
    for at in (20_000..60_000).step_by(5_000) {
        let seen = node.seen(begin + at);
        assert!(seen.cpu >= last, "{at}: {} < {last}", seen.cpu);
        last = seen.cpu;
    }
}

#[tokio::test]
async fn a_restart_begins_counters_anew_and_a_pod_appears_with_its_first_sample() {
    let lab = Lab::new(small()).await;
    let before = lab.expected("node=node-00000").await;
    lab.control("/restart?nodes=node-00000").await;
    let after = lab.expected("node=node-00000&at=1").await;
    // sampled before they began: nothing is there to see
    assert_eq!(after["containers"], Value::Array(Vec::new()));
    let at = before["at"].as_i64().unwrap() + 60_000;
    let after = lab.expected(&format!("node=node-00000&at={at}")).await;
    let (old, new) = (&before["containers"][0], &after["containers"][0]);
    assert!(new["started"].as_i64() > old["started"].as_i64());
    assert!(new["cpu_nanos"].as_u64() < old["cpu_nanos"].as_u64());
    assert_eq!(new["restarts"], 1);
    let cpu = |all: &Value| all["nodes"]["node-00000"]["cpu_nanos"].as_u64().unwrap();
    assert!(cpu(&after) > cpu(&before), "the machine goes on");
    lab.control("/reboot?nodes=node-00000").await;
    let after = lab.expected(&format!("node=node-00000&at={at}")).await;
    assert!(cpu(&after) < cpu(&before), "the machine began anew");
}

/// `cargo test --release -p plimsoll-testcluster how_long -- --ignored --nocapture`
#[tokio::test]
#[ignore = "prints times, checks nothing"]
async fn how_long_answers_take() {
    let lab = Lab::new(Options { pods: 30, ..small() }).await;
    for path in ["/metrics/resource", "/stats/summary", "/stats/container/", "/metrics/cadvisor"] {
        let begin = std::time::Instant::now();
        let mut size = 0;
        for _ in 0..200 {
            size = lab.kubelet(0, path).await.unwrap().body.len();
        }
        println!("{path}: {:?} with the client's part, {size} bytes", begin.elapsed() / 200);
    }
    let node = lab.running.kubelets.first().unwrap();
    let begin = std::time::Instant::now();
    for _ in 0..200 {
        std::hint::black_box(crate::kubelet::summary::render(
            &node.name,
            &node.seen(crate::world::now()),
            false,
        ));
    }
    println!("the summary's text alone: {:?}", begin.elapsed() / 200);
    let begin = std::time::Instant::now();
    for _ in 0..200 {
        std::hint::black_box(crate::kubelet::resource::render(&node.seen(crate::world::now())));
    }
    println!("the resource metrics' text alone: {:?}", begin.elapsed() / 200);
}
