//! `/metrics`.

use std::sync::Arc;

use http::{HeaderMap, Response};

use crate::app::Options;
use crate::body::{Body, full};
use crate::past::Past;
use crate::v2::options::RequestOptions;

/// Answers a scrape.
pub async fn answer(
    _past: &Arc<dyn Past>,
    _options: &Options,
    _query: &RequestOptions,
    _headers: &HeaderMap,
) -> Response<Body> {
    Response::new(full(""))
}
