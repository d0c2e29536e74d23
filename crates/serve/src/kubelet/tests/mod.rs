//! kubelet's routes from outside, over a host made of literals.

mod cadvisor;
mod podlist;
mod resource;
mod shape;
mod stats;
mod summary;

use crate::fake::Fake;
use crate::tests::golden::compare;

/// File below `src/`, path, body.
const GOLDEN: &[(&str, &str, &str)] = &[
    ("kubelet/golden/summary.json", "/stats/summary", ""),
    ("kubelet/golden/summary-short.json", "/stats/summary/?only_cpu_and_memory=true", ""),
    ("kubelet/golden/stats.json", "/stats/", r#"{"num_stats":1}"#),
    (
        "kubelet/golden/stats-container.json",
        "/stats/container/",
        r#"{"containerName":"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podeaee17b424083ba33ff046c69fe2ece3.slice","num_stats":1,"subcontainers":true}"#,
    ),
    ("kubelet/golden/resource.prom", "/metrics/resource", ""),
    ("kubelet/golden/resource-first.prom", "/metrics/resource/v1alpha1", ""),
    ("kubelet/golden/pods.json", "/pods", ""),
    ("kubelet/golden/runningpods.json", "/runningpods/", ""),
    ("kubelet/golden/spec.json", "/spec/", ""),
];

#[tokio::test]
async fn answers_are_those_of_the_files() {
    compare(Fake::kubernetes(), GOLDEN).await;
}

#[tokio::test]
async fn a_host_without_kubernetes_answers_with_its_containers() {
    let golden = [
        ("kubelet/golden/summary-docker.json", "/stats/summary", ""),
        ("kubelet/golden/resource-docker.prom", "/metrics/resource", ""),
        ("kubelet/golden/pods-docker.json", "/pods/", ""),
    ];
    compare(Fake::host(), &golden).await;
}
