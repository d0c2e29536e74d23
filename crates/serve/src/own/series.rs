//! `/api/plimsoll/v1/series?name=/x[&since=][&points=]`: the kept past of one container as columns.
//!
//! `since` (RFC 3339) leaves out what is known already; of more samples than `points` only every so manieth is told.

use std::sync::Arc;

use http::{HeaderMap, Response};
use plimsoll_core::time::Timestamp;

use crate::body::Body;
use crate::overview::series::{POINTS, Series};
use crate::past::{Past, Window};
use crate::query::Query;
use crate::{go, names, reply};

/// So far before `since` a sample is looked for that the first rate counts from: longer than any is read apart.
const BEFORE_NANOS: i64 = 120_000_000_000;

/// Answers with [`Series`].
pub async fn answer(past: &Arc<dyn Past>, query: Query<'_>, headers: &HeaderMap) -> Response<Body> {
    let asked = match Asked::read(query) {
        Ok(asked) => asked,
        Err(sentence) => return reply::failed(&sentence),
    };
    let (past, name) = (past.clone(), asked.name.clone());
    // a long past takes some time to decode
    let series = tokio::task::spawn_blocking(move || {
        let view = names::by_name(&*past, &name)?;
        let start = asked.since.map(|since| since.plus_nanos(-BEFORE_NANOS));
        let samples = past.samples(&name, Window { start, ..Window::default() });
        let samples = samples.ok_or_else(|| format!("unknown container {}", go::quote(&name)))?;
        let former = past.former_limits(&name);
        Ok(Series::of(&view, &former, &past.machine(), &samples, asked.since, asked.points))
    });
    let failed = |sentence: String| {
        reply::failed(&format!(
            "failed to get the series of container {}: {sentence}",
            go::quote(&asked.name)
        ))
    };
    match series.await {
        Ok(Ok(series)) => reply::large(&series, headers),
        Ok(Err(sentence)) => failed(sentence),
        Err(error) => failed(error.to_string()),
    }
}

struct Asked {
    name: String,
    since: Option<Timestamp>,
    points: usize,
}

impl Asked {
    fn read(query: Query<'_>) -> Result<Self, String> {
        let name =
            query.given("name").ok_or("no 'name' option: the container's cgroup name, such as /docker/x")?;
        let since = match query.given("since") {
            Some(text) => {
                Timestamp::parse(&text).map_err(|error| format!("failed to parse 'since' option: {error}"))?
            }
            None => None,
        };
        let (usual, most) = POINTS;
        let points = match query.given("points") {
            Some(text) => {
                text.parse::<usize>().ok().filter(|points| (1..=most).contains(points)).ok_or_else(|| {
                    format!("invalid 'points' option: expected 1 to {most}, got {}", go::quote(&text))
                })?
            }
            None => usual,
        };
        Ok(Self { name, since, points })
    }
}
