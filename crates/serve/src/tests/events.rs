//! Events: once, and as they happen.

use std::sync::Arc;

use futures_util::FutureExt;
use http_body_util::BodyExt;
use plimsoll_core::event::{Event, EventData, EventType};

use super::{app, get, respond};
use crate::fake::{Fake, START};

fn event(name: &str, nth: i64, event_type: EventType) -> Arc<Event> {
    Arc::new(Event {
        container_name: name.to_owned(),
        timestamp: START.plus_nanos(nth),
        event_type,
        event_data: EventData::default(),
    })
}

#[tokio::test]
async fn the_query_chooses_events() {
    let app = app(Fake::host());
    let count = async |query: &str| {
        get(&app, &format!("/api/v1.3/events{query}")).await.json().as_array().unwrap().len()
    };
    assert_eq!(count("").await, 0, "no type is asked for");
    assert_eq!(count("?all_events=true").await, 3, "the root's own");
    assert_eq!(count("?all_events=true&subcontainers=true").await, 6);
    assert_eq!(count("?all_events=1&subcontainers=T&max_events=2").await, 2);
    assert_eq!(count("?all_events=true&max_events=0").await, 0);
    assert_eq!(count("?all_events=true&max_events=-1&subcontainers=true").await, 6);
    assert_eq!(
        count("?all_events=true&max_events=x&start_time=x&stream=x").await,
        3,
        "what is bad is ignored"
    );
    assert_eq!(count("?oom_events=true&all_events=yes").await, 1);
    assert_eq!(count("/docker?creation_events=true&subcontainers=true").await, 2);
    assert_eq!(count("?all_events=true&subcontainers=true&start_time=2026-11-21T10:46:24Z").await, 4);
    assert_eq!(count("?all_events=true&subcontainers=true&end_time=1795257984").await, 3, "unix seconds");
}

#[tokio::test]
async fn a_stream_gives_a_line_an_event() {
    let host = Fake::host();
    let happens = host.happens.clone();
    let app = app(host);
    let answer = respond(
        &app,
        "GET",
        "/api/v1.3/events/docker?stream=true&creation_events=true&subcontainers=true",
        "",
    )
    .await;
    assert!(!answer.headers().contains_key("content-type"));
    let mut body = answer.into_body();
    assert!(body.frame().now_or_never().is_none(), "nothing has happened yet");
    happens.send(event("/dockerlike", 0, EventType::Creation)).unwrap();
    happens.send(event("/docker/x", 0, EventType::Deletion)).unwrap();
    happens.send(event("/docker/x", 1, EventType::Creation)).unwrap();
    let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(
        line,
        "{\"container_name\":\"/docker/x\",\"timestamp\":\"2026-11-21T10:48:04.000000001Z\",\"event_type\":\"containerCreation\",\"event_data\":{}}\n"
    );
    drop(body);
    assert_eq!(happens.receiver_count(), 0, "the stream ends with its client");
}

#[tokio::test]
async fn a_slow_reader_skips_and_goes_on() {
    let host = Fake::host();
    let happens = host.happens.clone();
    let app = app(host);
    let mut body = respond(&app, "GET", "/api/v2.0/events?stream=true&all_events=true", "").await.into_body();
    for nth in 0..100 {
        happens.send(event("/", nth, EventType::Oom)).unwrap();
    }
    let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(String::from_utf8_lossy(&line).contains("04.000000084Z"), "{line:?}");
}

#[tokio::test]
async fn a_stream_ends_with_the_host() {
    let app = app(Fake::host());
    let body = respond(&app, "GET", "/api/v1.3/events?stream=true&all_events=true", "").await.into_body();
    drop(app);
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
}
