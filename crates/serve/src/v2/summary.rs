//! `/api/v2.x/summary/<name>`: what was used over the last minute, hour and day.

use std::collections::BTreeMap;

use http::Response;

use super::options::RequestOptions;
use crate::body::Body;
use crate::past::Past;
use crate::{go, names, reply};

/// Answers with an object: full name to summary. One that has none yet fails the whole request.
///
/// # Errors
/// cAdvisor's sentence.
pub async fn answer(past: &dyn Past, options: &RequestOptions, name: &str) -> Result<Response<Body>, String> {
    let views = names::select_fresh(past, options, name).await?;
    let mut summaries = BTreeMap::new();
    let mut failures = Vec::new();
    for view in &views {
        let name = &view.reference.name;
        match past.summary(name) {
            Some(summary) => drop(summaries.insert(name, summary)),
            None => failures.push(format!(
                "[{0}: DerivedStats: derived stats not available for container {0}]",
                go::quote(name)
            )),
        }
    }
    if failures.is_empty() {
        Ok(reply::value(&summaries))
    } else {
        Err(format!("partial failures: {}", failures.join(", ")))
    }
}
