//! What metrics-server reads.

use std::sync::Arc;

use plimsoll_core::container::Identity;

use crate::fake::kubernetes::Member;
use crate::fake::{Fake, samples};
use crate::tests::{app, get};

async fn lines(host: Fake) -> Vec<String> {
    let answer = get(&app(host), "/metrics/resource").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    );
    answer.text().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_series_stands_once_and_is_the_later_pods() {
    let mut host = Fake::kubernetes();
    let member =
        |uid, id, made| Member { pod: ["shop", "again", uid], name: "c", id, above: "/k8s.io", made };
    host.add_member(&member("a", "00", -9), samples(1, None));
    host.add_member(&member("b", "01", -8), samples(2, None));
    host.add_member(&member("c", "02", -10), samples(3, None));
    let all = lines(host).await;
    let again: Vec<&String> =
        all.iter().filter(|line| line.contains("cpu_usage") && line.contains("again")).collect();
    assert_eq!(
        again,
        [
            r#"container_cpu_usage_seconds_total{container="c",namespace="shop",pod="again"} 0.6 1795258087811"#,
            r#"pod_cpu_usage_seconds_total{namespace="shop",pod="again"} 0.6 1795258087811"#,
        ]
    );
}

#[tokio::test]
async fn what_is_not_known_has_no_line() {
    let mut host = Fake::kubernetes();
    let (view, samples) = host.containers.get_mut("/k8s.io/cri-containerd-e20b26418935.scope").unwrap();
    samples.last_mut().unwrap().memory = None;
    view.latest = samples.last().cloned().map(Arc::new);
    view.identity = Arc::new(Identity { created: None, ..Identity::clone(&view.identity) });
    view.spec = Arc::default();
    // the spec told the labels as well
    assert!(!view.identity.labels.is_empty());
    let all = lines(host).await;
    let of = |text: &str| -> Vec<&str> {
        all.iter().filter(|line| line.contains(text)).map(|line| line.split('{').next().unwrap()).collect()
    };
    assert_eq!(of(r#"container="one""#), ["container_cpu_usage_seconds_total"]);
    assert_eq!(of(r#"{namespace="default",pod="loose"}"#), ["pod_cpu_usage_seconds_total"]);
}

#[tokio::test]
async fn an_empty_host_tells_that_nothing_failed() {
    assert_eq!(lines(Fake::empty()).await, ["resource_scrape_error 0"]);
}

#[tokio::test]
async fn names_are_escaped() {
    let mut host = Fake::kubernetes();
    let pod = ["a\"b", "c\\d", ""];
    host.add_member(&Member { pod, name: "e\nf", id: "00", above: "/k8s.io", made: 0 }, samples(1, None));
    let all = lines(host).await;
    let line = r#"container_cpu_usage_seconds_total{container="e\nf",namespace="a\"b",pod="c\\d"} 0.3 1795258087811"#;
    assert!(all.iter().any(|known| known == line), "{all:#?}");
}
