//! Answers in go-restful's forms: pretty JSON, errors without a line break, compression by what the client takes.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, VARY};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use serde::Serialize;

use crate::body::{Body, full};
use crate::json;
use crate::reply::{JSON, TEXT, with_type};

/// Success with a value as JSON, indented as go-restful does: one space a level, and one before every line but the
/// first.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> Response<Body> {
    with_type(StatusCode::OK, JSON, full(indented(&json::to_vec(value), 1)))
}

/// Success with a value as JSON in one line.
pub fn compact<T: Serialize + ?Sized>(value: &T) -> Response<Body> {
    let mut out = json::to_vec(value);
    out.push(b'\n');
    with_type(StatusCode::OK, JSON, full(out))
}

/// A failure: the sentence alone.
pub fn refused(status: StatusCode, sentence: &str) -> Response<Body> {
    with_type(status, TEXT, full(sentence.to_owned()))
}

/// No such route.
pub fn not_found() -> Response<Body> {
    refused(StatusCode::NOT_FOUND, "404: Page Not Found")
}

/// Go's `MarshalIndent` with a space as prefix and a space as indent, over JSON without blanks whose last line has so
/// many spaces before it.
fn indented(compact: &[u8], mut depth: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let (mut in_text, mut escaped) = (false, false);
    let mut bytes = compact.iter().copied().peekable();
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth, b' ');
    };
    while let Some(byte) = bytes.next() {
        if in_text {
            out.push(byte);
            in_text = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                if let Some(close) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                in_text = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

/// Whether the client takes JSON. Like go-restful, weights are not looked at.
pub fn takes_json(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if given.peek().is_none() {
        return true;
    }
    given.flat_map(|value| value.split(',')).any(|item| {
        let kind = item.split(';').next().unwrap_or_default().trim();
        matches!(kind, "" | "*/*" | "application/*" | "application/json")
    })
}

/// Answers shorter than this are not compressed.
const WORTHWHILE: u64 = 1024;

/// The answer, compressed where the client takes gzip or deflate (zlib's form): the one it names first, and not one
/// that it refuses with `q=0`.
pub fn compressed(answer: Response<Body>, headers: &HeaderMap) -> Response<Body> {
    let short = answer.body().size_hint().exact().is_some_and(|length| length < WORTHWHILE);
    if short || answer.status() != StatusCode::OK || answer.headers().contains_key(CONTENT_ENCODING) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    parts.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    let Some((word, encoder)) = encoder(headers) else { return Response::from_parts(parts, body) };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(word));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Compressed { body, encoder }.boxed_unsync())
}

fn encoder(headers: &HeaderMap) -> Option<(&'static str, Encoder)> {
    let given = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).find_map(|item| {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight =
            parameters.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f64>().ok());
        if weight == Some(0.0) {
            return None;
        }
        match coding.trim() {
            "gzip" => Some(("gzip", Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::fast())))),
            "deflate" => {
                Some(("deflate", Encoder::Deflate(ZlibEncoder::new(Vec::new(), Compression::fast()))))
            }
            _ => None,
        }
    })
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Ended,
}

impl Encoder {
    // writing to a vector does not fail
    fn push(&mut self, plain: &[u8]) {
        let _ = match self {
            Self::Gzip(encoder) => encoder.write_all(plain),
            Self::Deflate(encoder) => encoder.write_all(plain),
            Self::Ended => Ok(()),
        };
    }

    /// What is ready, if it is worth a frame.
    fn take(&mut self) -> Option<Vec<u8>> {
        let ready = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Deflate(encoder) => encoder.get_mut(),
            Self::Ended => return None,
        };
        (ready.len() >= 16 * 1024).then(|| std::mem::take(ready))
    }

    fn finish(&mut self) -> Option<Vec<u8>> {
        match std::mem::replace(self, Self::Ended) {
            Self::Gzip(encoder) => encoder.finish().ok(),
            Self::Deflate(encoder) => encoder.finish().ok(),
            Self::Ended => None,
        }
    }
}

/// A body that is compressed as it goes.
struct Compressed {
    body: Body,
    encoder: Encoder,
}

