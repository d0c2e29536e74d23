//! `/api/v2.x/version`: a JSON string.

use http::Response;

use crate::body::Body;
use crate::past::Past;
use crate::reply;

/// Answers with the version.
pub fn answer(past: &dyn Past) -> Response<Body> {
    reply::value(&past.versions().cadvisor)
}
