//! The historical API over a store that remembers what it was asked.

use std::sync::{Arc, Mutex};

use plimsoll_core::cluster::batch::Value;
use plimsoll_core::cluster::history::{
    Aggregation, Answer as Awaited, Bucket, History, HistoryError, Question, Subject,
};
use plimsoll_core::cluster::key::{Key, WorkloadKind};
use plimsoll_core::cluster::names::Name;
use plimsoll_core::time::Timestamp;

use super::{app, get};
use crate::cluster::app::ClusterApp;
use crate::cluster::fake::{ClusterFake, ROUND, STARTED};

/// Everything a store was asked, in words.
#[derive(Default)]
struct Store {
    asked: Mutex<Vec<Asked>>,
    /// What it fails with.
    fails: Option<String>,
    /// Subjects that it does not know.
    unknown: Vec<Subject>,
}

#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Values(Question),
    Aggregated(Question, Vec<Aggregation>, i64),
    Names(Subject),
    List(String),
}

pub(super) fn store() -> Arc<dyn History> {
    Arc::new(Store::default())
}

impl Store {
    fn ask<T>(&self, asked: Asked, answer: T) -> Result<T, HistoryError> {
        self.asked.lock().unwrap().push(asked);
        self.fails.clone().map_or(Ok(answer), |words| Err(HistoryError(words)))
    }

    fn list(&self, what: String, names: &[&str]) -> Awaited<'_, Vec<String>> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let answer = self.ask(Asked::List(what), names);
        Box::pin(async { answer })
    }

    fn of_each<T>(&self, question: &Question, one: impl Fn(usize) -> Vec<T>) -> Vec<Vec<T>> {
        let each = question.subjects.iter().enumerate();
        each.map(|(at, subject)| if self.unknown.contains(subject) { Vec::new() } else { one(at) }).collect()
    }
}

impl History for Store {
    fn values(&self, question: Question) -> Awaited<'_, Vec<Vec<(Timestamp, Value)>>> {
        let point = |at: usize| vec![(STARTED, Value::Int(40 + at as i64)), (ROUND, Value::Float(41.5))];
        let values = self.of_each(&question, point);
        let answer = self.ask(Asked::Values(question), values);
        Box::pin(async { answer })
    }

    fn aggregated(
        &self,
        question: Question,
        aggregations: Vec<Aggregation>,
        bucket_nanos: i64,
    ) -> Awaited<'_, Vec<Vec<Bucket>>> {
        let count = aggregations.contains(&Aggregation::Count).then_some(60);
        let values: Vec<_> = aggregations
            .iter()
            .filter(|one| **one != Aggregation::Count)
            .map(|one| (*one, if *one == Aggregation::Average { Value::Float(41.5) } else { Value::Int(50) }))
            .collect();
        let buckets =
            self.of_each(&question, |_| vec![Bucket { at: STARTED, count, values: values.clone() }]);
        let answer = self.ask(Asked::Aggregated(question, aggregations, bucket_nanos), buckets);
        Box::pin(async { answer })
    }

    fn metric_names(&self, subject: Subject) -> Awaited<'_, Vec<String>> {
        let answer = self.ask(Asked::Names(subject), vec!["cpu/usage".to_owned(), "memory/usage".to_owned()]);
        Box::pin(async { answer })
    }

    fn nodes(&self) -> Awaited<'_, Vec<String>> {
        self.list("nodes".into(), &["n1", "n2"])
    }

    fn namespaces(&self) -> Awaited<'_, Vec<String>> {
        self.list("namespaces".into(), &["shop"])
    }

    fn pods(&self, namespace: String) -> Awaited<'_, Vec<String>> {
        self.list(format!("pods of {namespace}"), &["web-1"])
    }

    fn system_containers(&self, node: String) -> Awaited<'_, Vec<String>> {
        self.list(format!("containers of {node}"), &["kubelet", "system.slice/docker.service"])
    }
}

