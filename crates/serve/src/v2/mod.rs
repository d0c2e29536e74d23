//! The v2 API: containers by any name, options in the query.
//!
//! | Route | Since | Gives |
//! | --- | --- | --- |
//! | `appmetrics/<name>` | v2.0 | application metrics |
//! | `attributes` | v2.0 | versions and the machine in short |
//! | `events/<name>` | v2.0 | as v1.3 |
//! | `machine` | v2.0 | as v1 |
//! | `ps/<name>` | v2.0 | processes |
//! | `spec/<name>` | v2.0 | limits |
//! | `stats/<name>` | v2.0 | samples, in another form since v2.1 |
//! | `storage` | v2.0 | filesystems |
//! | `summary/<name>` | v2.0 | the last minute, hour and day |
//! | `version` | v2.0 | the version |
//! | `machinestats` | v2.1 | the machine's samples |

pub mod options;

pub mod appmetrics;
pub mod attributes;
pub mod machinestats;
pub mod ps;
pub mod rate;
pub mod spec;
pub mod stats;
pub mod stats_deprecated;
pub mod storage;
pub mod summary;
pub mod version;

use std::sync::Arc;

use http::Response;

use self::options::RequestOptions;
use crate::body::Body;
use crate::past::Past;
use crate::query::Query;
use crate::{go, reply, v1};

/// The versions, sorted.
pub const VERSIONS: &[&str] = &["v2.0", "v2.1"];

/// What a version knows, sorted; `None` for another version.
pub fn types(version: &str) -> Option<&'static [&'static str]> {
    Some(match version {
        "v2.0" => &[
            "appmetrics",
            "attributes",
            "events",
            "machine",
            "ps",
            "spec",
            "stats",
            "storage",
            "summary",
            "version",
        ],
        "v2.1" => &[
            "appmetrics",
            "attributes",
            "events",
            "machine",
            "machinestats",
            "ps",
            "spec",
            "stats",
            "storage",
            "summary",
            "version",
        ],
        _ => return None,
    })
}

/// Answers `/api/v2.x/<kind><below>`.
pub async fn answer(
    past: &Arc<dyn Past>,
    version: &str,
    types: &[&str],
    kind: &str,
    below: &str,
    query: Query<'_>,
) -> Response<Body> {
    let name = go::clean(below);
    // a bad option fails even what does not look at it, as in cAdvisor
    let options = match RequestOptions::parse(query) {
        Ok(options) => options,
        Err(sentence) => return reply::failed(&sentence),
    };
    let answer = match kind {
        kind if !types.contains(&kind) => Err(format!("unknown request type {}", go::quote(kind))),
        "appmetrics" => appmetrics::answer(&**past, &options, &name),
        "attributes" => Ok(attributes::answer(&**past)),
        "events" => v1::events::answer(past, &name, query),
        "machine" => Ok(v1::machine::answer(&**past)),
        "machinestats" => machinestats::answer(past, &options).await,
        "ps" => ps::answer(&**past, &options, &name).await,
        "spec" => spec::answer(&**past, &options, &name).await,
        "stats" if version == "v2.0" => stats_deprecated::answer(past, &options, &name).await,
        "stats" => stats::answer(past, &options, &name).await,
        "storage" => storage::answer(&**past, query),
        "summary" => summary::answer(&**past, &options, &name).await,
        "version" => Ok(version::answer(&**past)),
        kind => Err(format!("unknown request type {}", go::quote(kind))),
    };
    answer.unwrap_or_else(|sentence| reply::failed(&sentence))
}
