//! What cAdvisor 0.36 answered on a host like the fake one: same statuses, headers, keys in the same order,
//! same types. Later versions added keys; `shape` lists those, and nothing else may differ.

use std::path::Path;

use super::shape::{Answered, Node, compare, recorded};
use super::{app, ask};
use crate::fake::Fake;

/// Errors that later versions word differently, and routes where the difference is meant.
const DIFFERENT: &[(&str, &str)] = &[
    ("v1.2-docker-unknown", "0.60 names the namespace"),
    ("v2.0-stats-unknown-docker", "0.60 names the namespace"),
    ("v2.0-bad-maxage", "0.36 knew no max_age"),
    ("metrics", "the text has its own tests"),
    ("validate", "the text has its own golden file"),
];

#[tokio::test]
async fn answers_look_as_cadvisors() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let Some(recorded) = recorded(&beside) else { return };
    let app = app(Fake::plain());
    let mut compared = 0;
    let mut wrong = Vec::new();
    for theirs in recorded {
        let name = &*theirs.name;
        if DIFFERENT.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let answer = ask(&app, &theirs.method, &theirs.uri, &theirs.body).await;
        compared += 1;
        if answer.status != theirs.status {
            wrong.push(format!(
                "{name}: {} in theirs, {} in ours: {}",
                theirs.status,
                answer.status,
                answer.text()
            ));
            continue;
        }
        for (header, value) in &theirs.headers {
            if answer.header(header) != value {
                wrong.push(format!(
                    "{name}: {header}: {value} in theirs, {:?} in ours",
                    answer.header(header)
                ));
            }
        }
        match &theirs.answer {
            Answered::Text(text) if text == answer.text() => {}
            Answered::Text(text) => {
                wrong.push(format!("{name}: {text:?} in theirs, {:?} in ours", answer.text()));
            }
            Answered::Json(theirs) => {
                let ours: Node = serde_json::from_slice(&answer.body).unwrap();
                compare(name, theirs, &ours, &[], &mut wrong);
            }
        }
    }
    assert!(compared > 40, "{compared} answers compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
