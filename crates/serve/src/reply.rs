//! Answers that every route gives: JSON, plain text, errors, redirects; in Go's own forms.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, VARY};
use http::{HeaderMap, Response, StatusCode};

use crate::body::{Body, full, pieces};
use crate::json;
use crate::metrics::accepts_gzip;

const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");
/// What Go calls plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// What Go's redirects are.
pub const HTML: &str = "text/html; charset=utf-8";
/// What the REST API answers.
pub const JSON: &str = "application/json";

/// An answer of this type.
pub fn with_type(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// Success with a value as JSON.
pub fn value<T: serde::Serialize + ?Sized>(value: &T) -> Response<Body> {
    with_type(StatusCode::OK, JSON, full(json::to_vec(value)))
}

/// Success with a large value as JSON, compressed where the client takes gzip.
pub fn large<T: serde::Serialize + ?Sized>(value: &T, headers: &HeaderMap) -> Response<Body> {
    let plain = json::to_vec(value);
    let compressed = if accepts_gzip(headers) { gzip(&plain) } else { None };
    let encoded = compressed.is_some();
    let mut answer = with_type(StatusCode::OK, JSON, full(compressed.unwrap_or(plain)));
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if encoded {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), Compression::fast());
    // writing to memory cannot fail
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

/// Success with JSON that is made piece by piece.
pub fn json_pieces<I>(parts: I) -> Response<Body>
where
    I: IntoIterator<Item = Bytes>,
    I::IntoIter: Send + 'static,
{
    with_type(StatusCode::OK, JSON, pieces(parts))
}

/// Success with plain text.
pub fn text(text: impl Into<Bytes>) -> Response<Body> {
    with_type(StatusCode::OK, TEXT, full(text.into()))
}

/// A failure: the sentence and a newline, as Go's `http.Error`.
pub fn error(status: StatusCode, sentence: &str) -> Response<Body> {
    let mut answer = with_type(status, TEXT, full(format!("{sentence}\n")));
    answer.headers_mut().insert(NOSNIFF, HeaderValue::from_static("nosniff"));
    answer
}

/// A failure of the API: always 500, whatever failed.
pub fn failed(sentence: &str) -> Response<Body> {
    error(StatusCode::INTERNAL_SERVER_ERROR, sentence)
}

/// A redirect with Go's little page (which it writes for GET and HEAD alone).
pub fn redirect(status: StatusCode, to: &str, with_page: bool) -> Response<Body> {
    let to = header_safe(to);
    let mut answer = if with_page {
        let mut page = String::from("<a href=\"");
        crate::page::html::escape(&mut page, &to);
        page.push_str("\">");
        page.push_str(status.canonical_reason().unwrap_or_default());
        page.push_str("</a>.\n\n");
        with_type(status, HTML, full(page))
    } else {
        let mut answer = Response::new(full(""));
        *answer.status_mut() = status;
        answer
    };
    if let Ok(to) = HeaderValue::from_str(&to) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

/// Bytes that may not stand in a header as percent escapes; a backslash too, which browsers take for a
/// slash, so that `/\\host` would lead away from here.
fn header_safe(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_graphic() && byte != b'\\' {
            out.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
