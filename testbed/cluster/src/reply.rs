//! Answers: bodies that are whole, that trickle, that end too early.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};

use crate::Error;

/// A body of any kind.
pub(crate) type Body = UnsyncBoxBody<Bytes, Error>;

pub(crate) const JSON: &str = "application/json";
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";
pub(crate) const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// A whole answer.
pub(crate) fn reply(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    with(status, kind, body)
}

/// A good one.
pub(crate) fn ok(kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    reply(StatusCode::OK, kind, body)
}

/// An answer whose body comes bit by bit.
pub(crate) fn streamed(
    kind: &'static str,
    parts: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
) -> Response<Body> {
    let body = BodyExt::boxed_unsync(StreamBody::new(parts.map(|part| part.map(Frame::data))));
    with(StatusCode::OK, kind, body)
}

fn with(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Sixteen bytes a second.
pub(crate) fn slow(kind: &'static str, body: Bytes) -> Response<Body> {
    let parts = stream::unfold(body, |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let part = rest.split_to(rest.len().min(16));
        Some((Ok(part), rest))
    });
    streamed(kind, parts)
}

/// Half of what was announced.
pub(crate) fn short(kind: &'static str, body: Bytes) -> Response<Body> {
    let length = body.len();
    let half = body.slice(..length / 2);
    let parts = stream::iter([Ok(half), Err("half is enough".into())]);
    let mut response = streamed(kind, parts);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length.max(1)));
    response
}

/// So many bytes without end of the line in sight.
pub(crate) fn huge(kind: &'static str, start: &'static str, bytes: u64) -> Response<Body> {
    const PART: Bytes = Bytes::from_static(&[b'a'; 64 * 1024]);
    let parts = bytes.div_ceil(PART.len() as u64);
    let all = stream::iter((0..parts).map(|_| Ok(PART)));
    streamed(kind, stream::iter([Ok(Bytes::from_static(start.as_bytes()))]).chain(all))
}

/// Bytes that are no answer to anything.
pub(crate) fn garbage(kind: &'static str, seed: u64) -> Response<Body> {
    let bytes: Vec<u8> = (0..512).flat_map(|place| crate::seed::mix(seed, place).to_le_bytes()).collect();
    ok(kind, bytes)
}
