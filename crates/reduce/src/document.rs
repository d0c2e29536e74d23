//! `docs/cluster-metrics.md`, made from the rows and from what reducing a round of everything gives.

use std::fmt::Write as _;
use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Resource, Set, Value};
use plimsoll_core::cluster::key::{Key, WorkloadKind};
use plimsoll_core::cluster::labels;
use plimsoll_core::cluster::metric::{List, Metric, Row};
use plimsoll_core::cluster::objects::{Objects, Owner, Pod};

use crate::testing::{MINUTE, SECOND, add_pod, batch, container, host, node, objects, pod, sampled};
use crate::{Options, Reducer};

const HEAD: &str = "# The cluster's metrics

Made from the rows in the source and from what they become; do not edit.

A round asks each node, and from its answer and from what the API server says come numbers of these entities: the node, \
its system containers, the containers of pods, the pods, and above them their workloads (ReplicaSet, Deployment, \
StatefulSet, DaemonSet, Job, CronJob, ReplicationController), their namespaces and the cluster.

*read*: the node says it, if the route by which it is asked has it (`/metrics/resource` has CPU time and the working \
set alone). *rate*: what was added to the counter between two samples, by the time between them as the node tells it. \
*API*: from the objects. *part*: of what is allocatable on the node. *sum*: over what is below; where nobody has the \
number, it is absent. `memory/node_utilization` comes from `memory/usage`, and is absent where that is not read.
";

const LABELED: &str = "
Several in one set, each with labels of its own: `resource_id` (a device, `/`, `logs`, `Volume:<name>`), or `make`, \
`model` and `accelerator_id`.
";

const CUSTOM: &str = "
## Applications' metrics

`custom/<name>`: read of containers, summed over pods, cumulative ones too.
";

const TAIL: &str = "
## Unlike Heapster

| what Heapster does | what Plimsoll does | why | the old way |
| --- | --- | --- | --- |
| a counter that went back while the start stayed gives a negative rate | no rate; if it is the CPU's, none of that \
entity in this round | it started anew | – |
| the rates of each disk are taken against the first disk | against itself | wrong or negative numbers | – |
| a node that gives the sample of the round before again has no rates in this round | the sample keeps its rates, for \
three rounds or a minute, whichever is longer | sums over many nodes dipped | – |
| a node that was absent from one round has no rates when it is back | has them, if it was away for less than three \
rounds | one failure cost two rounds | – |
| a pod made again under its name is the old one where nothing tells its start | is another one, by its uid | rates \
over two lives | – |
| rounds that overtake each other share one state | a round that is not later than the one before has no rates | wrong \
rates | – |
| pods of which only containers were found have no node, and are missing from their node's requests | have it, and \
are counted | reservation was too low | – |
| containers and pods made from the API's objects have no time of creation | have their pod's | | – |
| a pod's own total is added to those of its containers (or, in the last source, taken for the whole where it is the \
sandbox's) | a total stays as it is; a sandbox container's numbers are added to | a pod was counted twice, or was \
its sandbox alone | – |
| `memory/working_set` ends at pods | is summed over namespaces and the cluster | it is what `kubectl top` and \
autoscalers go by | – |
| utilization and reservation are 0 where their numbers are not known (always so in the first round) | absent; \
reservation is 0 on a node that runs no pods | a made-up zero looks like an idle node | – |
| capacity and allocatable are 0 where the object has none | absent | | – |
| nothing is summed over workloads | ReplicaSets, Deployments and so on have sets of their own | often wished for | – |
| what is too old leaves the store when the next round comes | is not shown any more, whether or not one comes | old \
numbers looked like new ones | – |
| points stand in the order in which rounds came | in the order of their time | | – |

Requests and limits are 0 where none is set, as in Heapster: clients count on it.
";

/// What nodes say of a sort of entity.
fn told(list: List, name: &str, entity: &Key) -> bool {
    match (list, entity) {
        (List::Standard, Key::Pod { .. }) => name == "uptime" || name.starts_with("network/"),
        (List::Standard, Key::Container { .. } | Key::SystemContainer { .. }) => {
            !name.starts_with("network/")
        }
        (List::Standard, Key::Node(_)) => true,
        (List::Labeled, Key::Pod { .. }) => name.starts_with("filesystem/"),
        (List::Labeled, Key::Node(_) | Key::SystemContainer { .. } | Key::Container { .. }) => {
            !name.ends_with("_rate")
        }
        _ => false,
    }
}

