//! `/api/plimsoll/v1/live?interval=2s[&name=/x]`: the overview, then what changes in it, as server-sent events.
//!
//! Event `full` is [`Overview`](crate::overview::Overview); it comes first, and again when the client was so slow that
//! it lost something. Event `delta` comes each interval: fields of the machine and of rows that changed, rows that are
//! `gone`, fields that were `lost` (under "" those of the machine). A row that is new has all its fields. `spark` of a
//! delta is the one number to append; a row that is not named has the same number as before once more.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::body::{Body, streamed};
use crate::overview::live::{CLIENTS, Live, PACE, Reader, Told};
use crate::past::Past;
use crate::query::Query;
use crate::{go, json, names, reply};

/// Proxies close a connection on which nothing comes; so often a comment does.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// For nginx, which would collect events before it passes them on.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers with a stream without an end.
pub async fn answer(past: &dyn Past, live: &Live, query: Query<'_>) -> Response<Body> {
    let pace = match query.given("interval").as_deref().map(go::parse_duration) {
        None => PACE,
        Some(Ok(pace)) if !pace.is_zero() => pace,
        Some(_) => return reply::failed("failed to parse 'interval' option: expected a duration such as 2s"),
    };
    let only = query.given("name");
    if let Some(Err(sentence)) = only.as_deref().map(|name| names::by_name(past, name)) {
        return reply::failed(&sentence);
    }
    let Ok(reader) = live.join(pace).await else {
        let sentence =
            format!("{CLIENTS} clients look on already: close a page, or ask for the overview now and then");
        return reply::error(StatusCode::SERVICE_UNAVAILABLE, &sentence);
    };
    let mut answer = Response::new(events(reader, only));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    answer
}

/// Events as the client takes them.
fn events(reader: Reader, only: Option<String>) -> Body {
    streamed(stream::unfold((reader, only), |(mut reader, only)| async move {
        let event = tokio::select! {
            biased;
            told = reader.next() => event(&told?, only.as_deref()),
            () = tokio::time::sleep(SIGN_OF_LIFE) => Bytes::from_static(b":\n\n"),
        };
        Some((event, (reader, only)))
    }))
}

fn event(told: &Told, only: Option<&str>) -> Bytes {
    let (number, kind, data) = match told {
        Told::Full(number, overview) => {
            let data = match only {
                Some(name) => json::to_vec(&overview.only(name)),
                None => json::to_vec(&**overview),
            };
            (number, "full", data)
        }
        Told::Delta(number, delta) => (number, "delta", delta.json(only)),
    };
    let mut event = format!("id: {number}\nevent: {kind}\ndata: ").into_bytes();
    event.extend_from_slice(&data);
    event.extend_from_slice(b"\n\n");
    event.into()
}
