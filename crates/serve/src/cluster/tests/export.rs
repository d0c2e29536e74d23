//! The export over the small cluster and over anything.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{app, get};
use crate::cluster::fake::ClusterFake;

async fn json(uri: &str) -> Value {
    get(&app(ClusterFake::cluster()), uri).await.json()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn the_export_has_nothing_that_the_schema_has_not() {
    let (export, schema) = (json("/api/v1/metric-export").await, json("/api/v1/metric-export-schema").await);
    let names = |list: &str, key: &str| -> BTreeSet<String> {
        let all = schema[list].as_array().unwrap().iter();
        all.map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    let (metrics, common, of_pods) =
        (names("metrics", "name"), names("common_labels", "key"), names("pod_labels", "key"));
    assert_eq!((metrics.len(), common.len(), of_pods.len()), (26, 5, 4));
    let series = export.as_array().unwrap();
    // 2 nodes, 4 containers of them, 4 pods, 5 containers of pods
    assert_eq!(series.len(), 15);
    for one in series {
        assert!(keys(&one["metrics"]).is_subset(&metrics), "{one}");
        let labels = keys(&one["labels"]);
        assert!(labels.is_subset(&common.union(&of_pods).cloned().collect()), "{one}");
        let needed: BTreeSet<_> =
            ["nodename", "hostname", "host_id", "container_name"].map(String::from).into();
        assert!(needed.is_subset(&labels), "{one}");
        if labels.contains("pod_name") {
            assert!(of_pods.is_subset(&labels), "{one}");
        }
    }
}

#[tokio::test]
async fn nodes_and_pods_are_containers_and_points_have_their_times() {
    let export = json("/api/v1/metric-export").await;
    let of = |container: &str, label: &str, value: &str| {
        let series = export.as_array().unwrap().iter();
        let mut found = series
            .filter(|one| one["labels"]["container_name"] == container && one["labels"][label] == value);
        found.next().unwrap_or_else(|| panic!("{container} {value}")).clone()
    };
    let node = of("machine", "hostname", "host-2");
    let (start, end) = ("2026-11-21T08:00:00Z", "2026-11-21T10:48:00Z");
    let gauge = &node["metrics"]["memory/usage"][0];
    assert_eq!(
        (&gauge["start"], &gauge["end"], &gauge["value"]),
        (&end.into(), &end.into(), &(2002_i64 << 20).into())
    );
    let total = &node["metrics"]["cpu/usage"][0];
    assert_eq!((&total["start"], &total["end"]), (&start.into(), &end.into()));
    let disk = &node["metrics"]["filesystem/usage"][0];
    assert_eq!((&disk["labels"]["resource_id"], &disk["value"]), (&"/".into(), &8192.into()));
    // not cut here
    assert_eq!(node["metrics"]["disk/io_read_bytes_rate"][0]["value"], 12.5);
    assert!(node["metrics"].get("cpu/usage_rate").is_none() && node["labels"].get("type").is_none());
    let pod = of("/pod", "pod_id", "uid-dns");
    assert_eq!(pod["metrics"]["filesystem/usage"][0]["labels"]["resource_id"], "Volume:config");
    let container = of("db", "pod_name", "db-0");
    assert_eq!(container["labels"]["container_base_image"], "registry.example/db:1");
    assert_eq!(container["metrics"]["cpu/limit"][0]["value"], 0);
    let labels = serde_json::json!({"accelerator_id": "GPU-1", "make": "nvidia", "model": "Tesla K80"});
    assert_eq!(container["metrics"]["accelerator/duty_cycle"][0]["labels"], labels);
    assert!(of("system.slice/docker.service", "nodename", "n1")["metrics"]["uptime"][0]["value"].is_i64());
}