fn entities() -> [(&'static str, Key); 7] {
    let workload =
        Key::Workload { namespace: "ns1".into(), kind: WorkloadKind::StatefulSet, name: "pod".into() };
    [
        ("node", node("n1")),
        ("system", Key::SystemContainer { node: "n1".into(), container: "kubelet".into() }),
        ("container", container("ns1", "pod1", "c1")),
        ("pod", pod("ns1", "pod1")),
        ("workload", workload),
        ("namespace", Key::Namespace("ns1".into())),
        ("cluster", Key::Cluster),
    ]
}

/// A round in which nodes say all that they can.
fn told_round(secs: i64) -> Batch {
    let sets = entities().into_iter().take(4).map(|(_, key)| {
        let mut set = Set { node: Some(host("n1")), ..sampled(key.clone(), 0, secs, &[]) };
        for metric in
            Metric::ALL.iter().copied().filter(|metric| told(metric.row().list, metric.name(), &key))
        {
            match metric.is_plain() {
                true => set.values.set_int(metric, secs * SECOND),
                false => set.push_labeled(metric, Resource::Id("/".into()), Value::Int(secs)),
            }
        }
        set
    });
    batch(secs, sets)
}

fn everything() -> Objects {
    let objects = objects();
    let pod = Pod::clone(&objects.pod("ns1", "pod1").unwrap());
    let owner = Some(Owner { kind: WorkloadKind::StatefulSet, name: "pod".into() });
    add_pod(&objects, Pod { owner, ..pod });
    objects
}

fn has(set: &Set, metric: Metric) -> bool {
    set.values.get(metric).is_some() || set.labeled().iter().any(|one| one.metric == metric)
}

fn how(before: &Batch, after: &Batch, key: &Key, metric: Metric) -> &'static str {
    if !after.get(key).is_some_and(|set| has(set, metric)) {
        return "";
    }
    let told = |metric| before.get(key).is_some_and(|set| has(set, metric));
    let row = metric.row();
    let of_objects = matches!(key, Key::Container { .. }) || metric.name().contains("node_capacity");
    match row.list {
        _ if told(metric) => "read",
        List::Rate | List::Labeled if row.rate_of.is_some_and(told) => "rate",
        List::Node if of_objects || metric.name().contains("node_allocatable") => "API",
        List::Node => "part",
        List::Additional if of_objects => "API",
        _ => "sum",
    }
}

fn document() -> String {
    let (objects, mut reducer) = (Arc::new(everything()), Reducer::new(Options { resolution_nanos: MINUTE }));
    let mut first = told_round(60);
    reducer.reduce(&mut first, None, &objects);
    let (before, mut after) = (told_round(120), told_round(120));
    reducer.reduce(&mut after, Some(&first), &objects);

    let mut out = HEAD.to_owned();
    let sections = [
        ("Read from nodes", List::Standard, ""),
        ("From the API's objects", List::Additional, ""),
        ("Rates", List::Rate, ""),
        ("Labeled", List::Labeled, LABELED),
        ("Of nodes", List::Node, ""),
    ];
    for (title, list, text) in sections {
        // writing to a `String` cannot fail
        let _ = write!(out, "\n## {title}\n{text}\n| Name | Type | Value | Unit |");
        for (name, _) in entities() {
            let _ = write!(out, " {name} |");
        }
        out.push_str(" Meaning |\n| --- | --- | --- | --- |");
        out.push_str(&" --- |".repeat(entities().len() + 1));
        out.push('\n');
        for metric in Metric::of_list(list) {
            let Row { name, help, kind, float, unit, .. } = *metric.row();
            let value = if float { "float" } else { "integer" };
            let _ = write!(out, "| `{name}` | {} | {value} | {} |", kind.word(), unit.word());
            for (_, key) in entities() {
                let _ = write!(out, " {} |", how(&before, &after, &key, metric));
            }
            let _ = writeln!(out, " {help} |");
        }
    }
    out.push_str(CUSTOM);
    out.push_str("\n## Labels\n\n| Name | Meaning |\n| --- | --- |\n");
    for label in labels::ALL {
        let _ = writeln!(out, "| `{}` | {} |", label.name, label.help);
    }
    out.push_str(TAIL);
    out
}

#[test]
fn cluster_metrics_page_is_as_generated() {
    let page = document();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster-metrics.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == page, "docs/cluster-metrics.md is stale: make bless rewrites it");
}
