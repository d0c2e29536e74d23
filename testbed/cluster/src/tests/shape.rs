//! Answers beside those of a real cluster of Kubernetes 1.32 (`testdata`): same names, same places, same words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Lab, small};

/// The names on the way to each value; user labels and the like have names of their own.
fn paths(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, path: &str, all: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    let own = ["labels", "annotations", "matchLabels", "limits", "requests"];
                    if own.contains(&key.as_str()) {
                        all.insert(format!("{path}.{key}"));
                    } else {
                        walk(member, &format!("{path}.{key}"), all);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{path}[]"), all)),
            _ => {
                all.insert(path.to_owned());
            }
        }
    }
    let mut all = BTreeSet::new();
    walk(value, "", &mut all);
    all
}

fn recorded(text: &str) -> BTreeSet<String> {
    paths(&serde_json::from_str(text).unwrap())
}

fn check(
    ours: &BTreeSet<String>,
    theirs: &BTreeSet<String>,
    only_ours: &[&str],
    only_theirs: Option<&[&str]>,
) {
    let extra: Vec<_> = ours.difference(theirs).filter(|path| !only_ours.contains(&path.as_str())).collect();
    assert_eq!(extra, [""; 0], "no recorded answer has these");
    if let Some(known) = only_theirs {
        let lacking: Vec<_> =
            theirs.difference(ours).filter(|path| !known.contains(&path.as_str())).collect();
        assert_eq!(lacking, [""; 0], "recorded answers have these too");
    }
}

async fn json(lab: &Lab, path: &str) -> Value {
    serde_json::from_slice(&lab.kubelet(0, path).await.unwrap().body).unwrap()
}

#[tokio::test]
async fn the_summary_has_a_kubelets_names() {
    let lab = Lab::new(small()).await;
    let ours = paths(&json(&lab, "/stats/summary").await);
    let mut theirs = recorded(include_str!("../testdata/summary.json"));
    theirs.extend(recorded(include_str!("../testdata/summary-volumes.json")));
    // the recorded pods claim no volumes
    let claims = [".pods[].volume[].pvcRef.name", ".pods[].volume[].pvcRef.namespace"];
    check(&ours, &theirs, &claims, Some(&[]));

    let ours = paths(&json(&lab, "/stats/summary?only_cpu_and_memory=true").await);
    let theirs = recorded(include_str!("../testdata/summary-cpu-and-memory.json"));
    check(&ours, &theirs, &[], Some(&[]));
}

#[tokio::test]
async fn the_summary_is_laid_out_as_a_kubelet_does() {
    let lab = Lab::new(small()).await;
    let body = lab.kubelet(0, "/stats/summary").await.unwrap().body;
    let text = String::from_utf8(body.to_vec()).unwrap();
    // the recorded text up to its first number, and a closing brace a line
    assert!(text.starts_with("{\n \"node\": {\n  \"nodeName\": \"node-00000\",\n  \"systemContainers\": [\n   {\n    \"name\": \"kubelet\",\n"));
    assert!(text.ends_with("   }\n  }\n ]\n}"), "{}", &text[text.len() - 40..]);
    let levels = |text: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| Some(line.split_once("\":")?.0.to_owned())).collect()
    };
    let recorded = levels(include_str!("../testdata/summary.json"));
    let ours = levels(&text);
    let odd: Vec<_> = recorded.difference(&ours).collect();
    assert_eq!(odd, [""; 0], "recorded lines that ours has not, with their indentation");
}

/// Of each family: its help and type, and the label names of its series.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

fn families(text: &str) -> Families {
    let mut found = Families::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let (_, rest) = rest.split_once(' ').unwrap();
            let (name, words) = rest.split_once(' ').unwrap();
            found.entry(name.to_owned()).or_default().0.push_str(&format!("{words}\n"));
        } else {
            let (series, numbers) = line.rsplit_once("} ").unwrap_or_else(|| line.split_once(' ').unwrap());
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let names = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0));
            let names: Vec<_> = names.collect();
            let stamped = numbers.contains(' ');
            found
                .entry(name.to_owned())
                .or_default()
                .1
                .insert(format!("{} stamped: {stamped}", names.join(",")));
        }
    }
    found
}

