//! Who may see the pages: HTTP basic or digest authentication by a file of users.
//!
//! Reads: an htpasswd or htdigest file, again when it changes.
//! Gives: leave, or 401. A file that is missing or broken lets nobody in, and the log says so once.
//! Cost:  one stat a request; bcrypt on a thread of its own, a few at a time.

mod basic;
mod digest;
mod md5_crypt;
mod users;

use std::path::PathBuf;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use rustls::crypto::SecureRandom;

use crate::body::{Body, full};

/// Guards the pages.
pub struct Guard(Scheme);

enum Scheme {
    Basic(basic::Basic),
    Digest(digest::Digest),
}

impl Guard {
    /// Basic authentication by an htpasswd file: `--http_auth_file`, `--http_auth_realm`.
    pub fn basic(file: PathBuf, realm: String) -> Self {
        Self(Scheme::Basic(basic::Basic::new(file, realm)))
    }

    /// Digest authentication by an htdigest file: `--http_digest_file`, `--http_digest_realm`.
    pub fn digest(file: PathBuf, realm: String) -> Self {
        Self(Scheme::Digest(digest::Digest::new(file, realm)))
    }

    /// The fields that the answer must have besides its own, or the refusal. `uri` is what the client
    /// asked for, before any prefix is taken off.
    ///
    /// # Errors
    /// The answer to send instead.
    pub async fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<HeaderMap, Response<Body>> {
        match &self.0 {
            Scheme::Basic(basic) => basic.check(headers).await,
            Scheme::Digest(digest) => digest.check(method, uri, headers),
        }
        .map_err(|challenge| refusal(&challenge))
    }
}

fn refusal(challenge: &str) -> Response<Body> {
    let mut response = Response::new(full("401 Unauthorized\n"));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        fields.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// What follows the scheme's name in `Authorization`.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (name, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Whether two texts are the same, in a time that tells nothing but their lengths.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differ = a.iter().zip(b).fold(0, |differ, (a, b)| std::hint::black_box(differ | (a ^ b)));
    a.len() == b.len() && differ == 0
}

/// Random bytes that nobody can foresee; `None` when the system has none to give.
fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let source: &dyn SecureRandom = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).ok().map(|()| bytes)
}

#[cfg(test)]
mod tests;
