//! Who may see the pages.

use std::path::PathBuf;

use http::{HeaderMap, Method, Response, StatusCode, Uri};

use crate::body::Body;
use crate::reply;

/// Guards the pages. Until it can read users, it lets nobody in.
pub struct Guard(());

impl Guard {
    /// Basic authentication by an htpasswd file.
    pub fn basic(_file: PathBuf, _realm: String) -> Self {
        Self(())
    }

    /// Digest authentication by an htdigest file.
    pub fn digest(_file: PathBuf, _realm: String) -> Self {
        Self(())
    }

    /// The fields that the answer must have besides its own, or the refusal.
    ///
    /// # Errors
    /// The answer to send instead.
    pub async fn check(
        &self,
        _method: &Method,
        _uri: &Uri,
        _headers: &HeaderMap,
    ) -> Result<HeaderMap, Response<Body>> {
        Err(reply::error(StatusCode::UNAUTHORIZED, "401 Unauthorized"))
    }
}
