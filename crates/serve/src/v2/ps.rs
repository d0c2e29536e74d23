//! `/api/v2.x/ps/<name>`: processes of one container, of the whole host for `/`.

use http::Response;

use super::options::RequestOptions;
use crate::body::Body;
use crate::past::Past;
use crate::{names, reply};

/// Answers with an array.
///
/// # Errors
/// cAdvisor's sentence.
pub async fn answer(past: &dyn Past, options: &RequestOptions, name: &str) -> Result<Response<Body>, String> {
    let failed = |cause: String| format!("process listing failed: {cause}");
    let one = RequestOptions { recursive: false, ..*options };
    let views = names::select(past, &one, name).map_err(failed)?;
    let name = views.first().map_or(name, |view| &view.reference.name);
    let processes = past.processes(name).await.map_err(failed)?;
    Ok(reply::value(&processes))
}
