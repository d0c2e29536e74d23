//! `/api/plimsoll/v1/missing`: what a feature lacks on this machine, why, and what would mend it.

use http::Response;
use serde::Serialize;

use crate::body::Body;
use crate::past::{Missing, Past};
use crate::reply;

#[derive(Serialize)]
struct Lack<'a> {
    feature: &'a str,
    reason: &'a str,
    remedy: &'a str,
}

/// Answers with a list; empty when nothing is missing.
pub fn answer(past: &dyn Past) -> Response<Body> {
    let missing = past.missing();
    let lacks = missing.iter().map(|Missing { feature, reason, remedy }| Lack { feature, reason, remedy });
    reply::value(&lacks.collect::<Vec<_>>())
}
