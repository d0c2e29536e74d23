//! Answers as files, beside each route; `make bless` rewrites them.

use std::path::Path;

use super::{app, ask};
use crate::fake::Fake;

/// File below `src/`, path, body.
const GOLDEN: &[(&str, &str, &str)] = &[
    ("v1/golden/machine.json", "/api/v1.3/machine", ""),
    ("v1/golden/containers.json", "/api/v1.3/containers/", r#"{"num_stats":1}"#),
    ("v1/golden/containers-docker.json", "/api/v1.0/containers/docker", r#"{"num_stats":2}"#),
    ("v1/golden/subcontainers.json", "/api/v1.1/subcontainers/docker", r#"{"num_stats":1}"#),
    ("v1/golden/docker.json", "/api/v1.2/docker/", r#"{"num_stats":1}"#),
    ("v1/golden/docker-one.json", "/api/v1.2/docker/fx-worker", r#"{"num_stats":1}"#),
    ("v1/golden/events.json", "/api/v1.3/events?all_events=true&subcontainers=true", ""),
    ("v2/golden/appmetrics.json", "/api/v2.0/appmetrics/fx-web?type=docker", ""),
    ("v2/golden/attributes.json", "/api/v2.0/attributes", ""),
    ("v2/golden/machinestats.json", "/api/v2.1/machinestats?count=2", ""),
    ("v2/golden/ps.json", "/api/v2.0/ps/fx-web?type=docker", ""),
    ("v2/golden/ps-root.json", "/api/v2.0/ps/", ""),
    ("v2/golden/spec.json", "/api/v2.0/spec/fx-web?type=docker", ""),
    ("v2/golden/stats.json", "/api/v2.1/stats/docker?recursive=true&count=2", ""),
    ("v2/golden/stats-deprecated.json", "/api/v2.0/stats/docker?recursive=true&count=2", ""),
    ("v2/golden/storage.json", "/api/v2.0/storage", ""),
    ("v2/golden/storage-uuid.json", "/api/v2.0/storage?uuid=11-22&label=x", ""),
    ("v2/golden/summary.json", "/api/v2.0/summary/fx-web?type=docker", ""),
    ("v2/golden/version.json", "/api/v2.0/version", ""),
    (
        "own/golden/advice.json",
        "/api/plimsoll/v1/advice?name=/docker/48f993e4c45a0c77b936426b26a02d6bf5e5fabeab65c15967f32026b2c8ee3e",
        "",
    ),
    ("own/golden/missing.json", "/api/plimsoll/v1/missing", ""),
    ("own/golden/overview.json", "/api/plimsoll/v1/overview", ""),
    (
        "own/golden/series.json",
        "/api/plimsoll/v1/series?name=/docker/48f993e4c45a0c77b936426b26a02d6bf5e5fabeab65c15967f32026b2c8ee3e",
        "",
    ),
    ("page/golden/root.html", "/containers/", ""),
    ("page/golden/web.html", "/docker/fx-web", ""),
    ("page/golden/docker.html", "/docker/", ""),
    ("page/golden/podman.html", "/podman/", ""),
    ("golden/validate.txt", "/validate/", ""),
];

#[tokio::test]
async fn answers_are_those_of_the_files() {
    compare(Fake::host(), GOLDEN).await;
}

/// Asks a host for each and holds the answers against the files.
pub(crate) async fn compare(host: Fake, golden: &[(&str, &str, &str)]) {
    let app = app(host);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (file, uri, body) in golden {
        let answer = ask(&app, "POST", uri, body).await;
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text());
        let path = source.join(file);
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &answer.body).unwrap();
        }
        if std::fs::read(&path).unwrap_or_default() != answer.body {
            wrong.push(format!("{file}: {uri} now gives\n{}", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "make bless rewrites the files\n{}", wrong.join("\n"));
}
