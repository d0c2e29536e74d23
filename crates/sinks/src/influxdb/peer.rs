//! The server, as both of its versions are asked.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use plimsoll_client::{Answer, Client, Limits};
use serde::Deserialize;

use crate::sink::SinkError;

const AGENT: &str = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));

/// Answers to writes are empty, or a sentence.
const SHORT: usize = 1 << 20;

/// A server with our credentials.
pub(super) struct Peer {
    pub client: Client,
    /// `http://host:8086`, no slash at its end.
    pub base: String,
    pub authorization: Option<(HeaderName, HeaderValue)>,
    /// Whether points are sent compressed.
    pub zipped: bool,
    /// The time for one request.
    pub within: Duration,
}

impl Peer {
    /// Sends points to this path.
    pub(super) async fn write(&self, path: &str, lines: &Bytes) -> Result<Answer, SinkError> {
        let mut request = Request::post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let mut body = lines.clone();
        if self.zipped {
            request = request.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            body = zipped(lines).map_err(|error| SinkError::Refused(error.to_string()))?;
        }
        self.ask(path, request, body, SHORT).await
    }

    /// Sends a form to this path.
    pub(super) async fn form(&self, path: &str, form: String, most: usize) -> Result<Answer, SinkError> {
        let request = Request::post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        self.ask(path, request, form.into(), most).await
    }

    async fn ask(
        &self,
        path: &str,
        mut request: http::request::Builder,
        body: Bytes,
        most: usize,
    ) -> Result<Answer, SinkError> {
        request = request.header(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some((name, value)) = &self.authorization {
            request = request.header(name, value);
        }
        let told = |error: &dyn std::fmt::Display| {
            format!("{}{}: {error}", self.base, path.split('?').next().unwrap_or_default())
        };
        let request = request.body(body).map_err(|error| SinkError::Refused(told(&error)))?;
        let limits = Limits { within: self.within, body: most };
        self.client.ask(request, limits).await.map_err(|error| SinkError::Passing(told(&error)))
    }

    /// What an answer means that is no success. 404 is the caller's to judge.
    pub(super) fn refusal(&self, what: &str, answer: &Answer) -> SinkError {
        let text = format!("{}{what}: {}: {}", self.base, answer.status, message(answer));
        match answer.status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                SinkError::Partly(text)
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => SinkError::Passing(text),
            status if status.is_server_error() => SinkError::Passing(text),
            _ => SinkError::Refused(text),
        }
    }
}

fn zipped(lines: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::fast());
    encoder.write_all(lines)?;
    Ok(encoder.finish()?.into())
}

/// The sentence of an answer that is no success: `error` of version 1, `message` of version 2, or its beginning.
pub(super) fn message(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Told {
        error: Option<String>,
        message: Option<String>,
    }
    let told = serde_json::from_slice::<Told>(&answer.body).ok();
    told.and_then(|told| told.error.or(told.message)).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&answer.body);
        text.trim().chars().take(200).collect()
    })
}

/// A value for a query string.
pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http::HeaderMap;
    use plimsoll_client::Tls;

    use super::*;

    #[test]
    fn answers_are_sorted_into_now_and_never() {
        let peer = Peer {
            client: Client::new(&Tls::default()).unwrap(),
            base: "http://db".into(),
            authorization: None,
            zipped: false,
            within: Duration::from_secs(1),
        };
        let answer = |status: u16, body: &'static str| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        let f = |status, body| peer.refusal("/write", &answer(status, body));
        assert_eq!(
            f(400, r#"{"error":"partial write: field type conflict dropped=1"}"#),
            SinkError::Partly(
                "http://db/write: 400 Bad Request: partial write: field type conflict dropped=1".into()
            )
        );
        assert!(matches!(f(413, ""), SinkError::Partly(_)));
        assert!(
            matches!(f(503, ""), SinkError::Passing(_)) && f(500, "").is_passing() && f(429, "").is_passing()
        );
        assert_eq!(
            f(401, r#"{"code":"unauthorized","message":"unauthorized access"}"#),
            SinkError::Refused("http://db/write: 401 Unauthorized: unauthorized access".into())
        );
        assert_eq!(message(&answer(502, "<html>")), "<html>");
    }

    #[test]
    fn what_is_compressed_can_be_read() {
        let lines = "cpu value=1i 1\n".repeat(1000);
        let small = zipped(lines.as_bytes()).unwrap();
        assert!(small.len() < lines.len() / 20, "{}", small.len());
        let mut again = String::new();
        flate2::read::GzDecoder::new(&*small).read_to_string(&mut again).unwrap();
        assert_eq!(again, lines);
    }
}
