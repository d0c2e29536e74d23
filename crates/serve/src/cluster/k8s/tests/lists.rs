//! Which objects a list has, and how a long one is sent.

use std::io::Read as _;

use plimsoll_core::cluster::batch::{Batch, CpuRate, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::Pod;

use super::*;
use crate::cluster::fake::ROUND;

#[tokio::test]
async fn lists_have_what_is_selected_in_order() {
    let k8s = open(ClusterFake::cluster());
    let f = async |path: &str, wanted: &[&str]| {
        let names = get(&k8s, &format!("{BASE}{path}")).await.names();
        assert_eq!(names, wanted, "{path}");
    };
    f("/nodes", &["n1", "n2"]).await;
    f("/nodes?labelSelector=kubernetes.io%2Fhostname%3Dhost-2", &["n2"]).await;
    f("/nodes?labelSelector=zone,!x&limit=1&continue=abc", &["n1", "n2"]).await;
    f("/nodes?fieldSelector=metadata.name%3Dn1", &["n1"]).await;
    f("/nodes?fieldSelector=metadata.namespace%3Dshop", &[]).await;
    // pending and ended pods have no numbers
    f("/pods", &["dns", "db-0", "web-1", "web-2"]).await;
    f("/namespaces/shop/pods", &["db-0", "web-1", "web-2"]).await;
    f("/namespaces/shop/pods/", &["db-0", "web-1", "web-2"]).await;
    f("/namespaces/empty/pods", &[]).await;
    f("/namespaces/nothere/pods", &[]).await;
    f("/namespaces/shop/pods?labelSelector=app%20in%20(web,dns)", &["web-1", "web-2"]).await;
    f("/pods?labelSelector=app!%3Dweb", &["dns", "db-0"]).await;
    f("/pods?fieldSelector=metadata.namespace!%3Dshop", &["dns"]).await;
    f("/pods?fieldSelector=metadata.name%3Dweb-2,metadata.namespace%3Dshop", &["web-2"]).await;
    f("/namespaces/shop/pods?labelSelector=tier%3Dback&fieldSelector=metadata.name!%3Ddb-0", &[]).await;
}

#[tokio::test]
async fn what_is_deleted_vanishes_and_what_came_anew_has_no_old_numbers() {
    let fake = ClusterFake::cluster();
    {
        let mut known = fake.objects.write();
        known.nodes.remove("n2");
        let shop = known.pods.get_mut("shop").unwrap();
        shop.remove("web-1");
        let again = Pod { uid: "uid-again".into(), ..(**shop.get("db-0").unwrap()).clone() };
        shop.insert("db-0".into(), Arc::new(again));
    }
    let k8s = open(fake);
    assert_eq!(get(&k8s, &format!("{BASE}/nodes")).await.names(), ["n1"]);
    assert_eq!(get(&k8s, &format!("{BASE}/pods")).await.names(), ["dns", "web-2"]);
}

#[tokio::test]
async fn a_head_is_answered_as_a_get() {
    let k8s = open(ClusterFake::cluster());
    assert_eq!(ask(&k8s, "HEAD", &format!("{BASE}/nodes"), &[]).await.status, 200);
}

/// So many running pods of two containers each, in namespaces of a hundred.
pub(super) fn many(pods: usize) -> ClusterFake {
    let fake = ClusterFake::empty();
    let mut batch = Batch::new(ROUND);
    {
        let mut known = fake.objects.write();
        for number in 0..pods {
            let namespace: Name = format!("namespace-{:04}", number / 100).into();
            let name: Name = format!("application-7d9c6b5f4d-{number:06}").into();
            let labels = [("app", "application"), ("pod-template-hash", "7d9c6b5f4d")];
            let labels = labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
            let pod = Pod {
                namespace: namespace.clone(),
                name: name.clone(),
                phase: "Running".into(),
                labels,
                ..Pod::default()
            };
            known.pods.entry(namespace.clone()).or_default().insert(name.clone(), Arc::new(pod));
            for container in ["main", "proxy"] {
                let (namespace, pod) = (namespace.clone(), name.clone());
                let mut set = Set::new(Key::Container { namespace, pod, container: container.into() });
                let number = u64::try_from(number).unwrap();
                set.cpu_rate = Some(CpuRate { nanocores: 1_234_567 + number, window_nanos: 15_023_000_000 });
                set.values
                    .set_int(Metric::MemoryWorkingSet, i64::try_from(12_240 * 1024 + number * 4096).unwrap());
                set.scraped = Some(ROUND.plus_nanos(-i64::try_from(number % 15_000).unwrap() * 1_000_000));
                batch.insert(set);
            }
        }
    }
    ClusterFake { rounds: vec![Arc::new(batch)], ..fake }
}

#[tokio::test]
async fn a_long_list_is_whole_in_every_form() {
    // more than two parts
    let k8s = open(many(5000));
    let uri = format!("{BASE}/pods");
    let plain = get(&k8s, &uri).await;
    let names = plain.names();
    assert_eq!((names.len(), names.is_sorted()), (5000, true));
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "Accept-Encoding"));
    let zipped = ask(&k8s, "GET", &uri, &[("accept-encoding", "gzip")]).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    let mut unzipped = Vec::new();
    flate2::read::GzDecoder::new(&*zipped.body).read_to_end(&mut unzipped).unwrap();
    assert!(unzipped == plain.body && zipped.body.len() < plain.body.len() / 4);
    let pretty = get(&k8s, &format!("{uri}?pretty=true")).await;
    assert_eq!(pretty.json(), plain.json());
    assert!(
        pretty.text().starts_with("{\n  \"kind\": \"PodMetricsList\",\n") && pretty.text().ends_with("\n}")
    );
    let table =
        ask(&k8s, "GET", &uri, &[("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")]).await.json();
    assert_eq!(table["rows"].as_array().unwrap().len(), 5000);
    // short lists have a length and are not compressed
    let short =
        ask(&k8s, "GET", &format!("{BASE}/namespaces/namespace-0001/pods"), &[("accept-encoding", "gzip")])
            .await;
    assert_eq!((short.names().len(), short.header("content-encoding")), (100, ""));
}

