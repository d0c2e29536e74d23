//! The routes' common rules, and what only a running app shows.

use std::sync::Arc;
use std::time::Duration;

use super::{app, ask, get};
use crate::app::{App, Options};
use crate::fake::{Fake, START, samples};

#[tokio::test]
async fn unknown_paths_lead_to_the_pages_with_gos_page() {
    let answer = get(&app(Fake::host()), "/").await;
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), "/containers/");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.text(), "<a href=\"/containers/\">Temporary Redirect</a>.\n\n");
}

#[tokio::test]
async fn redirects_keep_prefix_and_query() {
    let options = Options { url_base_prefix: "/watch/".to_owned(), ..Options::default() };
    let app = App::new(Arc::new(Fake::host()), options);
    for (uri, status, location) in [
        ("/watch", 301, "/watch/"),
        ("/watch/api?x=1", 301, "/watch/api/?x=1"),
        ("/watch/podman", 301, "/watch/podman/"),
        ("/watch/api//v1.3/?y", 301, "/watch/api/v1.3/?y"),
        ("/watch/", 307, "/watch/containers/"),
        ("/watch/nothing", 307, "/watch/containers/"),
    ] {
        let answer = get(&app, uri).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (status, location), "{uri}");
    }
    let outside = get(&app, "/api/").await;
    assert_eq!((outside.status.as_u16(), outside.text()), (404, "404 page not found\n"));
    assert_eq!(get(&app, "/watch/healthz").await.text(), "ok");
}

#[tokio::test]
async fn a_redirect_does_not_lead_to_another_host() {
    let answer = get(&app(Fake::host()), "/x/..//evil.example").await;
    assert_eq!(answer.header("location"), "/evil.example");
    assert_eq!(
        crate::reply::redirect(http::StatusCode::FOUND, "/\\evil.example", true).headers()["location"],
        "/%5Cevil.example"
    );
}

#[tokio::test]
async fn every_method_is_answered_alike() {
    let app = app(Fake::host());
    let wanted = get(&app, "/api/v1.3/machine").await.body;
    for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
        assert_eq!(ask(&app, method, "/api/v1.3/machine", "").await.body, wanted, "{method}");
    }
    let head = ask(&app, "HEAD", "/api/v1.3/machine", "").await;
    assert_eq!(head.header("content-length"), wanted.len().to_string());
    assert_eq!((head.status.as_u16(), head.body), (200, Vec::new()));
}

#[tokio::test]
async fn healthz_is_ok() {
    let answer = get(&app(Fake::empty()), "/healthz").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "ok"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test]
async fn profiles_are_refused_with_a_reason() {
    let options = Options { profiling: true, ..Options::default() };
    let answer = get(&App::new(Arc::new(Fake::host()), options), "/debug/pprof/heap").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("use perf"));
}

