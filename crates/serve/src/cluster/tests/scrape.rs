//! `/metrics`: the collector's own families and, if asked for, the cluster's.

use std::sync::Arc;

use super::{Answer, app, get};
use crate::cluster::app::{ClusterApp, ClusterOptions};
use crate::cluster::fake::{ClusterFake, ROUND};
use crate::cluster::past::{Meter, Part};

fn meters() -> Vec<Meter> {
    let source = |address: &str, node: &str| Part::Source { source: address.to_owned(), node: node.into() };
    vec![
        Meter {
            last: Some(ROUND),
            done: 3,
            failed: 1,
            seconds: 0.25,
            sets: 7,
            ..Meter::new(source("kubelet_summary:10.0.0.2:10255", "n2"))
        },
        Meter { failed: 1, seconds: 2.0, ..Meter::new(source("kubelet_summary:10.0.0.1:10255", "n1")) },
        Meter { done: 4, seconds: 0.5, sets: 20, ..Meter::new(Part::Processor("rate calculator")) },
        Meter {
            last: Some(ROUND),
            done: 2,
            failed: 1,
            dropped: 5,
            seconds: 0.125,
            sets: 20,
            ..Meter::new(Part::Sink("InfluxDB Sink".into()))
        },
    ]
}

/// The lines whose names begin so.
fn lines<'a>(answer: &'a Answer, prefix: &str) -> Vec<&'a str> {
    answer.text().lines().filter(|line| line.starts_with(prefix)).collect()
}

#[tokio::test]
async fn the_collector_tells_of_its_parts() {
    let mut past = ClusterFake::cluster();
    past.meters = meters();
    let app = app(past);
    let answer = get(&app, "/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let wanted = [
        "heapster_scraper_last_time_seconds{source=\"kubelet_summary:10.0.0.2:10255\"} 1.79525808e+09",
        "heapster_scraper_duration_microseconds_sum{source=\"kubelet_summary:10.0.0.1:10255\"} 2e+06",
        "heapster_scraper_duration_microseconds_sum{source=\"kubelet_summary:10.0.0.2:10255\"} 250000",
        "heapster_scraper_duration_microseconds_count{source=\"kubelet_summary:10.0.0.1:10255\"} 1",
        "heapster_scraper_duration_microseconds_count{source=\"kubelet_summary:10.0.0.2:10255\"} 4",
    ];
    assert_eq!(lines(&answer, "heapster_scraper_"), wanted);
    let wanted = [
        "heapster_kubelet_summary_request_duration_microseconds_sum{node=\"n1\"} 2e+06",
        "heapster_kubelet_summary_request_duration_microseconds_sum{node=\"n2\"} 250000",
        "heapster_kubelet_summary_request_duration_microseconds_count{node=\"n1\"} 1",
        "heapster_kubelet_summary_request_duration_microseconds_count{node=\"n2\"} 4",
    ];
    assert_eq!(lines(&answer, "heapster_kubelet_"), wanted);
    let wanted = [
        "heapster_processor_duration_microseconds_sum{processor=\"rate calculator\"} 500000",
        "heapster_processor_duration_microseconds_count{processor=\"rate calculator\"} 4",
    ];
    assert_eq!(lines(&answer, "heapster_processor_"), wanted);
    let wanted = [
        "heapster_exporter_last_time_seconds{exporter=\"InfluxDB Sink\"} 1.79525808e+09",
        "heapster_exporter_duration_milliseconds_sum{exporter=\"InfluxDB Sink\"} 125",
        "heapster_exporter_duration_milliseconds_count{exporter=\"InfluxDB Sink\"} 3",
    ];
    assert_eq!(lines(&answer, "heapster_exporter_"), wanted);
    let wanted = [
        "plimsoll_sink_drops_total{exporter=\"InfluxDB Sink\"} 5",
        "plimsoll_sink_failures_total{exporter=\"InfluxDB Sink\"} 1",
        "plimsoll_sink_sets{exporter=\"InfluxDB Sink\"} 20",
    ];
    assert_eq!(lines(&answer, "plimsoll_sink_"), wanted);
    assert!(answer.text().contains("# TYPE heapster_exporter_duration_milliseconds summary\n"));
    let failures = lines(
        &answer,
        "plimsoll_source_failures_total{source=\"kubelet_summary:10.0.0.1:10255\",node=\"n1\"} 1",
    );
    assert_eq!(failures.len(), 1);
    assert_eq!(lines(&answer, "plimsoll_round_sets{type=\"pod\"} 4").len(), 1);
    assert!(lines(&answer, "process_resident_memory_bytes ").len() == 1);
    assert!(lines(&answer, "plimsoll_pod_").is_empty());
}