#[tokio::test]
async fn resource_metrics_are_the_recorded_families() {
    let lab = Lab::new(small()).await;
    let answer = lab.kubelet(0, "/metrics/resource").await.unwrap();
    let recorded = include_str!("../testdata/resource.prom");
    assert_eq!(
        answer.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    );
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(families(&text), families(recorded));
    let order = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(order(&text), order(recorded));
    let series: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("container_cpu_usage_seconds_total{")).collect();
    assert!(series.is_sorted(), "{series:#?}");
}

#[tokio::test]
async fn cadvisors_metrics_are_among_the_recorded_families() {
    let lab = Lab::new(small()).await;
    let text = lab.kubelet(0, "/metrics/cadvisor").await.unwrap().body;
    let (ours, theirs) =
        (families(std::str::from_utf8(&text).unwrap()), families(include_str!("../testdata/cadvisor.prom")));
    for (name, (words, labels)) in &ours {
        let (their_words, their_labels) =
            theirs.get(name).unwrap_or_else(|| panic!("{name} is not recorded"));
        assert_eq!(words, their_words, "{name}");
        assert!(labels.is_subset(their_labels), "{name}: {labels:?} {their_labels:?}");
    }
    assert!(ours.len() > 25);
}

#[tokio::test]
async fn containers_are_described_as_cadvisor_does() {
    let lab = Lab::new(small()).await;
    let all = json(&lab, "/stats/container/").await;
    let all = all.as_object().unwrap();
    // node, kubelet, and two containers and a sandbox a pod
    assert_eq!(all.len(), 2 + 10 * 3);
    let theirs = recorded(include_str!("../testdata/container.json"));
    for (name, one) in all {
        assert_eq!(one["name"], **name);
        // labels of Kubernetes, which the recorded container has not; and its one-CPU machine has no other words
        check(&paths(one), &theirs, &[".spec.labels"], None);
    }
}

#[tokio::test]
async fn objects_are_those_of_the_api() {
    let lab = Lab::new(small()).await;
    let cases = [
        ("/api/v1/nodes", include_str!("../testdata/nodes.json")),
        ("/api/v1/pods", include_str!("../testdata/pods.json")),
        ("/api/v1/namespaces", include_str!("../testdata/namespaces.json")),
        ("/apis/apps/v1/replicasets", include_str!("../testdata/replicasets.json")),
        ("/apis/apps/v1/deployments", include_str!("../testdata/deployments.json")),
        ("/apis/batch/v1/jobs", include_str!("../testdata/jobs.json")),
    ];
    // the recorded Job has no CronJob above it; the recorded pods claim nothing and are of no host network
    let known = [
        ".items[].metadata.ownerReferences[].apiVersion",
        ".items[].metadata.ownerReferences[].kind",
        ".items[].metadata.ownerReferences[].name",
        ".items[].metadata.ownerReferences[].uid",
        ".items[].metadata.ownerReferences[].controller",
        ".items[].metadata.ownerReferences[].blockOwnerDeletion",
        ".items[].spec.volumes[].persistentVolumeClaim.claimName",
        ".items[].spec.hostNetwork",
    ];
    for (path, text) in cases {
        let ours = lab.api(path).await;
        let recorded_list: Value = serde_json::from_str(text).unwrap();
        assert_eq!(ours["kind"], recorded_list["kind"]);
        assert!(ours["items"].as_array().is_some_and(|items| !items.is_empty()), "{path}");
        check(&paths(&ours), &recorded(text), &known, None);
    }
    let owners = |items: &Value| -> BTreeSet<String> {
        let items = items["items"].as_array().unwrap().iter();
        items
            .filter_map(|item| Some(item.pointer("/metadata/ownerReferences/0/kind")?.as_str()?.to_owned()))
            .collect()
    };
    let of_pods = owners(&lab.api("/api/v1/pods").await);
    assert_eq!(of_pods, ["DaemonSet", "Job", "ReplicaSet", "StatefulSet"].map(str::to_owned).into());
    assert_eq!(owners(&lab.api("/apis/batch/v1/jobs").await), ["CronJob".to_owned()].into());
}
