//! Methods, formats, compression, parameters and errors of the routes; health; usage.

use std::io::Read;
use std::sync::Arc;

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;

use super::{app, ask, get};
use crate::cluster::app::{ClusterApp, ClusterOptions};
use crate::cluster::fake::{ClusterFake, ROUND};

const RESTFUL: &[&str] = &[
    "/api/v1/model/metrics/",
    "/api/v1/model/nodes",
    "/api/v1/metric-export",
    "/api/v1/metric-export-schema/",
    "/apis/metrics/v1alpha1/pods",
    "/apis/metrics",
];

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let app = app(ClusterFake::cluster());
    for uri in RESTFUL {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            let answer = ask(&app, method, uri, &[]).await;
            assert_eq!(
                (answer.status.as_u16(), answer.text()),
                (405, "405: Method Not Allowed"),
                "{method} {uri}"
            );
            assert_eq!(answer.header("allow"), "GET, HEAD");
        }
        let head = ask(&app, "HEAD", uri, &[]).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{uri}");
        assert_eq!(ask(&app, "POST", "/x", &[]).await.text(), "404: Page Not Found");
    }
    let (head, whole) =
        (ask(&app, "HEAD", "/api/v1/model/nodes", &[]).await, get(&app, "/api/v1/model/nodes").await);
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
}

#[tokio::test]
async fn only_json_is_spoken() {
    let app = app(ClusterFake::cluster());
    for uri in RESTFUL {
        let f = async |accept: &str| ask(&app, "GET", uri, &[("accept", accept)]).await;
        let answer = f("text/html").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (406, "406: Not Acceptable"), "{uri}");
        for accept in ["*/*", "application/json", "text/html, application/json;q=0.3"] {
            let answer = f(accept).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("content-type")),
                (200, "application/json"),
                "{uri}"
            );
        }
    }
    assert_eq!(ask(&app, "GET", "/healthz", &[("accept", "text/html")]).await.text(), "ok");
}

#[tokio::test]
async fn the_export_is_compressed_as_asked() {
    let app = app(ClusterFake::cluster());
    let plain = get(&app, "/api/v1/metric-export").await.body;
    let packed = ask(&app, "GET", "/api/v1/metric-export", &[("accept-encoding", "gzip, deflate")]).await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "Accept-Encoding"));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain);
    assert!(packed.body.len() * 4 < plain.len());
}

#[tokio::test]
async fn parameters_of_the_model() {
    let app = app(ClusterFake::cluster());
    let long = "1".repeat(20_000);
    let f = async |query: &str| get(&app, &format!("/api/v1/model/nodes/n1/metrics/cpu-usage{query}")).await;
    for (query, points) in [
        ("", 2),
        ("?start=", 2),
        ("?start=0001-01-01T00:00:00Z", 2),
        // both ends belong to the answer
        ("?start=2026-11-21T10:48:00Z", 1),
        ("?end=2026-11-21T10:47:00Z", 1),
        ("?start=2026-11-21T10:48:00.1Z", 0),
        ("?start=2026-11-21T11:48:00%2B01:00", 1),
        ("?start=2026-11-21T10:48:00Z&end=2026-11-21T10:47:00Z", 0),
        ("?start=2026-11-21T10:48:00Z&start=nonsense", 1),
        ("?start=9999-12-30T00:00:00Z", 0),
        ("?labels=resource_id:x", 0),
        ("?unknown=1&start=2026-11-21T10:48:00Z", 1),
    ] {
        assert_eq!(f(query).await.json()["metrics"].as_array().unwrap().len(), points, "{query}");
    }
    for query in
        ["?start=x", "?end=1474000000", "?start=2026-11-21T11:48:00+01:00", &format!("?start={long}")]
    {
        let answer = f(query).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().starts_with("timestamp argument cannot be parsed: "), "{}", answer.text());
    }
    let answer = f("?labels=a:b,c").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (400, "invalid label pair \"c\", expected name:value")
    );
    let list = "/api/v1/model/namespaces/shop/pod-list/web-1/metrics/cpu-usage?start=x";
    assert_eq!(get(&app, list).await.status, 400);
}

