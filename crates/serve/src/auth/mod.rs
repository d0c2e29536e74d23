//! Who may ask: the guard before protected routes.

use http::{HeaderMap, Method, Response, Uri};

use crate::body::Body;

/// Checks the credentials of a request.
#[derive(Debug, Default)]
pub struct Guard {}

impl Guard {
    /// Lets a request pass, with headers for its answer, or refuses it.
    ///
    /// # Errors
    /// The answer that refuses.
    #[allow(clippy::result_large_err, reason = "the refusal is the answer")]
    pub fn check(
        &self,
        _method: &Method,
        _uri: &Uri,
        _headers: &HeaderMap,
    ) -> Result<Option<HeaderMap>, Response<Body>> {
        Ok(None)
    }
}
