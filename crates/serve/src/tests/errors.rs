//! What each route says when it cannot.

use super::{app, ask, get};
use crate::app::BODY_LIMIT;
use crate::fake::{Fake, samples};

const FULL: &str = "48f993e4c45a0c77b936426b26a02d6bf5e5fabeab65c15967f32026b2c8ee3e";

#[tokio::test]
async fn errors_are_a_sentence_of_plain_text() {
    let app = app(Fake::host());
    for (status, uri, sentence) in [
        (400, "/api/", "Supported API versions: v1.0,v1.1,v1.2,v1.3,v2.0,v2.1"),
        (400, "/api/v1.0", "Supported request types: \"containers,machine\""),
        (400, "/api/v1.1/", "Supported request types: \"containers,machine,subcontainers\""),
        (400, "/api/v1.3/", "Supported request types: \"containers,docker,events,machine,subcontainers\""),
        (
            400,
            "/api/v2.0?count=x",
            "Supported request types: \"appmetrics,attributes,events,machine,ps,spec,stats,storage,summary,version\"",
        ),
        (
            500,
            "/api/plimsoll/v1/nothing",
            "unknown request type \"nothing\": there is advice,ended,live,missing,overview,series",
        ),
        (500, "/api/plimsoll/v2/overview", "unsupported API version \"v2\": there is v1"),
        (500, "/api/plimsoll/v1/live?name=/x", "unknown container \"/x\""),
        (
            500,
            "/api/plimsoll/v1/live?interval=0s",
            "failed to parse 'interval' option: expected a duration such as 2s",
        ),
        (500, "/api/plimsoll/v1/advice", "no 'name' option: the container's cgroup name, such as /docker/x"),
        (500, "/api/plimsoll/v1/advice?name=/x", "unknown container \"/x\""),
        (500, "/api/plimsoll/v1/series", "no 'name' option: the container's cgroup name, such as /docker/x"),
        (
            500,
            "/api/plimsoll/v1/series?name=/x",
            "failed to get the series of container \"/x\": unknown container \"/x\"",
        ),
        (
            500,
            "/api/plimsoll/v1/series?name=/&points=0",
            "invalid 'points' option: expected 1 to 5000, got \"0\"",
        ),
        (
            500,
            "/api/plimsoll/v1/series?name=/&since=now",
            "failed to parse 'since' option: expected a time such as 2026-11-21T10:48:04Z, got \"now\"",
        ),
        (500, "/api/v9", "unsupported API version \"v9\""),
        (500, "/api/v9/x", "unsupported API version \"v9\""),
        (500, "/api/%2F", "malformed request \"/api//\""),
        (500, "/api/v1.3/nothing", "unknown request type \"nothing\""),
        (500, "/api/v1.0/subcontainers/", "unknown request type \"subcontainers\""),
        (500, "/api/v2.0/machinestats", "unknown request type \"machinestats\""),
        (
            500,
            "/api/v1.3/containers/x",
            "failed to get container \"/x\" with error: unknown container \"/x\"",
        ),
        (
            500,
            "/api/v1.1/subcontainers/x",
            "failed to get subcontainers for container \"/x\" with error: no containers found",
        ),
        (
            500,
            "/api/v1.1/subcontainers/dock",
            "failed to get subcontainers for container \"/dock\" with error: no containers found",
        ),
        (
            500,
            "/api/v1.2/docker/x",
            "failed to get Docker container \"x\" with error: unable to find container \"x\" in \"docker\" namespace",
        ),
        (
            500,
            "/api/v1.2/docker/fx-w",
            "failed to get Docker container \"fx-w\" with error: unable to find container in \"docker\" namespace. Container \"fx-w\" is not unique",
        ),
        (500, "/api/v1.2/docker/a/b", "unknown request for Docker container [a b]"),
        (500, "/api/v2.0/stats/?count=x", "failed to parse 'count' option: x"),
        (
            500,
            "/api/v2.0/version?count=-5",
            "invalid 'count' option: only -1 and larger values allowed, not -5",
        ),
        (500, "/api/v2.0/nothing?type=lxc", "unknown 'type' \"lxc\""),
        (
            500,
            "/api/v2.1/machine?max_age=10",
            "failed to parse 'max_age' option: time: missing unit in duration \"10\"",
        ),
        (500, "/api/v2.0/stats/x", "unknown container \"/x\""),
        (500, "/api/v2.1/stats/x?recursive=true", "unknown container: \"/x\""),
        (500, "/api/v2.1/stats/dock?recursive=true", "unknown container: \"/dock\""),
        (500, "/api/v2.0/spec/x?type=docker", "unable to find container \"x\" in \"docker\" namespace"),
        (500, "/api/v2.0/spec/x?type=podman", "unable to find container \"x\" in \"podman\" namespace"),
        (
            500,
            "/api/v2.0/spec/?type=docker",
            "unable to find container in \"docker\" namespace. Container \"\" is not unique",
        ),
        (
            500,
            "/api/v2.0/stats/x?type=docker&recursive=true",
            "invalid request for docker container \"/x\" with subcontainers",
        ),
        (500, "/api/v2.0/ps/x", "process listing failed: unknown container \"/x\""),
        (500, "/api/v2.0/storage?label=x", "non-existent label \"x\""),
        (500, "/api/v2.0/storage?uuid=x", "no filesystem has the UUID \"x\""),
        (
            500,
            "/api/v1.3/events?stream=true&start_time=2026-11-21T10:48:04Z",
            "for a call to watch, request.StartTime and request.EndTime must be uninitialized",
        ),
        (
            500,
            "/api/v1.3/events?max_events=-2",
            "invalid 'max_events' option: only -1 (all) and larger values allowed, not -2",
        ),
        (500, "/metrics?type=lxc", "No metrics gathered, last error:\n\nunknown 'type' \"lxc\""),
        (404, "/containers/x/", "failed to get container \"/x\" with error: unknown container \"/x\""),
        (
            404,
            "/docker/x",
            "failed to get container \"x\" with error: unable to find container \"x\" in \"docker\" namespace",
        ),
        (404, "/static/x.js", "unknown static resource \"/static/x.js\""),
        (400, "/api/v1.3/%zz", "400 Bad Request: the path has a broken percent escape: \"/api/v1.3/%zz\""),
    ] {
        let answer = get(&app, uri).await;
        assert_eq!(answer.text(), format!("{sentence}\n"), "{uri}");
        assert_eq!(answer.status, status, "{uri}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{uri}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{uri}");
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let app = app(Fake::host());
    let answer = ask(&app, "POST", "/api/v1.3/containers/", &" ".repeat(BODY_LIMIT)).await;
    assert_eq!(answer.status, 200);
    let answer = ask(&app, "POST", "/api/v1.3/containers/", &" ".repeat(BODY_LIMIT + 1)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (413, "the request's body is larger than 1048576 bytes\n")
    );
}

#[tokio::test]
async fn a_negative_count_is_refused() {
    let app = app(Fake::host());
    for route in ["containers/", "subcontainers/", "docker/"] {
        let answer = ask(&app, "POST", &format!("/api/v1.3/{route}"), r#"{"num_stats":-2}"#).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.text(), "invalid num_stats: only -1 (all) and larger values allowed, not -2\n");
    }
}

#[tokio::test]
async fn a_container_without_a_sample_says_so_alone() {
    let mut host = Fake::host();
    host.add_docker("ff", "fx-new", host.containers["/docker"].0.spec.as_ref().clone(), Vec::new());
    let app = app(host);
    let cause = "unable to find data in memory cache\n";
    let answer = get(&app, "/api/v1.3/containers/docker/ff").await;
    assert_eq!(answer.text(), format!("failed to get container \"/docker/ff\" with error: {cause}"));
    let answer = get(&app, "/api/v1.2/docker/fx-new").await;
    assert_eq!(answer.text(), format!("failed to get Docker container \"fx-new\" with error: {cause}"));
    assert_eq!(get(&app, "/api/v1.2/docker/").await.json().as_object().unwrap().len(), 3);
    assert_eq!(get(&app, "/api/v1.3/subcontainers/docker").await.json().as_array().unwrap().len(), 4);
    assert_eq!(get(&app, "/api/v2.0/stats/docker?recursive=true").await.json().as_object().unwrap().len(), 4);
    let all = get(&app, "/api/v2.1/stats/docker?recursive=true").await.json();
    assert!(all["/docker/ff"].get("stats").is_none() && all["/docker/ff"]["spec"]["has_cpu"] == true);
    let answer = get(&app, "/api/v2.0/summary/docker?recursive=true").await;
    assert_eq!(
        answer.text(),
        "partial failures: [\"/docker/ff\": DerivedStats: derived stats not available for container \"/docker/ff\"]\n"
    );
}

#[tokio::test]
async fn a_longer_name_is_another_container() {
    let mut host = Fake::host();
    let spec = host.containers["/docker"].0.spec.as_ref().clone();
    host.add(plimsoll_core::container::Reference::raw("/dockerlike"), spec, samples(1, None));
    let app = app(host);
    assert!(!get(&app, "/api/v1.3/subcontainers/docker").await.text().contains("/dockerlike"));
    assert!(!get(&app, "/api/v2.1/stats/docker?recursive=true").await.text().contains("/dockerlike"));
}

#[tokio::test]
async fn an_id_and_its_beginning_name_a_container() {
    let app = app(Fake::host());
    for alias in [FULL, &FULL[..12], "fx-web", "fx-we"] {
        let found = get(&app, &format!("/api/v1.2/docker/{alias}")).await.json();
        assert_eq!(found.as_object().unwrap().keys().next().unwrap(), &format!("/docker/{FULL}"), "{alias}");
    }
}
