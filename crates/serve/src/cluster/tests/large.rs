//! A large cluster: that answers stay whole and do not take long. Run by hand:
//! `cargo test --release -p plimsoll-serve --lib large -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Instant;

use http::Request;
use http_body_util::{BodyExt, Empty};
use plimsoll_core::cluster::objects::{Container, Node, Pod};

use crate::cluster::app::{ClusterApp, ClusterOptions};
use crate::cluster::fake::{ClusterFake, ROUND, round};

const NODES: usize = 5000;
const PODS: usize = 30;

/// Nodes with 30 pods of two containers each.
fn large() -> ClusterFake {
    let mut past = ClusterFake::cluster();
    {
        let mut known = past.objects.write();
        for node in 0..NODES {
            let node = format!("node-{node:05}");
            let object =
                Node { name: node.as_str().into(), hostname: node.as_str().into(), ..Node::default() };
            known.nodes.insert(object.name.clone(), Arc::new(object));
            for pod in 0..PODS {
                let container = |name: &str| Container {
                    name: name.into(),
                    image: "registry.example/app:1".into(),
                    ..Container::default()
                };
                let pod = Pod {
                    namespace: format!("team-{:02}", pod % 10).into(),
                    name: format!("app-{node}-{pod:02}").into(),
                    uid: format!("{node}-{pod}").into(),
                    node: node.as_str().into(),
                    phase: "Running".into(),
                    containers: [container("main"), container("proxy")].into(),
                    ..Pod::default()
                };
                known.pods.entry(pod.namespace.clone()).or_default().insert(pod.name.clone(), Arc::new(pod));
            }
        }
    }
    past.rounds = vec![Arc::new(round(&past.objects, ROUND, 2))];
    past
}

#[tokio::test]
#[ignore = "takes long without optimisation; for its times"]
async fn answers_over_a_large_cluster() {
    let options = ClusterOptions { series: true, ..ClusterOptions::default() };
    let app = ClusterApp::new(Arc::new(large()), options);
    for (uri, encoding) in [
        ("/healthz", ""),
        ("/api/v1/model/nodes", ""),
        ("/api/v1/model/nodes/node-00007/metrics/cpu-usage", ""),
        ("/api/v1/model/namespaces/team-03/pods", ""),
        ("/api/v1/model/debug/allkeys", ""),
        ("/apis/metrics/v1alpha1/nodes", ""),
        ("/apis/metrics/v1alpha1/pods", ""),
        ("/api/v1/metric-export", ""),
        ("/api/v1/metric-export", "gzip"),
        ("/metrics", ""),
        ("/metrics", "gzip"),
    ] {
        let request = Request::builder().uri(uri).header("accept-encoding", encoding);
        let begin = Instant::now();
        let answer = app.answer(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await;
        assert_eq!(answer.status(), 200, "{uri}");
        let headed = begin.elapsed();
        let (mut body, mut bytes, mut longest) = (answer.into_body(), 0, 0);
        while let Some(frame) = body.frame().await {
            let length = frame.unwrap().into_data().unwrap().len();
            bytes += length;
            longest = longest.max(length);
        }
        println!(
            "{uri} {encoding}: head {headed:.1?}, all {:.1?}, {bytes} bytes, longest piece {longest}",
            begin.elapsed()
        );
        // large answers are never in memory as a whole
        assert!(
            longest < 64 << 10 || !matches!(uri, "/api/v1/metric-export" | "/metrics"),
            "{uri}: {longest}"
        );
    }
}
