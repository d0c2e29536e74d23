use std::collections::BTreeMap;

use plimsoll_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::*;
use crate::decode::tests::{Desk, all_shown, reference};

const ASKED: &str = "2026-11-21T10:30:00Z";

fn of(text: &Json) -> Vec<String> {
    all_shown(&decode(text.to_string().as_bytes(), &Desk::of("n").at(ASKED)).unwrap())
}

#[test]
fn a_kubelets_answer_is_read_whole() {
    let wanted: Vec<_> = include_str!("../../testdata/summary.expected").lines().collect();
    let sets = decode(include_bytes!("../../testdata/summary.json"), &Desk::of("node1").at(ASKED)).unwrap();
    assert_eq!(all_shown(&sets), wanted);
}

#[test]
fn a_nodes_keys_have_its_objects_name() {
    let text =
        json!({"node": {"nodeName": "other", "systemContainers": [{"name": "runtime"}, {"name": "misc"}]}});
    assert_eq!(
        of(&text),
        ["node:n - -", "node:n/container:docker-daemon - -", "node:n/container:system - -"]
    );
}

#[test]
fn a_samples_time_is_the_first_that_is_set() {
    let pod = |container: Json, network: Json| json!({"pods": [{"podRef": {"name": "p", "namespace": "a"}, "network": network, "containers": [container]}]});
    let f = |container, network, wanted: [&str; 2]| assert_eq!(of(&pod(container, network)), wanted);
    f(
        json!({"name": "c", "cpu": {"time": null}, "memory": {"time": "2026-11-21T10:29:01Z"}}),
        json!({"time": "2026-11-21T10:29:02Z"}),
        ["namespace:a/pod:p - 2026-11-21T10:29:02Z", "namespace:a/pod:p/container:c - 2026-11-21T10:29:01Z"],
    );
    f(
        json!({"name": "c", "cpu": {"time": "0001-01-01T00:00:00Z"}, "startTime": "2027-01-01T00:00:00Z"}),
        json!(null),
        ["namespace:a/pod:p - -", "namespace:a/pod:p/container:c 2027-01-01T00:00:00Z -"],
    );
}

#[test]
fn the_only_interface_is_the_default_one() {
    let f = |network: Json, wanted: &str| {
        assert_eq!(of(&json!({"node": {"network": network}})), [format!("node:n - -{wanted}")]);
    };
    let one = |rx: u32| json!({"name": "ens3", "rxBytes": rx, "txErrors": 2});
    f(json!({"interfaces": [one(5)]}), " network/rx=5 network/tx_errors=2");
    f(json!({"rxBytes": 7, "interfaces": [one(5)]}), " network/rx=7");
    f(json!({"interfaces": [one(5), one(6)]}), "");
}

#[test]
fn the_later_of_twins_counts() {
    let one = |started: Json, total: u32| json!({"name": "c", "startTime": started, "cpu": {"usageCoreNanoSeconds": total}});
    let f = |containers: Json, wanted: &str| {
        let text = json!({"pods": [{"podRef": {"name": "p", "namespace": "a"}, "containers": containers}]});
        let told = of(&text);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].ends_with(wanted), "{told:?}");
    };
    let (old, new) = (json!("2026-11-21T10:00:00Z"), json!("2026-11-21T10:01:00Z"));
    f(json!([one(old.clone(), 1), one(new.clone(), 2)]), "cpu/usage=2");
    f(json!([one(new.clone(), 2), one(old.clone(), 1)]), "cpu/usage=2");
    f(json!([one(new.clone(), 3), one(new.clone(), 4), one(json!(null), 9)]), "cpu/usage=3");
}

