//! `/api/plimsoll/v1/advice?name=/x`: what to do about what is wrong with one container, or with the machine (`/`).

use http::Response;

use crate::body::Body;
use crate::overview::advice::advise;
use crate::overview::live::Live;
use crate::query::Query;
use crate::{go, reply};

/// Answers with a list of [`Advice`](crate::overview::advice::Advice), one for each breach; empty when all is well.
pub async fn answer(live: &Live, query: Query<'_>) -> Response<Body> {
    let Some(name) = query.given("name") else {
        return reply::failed("no 'name' option: the container's cgroup name, such as /docker/x");
    };
    let Some(overview) = live.overview().await else {
        return reply::failed("the overview could not be made; the log says why");
    };
    match advise(&overview, &name) {
        Some(advice) => reply::value(&advice),
        None => reply::failed(&format!("unknown container {}", go::quote(&name))),
    }
}