#[tokio::test]
async fn requests_are_counted_by_operation() {
    let app = app(ClusterFake::cluster());
    for _ in 0..2 {
        get(&app, "/api/v1/model/nodes").await;
    }
    get(&app, "/api/v1/model/nodes/n1/metrics/cpu-usage?start=x").await;
    get(&app, "/healthz").await;
    let answer = get(&app, "/metrics").await;
    let wanted = [
        "http_requests_total{handler=\"healthz\",method=\"get\",code=\"200\"} 1",
        "http_requests_total{handler=\"nodeList\",method=\"get\",code=\"200\"} 2",
        "http_requests_total{handler=\"nodeMetrics\",method=\"get\",code=\"400\"} 1",
    ];
    assert_eq!(lines(&answer, "http_requests_total"), wanted);
    assert_eq!(lines(&answer, "http_response_size_bytes_sum{handler=\"healthz\"} 2").len(), 1);
    assert_eq!(lines(&answer, "http_request_duration_microseconds_count{handler=\"nodeList\"} 2").len(), 1);
}

#[tokio::test]
async fn the_clusters_numbers_are_there_when_asked_for() {
    let options = ClusterOptions { series: true, ..ClusterOptions::default() };
    let app = ClusterApp::new(Arc::new(ClusterFake::cluster()), options);
    let answer = get(&app, "/metrics").await;
    let at = ROUND.millis();
    let f = |line: &str| {
        assert!(answer.text().contains(&format!("\n{line} {at}\n")), "{line}\n{}", answer.text())
    };
    f("plimsoll_node_cpu_usage_seconds_total{node=\"n1\"} 60.12");
    f("plimsoll_node_cpu_utilization_ratio{node=\"n1\"} 0.87");
    f("plimsoll_node_filesystem_usage_bytes{node=\"n2\",resource_id=\"/\"} 8192");
    f(
        "plimsoll_system_container_memory_usage_bytes{container=\"system.slice/docker.service\",node=\"n1\"} 1.06954752e+08",
    );
    f(
        "plimsoll_container_cpu_usage_cores{container=\"proxy\",namespace=\"shop\",node=\"n1\",pod=\"web-1\"} 0.022",
    );
    f(
        "plimsoll_container_cpu_request_cores{container=\"main\",namespace=\"shop\",node=\"n1\",pod=\"web-1\"} 0.1",
    );
    f(
        "plimsoll_container_accelerator_busy_ratio{container=\"db\",namespace=\"shop\",node=\"n2\",pod=\"db-0\",accelerator_id=\"GPU-1\",make=\"nvidia\",model=\"Tesla K80\"} 0.42",
    );
    f(
        "plimsoll_container_custom{container=\"db\",namespace=\"shop\",node=\"n2\",pod=\"db-0\",metric=\"qps\"} 7.5",
    );
    f("plimsoll_pod_network_receive_bytes_total{namespace=\"shop\",node=\"n1\",pod=\"web-1\"} 1400");
    f("plimsoll_namespace_cpu_usage_cores{namespace=\"shop\"} 0.058");
    f(
        "plimsoll_workload_cpu_usage_cores{namespace=\"shop\",workload=\"web\",workload_type=\"deployment\"} 0.046",
    );
    f("plimsoll_cluster_cpu_usage_cores 0.07");
    // limits that nobody set are none
    assert!(lines(&answer, "plimsoll_container_cpu_limit_cores").is_empty());
    let mut heads: Vec<_> = lines(&answer, "# TYPE ").into_iter().map(str::to_owned).collect();
    let before = heads.len();
    heads.sort();
    heads.dedup();
    assert_eq!(heads.len(), before, "each family is there once");
}
