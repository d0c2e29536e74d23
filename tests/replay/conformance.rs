//! Our answers on the captured hybrid host beside those that cAdvisor 0.36 gave on such a host: same statuses,
//! types of content, keys, order, types. What may differ is listed in `shape` (keys that came later) and here.

use std::path::Path;

use super::machine::Machine;
use super::shape::{Answered, Node, compare, recorded};

/// Answers that are not compared, and why.
const APART: &[(&str, &str)] = &[
    ("healthz", "has its own tests"),
    ("metrics", "the text has its own golden file"),
    ("v1.2-docker-unknown", "0.60 names the namespace"),
    ("v1.3-events-oom", "the captured machine has no kernel log"),
    ("v2.0-bad-maxage", "0.36 knew no max_age"),
    ("v2.0-stats-unknown-docker", "0.60 names the namespace"),
    ("v2.0-storage", "the captured machine's disks are not here"),
    ("v2.0-storage-root", "the captured machine's disks are not here"),
    ("v2.0-summary-root", "there is no minute of samples"),
    ("v2.0-summary-web", "there is no minute of samples"),
    ("validate", "the text has its own golden file"),
];

/// Keys that one side may lack, and why.
const MEANT: &[(&str, &str)] = &[
    ("filesystem", "the captured machine's disks are not here"),
    ("interfaces", "as `network`"),
    ("labels", "the two hosts' containers have other labels"),
    ("a", "a label"),
    ("c", "a label"),
    ("com.example.tier", "a label"),
    ("owner", "a label"),
    ("team", "a label"),
    ("tier", "a label"),
    ("network", "0.36 wrote zeros where there is none, as for /docker; 0.60 leaves it out"),
    ("ulimits", "that host's processes could not be looked into"),
];

/// The containers' ids there, by name.
const THEIRS: &[(&str, &str)] = &[
    ("fx-idle", "320c1e707b5d95310f433565488736720f7eab62983cdf040f6a296951c604d2"),
    ("fx-web", "48f993e4c45a0c77b936426b26a02d6bf5e5fabeab65c15967f32026b2c8ee3e"),
    ("fx-worker", "0e2a8c33f679b641b344e5405fff97e3bf568cab4a94a6a160b21624c8f6a81d"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_on_a_captured_host_look_as_cadvisors() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    let Some(recorded) = recorded(&beside) else { return };
    let machine = Machine::start("debian12-hybrid").await;
    let ids: Vec<(&str, &str)> = THEIRS
        .iter()
        .map(|(name, theirs)| {
            let ours = machine.containers.iter().find(|container| container.name == *name).unwrap();
            (*theirs, &*ours.id)
        })
        .collect();
    let translate = |text: &str, back: bool| {
        ids.iter().fold(text.to_owned(), |text, (theirs, ours)| {
            let (from, to) = if back { (ours, theirs) } else { (theirs, ours) };
            text.replace(from, to).replace(&from[..12], &to[..12])
        })
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for theirs in recorded {
        let name = &*theirs.name;
        if APART.iter().any(|(apart, _)| *apart == name) {
            continue;
        }
        let answer = machine.ask(&theirs.method, &translate(&theirs.uri, false), &theirs.body).await;
        compared += 1;
        if answer.status != theirs.status {
            wrong.push(format!(
                "{name}: {} in theirs, {} in ours: {}",
                theirs.status, answer.status, answer.text
            ));
            continue;
        }
        for (header, value) in &theirs.headers {
            let ours = answer.headers.get(header).map_or("", |value| value.to_str().unwrap());
            if ours != value {
                wrong.push(format!("{name}: {header}: {value} in theirs, {ours:?} in ours"));
            }
        }
        let text = translate(&answer.text, true);
        match &theirs.answer {
            Answered::Text(theirs) if *theirs == text => {}
            Answered::Text(theirs) => wrong.push(format!("{name}: {theirs:?} in theirs, {text:?} in ours")),
            Answered::Json(theirs) => {
                let mut ours: Node = serde_json::from_str(&text).unwrap();
                let mut theirs = theirs.clone();
                common(name, &mut theirs, &mut ours);
                newest(&mut theirs);
                newest(&mut ours);
                compare(name, &theirs, &ours, MEANT, &mut wrong);
            }
        }
    }
    machine.stop().await;
    assert!(compared > 35, "{compared} answers compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Keeps, of objects whose keys are containers, those that both have.
fn common(name: &str, theirs: &mut Node, ours: &mut Node) {
    let (Node::Object(theirs), Node::Object(ours)) = (theirs, ours) else { return };
    let containers = |entries: &[(String, Node)]| entries.iter().all(|(key, _)| key.starts_with('/'));
    if !containers(theirs) || !containers(ours) {
        return;
    }
    let theirs_were_none = theirs.is_empty();
    theirs.retain(|(key, _)| ours.iter().any(|(other, _)| other == key));
    ours.retain(|(key, _)| theirs.iter().any(|(other, _)| other == key));
    assert!(!ours.is_empty() || theirs_were_none, "{name}: no container that both have");
}

/// Keeps, of lists of samples, the newest: ours of before Docker had told the first process has no network.
fn newest(node: &mut Node) {
    match node {
        Node::List(items) => {
            let sample = |item: &Node| matches!(item, Node::Object(keys) if keys.iter().any(|(key, _)| key == "timestamp"));
            if items.len() > 1 && items.iter().all(sample) {
                items.drain(..items.len() - 1);
            }
            items.iter_mut().for_each(newest);
        }
        Node::Object(entries) => entries.iter_mut().for_each(|(_, value)| newest(value)),
        _ => {}
    }
}
