//! `/api/v2.x/storage`: filesystems with their use, by label or by UUID if asked.

use http::Response;

use crate::body::Body;
use crate::past::Past;
use crate::query::Query;
use crate::{go, reply};

/// Answers with an array, or with one object for `uuid`. Before the root's first sample there are none.
///
/// # Errors
/// A sentence for the client.
pub fn answer(past: &dyn Past, query: Query<'_>) -> Result<Response<Body>, String> {
    let mut all = past.storage();
    if let Some(uuid) = query.given("uuid") {
        let device = past
            .device_by_uuid(&uuid)
            .ok_or_else(|| format!("no filesystem has the UUID {}", go::quote(&uuid)))?;
        let found = all
            .iter()
            .find(|fs| fs.device == device)
            .ok_or_else(|| format!("cannot find filesystem info for device {}", go::quote(&device)))?;
        return Ok(reply::value(found));
    }
    if let Some(label) = query.given("label")
        && !all.is_empty()
    {
        all.retain(|fs| fs.labels.iter().flatten().any(|known| *known == label));
        if all.is_empty() {
            return Err(format!("non-existent label {}", go::quote(&label)));
        }
    }
    Ok(reply::value(&all))
}
