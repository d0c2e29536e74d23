//! `/api/plimsoll/v1/ended`: containers that ended lately, oldest first, with the last that was read of them.
//!
//! `?name=` takes a cgroup name or an alias, exactly.

use http::Response;
use plimsoll_core::container::{Reference, Spec};
use plimsoll_core::time::Timestamp;
use serde::Serialize;

use crate::body::Body;
use crate::past::{EndedContainer, Past, View};
use crate::query::Query;
use crate::reply;
use crate::v1::stats::Stats;

/// A container that is no more.
#[derive(Serialize)]
struct Ended<'a> {
    #[serde(flatten)]
    reference: &'a Reference,
    ended_at: Timestamp,
    /// Absent where no runtime told.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i64>,
    oom_killed: bool,
    /// Kills for want of memory during its life.
    oom_events: u64,
    spec: &'a Spec,
    /// The last sample in v1's shape: its totals. Absent when its end came before the first reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Stats<'a>>,
}

/// Answers with all, or with those of one name.
pub fn answer(past: &dyn Past, query: Query<'_>) -> Response<Body> {
    let name = query.given("name");
    let ended = past.ended();
    let asked = |ended: &&EndedContainer| {
        let Some(name) = &name else { return true };
        ended.reference.name == *name || ended.reference.aliases.contains(name)
    };
    let views: Vec<(&EndedContainer, View)> = ended.iter().filter(asked).map(|e| (e, view(e))).collect();
    let list: Vec<Ended<'_>> = views
        .iter()
        .map(|(ended, view)| Ended {
            reference: &ended.reference,
            ended_at: ended.ended,
            exit_code: ended.exit_code,
            oom_killed: ended.oom_killed,
            oom_events: ended.oom_events,
            spec: &ended.spec,
            stats: ended.last.as_deref().map(|sample| Stats { sample, before: None, view }),
        })
        .collect();
    reply::value(&list)
}

/// An ended container as those that run are seen.
pub(crate) fn view(ended: &EndedContainer) -> View {
    View {
        reference: ended.reference.clone(),
        identity: ended.identity.clone(),
        spec: ended.spec.clone(),
        labels: [].into(),
        settled: true,
        latest: ended.last.clone(),
        oom_events: ended.oom_events,
        app: None,
        runtime: "",
    }
}
