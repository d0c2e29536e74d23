//! `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response};
use plimsoll_core::family::Row;
use plimsoll_core::kinds::Kinds;
use plimsoll_core::machine::MachineInfo;
use plimsoll_measure::sample::Sample;

use crate::body::{Body, full};
use crate::past::Past;

/// What is shown.
pub struct MetricsOptions {}

impl MetricsOptions {
    /// Families of containers and of the machine, less those whose kind is off.
    pub fn new(
        _kinds: Kinds,
        _samples: &[&'static Row<Sample>],
        _machine: &[&'static Row<MachineInfo>],
    ) -> Self {
        Self {}
    }
}

/// Answers a scrape. `namespace` leaves only its containers.
pub async fn answer(
    _past: &Arc<dyn Past>,
    _options: &MetricsOptions,
    _namespace: Option<&str>,
    _max_age: Option<Duration>,
    _headers: &HeaderMap,
) -> Response<Body> {
    let mut answer = Response::new(full(""));
    answer.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    answer
}