#[tokio::test]
async fn labeled_values_are_those_of_exactly_these_labels() {
    let app = app(ClusterFake::cluster());
    let f = async |path: &str| {
        get(&app, &format!("/api/v1/model/{path}")).await.json()["metrics"].as_array().unwrap().len()
    };
    let accelerator = "namespaces/shop/pods/db-0/containers/db/metrics/accelerator/duty_cycle?labels=";
    for (path, points) in [
        ("nodes/n1/metrics/filesystem/usage?labels=resource_id:/".to_owned(), 2),
        ("nodes/n1/metrics/filesystem/usage?labels=resource_id:/x".to_owned(), 0),
        ("nodes/n1/metrics/filesystem/usage?labels=resource_id:/,a:b".to_owned(), 0),
        ("nodes/n1/metrics/filesystem/usage".to_owned(), 0),
        ("nodes/n1/metrics/cpu/usage?labels=resource_id:/".to_owned(), 0),
        ("nodes/n1/metrics/nonsense?labels=resource_id:/".to_owned(), 0),
        (format!("{accelerator}make:nvidia,model:Tesla%20K80,accelerator_id:GPU-1"), 2),
        (format!("{accelerator}make:nvidia,model:Tesla%20K80,resource_id:GPU-1"), 0),
    ] {
        assert_eq!(f(&path).await, points, "{path}");
    }
}

#[tokio::test]
async fn a_node_is_found_by_its_name_and_by_its_host_name() {
    let app = app(ClusterFake::cluster());
    let f = async |path: &str| get(&app, &format!("/api/v1/model/nodes/{path}")).await.json();
    for node in ["n2", "host-2"] {
        assert_eq!(f(&format!("{node}/metrics/cpu-usage")).await["metrics"][1]["value"], 2002, "{node}");
        assert!(f(&format!("{node}/metrics")).await.as_array().unwrap().len() > 5, "{node}");
        let containers = f(&format!("{node}/freecontainers")).await;
        assert_eq!(containers, serde_json::json!(["kubelet", "system.slice/docker.service"]), "{node}");
        for container in
            ["system.slice%2Fdocker.service", "system.slice/docker.service", "%2Fsystem.slice/docker.service"]
        {
            let values = f(&format!("{node}/freecontainers/{container}/metrics/cpu-usage")).await;
            assert_eq!(values["metrics"][1]["value"], 202, "{node} {container}");
        }
    }
}

#[tokio::test]
async fn a_huge_list_of_pods_is_answered_in_order() {
    let app = app(ClusterFake::cluster());
    let mut pods = vec!["nobody"; 5000];
    pods.extend(["web-1", "db-0", "web-1"]);
    let uri = format!("/api/v1/model/namespaces/shop/pod-list/{}/metrics/cpu-usage", pods.join(","));
    let items = get(&app, &uri).await.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 5003);
    assert_eq!(items[0], serde_json::json!({"metrics": [], "latestTimestamp": "0001-01-01T00:00:00Z"}));
    assert_eq!(
        (&items[5000]["metrics"][1]["value"], &items[5001]["metrics"][1]["value"]),
        (&34.into(), &12.into())
    );
    assert_eq!(items[5000], items[5002]);
}

#[tokio::test]
async fn a_pod_that_is_named_often_is_in_memory_once() {
    let app = app(ClusterFake::cluster());
    let all = vec!["web-1"; 10_000].join(",");
    let uri = format!("/api/v1/model/namespaces/shop/pod-list/{all}/metrics/cpu-usage");
    let request = http::Request::get(uri).body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    let mut body = app.answer(request).await.into_body();
    let mut bytes = 0;
    while let Some(piece) = http_body_util::BodyExt::frame(&mut body).await {
        let piece = piece.unwrap().into_data().unwrap();
        assert!(piece.len() < 64 << 10, "{} bytes at once", piece.len());
        bytes += piece.len();
    }
    assert!(bytes > 1 << 20, "{bytes} bytes in all");
}

