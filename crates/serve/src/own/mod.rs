//! The routes that cAdvisor has not: `/api/plimsoll/<version>/<kind>`.
//!
//! | Route | Since | Gives |
//! | --- | --- | --- |
//! | `v1/advice` | 0.1 | what to do about what is wrong with one container |
//! | `v1/ended` | 0.1 | containers that ended lately, with their last totals |
//! | `v1/live` | 0.1 | the overview, and what changes in it, as server-sent events |
//! | `v1/missing` | 0.1 | what is missing on this machine, and what would mend it |
//! | `v1/overview` | 0.1 | the machine and all containers: rates, limits, what is wrong |
//! | `v1/series` | 0.1 | the kept past of one container as columns |
//!
//! All but `ended` are the page's own data, and guarded like the page.

pub mod advice;
pub mod ended;
pub mod live;
pub mod missing;
pub mod overview;
pub mod series;

use std::sync::Arc;

use http::{HeaderMap, Response};

use crate::body::Body;
use crate::overview::live::Live;
use crate::past::Past;
use crate::query::{Query, unescape};
use crate::{go, reply};

/// What the version knows, sorted.
const TYPES: &[&str] = &["advice", "ended", "live", "missing", "overview", "series"];

/// Version and kind of `<version>/<kind>`.
fn split(rest: &str) -> (&str, &str) {
    let (version, kind) = rest.split_once('/').unwrap_or((rest, ""));
    (version, kind.trim_end_matches('/'))
}

/// Whether a path, still percent-encoded, is data of the page.
pub fn is_of_page(path: &str) -> bool {
    // decoded as the answer will be, so that another spelling is guarded as well
    unescape(path, false).is_some_and(|path| {
        let rest = path.strip_prefix("/api/plimsoll/");
        rest.is_some_and(|rest| matches!(split(rest), ("v1", kind) if kind != "ended"))
    })
}

/// Answers `/api/plimsoll/<rest>`.
pub async fn answer(
    past: &Arc<dyn Past>,
    live: &Live,
    rest: &str,
    query: Query<'_>,
    headers: &HeaderMap,
) -> Response<Body> {
    match split(rest) {
        ("v1", "advice") => advice::answer(live, query).await,
        ("v1", "ended") => ended::answer(&**past, query),
        ("v1", "live") => live::answer(&**past, live, query).await,
        ("v1", "missing") => missing::answer(&**past),
        ("v1", "overview") => overview::answer(live, headers).await,
        ("v1", "series") => series::answer(past, query, headers).await,
        ("v1", kind) => {
            let known = TYPES.join(",");
            reply::failed(&format!("unknown request type {}: there is {known}", go::quote(kind)))
        }
        (version, _) => {
            reply::failed(&format!("unsupported API version {}: there is v1", go::quote(version)))
        }
    }
}
