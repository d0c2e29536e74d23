//! The page in TypeScript (`web/`), which takes over from the plain one where scripts run.
//!
//! It is one file, kept compressed. Its address says its version, so that a browser may keep it for good.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Response, StatusCode};

use super::html::Html;
use crate::body::{Body, full};
use crate::metrics::accepts_gzip;
use crate::query::Query;
use crate::reply;

/// The built page.
pub struct Script {
    /// The whole file, compressed.
    pub gzip: &'static [u8],
    /// Another one for other bytes.
    pub version: &'static str,
}

/// Absent in a program that was built without Node.js.
pub const SCRIPT: Option<Script> = include!(concat!(env!("OUT_DIR"), "/script.rs"));

/// The element that loads it; nothing without it. It stands in the head and blocks: the plain page is not seen before.
pub fn element(page: &mut Html, root: &str) {
    if let Some(script) = SCRIPT {
        page.raw("<script src=\"")
            .text(root)
            .raw("static/page.js?v=")
            .raw(script.version)
            .raw("\"></script>\n");
    }
}

/// `/static/page.js`.
pub fn answer(script: &Script, query: Query<'_>, headers: &HeaderMap) -> Response<Body> {
    let encoded = accepts_gzip(headers);
    let body = if encoded { Bytes::from_static(script.gzip) } else { Bytes::from(plain(script.gzip)) };
    let mut answer = reply::with_type(StatusCode::OK, "text/javascript; charset=utf-8", full(body));
    let headers = answer.headers_mut();
    if encoded {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let kept = query.first("v").as_deref() == Some(script.version);
    let cache = if kept { "private, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// For the client that takes no gzip.
fn plain(gzip: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(gzip.len() * 3);
    // our own bytes, whole since the build: a reader of memory has no other error
    let _ = GzDecoder::new(gzip).read_to_end(&mut plain);
    plain
}