#[tokio::test]
async fn before_the_first_round_there_is_nothing() {
    let app = app(ClusterFake::empty());
    for uri in ["/api/v1/model/nodes", "/api/v1/model/debug/allkeys", "/api/v1/model/metrics"] {
        assert_eq!(get(&app, uri).await.text(), "[]", "{uri}");
    }
    assert_eq!(get(&app, "/api/v1/metric-export").await.text(), "null\n");
    let usage = get(&app, "/apis/metrics/v1alpha1/nodes").await;
    assert_eq!(usage.text(), "{\n  \"metadata\": {},\n  \"items\": null\n }");
    let answer = get(&app, "/healthz?verbose").await;
    let wanted = "[-]healthz failed: could not get the latest data batch: no round has ended yet\nhealthz check failed\n";
    assert_eq!((answer.status.as_u16(), answer.text()), (500, wanted));
}

#[tokio::test]
async fn options_take_routes_away() {
    let options = ClusterOptions { model: false, export: false, ..ClusterOptions::default() };
    let app = ClusterApp::new(Arc::new(ClusterFake::cluster()), options);
    assert_eq!(get(&app, "/api/v1/model/nodes").await.status, 404);
    assert_eq!(get(&app, "/api/v1/metric-export").await.text(), "[]\n");
    assert_eq!(get(&app, "/healthz").await.text(), "ok");
    assert_eq!(get(&app, "/apis/metrics/v1alpha1/nodes/n1").await.status, 200);
}

#[tokio::test]
async fn health_in_its_forms() {
    let mut past = ClusterFake::cluster();
    let now = past.now;
    let well = app(ClusterFake::cluster());
    assert_eq!(get(&well, "/healthz").await.text(), "ok");
    assert_eq!(get(&well, "/healthz?verbose").await.text(), "[+]healthz ok\nhealthz check passed\n");
    assert_eq!(get(&well, "/healthz/healthz").await.text(), "ok");
    assert_eq!(ask(&well, "POST", "/healthz", &[]).await.text(), "ok");
    past.now = now.plus_nanos(600_000_000_000);
    let ill = app(past);
    let reason = "No current data batch available (latest: 2026-11-21T10:48:00Z)";
    for (uri, text) in [
        ("/healthz", format!("[-]healthz failed: {reason}\nhealthz check failed\n")),
        ("/healthz?verbose", format!("[-]healthz failed: {reason}\nhealthz check failed\n")),
        ("/healthz/healthz", format!("internal server error: {reason}\n")),
    ] {
        let answer = get(&ill, uri).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (500, text.as_str()), "{uri}");
    }
}

#[tokio::test]
async fn usage_is_of_what_the_api_server_knows() {
    let past = ClusterFake::cluster();
    let gone = past.objects.write().pods.get_mut("shop").unwrap().remove("web-1").unwrap();
    let app = app(past);
    let root = "/apis/metrics/v1alpha1";
    for (path, status, sentence) in [
        ("nodes/nobody", 404, "No metrics for node nobody"),
        ("namespaces/shop/pods/web-1", 404, "Pod shop/web-1 not defined"),
        // one container of it has no numbers
        ("namespaces/shop/pods/web-2", 404, "No metrics available for pod shop/web-2"),
        ("pods?labelSelector=%28", 400, "Error while parsing selector (: "),
        ("nodes?labelSelector=a+b", 400, "Error while parsing selector a b: "),
    ] {
        let answer = get(&app, &format!("{root}/{path}")).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().starts_with(sentence), "{path}: {}", answer.text());
    }
    let names = async |path: &str| {
        let answer = get(&app, &format!("{root}/{path}")).await.json();
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("pods").await, ["dns", "db-0"]);
    assert_eq!(names("pods?labelSelector=app%20in%20(dns,web)").await, ["dns"]);
    assert_eq!(names("nodes?labelSelector=kubernetes.io/hostname%3Dhost-2").await, ["n2"]);
    assert_eq!(names("nodes?labelSelector=zone%3Db").await, [""; 0]);
    drop(gone);
}