impl http_body::Body for Compressed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // after so many pieces others have their turn on this thread
        for _ in 0..16 {
            let ready = match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.encoder.push(&data);
                    }
                    self.encoder.take()
                }
                Some(Err(never)) => match never {},
                None => return Poll::Ready(self.encoder.finish().map(|last| Ok(Frame::data(last.into())))),
            };
            if let Some(ready) = ready {
                return Poll::Ready(Some(Ok(Frame::data(ready.into()))));
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A piece of a streamed answer is at least so long.
const PIECE: usize = 32 * 1024;

/// What stands around the items of a list that is written item by item.
pub struct Around {
    /// Before the first.
    pub open: String,
    /// Between two.
    pub between: &'static str,
    /// Behind the last.
    pub close: &'static str,
    /// Instead of all this when there is none.
    pub none: String,
    /// For indented items: the spaces before their last line.
    pub depth: Option<usize>,
}

impl Around {
    /// An array in one line.
    pub fn compact() -> Self {
        Self { open: "[".to_owned(), between: ",", close: "]\n", none: "[]\n".to_owned(), depth: None }
    }

    /// An array, indented as by [`pretty`].
    pub fn pretty() -> Self {
        let (open, none) = ("[\n  ".to_owned(), "[]".to_owned());
        Self { open, between: ",\n  ", close: "\n ]", none, depth: Some(2) }
    }
}

/// A list of JSON that is written item by item as the client takes it. Items have no blanks.
pub fn streamed<I>(around: Around, items: I) -> Response<Body>
where
    I: Iterator<Item = Vec<u8>> + Send + 'static,
{
    let mut items = items.peekable();
    let Around { open, between, close, none, depth } = around;
    let mut begin = Some(if items.peek().is_some() { (open, close) } else { (none, "") });
    let pieces = std::iter::from_fn(move || {
        let (open, close) = begin.take()?;
        let mut piece = open.into_bytes();
        while let Some(item) = items.next() {
            match depth {
                Some(depth) => piece.extend_from_slice(&indented(&item, depth)),
                None => piece.extend_from_slice(&item),
            }
            if items.peek().is_some() {
                piece.extend_from_slice(between.as_bytes());
            }
            if piece.len() >= PIECE {
                begin = Some((String::new(), close));
                return Some(Bytes::from(piece));
            }
        }
        piece.extend_from_slice(close.as_bytes());
        Some(Bytes::from(piece))
    });
    crate::reply::json_pieces(pieces)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_indented_as_go_restful_does() {
        let value = json!({"a": [], "b": {}, "c": [1, "x:{,}\"\\", {"d": null}], "e": ""});
        let text = String::from_utf8(indented(&json::to_vec(&value), 1)).unwrap();
        let wanted = "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n   1,\n   \"x:{,}\\\"\\\\\",\n   {\n    \"d\": null\n   }\n  ],\n  \"e\": \"\"\n }";
        assert_eq!(text, wanted);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert_eq!(indented(b"[]", 1), b"[]");
        assert_eq!(indented(b"\"\\\\\"", 1), b"\"\\\\\"");
    }

    fn headers(name: http::HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn who_takes_json() {
        let f = |values: &[&str], want| assert_eq!(takes_json(&headers(ACCEPT, values)), want, "{values:?}");
        f(&[], true);
        f(&[""], true);
        f(&["*/*"], true);
        f(&["text/html, application/json;q=0.1"], true);
        f(&["text/html", "application/json"], true);
        f(&["text/html,*/*;q=0.8"], true);
        f(&["application/xml"], false);
        f(&["text/html"], false);
    }

    #[tokio::test]
    async fn large_answers_are_compressed_as_asked() {
        let long = "x".repeat(100_000);
        for (asked, word) in [
            ("", ""),
            ("br", ""),
            ("gzip", "gzip"),
            ("deflate, gzip", "deflate"),
            ("gzip;q=0, deflate;q=0.5", "deflate"),
            ("gzip;q=0", ""),
        ] {
            let headers = headers(ACCEPT_ENCODING, &[asked]);
            let answer = compressed(compact(&long), &headers);
            let given = answer.headers().get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap());
            assert_eq!(
                (given, answer.headers()[VARY].to_str().unwrap()),
                (word, "Accept-Encoding"),
                "{asked}"
            );
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let mut plain = String::new();
            match word {
                "gzip" => flate2::read::GzDecoder::new(&*body).read_to_string(&mut plain).unwrap(),
                "deflate" => flate2::read::ZlibDecoder::new(&*body).read_to_string(&mut plain).unwrap(),
                _ => (&*body).read_to_string(&mut plain).unwrap(),
            };
            assert_eq!(plain, format!("\"{long}\"\n"));
            let short = compressed(compact("x"), &headers);
            assert!(short.headers().get(CONTENT_ENCODING).is_none());
        }
    }

    #[tokio::test]
    async fn a_list_is_streamed_whole_and_looks_like_one_that_is_not() {
        let text = async |answer: Response<Body>| answer.into_body().collect().await.unwrap().to_bytes();
        for count in [0, 1, 2, 33, 500] {
            let all: Vec<_> = (0..count).map(|i| json!({"name": format!("{i:0>999}"), "none": []})).collect();
            let items = || all.iter().map(json::to_vec).collect::<Vec<_>>().into_iter();
            assert_eq!(
                text(streamed(Around::compact(), items())).await,
                text(compact(&all)).await,
                "{count}"
            );
            assert_eq!(text(streamed(Around::pretty(), items())).await, text(pretty(&all)).await, "{count}");
        }
    }
}
