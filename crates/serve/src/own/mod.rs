//! The routes that cAdvisor has not: `/api/plimsoll/<version>/<kind>`.
//!
//! | Route | Since | Gives |
//! | --- | --- | --- |
//! | `v1/ended` | 0.1 | containers that ended lately, with their last totals |

pub mod ended;

use http::Response;

use crate::body::Body;
use crate::past::Past;
use crate::query::Query;
use crate::{go, reply};

/// What the version knows, sorted.
const TYPES: &[&str] = &["ended"];

/// Answers `/api/plimsoll/<rest>`.
pub fn answer(past: &dyn Past, rest: &str, query: Query<'_>) -> Response<Body> {
    let (version, kind) = rest.split_once('/').unwrap_or((rest, ""));
    match (version, kind.trim_end_matches('/')) {
        ("v1", "ended") => ended::answer(past, query),
        ("v1", kind) => {
            let known = TYPES.join(",");
            reply::failed(&format!("unknown request type {}: there is {known}", go::quote(kind)))
        }
        (version, _) => {
            reply::failed(&format!("unsupported API version {}: there is v1", go::quote(version)))
        }
    }
}