#[tokio::test]
async fn usage_has_kubernetes_numbers_and_the_real_window() {
    let mut past = ClusterFake::cluster();
    past.health.resolution_nanos = 15_000_000_000;
    let mut round: Batch = (*past.rounds.pop().unwrap()).clone();
    let node = Key::Node("n1".into());
    let values = &mut round.get_mut(&node).unwrap().values;
    values.set_int(Metric::CpuUsageRate, 2000);
    values.set_int(Metric::MemoryWorkingSet, 3 << 30);
    let other = &mut round.get_mut(&Key::Node("n2".into())).unwrap().values;
    other.set_int(Metric::CpuUsageRate, -5);
    past.rounds.push(Arc::new(round));
    past.now = ROUND.plus_nanos(1_999_999_999);
    let app = app(past);
    let answer = get(&app, "/apis/metrics/v1alpha1/nodes/n1").await.json();
    let wanted = serde_json::json!({
        "metadata": {"name": "n1", "creationTimestamp": "2026-11-21T10:48:01Z"},
        "timestamp": "2026-11-21T10:48:00Z",
        "window": "15s",
        "usage": {"cpu": "2", "memory": "3Gi"},
    });
    assert_eq!(answer, wanted);
    // what is below zero is no usage
    assert_eq!(get(&app, "/apis/metrics/v1alpha1/nodes/n2").await.status, 404);
}

#[tokio::test]
async fn the_rest_of_the_paths() {
    let app = app(ClusterFake::cluster());
    let moved = get(&app, "/api//v1/model/nodes?a=b").await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (301, "/api/v1/model/nodes?a=b"));
    assert_eq!(get(&app, "/api/v1/model/nodes/%zz").await.status, 400);
    assert_eq!(get(&app, "/debug/pprof/profile").await.status, 404);
    assert!(get(&app, "/debug/pprof/").await.text().starts_with("no profiles here"));
    for uri in ["/", "/api/v1/model", "/api/v1/model/stats", "/validate", "/x"] {
        let answer = get(&app, uri).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (404, "404: Page Not Found"), "{uri}");
    }
}

#[tokio::test]
async fn as_an_api_server_objects_say_what_they_are_and_failures_are_objects() {
    let options = ClusterOptions { api_server: true, ..ClusterOptions::default() };
    let app = ClusterApp::new(Arc::new(ClusterFake::cluster()), options);
    let root = "/apis/metrics/v1alpha1";
    for (path, kind) in [
        ("nodes", "NodeMetricsList"),
        ("nodes/n1", "NodeMetrics"),
        ("namespaces/shop/pods", "PodMetricsList"),
        ("namespaces/shop/pods/web-1", "PodMetrics"),
    ] {
        let answer = get(&app, &format!("{root}/{path}")).await;
        assert_eq!(answer.text().lines().count(), 1, "{path}");
        let answer = answer.json();
        assert_eq!(
            (&answer["kind"], &answer["apiVersion"]),
            (&kind.into(), &"metrics/v1alpha1".into()),
            "{path}"
        );
        assert!(answer["items"][0].get("kind").is_none(), "{path}");
    }
    let answer = get(&app, &format!("{root}/nodes/nobody")).await;
    let wanted = concat!(
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"nodes.metrics \"nobody\" not found","#,
        r#""reason":"NotFound","details":{"name":"nobody","group":"metrics","kind":"nodes"},"code":404}"#,
        "\n",
    );
    assert_eq!((answer.status.as_u16(), answer.text()), (404, wanted));
    let answer = get(&app, &format!("{root}/pods?labelSelector=%28")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (400, "application/json"));
    assert!(answer.text().contains("\"reason\":\"BadRequest\""), "{}", answer.text());
}
