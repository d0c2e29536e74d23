//! Answers as files, beside each route; `make bless` rewrites them.

use std::path::Path;

use super::historical::store;
use super::{app, get};
use crate::cluster::fake::ClusterFake;

/// File below `src/cluster/`, path.
const GOLDEN: &[(&str, &str)] = &[
    ("model/golden/metrics.json", "/api/v1/model/metrics/"),
    ("model/golden/cluster.json", "/api/v1/model/metrics/cpu-usage"),
    ("model/golden/nodes.json", "/api/v1/model/nodes/"),
    ("model/golden/node-metrics.json", "/api/v1/model/nodes/n1/metrics/"),
    ("model/golden/node.json", "/api/v1/model/nodes/n1/metrics/network/rx_rate"),
    ("model/golden/node-negative.json", "/api/v1/model/nodes/n1/metrics/network/tx_rate"),
    (
        "model/golden/node-labeled.json",
        "/api/v1/model/nodes/n1/metrics/filesystem/usage?labels=resource_id:/",
    ),
    ("model/golden/freecontainers.json", "/api/v1/model/nodes/n1/freecontainers/"),
    (
        "model/golden/freecontainer.json",
        "/api/v1/model/nodes/n1/freecontainers/system.slice%2Fdocker.service/metrics/memory-working",
    ),
    ("model/golden/namespaces.json", "/api/v1/model/namespaces/"),
    ("model/golden/namespace.json", "/api/v1/model/namespaces/shop/metrics/memory-usage"),
    ("model/golden/pods.json", "/api/v1/model/namespaces/shop/pods/"),
    ("model/golden/pod-metrics.json", "/api/v1/model/namespaces/shop/pods/web-1/metrics"),
    ("model/golden/pod.json", "/api/v1/model/namespaces/shop/pods/web-1/metrics/cpu/usage_rate"),
    ("model/golden/containers.json", "/api/v1/model/namespaces/shop/pods/web-1/containers"),
    (
        "model/golden/container.json",
        "/api/v1/model/namespaces/shop/pods/web-1/containers/proxy/metrics/cpu/usage",
    ),
    (
        "model/golden/container-custom.json",
        "/api/v1/model/namespaces/shop/pods/db-0/containers/db/metrics/custom/qps",
    ),
    (
        "model/golden/pod-list.json",
        "/api/v1/model/namespaces/shop/pod-list/web-2,nobody,web-1/metrics/cpu-usage",
    ),
    ("model/golden/deployments.json", "/api/v1/model/namespaces/shop/deployments"),
    ("model/golden/deployment.json", "/api/v1/model/namespaces/shop/deployments/web/metrics/cpu-usage"),
    ("model/golden/unknown.json", "/api/v1/model/nodes/nobody/metrics/cpu-usage"),
    ("model/golden/allkeys.json", "/api/v1/model/debug/allkeys"),
    ("export/golden/metric-export.json", "/api/v1/metric-export"),
    ("export/golden/metric-export-schema.json", "/api/v1/metric-export-schema"),
    ("historical/golden/nodes.json", "/api/v1/historical/nodes/"),
    (
        "historical/golden/node.json",
        "/api/v1/historical/nodes/n1/metrics/cpu-usage?start=2026-11-21T08:00:00Z",
    ),
    (
        "historical/golden/pod-id-list.json",
        "/api/v1/historical/pod-id-list/u1,u2/metrics/cpu-usage?start=2026-11-21T08:00:00Z",
    ),
    (
        "historical/golden/aggregated.json",
        "/api/v1/historical/metrics-aggregated/average,max,count,95-perc/cpu-usage?bucket=1h&start=2026-11-21T08:00:00Z",
    ),
    (
        "historical/golden/aggregated-list.json",
        "/api/v1/historical/namespaces/shop/pod-list/web-1,web-2/metrics-aggregated/min/cpu-usage?start=2026-11-21T08:00:00Z",
    ),
    ("usage/golden/group.json", "/apis/metrics"),
    ("usage/golden/resources.json", "/apis/metrics/v1alpha1"),
    ("usage/golden/swaggerapi.json", "/swaggerapi"),
    ("usage/golden/nodes.json", "/apis/metrics/v1alpha1/nodes/"),
    ("usage/golden/node.json", "/apis/metrics/v1alpha1/nodes/n2/"),
    ("usage/golden/pods.json", "/apis/metrics/v1alpha1/pods/"),
    (
        "usage/golden/pods-namespace.json",
        "/apis/metrics/v1alpha1/namespaces/shop/pods/?labelSelector=app%3Dweb",
    ),
    ("usage/golden/pods-none.json", "/apis/metrics/v1alpha1/namespaces/nowhere/pods/"),
    ("usage/golden/pod.json", "/apis/metrics/v1alpha1/namespaces/shop/pods/web-1/"),
];

#[tokio::test]
async fn answers_are_those_of_the_files() {
    let mut past = ClusterFake::cluster();
    past.history = Some(store());
    let app = app(past);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster");
    let mut wrong = Vec::new();
    for (file, uri) in GOLDEN {
        let answer = get(&app, uri).await;
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json", "{uri}");
        let path = source.join(file);
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &answer.body).unwrap();
        }
        if std::fs::read(&path).unwrap_or_default() != answer.body {
            wrong.push(format!("{file}: {uri} now gives\n{}", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "make bless rewrites the files\n{}", wrong.join("\n"));
}
