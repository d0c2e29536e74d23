//! `/healthz`: whether there are numbers, and new ones.

use http::{Response, StatusCode};

use super::past::ClusterPast;
use crate::body::Body;
use crate::query::Query;
use crate::reply;

/// The newest round may be older than this by no more, or than three rounds take, if that is longer.
const MAX_AGE: i64 = 180_000_000_000;

/// What is wrong, if anything is.
fn check(past: &dyn ClusterPast) -> Result<(), String> {
    let Some(round) = past.latest() else {
        return Err("could not get the latest data batch: no round has ended yet".to_owned());
    };
    let allowed = MAX_AGE.max(past.health().resolution_nanos.saturating_mul(3));
    if past.now().since(round.at) > allowed {
        return Err(format!("No current data batch available (latest: {})", round.at));
    }
    if round.is_empty() {
        return Err(format!(
            "Not enough metrics found in the latest data batch: 0 (expected min. 1) {}",
            round.at
        ));
    }
    Ok(())
}

/// `/healthz`, with `?verbose`.
pub fn answer(past: &dyn ClusterPast, query: Query<'_>) -> Response<Body> {
    match check(past) {
        Ok(()) if query.first("verbose").is_some() => reply::text("[+]healthz ok\nhealthz check passed\n"),
        Ok(()) => reply::text("ok"),
        Err(reason) => reply::failed(&format!("[-]healthz failed: {reason}\nhealthz check failed")),
    }
}

/// `/healthz/healthz`: the one check.
pub fn alone(past: &dyn ClusterPast) -> Response<Body> {
    match check(past) {
        Ok(()) => reply::text("ok"),
        Err(reason) => {
            reply::error(StatusCode::INTERNAL_SERVER_ERROR, &format!("internal server error: {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_core::cluster::batch::Batch;

    use super::*;
    use crate::cluster::fake::{ClusterFake, ROUND};

    #[test]
    fn health_is_a_new_round_with_something_in_it() {
        let mut past = ClusterFake::cluster();
        assert_eq!(check(&past), Ok(()));
        past.now = ROUND.plus_nanos(MAX_AGE);
        assert_eq!(check(&past), Ok(()));
        past.now = past.now.plus_nanos(1);
        assert!(check(&past).unwrap_err().starts_with("No current data batch available (latest: 2026-"));
        // rounds that are far apart are no fault
        past.health.resolution_nanos = 2 * MAX_AGE;
        assert_eq!(check(&past), Ok(()));
        past.rounds.push(Arc::new(Batch::new(past.now)));
        assert!(check(&past).unwrap_err().starts_with("Not enough metrics found"));
        assert!(check(&ClusterFake::empty()).unwrap_err().starts_with("could not get the latest data batch"));
    }
}
