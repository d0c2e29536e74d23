//! The API server, asked with what is shown to it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode};
use plimsoll_client::{AskError, Client, Incoming, Tls, TlsError, Way};

use super::ask::ApiError;
use super::token::Token;

/// Asks the API server. Clones share its connections.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    /// `https://HOST:6443`, perhaps with a path.
    server: String,
    /// Shown with each question.
    headers: HeaderMap,
    token: Token,
    tls: Tls,
    way: Way,
    /// With the number of the plugin's certificate that it shows: another one needs other connections.
    client: Mutex<(u64, Client)>,
}

/// A question that can be asked.
pub(super) struct Signed {
    client: Client,
    request: Request<Bytes>,
    /// The number of what was shown, if a plugin gave it.
    shown: u64,
}

impl Api {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// Certificates or keys cannot be used.
    pub(super) fn new(
        server: String,
        headers: HeaderMap,
        token: Token,
        tls: Tls,
        way: Way,
    ) -> Result<Self, TlsError> {
        let client = Mutex::new((0, Client::by(&tls, &way)?));
        Ok(Self(Arc::new(Inner { server, headers, token, tls, way, client })))
    }

    /// The body of the answer to any question, whose address is but a path.
    ///
    /// # Errors
    /// There is none within this time, or the API server says that it will not.
    pub async fn ask(&self, request: Request<Bytes>, within: Duration) -> Result<Bytes, ApiError> {
        super::ask::whole(self, request, within).await
    }

    /// Completes a question, whose address is but a path. A plugin may need its time for that.
    ///
    /// # Errors
    /// There is nothing to show, or it cannot be used.
    pub(super) async fn sign(&self, mut request: Request<Bytes>) -> Result<Signed, ApiError> {
        let Inner { server, headers, token, .. } = &*self.0;
        let failed = |error: &dyn std::fmt::Display| ApiError::Failed(error.to_string());
        let shown = token.shown().await.map_err(|error| failed(&error))?;
        let address = format!("{server}{}", request.uri());
        *request.uri_mut() = address.parse().map_err(|error: http::uri::InvalidUri| failed(&error))?;
        for (name, value) in headers {
            request.headers_mut().append(name, value.clone());
        }
        if let Some(header) = shown.header {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        let mut client = self.0.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(_), true) = (&shown.identity, client.0 != shown.number) {
            let tls = Tls { identity: shown.identity, ..self.0.tls.clone() };
            let new = Client::by(&tls, &self.0.way);
            *client = (shown.number, new.map_err(|error| failed(&error))?);
        }
        Ok(Signed { client: client.1.clone(), request, shown: shown.number })
    }

    /// The head of an answer, whatever it says.
    ///
    /// # Errors
    /// There is none within this time.
    pub(super) async fn send(
        &self,
        signed: Signed,
        within: Duration,
    ) -> Result<Response<Incoming>, ApiError> {
        let answer = signed.client.begin(signed.request, within).await.map_err(|error| match error {
            AskError::Late(within) => ApiError::Late(within),
            error => ApiError::Failed(error.to_string()),
        })?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.0.token.refused(signed.shown).await;
        }
        Ok(answer)
    }
}
