//! Random rounds and random requests: every answer is well-formed, and none panics.

use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Custom, Resource, Set, Value};
use plimsoll_core::cluster::key::{Key, WorkloadKind};
use plimsoll_core::cluster::metric::{Kind, Metric};
use plimsoll_core::cluster::names::Name;
use plimsoll_core::time::Timestamp;
use proptest::prelude::*;

use super::historical::store;
use super::{ask, get};
use crate::cluster::app::{ClusterApp, ClusterOptions};
use crate::cluster::fake::ClusterFake;
use crate::cluster::past::ClusterPast;

fn name() -> impl Strategy<Value = Name> {
    prop_oneof!["[ab]", "\\PC{0,6}", Just("n1".to_owned()), Just("shop".to_owned())].prop_map(Name::from)
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        Just(Key::Cluster),
        name().prop_map(Key::Node),
        name().prop_map(Key::Namespace),
        (name(), name()).prop_map(|(node, container)| Key::SystemContainer { node, container }),
        (name(), name()).prop_map(|(namespace, pod)| Key::Pod { namespace, pod }),
        (name(), name(), name()).prop_map(|(namespace, pod, container)| Key::Container {
            namespace,
            pod,
            container
        }),
        (name(), 0..WorkloadKind::ALL.len(), name()).prop_map(|(namespace, kind, name)| Key::Workload {
            namespace,
            kind: WorkloadKind::ALL[kind],
            name
        }),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::Int), any::<f64>().prop_map(Value::Float)]
}

fn resource() -> impl Strategy<Value = Resource> {
    prop_oneof![
        name().prop_map(Resource::Id),
        (name(), name(), name()).prop_map(|(make, model, id)| Resource::Accelerator { make, model, id }),
    ]
}

prop_compose! {
    fn set()(
        key in key(),
        times in prop::array::uniform2(prop::option::of(any::<i64>())),
        values in prop::collection::vec((0..Metric::ALL.len(), value()), 0..12),
        labeled in prop::collection::vec((0..Metric::ALL.len(), resource(), value()), 0..4),
        custom in prop::collection::vec((name(), value()), 0..3),
        node in any::<bool>(),
    ) -> Set {
        let mut set = Set::new(key);
        [set.started, set.scraped] = times.map(|at| at.map(Timestamp));
        for (metric, value) in values {
            set.values.set(Metric::ALL[metric], value);
        }
        for (metric, resource, value) in labeled {
            set.push_labeled(Metric::ALL[metric], resource, value);
        }
        for (name, value) in custom {
            set.more.get_or_insert_default().custom.push(Custom { name, kind: Kind::Gauge, value });
        }
        set.node = node.then(Arc::default);
        set
    }
}

prop_compose! {
    fn round()(at in any::<i64>(), sets in prop::collection::vec(set(), 0..8)) -> Batch {
        let mut round = Batch::new(Timestamp(at));
        sets.into_iter().for_each(|set| drop(round.insert(set)));
        round
    }
}

