//! Our answers beside those of a kubelet 1.32: each of its fields is in ours, in its order and of its type, or is
//! listed with the reason why not; and each of ours is one of its own, or of a later kubelet's.

use std::collections::{BTreeMap, BTreeSet};

use crate::fake::Fake;
use crate::tests::shape::Node;
use crate::tests::{app, get};

/// Fields that are not in our answers, and why.
const NOT_OURS: &[(&str, &str)] = &[
    ("node.runtime.containerFs.inodesUsed", "nobody tells it without a walk over all images"),
    ("node.runtime.containerFs.usedBytes", "nobody tells it without a walk over all images"),
    ("node.runtime.imageFs.inodesUsed", "nobody tells it without a walk over all images"),
    ("node.runtime.imageFs.usedBytes", "nobody tells it without a walk over all images"),
    ("pods[].containers[].logs.inodesUsed", "the files of a log are not counted"),
];

/// Fields of ours that this kubelet had not, by a part of their path, and whence they are.
const NOT_THEIRS: &[(&str, &str)] = &[
    (".psi", "Kubernetes 1.33"),
    (".io", "Kubernetes 1.33"),
    ("node.systemContainers[].rootfs", "of containers of no pod"),
    ("node.systemContainers[].swap.swapAvailableBytes", "of containers of no pod"),
    ("pods[].swap.swapAvailableBytes", "a limit that these pods had not"),
];

/// Of a pod: what only the API server knows.
const OF_THE_API_SERVER: &[(&str, &str)] = &[
    ("items[].metadata.annotations", "kubelet's own"),
    ("items[].metadata.creationTimestamp", "the API server's"),
    ("items[].metadata.resourceVersion", "the API server's"),
    ("items[].spec.containers[].", "what the author wrote"),
    ("items[].spec.", "what the author wrote"),
    ("items[].status.containerStatuses[].", "probes and what was before"),
    ("items[].status.", "probes, conditions and addresses"),
];

/// Every field's path with its type, and the order of the fields of each object.
#[derive(Default)]
struct Shape {
    fields: BTreeMap<String, &'static str>,
    orders: BTreeMap<String, Vec<String>>,
}

impl Shape {
    fn of(bytes: &[u8]) -> Self {
        let mut shape = Self::default();
        shape.add("", &serde_json::from_slice(bytes).unwrap());
        shape
    }

    fn add(&mut self, at: &str, node: &Node) {
        let kind = match node {
            Node::Object(fields) => {
                let order = self.orders.entry(at.to_owned()).or_default();
                if order.len() < fields.len() {
                    *order = fields.iter().map(|(key, _)| key.clone()).collect();
                }
                for (key, value) in fields {
                    let dot = if at.is_empty() { "" } else { "." };
                    self.add(&format!("{at}{dot}{key}"), value);
                }
                "object"
            }
            Node::List(items) => {
                items.iter().for_each(|item| self.add(&format!("{at}[]"), item));
                "list"
            }
            Node::Text(_) => "text",
            Node::Number => "number",
            Node::Bool => "bool",
            Node::Null => return,
        };
        self.fields.insert(at.to_owned(), kind);
    }
}

fn compare(theirs: &[u8], ours: &[u8], not_ours: &[(&str, &str)], not_theirs: &[(&str, &str)]) {
    let (theirs, ours) = (Shape::of(theirs), Shape::of(ours));
    let mut used = BTreeSet::new();
    for (path, kind) in &theirs.fields {
        match ours.fields.get(path) {
            Some(our) => assert_eq!(our, kind, "{path}"),
            None => {
                let reason = not_ours.iter().find(|(known, _)| path.starts_with(known));
                let (known, _) = reason.unwrap_or_else(|| panic!("{path} is not in ours, without a reason"));
                used.insert(*known);
            }
        }
    }
    assert_eq!(used, not_ours.iter().map(|(path, _)| *path).collect(), "reasons for what is there");
    for path in ours.fields.keys().filter(|path| !theirs.fields.contains_key(*path)) {
        assert!(not_theirs.iter().any(|(part, _)| path.contains(part)), "{path} is not in theirs");
    }
    for (at, theirs) in &theirs.orders {
        let Some(ours) = ours.orders.get(at) else { continue };
        let common: Vec<_> = ours.iter().filter(|key| theirs.contains(key)).collect();
        let wanted: Vec<_> = theirs.iter().filter(|key| ours.contains(key)).collect();
        assert_eq!(common, wanted, "order of {at:?}");
    }
}