#[test]
fn metrics_of_applications_are_fractions() {
    let metric = |name: &str, kind: &str, value: Json| json!({"name": name, "type": kind, "value": value, "units": ""});
    let metrics = [
        metric("a", "gauge", json!(1)),
        metric("b", "cumulative", json!(2.5)),
        metric("c", "delta", json!(-3)),
        metric("d", "histogram", json!(1)),
        metric("e", "gauge", json!(null)),
        metric("", "gauge", json!(1)),
    ];
    let text = json!({"pods": [{"podRef": {"name": "p", "namespace": "a"},
        "containers": [{"name": "c", "userDefinedMetrics": metrics}]}]});
    assert_eq!(
        of(&text)[1],
        "namespace:a/pod:p/container:c - - custom/a=1.0 gauge custom/b=2.5 cumulative custom/c=-3.0 delta"
    );
}

#[test]
fn a_broken_part_costs_itself() {
    let good = json!({"podRef": {"name": "p", "namespace": "a"}, "containers": [{"name": "c", "cpu": {"usageCoreNanoSeconds": 1}}]});
    let bad = [
        json!(null),
        json!("pod"),
        json!({"podRef": "a/p"}),
        json!({"podRef": {"name": "", "namespace": "a"}}),
        json!({"podRef": {"name": ["p"], "namespace": {}}, "volume": 7}),
    ];
    for bad in bad {
        assert_eq!(of(&json!({"node": [], "pods": [bad, good]})).len(), 3, "{bad}");
    }
    let odd = json!({"podRef": {"name": "q", "namespace": "a"}, "startTime": 5, "containers": [
        {"name": "c", "cpu": [1], "memory": {"usageBytes": "7", "rssBytes": -1, "workingSetBytes": 3}, "rootfs": null},
        {"name": ""},
    ], "volume": [{"name": "v", "usedBytes": 1}, {"usedBytes": 2}]});
    let wanted = [
        "namespace:a/pod:q - - filesystem/usage{Volume:v}=1",
        "namespace:a/pod:q/container:c - - memory/working_set=3",
    ];
    assert_eq!(of(&json!({"pods": [odd]})), wanted);
}

/// As the reference data writes a set.
fn as_expected(set: &Set) -> Json {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let values: BTreeMap<_, _> = set
        .values
        .iter()
        .filter(|(metric, _)| *metric != Metric::Uptime)
        .map(|(metric, value)| (metric.name(), value.as_f64() as i64))
        .collect();
    let labeled: Vec<_> = set
        .labeled()
        .iter()
        .map(|one| {
            let labels: BTreeMap<_, _> = one.resource.labels().collect();
            json!({"name": one.metric.name(), "labels": labels, "value": one.value.as_f64() as i64})
        })
        .collect();
    json!({
        "type": set.key.word(),
        "collectionStart": time(set.started),
        "scrapeTime": time(set.scraped),
        "values": values,
        "labeled": labeled,
    })
}

#[test]
fn heapsters_case_comes_out_alike() {
    let test = "heapsters_case_comes_out_alike";
    let (Some(input), Some(expected)) =
        (reference(test, "summary-decode-input.json"), reference(test, "summary-decode-expected.json"))
    else {
        return;
    };
    let expected: Json = serde_json::from_slice(&expected).unwrap();
    let mut expected: BTreeMap<String, Json> = serde_json::from_value(expected["sets"].clone()).unwrap();
    for set in decode(&input, &Desk::of("test").at("2018-07-26T12:01:05Z")).unwrap() {
        let wanted =
            expected.remove(&set.key.to_string()).unwrap_or_else(|| panic!("unexpected {}", set.key));
        assert_eq!(as_expected(&set), wanted, "{}", set.key);
        assert_eq!(set.values.int(Metric::Uptime), set.started.map(|_| 65_000));
    }
    assert!(expected.is_empty(), "missing: {:?}", expected.keys());
}

#[test]
fn an_old_kubelets_answer_is_read() {
    let Some(text) = reference("an_old_kubelets_answer_is_read", "summary-real-sample.json") else { return };
    let sets = decode(&text, &Desk::of("n").at("2016-09-27T16:57:00Z")).unwrap();
    assert!(sets.iter().any(|set| matches!(set.key, plimsoll_core::cluster::key::Key::Container { .. })));
    assert!(sets.iter().all(|set| set.custom().is_empty()));
}