fn over(store: Store) -> (ClusterApp, Arc<Store>) {
    let store = Arc::new(store);
    let mut past = ClusterFake::cluster();
    past.history = Some(Arc::clone(&store) as Arc<dyn History>);
    (app(past), store)
}

fn name(text: &str) -> Name {
    Name::from(text)
}

/// Every entity that has a path, and its path.
fn entities() -> Vec<(&'static str, Subject)> {
    let key = Subject::Key;
    let workload =
        Key::Workload { namespace: name("shop"), kind: WorkloadKind::Deployment, name: name("web") };
    vec![
        ("", key(Key::Cluster)),
        ("/nodes/n1", key(Key::Node(name("n1")))),
        (
            "/nodes/n1/freecontainers/system.slice%2Fa.service",
            key(Key::SystemContainer { node: name("n1"), container: name("system.slice/a.service") }),
        ),
        ("/namespaces/shop", key(Key::Namespace(name("shop")))),
        ("/namespaces/shop/pods/web-1", key(Key::Pod { namespace: name("shop"), pod: name("web-1") })),
        (
            "/namespaces/shop/pods/web-1/containers/main",
            key(Key::Container { namespace: name("shop"), pod: name("web-1"), container: name("main") }),
        ),
        ("/namespaces/shop/deployments/web", key(workload)),
        ("/pod-id/u-1", Subject::PodId(name("u-1"))),
        ("/pod-id/u-1/containers/main", Subject::PodIdContainer(name("u-1"), name("main"))),
    ]
}

const START: &str = "start=2026-11-21T08:00:00Z";
const END: Timestamp = Timestamp::from_secs(1_795_251_600);