async fn ours(path: &str) -> Vec<u8> {
    let answer = get(&app(Fake::kubernetes()), path).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    answer.body
}

#[tokio::test]
async fn a_summary_has_kubelets_fields() {
    let ours = ours("/stats/summary").await;
    compare(include_bytes!("../testdata/stats-summary.json"), &ours, NOT_OURS, NOT_THEIRS);
    // of cgroup v1
    compare(include_bytes!("../testdata/stats-summary-v1.json"), &ours, NOT_OURS, V1_NOT_THEIRS);
}

/// On v1 its runtime told less.
const V1_NOT_THEIRS: &[(&str, &str)] = &[
    (".psi", "Kubernetes 1.33"),
    (".io", "Kubernetes 1.33"),
    ("node.systemContainers[].rootfs", "of containers of no pod"),
    ("swapAvailableBytes", "limits that were not there"),
    ("pods[].containers[].memory.", "only the working set was told"),
    ("pods[].network", "its sandboxes had none"),
    ("pods[].process_stats", "the groups of its pods had none"),
];

/// A short one of a later kubelet has more.
const SHORT_NOT_THEIRS: &[(&str, &str)] = &[(".psi", "Kubernetes 1.33"), (".swap", "Kubernetes 1.34")];

#[tokio::test]
async fn a_short_summary_has_kubelets_fields() {
    let theirs = include_bytes!("../testdata/stats-summary-short.json");
    compare(theirs, &ours("/stats/summary?only_cpu_and_memory=true").await, &[], SHORT_NOT_THEIRS);
}

#[tokio::test]
async fn pods_have_kubelets_fields() {
    compare(include_bytes!("../testdata/runningpods.json"), &ours("/runningpods/").await, &[], &[]);
    let theirs = include_bytes!("../testdata/pods.json");
    compare(
        theirs,
        &ours("/pods").await,
        OF_THE_API_SERVER,
        &[
            ("items[].spec.hostNetwork", "of a pod that has it"),
            ("items[].metadata.labels.app", "one of its own"),
        ],
    );
}

#[tokio::test]
async fn the_text_has_kubelets_series() {
    let series = |text: &str| -> BTreeMap<String, (String, bool)> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let (series, rest) = line.split_once(' ').unwrap();
                let (name, block) = series.split_once('{').unwrap_or((series, ""));
                let labels: Vec<_> = block.split("\",").map(|pair| pair.split('=').next().unwrap()).collect();
                (name.to_owned(), (labels.join(","), rest.contains(' ')))
            })
            .collect()
    };
    let ours = String::from_utf8({
        let answer = get(&app(Fake::kubernetes()), "/metrics/resource").await;
        answer.body
    })
    .unwrap();
    let theirs = include_str!("../testdata/metrics-resource.prom");
    for (name, form) in series(theirs) {
        assert_eq!(series(&ours).get(&name), Some(&form), "{name}");
    }
    let later: Vec<String> =
        series(&ours).into_keys().filter(|name| !theirs.contains(name.as_str())).collect();
    assert!(later.iter().all(|name| name.contains("_swap_")), "{later:?}");
    for head in theirs.lines().filter(|line| line.starts_with('#')) {
        assert!(ours.lines().any(|line| line == head), "{head}");
    }
}
