//! The v1 API: what cAdvisor's page and its Go client speak. The query is a JSON document in the body.
//!
//! | Route | Since | Gives |
//! | --- | --- | --- |
//! | `machine` | v1.0 | the machine |
//! | `containers/<name>` | v1.0 | one container with its samples |
//! | `subcontainers/<name>` | v1.1 | it and all below |
//! | `docker[/<alias>]` | v1.2 | Docker's containers by name |
//! | `events/<name>` | v1.3 | what happened, once or as it happens |

pub mod containers;
pub mod docker;
pub mod events;
pub mod machine;
pub mod request;
pub mod stats;
pub mod subcontainers;

use std::sync::Arc;

use http::Response;

use crate::body::Body;
use crate::go;
use crate::past::Past;
use crate::query::Query;
use crate::reply;

/// The versions, sorted.
pub const VERSIONS: &[&str] = &["v1.0", "v1.1", "v1.2", "v1.3"];

/// What a version knows, sorted; `None` for another version.
pub fn types(version: &str) -> Option<&'static [&'static str]> {
    Some(match version {
        "v1.0" => &["containers", "machine"],
        "v1.1" => &["containers", "machine", "subcontainers"],
        "v1.2" => &["containers", "docker", "machine", "subcontainers"],
        "v1.3" => &["containers", "docker", "events", "machine", "subcontainers"],
        _ => return None,
    })
}

/// Answers `/api/v1.x/<kind><below>`.
pub async fn answer(
    past: &Arc<dyn Past>,
    types: &[&str],
    kind: &str,
    below: &str,
    query: Query<'_>,
    body: &[u8],
) -> Response<Body> {
    let name = go::clean(below);
    let answer = match kind {
        kind if !types.contains(&kind) => Err(format!("unknown request type {}", go::quote(kind))),
        "machine" => Ok(machine::answer(&**past)),
        "containers" => containers::answer(past, &name, body),
        "subcontainers" => subcontainers::answer(past, &name, body),
        "docker" => docker::answer(past, below, body),
        "events" => events::answer(past, &name, query),
        kind => Err(format!("unknown request type {}", go::quote(kind))),
    };
    answer.unwrap_or_else(|sentence| reply::failed(&sentence))
}
