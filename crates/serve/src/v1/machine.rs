//! `/api/v1.x/machine` (and `/api/v2.x/machine`): where containers run.

use http::Response;

use crate::body::Body;
use crate::past::Past;
use crate::reply;

/// Answers with the machine.
pub fn answer(past: &dyn Past) -> Response<Body> {
    reply::value(&*past.machine())
}