/// The path of an entity, every byte of its names escaped; absent for a name that cannot stand in a path.
fn path(key: &Key) -> Option<String> {
    let part = |name: &Name| {
        let escaped: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        (!name.is_empty() && !name.starts_with('/')).then_some(escaped)
    };
    Some(match key {
        Key::Cluster => String::new(),
        Key::Node(node) => format!("/nodes/{}", part(node)?),
        Key::SystemContainer { node, container } => {
            format!("/nodes/{}/freecontainers/{}", part(node)?, part(container)?)
        }
        Key::Namespace(namespace) => format!("/namespaces/{}", part(namespace)?),
        Key::Pod { namespace, pod } => format!("/namespaces/{}/pods/{}", part(namespace)?, part(pod)?),
        Key::Container { namespace, pod, container } => {
            format!("/namespaces/{}/pods/{}/containers/{}", part(namespace)?, part(pod)?, part(container)?)
        }
        Key::Workload { namespace, kind, name } => {
            format!("/namespaces/{}/{}s/{}", part(namespace)?, kind.word(), part(name)?)
        }
    })
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Each line of a scrape is a comment or a name, labels, a value and perhaps a time.
fn is_exposition(text: &str) -> bool {
    text.lines().all(|line| {
        let sample = |line: &str| {
            let end = line.rfind('}').map_or_else(|| line.find(' '), |end| Some(end + 1)).unwrap_or_default();
            let (series, rest) = line.split_at(end);
            let numbers: Vec<_> = rest.split_ascii_whitespace().collect();
            let name = series.split('{').next().unwrap_or_default();
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && matches!(numbers.len(), 1 | 2)
                && numbers.iter().all(|number| number.replace("Inf", "inf").parse::<f64>().is_ok())
        };
        line.starts_with("# HELP ") || line.starts_with("# TYPE ") || sample(line)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_round_is_answered(rounds in prop::collection::vec(round(), 0..3)) {
        let mut past = ClusterFake::cluster();
        past.history = Some(store());
        past.rounds.extend(rounds.into_iter().map(Arc::new));
        let past = Arc::new(past);
        let options = ClusterOptions { series: true, ..ClusterOptions::default() };
        let app = ClusterApp::new(Arc::clone(&past) as _, options);
        run(async {
            for uri in [
                "/api/v1/metric-export",
                "/api/v1/model/debug/allkeys",
                "/api/v1/model/nodes",
                "/api/v1/model/namespaces",
                "/api/v1/model/nodes/n1/freecontainers",
                "/api/v1/model/namespaces/shop/pods/a/containers",
                "/api/v1/model/namespaces/shop/jobs",
                "/api/v1/model/nodes/n1/metrics",
                "/api/v1/model/nodes/n1/metrics/network/rx_rate",
                "/apis/metrics/v1alpha1/nodes",
                "/apis/metrics/v1alpha1/pods",
            ] {
                let answer = get(&app, uri).await;
                assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok(), "{uri}: {}", answer.text());
            }
            // whatever there is can be asked for
            for key in past.rounds.iter().flat_map(|round| round.iter()).map(|set| &set.key) {
                let Some(path) = path(key) else { continue };
                let names = get(&app, &format!("/api/v1/model{path}/metrics")).await;
                let names: Vec<String> = serde_json::from_slice(&names.body).unwrap();
                prop_assert_eq!(names, past.names(key), "{}", key);
            }
            let scrape = get(&app, "/metrics").await;
            prop_assert!(is_exposition(scrape.text()), "{}", scrape.text());
            Ok(())
        })?;
    }

    #[test]
    fn any_request_is_answered(
        method in "GET|HEAD|POST",
        parts in prop::collection::vec(
            "api|apis|v1|model|historical|metrics|v1alpha1|nodes|n1|namespaces|shop|pods|web-1|pod-list|a,b|metrics-aggregated|max|cpu-usage|healthz|debug|pprof|[a-z%./]{0,5}",
            0..9,
        ),
        query in "(start|end|labels|bucket|labelSelector|verbose)?=?[-0-9a-zA-Z:%.,+&=]{0,20}",
        headers in ("[ -~]{0,12}", "[ -~]{0,12}"),
    ) {
        let uri = format!("/{}?{query}", parts.join("/"));
        prop_assume!(uri.parse::<http::Uri>().is_ok());
        let mut past = ClusterFake::cluster();
        past.history = Some(store());
        let app = super::app(past);
        let headers = [("accept", headers.0.as_str()), ("accept-encoding", headers.1.as_str())];
        let answer = run(ask(&app, &method, &uri, &headers));
        prop_assert!(answer.status.as_u16() >= 200 && answer.status.as_u16() < 600);
        prop_assert!(method != "HEAD" || answer.body.is_empty());
    }
}
