//! `/api/plimsoll/v1/overview`: the machine and all containers now, at most two seconds old.

use http::{HeaderMap, Response};

use crate::body::Body;
use crate::overview::live::Live;
use crate::reply;

/// Answers with [`crate::overview::Overview`].
pub async fn answer(live: &Live, headers: &HeaderMap) -> Response<Body> {
    match live.overview().await {
        Some(overview) => reply::large(&*overview, headers),
        None => reply::failed("the overview could not be made; the log says why"),
    }
}