/// The envelope of an answer as protobuf.
#[derive(Clone, PartialEq, prost::Message)]
struct Envelope {
    #[prost(bytes = "vec", tag = "2")]
    raw: Vec<u8>,
}

/// A list whose items are left as they are.
#[derive(Clone, PartialEq, prost::Message)]
struct Items {
    #[prost(bytes = "vec", repeated, tag = "2")]
    items: Vec<Vec<u8>>,
}

fn items(body: &[u8]) -> Vec<Vec<u8>> {
    use prost::Message as _;
    let envelope = Envelope::decode(body.strip_prefix(b"k8s\0").unwrap()).unwrap();
    Items::decode(&*envelope.raw).unwrap().items
}

#[tokio::test]
async fn a_long_list_as_protobuf_has_the_items_of_its_namespaces() {
    let k8s = open(many(4500));
    let protobuf = ("accept", "application/vnd.kubernetes.protobuf");
    let gzip = ("accept-encoding", "gzip");
    let mut wanted = Vec::new();
    for namespace in 0..45 {
        let uri = format!("{BASE}/namespaces/namespace-{namespace:04}/pods");
        let short = ask(&k8s, "GET", &uri, &[protobuf, gzip]).await;
        assert_eq!(short.header("content-encoding"), "");
        wanted.extend(items(&short.body));
    }
    assert_eq!(wanted.len(), 4500);
    let plain = ask(&k8s, "GET", &format!("{BASE}/pods"), &[protobuf]).await;
    assert_eq!(plain.header("content-type"), protobuf.1);
    assert!(items(&plain.body) == wanted);
    let unzipped = |answer: &Answer| {
        assert_eq!(answer.header("content-encoding"), "gzip");
        let mut unzipped = Vec::new();
        flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut unzipped).unwrap();
        unzipped
    };
    let zipped = ask(&k8s, "GET", &format!("{BASE}/pods"), &[protobuf, gzip]).await;
    assert!(unzipped(&zipped) == plain.body);
    // one part, and long enough to be compressed
    let k8s = open(many(1000));
    let plain = ask(&k8s, "GET", &format!("{BASE}/pods"), &[protobuf]).await;
    let zipped = ask(&k8s, "GET", &format!("{BASE}/pods"), &[protobuf, gzip]).await;
    assert!(unzipped(&zipped) == plain.body && items(&plain.body).len() == 1000);
}

#[tokio::test]
async fn answers_are_counted_by_their_age() {
    let k8s = open(ClusterFake::cluster());
    get(&k8s, &format!("{BASE}/pods")).await;
    get(&k8s, &format!("{BASE}/nodes/n1")).await;
    let mut out = Vec::new();
    k8s.append_metrics(&mut out, Format::Text);
    let text = String::from_utf8(out).unwrap();
    for line in [
        // ten seconds old
        "metrics_server_api_metric_freshness_seconds_bucket{le=\"8.78",
        "metrics_server_api_metric_freshness_seconds_sum 50\n",
        "metrics_server_api_metric_freshness_seconds_count 5\n",
        "metrics_server_storage_points{type=\"container\"} 5\n",
        "metrics_server_storage_points{type=\"node\"} 2\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// `cargo test --release -p plimsoll-serve how_long_a_list -- --ignored --nocapture`
#[tokio::test]
#[ignore = "measures"]
async fn how_long_a_list_of_a_large_cluster_takes() {
    let k8s = open(many(150_000));
    let pods = format!("{BASE}/pods");
    let protobuf = ("accept", "application/vnd.kubernetes.protobuf");
    for (what, headers) in [
        ("JSON, new round", vec![]),
        ("JSON", vec![]),
        ("gzip", vec![("accept-encoding", "gzip")]),
        ("protobuf", vec![protobuf]),
        ("protobuf, gzip", vec![protobuf, ("accept-encoding", "gzip")]),
    ] {
        let begin = std::time::Instant::now();
        let cpu = || {
            let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
            spent.tv_sec * 1_000_000 + spent.tv_nsec / 1000
        };
        let spent = cpu();
        let mut request = Request::builder().uri(&pods);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = k8s.answer(&request.body(()).unwrap().into_parts().0).await;
        let head = begin.elapsed();
        let (mut body, mut bytes) = (answer.into_body(), 0);
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().into_data().unwrap().len();
        }
        println!(
            "150,000 pods as {what}: head after {head:?}, all {bytes} bytes after {:?}, CPU {} ms",
            begin.elapsed(),
            (cpu() - spent) as f64 / 1e3
        );
    }
}
