//! `/api/v1.1+/subcontainers[/name]`: a container and all below it.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::{containers, request};
use crate::body::Body;
use crate::past::Past;
use crate::{go, names, reply};

/// Answers with an array, sorted by name; a container without a sample yet is left out.
///
/// # Errors
/// cAdvisor's sentence.
pub fn answer(past: &Arc<dyn Past>, name: &str, body: &[u8]) -> Result<Response<Body>, String> {
    let window = request::parse(body)?;
    let mut views = past.containers();
    views.retain(|view| names::is_within(&view.reference.name, name));
    if views.is_empty() {
        return Err(format!(
            "failed to get subcontainers for container {} with error: no containers found",
            go::quote(name)
        ));
    }
    let mut children = containers::all_children(&views);
    views.retain(|view| view.latest.is_some());
    let past = Arc::clone(past);
    let all = views.into_iter().enumerate().flat_map(move |(nth, view)| {
        let children = children.remove(&view.reference.name).unwrap_or_default();
        let before = Bytes::from_static(if nth == 0 { b"" } else { b"," });
        std::iter::once(before).chain(containers::info(Arc::clone(&past), view, children, window))
    });
    let begin = std::iter::once(Bytes::from_static(b"["));
    Ok(reply::json_pieces(begin.chain(all).chain(std::iter::once(Bytes::from_static(b"]")))))
}