#[tokio::test]
async fn num_stats_and_a_range_choose_samples() {
    let app = app(Fake::host());
    let count = async |body: &str| {
        let answer = ask(&app, "POST", "/api/v1.3/containers/docker", body).await.json();
        answer.get("stats").map_or(0, |stats| stats.as_array().unwrap().len())
    };
    assert_eq!(count("").await, 3);
    assert_eq!(count(r#"{"num_stats":-1}"#).await, 3);
    assert_eq!(count(r#"{"num_stats":2}"#).await, 2);
    assert_eq!(count(r#"{"num_stats":0}"#).await, 0);
    assert_eq!(count(&format!(r#"{{"end":"{}"}}"#, START.plus_nanos(2_000_000_000))).await, 1);
    assert_eq!(count(&format!(r#"{{"start":"{}"}}"#, START.plus_nanos(2_000_000_000))).await, 2);
}

#[tokio::test]
async fn max_age_refreshes_what_is_asked_for() {
    let host = Arc::new(Fake::host());
    let app = App::new(Arc::<Fake>::clone(&host), Options::default());
    for uri in
        ["/api/v2.1/stats/docker?max_age=0s", "/api/v2.1/machinestats?max_age=2s", "/api/v2.0/stats/docker"]
    {
        assert_eq!(get(&app, uri).await.status, 200);
    }
    let refreshed = host.refreshed.lock().unwrap();
    assert_eq!(
        *refreshed,
        [(vec!["/docker".to_owned()], Duration::ZERO), (vec!["/".to_owned()], Duration::from_secs(2)),]
    );
}

#[tokio::test]
async fn a_large_answer_is_made_in_pieces() {
    use http_body_util::BodyExt;
    let mut host = Fake::empty();
    let one = Fake::host();
    let (view, _) = &one.containers["/docker"];
    for nth in 0..50 {
        let many = samples(1, Some("eth0")).into_iter().cycle().take(60).collect();
        host.add(plimsoll_core::container::Reference::raw(format!("/c{nth:02}")), (*view.spec).clone(), many);
    }
    let host = Arc::new(host);
    let app = App::new(Arc::<Fake>::clone(&host), Options::default());
    let mut body = super::respond(&app, "GET", "/api/v1.3/subcontainers/", "").await.into_body();
    let (mut pieces, mut whole) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        let asked = host.asked.load(std::sync::atomic::Ordering::Relaxed);
        assert!(asked <= 1 + pieces / 4, "samples of {asked} containers for {pieces} pieces");
        assert!(data.len() < 128 * 1024, "a piece of {} bytes", data.len());
        pieces += 1;
        whole.extend_from_slice(&data);
    }
    assert!(pieces > 150, "{pieces} pieces");
    let whole: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(whole.as_array().unwrap().len(), 50);
    assert!(whole.as_array().unwrap().iter().all(|c| c["stats"].as_array().unwrap().len() == 60));
}

#[tokio::test]
async fn an_empty_host_still_answers() {
    let app = app(Fake::empty());
    for (uri, body) in [
        ("/api/v1.2/docker/", "{}"),
        ("/api/v2.0/storage", "[]"),
        ("/api/v2.0/storage?label=root", "[]"),
        ("/api/v2.1/machinestats", "null"),
        ("/api/v2.1/machinestats?type=docker&recursive=true", "null"),
        ("/api/v2.0/stats/?type=docker&recursive=true", "{}"),
        ("/api/v1.3/events?all_events=true", "[]"),
    ] {
        let answer = get(&app, uri).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, body), "{uri}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn old_stats_of_a_sample_without_parts_are_zero() {
    let mut host = Fake::host();
    let bare = plimsoll_measure::sample::Sample { at: START, ..Default::default() };
    let spec = host.containers["/docker"].0.spec.as_ref().clone();
    host.add(plimsoll_core::container::Reference::raw("/bare"), spec, vec![bare]);
    let app = app(host);
    let old = get(&app, "/api/v2.0/stats/bare").await.json();
    assert_eq!(old["/bare"][0]["cpu"]["usage"]["total"], 0);
    assert_eq!(old["/bare"][0]["memory"]["usage"], 0);
    assert!(old["/bare"][0]["diskio"].is_object());
    let new = get(&app, "/api/v2.1/stats/bare").await.text().to_owned();
    assert!(new.ends_with(r#""stats":[{"timestamp":"2026-11-21T10:48:04Z","resctrl":{}}]}}"#), "{new}");
}

#[tokio::test]
async fn what_is_known_now_stands_with_the_newest_sample() {
    let mut host = Fake::host();
    let (view, _) = host.containers.get_mut("/docker").unwrap();
    view.oom_events = 7;
    view.identity = Arc::new(plimsoll_core::container::Identity {
        health: Some("healthy".to_owned()),
        ..Default::default()
    });
    let stats = get(&app(host), "/api/v1.3/containers/docker").await.json()["stats"].clone();
    assert_eq!((&stats[2]["oom_events"], &stats[2]["health"]["status"]), (&7.into(), &"healthy".into()));
    assert_eq!((stats[1].get("oom_events"), &stats[1]["health"]["status"]), (None, &"".into()));
}
