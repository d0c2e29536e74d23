//! `/api/v2.x/appmetrics/<name>`: application metrics. Nothing collects any yet, so every name has none.

use http::Response;
use serde::ser::{SerializeMap, Serializer};

use super::options::RequestOptions;
use crate::body::Body;
use crate::past::Past;
use crate::{names, reply};

/// Answers with an object: the name as it was asked for, to its metrics.
///
/// # Errors
/// cAdvisor's sentence.
pub fn answer(past: &dyn Past, options: &RequestOptions, name: &str) -> Result<Response<Body>, String> {
    let views = names::select(past, options, name)?;
    Ok(reply::value(&OfName { name, known: !views.is_empty() }))
}

struct OfName<'a> {
    name: &'a str,
    known: bool,
}

impl serde::Serialize for OfName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.known {
            map.serialize_entry(self.name, &NoMetrics {})?;
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
struct NoMetrics {}