#[tokio::test]
async fn each_entity_is_asked_for_by_its_key() {
    let (app, store) = over(Store::default());
    let root = "/api/v1/historical";
    for (path, subject) in entities() {
        let question = Question {
            metric: "cpu/usage_rate".into(),
            labels: Vec::new(),
            subjects: vec![subject.clone()],
            start: STARTED,
            end: ClusterFake::empty().now,
        };
        let answer = get(&app, &format!("{root}{path}/metrics/cpu-usage?{START}")).await;
        assert_eq!(answer.json()["metrics"][0]["value"], 40, "{path}");
        assert_eq!(store.asked.lock().unwrap().pop(), Some(Asked::Values(question.clone())), "{path}");

        let asked = format!(
            "{root}{path}/metrics/filesystem/usage?{START}&end=2026-11-21T09:00:00Z&labels=resource_id:/,k:v:w"
        );
        assert_eq!(get(&app, &asked).await.status, 200, "{path}");
        let labels =
            [("resource_id", "/"), ("k", "v:w")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labeled = Question {
            metric: "filesystem/usage".into(),
            labels: labels.to_vec(),
            end: END,
            ..question.clone()
        };
        assert_eq!(store.asked.lock().unwrap().pop(), Some(Asked::Values(labeled)), "{path}");

        let asked =
            format!("{root}{path}/metrics-aggregated/average,99-perc/cpu/usage_rate?{START}&bucket=10s");
        let answer = get(&app, &asked).await.json();
        assert_eq!(answer["bucketSize"], 10_000_000_000_i64, "{path}");
        assert_eq!(answer["buckets"][0]["average"]["floatValue"], 41.5, "{path}");
        let wanted = vec![Aggregation::Average, Aggregation::Percentile(99)];
        let wanted = Asked::Aggregated(question, wanted, 10_000_000_000);
        assert_eq!(store.asked.lock().unwrap().pop(), Some(wanted), "{path}");

        let names = get(&app, &format!("{root}{path}/metrics/")).await;
        if matches!(subject, Subject::Key(_)) {
            assert_eq!(names.json()[0], "cpu/usage", "{path}");
            assert_eq!(store.asked.lock().unwrap().pop(), Some(Asked::Names(subject)), "{path}");
        } else {
            assert_eq!(names.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn lists_of_pods_are_one_question() {
    let (app, store) = over(Store::default());
    let pod = |pod: &str| Subject::Key(Key::Pod { namespace: name("shop"), pod: name(pod) });
    for (path, subjects) in [
        ("namespaces/shop/pod-list/b,a", vec![pod("b"), pod("a")]),
        ("pod-id-list/u-2,u-1", vec![Subject::PodId(name("u-2")), Subject::PodId(name("u-1"))]),
    ] {
        let answer = get(&app, &format!("/api/v1/historical/{path}/metrics/cpu-usage?{START}")).await;
        assert!(answer.text().ends_with("}]}\n") && answer.text().lines().count() == 1, "{}", answer.text());
        assert_eq!(answer.json()["items"][1]["metrics"][0]["value"], 41);
        let many =
            get(&app, &format!("/api/v1/historical/{path}/metrics-aggregated/count/cpu-usage?{START}")).await;
        assert_eq!(many.json()["items"].as_array().unwrap().len(), 2);
        // no bucket: one over the whole range
        assert_eq!(many.json()["items"][0]["bucketSize"], ClusterFake::empty().now.since(STARTED));
        let asked = std::mem::take(&mut *store.asked.lock().unwrap());
        for asked in asked {
            let (Asked::Values(question) | Asked::Aggregated(question, ..)) = asked else {
                panic!("{asked:?}")
            };
            assert_eq!(question.subjects, subjects);
        }
    }
}

#[tokio::test]
async fn lists_come_from_the_store_but_containers_and_workloads() {
    let (app, store) = over(Store::default());
    for (path, wanted, asked) in [
        ("nodes/", vec!["n1", "n2"], Some("nodes")),
        ("namespaces/", vec!["shop"], Some("namespaces")),
        ("namespaces/shop/pods/", vec!["web-1"], Some("pods of shop")),
        (
            "nodes/n1/freecontainers/",
            vec!["kubelet", "system.slice/docker.service"],
            Some("containers of n1"),
        ),
        ("namespaces/shop/pods/web-1/containers", vec!["main", "proxy"], None),
        ("namespaces/shop/statefulsets", vec!["db"], None),
    ] {
        let answer = get(&app, &format!("/api/v1/historical/{path}")).await;
        assert_eq!(answer.json(), serde_json::json!(wanted), "{path}");
        let asked = asked.map(|asked| Asked::List(asked.to_owned()));
        assert_eq!(store.asked.lock().unwrap().pop(), asked, "{path}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_told_and_the_store_is_not_asked() {
    let (app, store) = over(Store::default());
    let long = "x".repeat(10_000);
    for (path, status, sentence) in [
        ("metrics/cpu-usage", 400, "no start time (or a start time of zero) provided"),
        ("metrics/cpu-usage?start=", 400, "no start time"),
        ("metrics/cpu-usage?start=0001-01-01T00:00:00Z", 400, "no start time"),
        ("metrics/cpu-usage?start=x", 400, "timestamp argument cannot be parsed: start=\"x\""),
        (
            "metrics/cpu-usage?start=2026-11-21T08:00:00Z&end=x",
            400,
            "timestamp argument cannot be parsed: end=",
        ),
        ("metrics/cpu-usage?start=2026-11-21T08:00:00Z&labels=x", 400, "invalid label pair \"x\""),
        ("metrics-aggregated/max/cpu-usage", 400, "no start time"),
        (
            "metrics-aggregated/max/cpu-usage?start=2026-11-21T08:00:00Z&bucket=1g",
            400,
            "unable to parse bucket size",
        ),
        ("metrics-aggregated/mode/cpu-usage?start=2026-11-21T08:00:00Z", 400, "Unknown aggregation \"mode\""),
        (
            "nodes/a%22b/metrics/cpu-usage?start=2026-11-21T08:00:00Z",
            500,
            "the node name \"a\\\"b\" must not contain",
        ),
        ("metrics/a'b?start=2026-11-21T08:00:00Z", 500, "the metric name \"a'b\" must not contain"),
        (
            "metrics/m?start=2026-11-21T08:00:00Z&labels=k:%27",
            500,
            "the value \"'\" of label k must not contain",
        ),
        ("metrics/m?start=2026-11-21T08:00:00Z&labels=k%20:v", 500, "the label name \"k \" must not contain"),
        ("namespaces/s/pod-list/a,,b/metrics/m?start=2026-11-21T08:00:00Z", 500, "the pod name is empty"),
        ("pod-id/%2F/metrics/m?start=2026-11-21T08:00:00Z", 500, "the pod id name \"/\" must not contain"),
        ("nodes/%27/metrics", 500, "the node name \"'\" must not contain"),
        ("nodes/%27/freecontainers", 500, "the node name"),
        ("namespaces/%27/pods", 500, "the namespace name"),
    ] {
        let answer = get(&app, &format!("/api/v1/historical/{path}")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().starts_with(sentence), "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    let huge = format!("/api/v1/historical/metrics/{long}?{START}&labels={long}");
    assert_eq!(get(&app, &huge).await.status, 400);
    assert_eq!(*store.asked.lock().unwrap(), []);
}

#[tokio::test]
async fn a_store_that_fails_or_has_nothing_is_told() {
    let (app, _) = over(Store { fails: Some("the store is down".into()), ..Store::default() });
    for path in [
        "nodes",
        "namespaces",
        "namespaces/shop/pods",
        "nodes/n1/freecontainers",
        "nodes/n1/metrics",
        "metrics/cpu-usage?start=2026-11-21T08:00:00Z",
        "metrics-aggregated/max/cpu-usage?start=2026-11-21T08:00:00Z",
        "pod-id-list/a,b/metrics-aggregated/max/cpu-usage?start=2026-11-21T08:00:00Z",
    ] {
        let answer = get(&app, &format!("/api/v1/historical/{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (500, "the store is down"), "{path}");
    }
    let unknown = vec![Subject::Key(Key::Pod { namespace: name("shop"), pod: name("b") })];
    let (app, _) = over(Store { unknown, ..Store::default() });
    let sentence = "No results for metric \"cpu/usage_rate\" describing \"(pod)namespace:shop/pod:b\"";
    for path in ["metrics", "metrics-aggregated/max"] {
        let uri = format!("/api/v1/historical/namespaces/shop/pod-list/a,b/{path}/cpu-usage?{START}");
        let answer = get(&app, &uri).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (500, sentence));
    }
    let alone = app_without_history();
    assert_eq!(get(&alone, "/api/v1/historical/nodes").await.text(), "404: Page Not Found");
}

#[tokio::test]
async fn the_store_is_asked_once_about_a_pod_that_is_named_twice() {
    let pod = |pod: &str| Subject::Key(Key::Pod { namespace: name("shop"), pod: name(pod) });
    for path in ["metrics", "metrics-aggregated/max"] {
        let (app, store) = over(Store::default());
        let uri = format!("/api/v1/historical/namespaces/shop/pod-list/b,a,b/{path}/cpu-usage?{START}");
        let items = get(&app, &uri).await.json()["items"].clone();
        assert_eq!((items.as_array().unwrap().len(), &items[0]), (3, &items[2]), "{path}");
        assert!(path != "metrics" || items[0] != items[1]);
        let asked = store.asked.lock().unwrap().clone();
        let [Asked::Values(question) | Asked::Aggregated(question, ..)] = &asked[..] else {
            panic!("{asked:?}")
        };
        assert_eq!(question.subjects, [pod("b"), pod("a")], "{path}");
    }
}

fn app_without_history() -> ClusterApp {
    app(ClusterFake::cluster())
}
