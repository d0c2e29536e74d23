//! `/api/v1.2+/docker[/alias]`: containers of Docker, by their full names.

use std::sync::Arc;

use http::Response;

use super::{containers, request};
use crate::body::Body;
use crate::past::Past;
use crate::{go, names, reply};

/// Answers with an object: full name to container. A container without a sample yet is left out of the
/// list of all.
///
/// # Errors
/// cAdvisor's sentence.
pub fn answer(past: &Arc<dyn Past>, below: &str, body: &[u8]) -> Result<Response<Body>, String> {
    let window = request::parse(body)?;
    let parts: Vec<&str> = below.strip_prefix('/').unwrap_or(below).split('/').collect();
    let views = match parts.as_slice() {
        [] | [""] => {
            let mut views = names::of_namespace(&**past, "docker");
            views.retain(|view| view.latest.is_some());
            views
        }
        [alias] => {
            let failed = |cause: &str| {
                format!("failed to get Docker container {} with error: {cause}", go::quote(alias))
            };
            let view = names::by_alias(&**past, "docker", alias).map_err(|cause| failed(&cause))?;
            if view.latest.is_none() {
                return Err(failed("unable to find data in memory cache"));
            }
            vec![view]
        }
        more => return Err(format!("unknown request for Docker container [{}]", more.join(" "))),
    };
    let all = views.into_iter().map(|view| (view, Vec::new())).collect();
    Ok(reply::json_pieces(containers::object(past, all, window)))
}
