//! One question to the API server and its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Limited};
use plimsoll_client::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::{Api, Signed};

/// Bytes of an answer. A page of 500 pods has some 10 MB.
pub(super) const LARGEST: usize = 256 << 20;

/// What the API server did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// It answered that it will not.
    #[error("{message} (status {code})")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// Its words.
        message: String,
    },
    /// It gave no answer.
    #[error("no answer from the API server: {0}")]
    Failed(String),
    /// It took too long.
    #[error("no answer from the API server within {0:?}")]
    Late(Duration),
    /// It answered something else.
    #[error("the API server's answer cannot be read: {0}")]
    Unreadable(String),
}

impl ApiError {
    /// Whether the client has no right to ask.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { code: 403, .. })
    }

    /// Whether the version asked for is forgotten.
    pub(super) fn is_expired(&self) -> bool {
        matches!(self, Self::Refused { code: 410, .. })
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The API server's `Status`, in refusals and at the end of watches.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    message: String,
    reason: String,
    code: u16,
}

impl Status {
    pub(super) fn error(self) -> ApiError {
        let message = if self.message.is_empty() { self.reason } else { self.message };
        ApiError::Refused { code: self.code, message }
    }
}

/// GET of a path with its query.
pub(super) fn get(target: &str, accept: &'static str) -> Result<Request<Bytes>, ApiError> {
    let request = Request::get(target).header(header::ACCEPT, accept).body(Bytes::new());
    request.map_err(|error| ApiError::Failed(error.to_string()))
}

/// The head of an answer that is none of a refusal.
pub(super) async fn begin(
    api: &Api,
    request: Request<Bytes>,
    within: Duration,
) -> Result<Response<Incoming>, ApiError> {
    accepted(api, api.sign(request).await?, within).await
}

async fn accepted(api: &Api, signed: Signed, within: Duration) -> Result<Response<Incoming>, ApiError> {
    let answer = api.send(signed, within).await?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let code = answer.status();
    // a refusal is short; what else comes is not kept
    let body = tokio::time::timeout(within, Limited::new(answer.into_body(), 1 << 20).collect()).await;
    let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    let mut status = serde_json::from_slice::<Status>(&body).unwrap_or_default();
    if status.message.is_empty() {
        let text = String::from_utf8_lossy(&body);
        status.message = text.trim().chars().take(200).collect();
    }
    if status.message.is_empty() {
        status.message = code.canonical_reason().unwrap_or("refused").to_owned();
    }
    Err(ApiError::Refused { code: code.as_u16(), message: status.message })
}

/// The body of an answer.
pub(super) async fn whole(api: &Api, request: Request<Bytes>, within: Duration) -> Result<Bytes, ApiError> {
    // what is shown may take its own time
    let signed = api.sign(request).await?;
    let answer = async {
        let answer = accepted(api, signed, within).await?;
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| ApiError::Failed(plimsoll_client::chain(&*error)))
    };
    tokio::time::timeout(within, answer).await.unwrap_or(Err(ApiError::Late(within)))
}

/// The object in an answer.
pub(super) async fn object<T: DeserializeOwned>(
    api: &Api,
    request: Request<Bytes>,
    within: Duration,
) -> Result<T, ApiError> {
    let body = whole(api, request, within).await?;
    serde_json::from_slice(&body).map_err(|error| ApiError::unreadable(&error))
}
