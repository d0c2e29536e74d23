//! What a node's kubelet tells of its containers: whoever reads a kubelet can read a plain host.
//!
//! Comes in: the views and samples that the other routes show. Goes out: kubelet's own forms; docs/kubelet.md says
//!           where they differ.
//! Cost:     nothing until asked; a summary of 100 containers takes some milliseconds.
//!
//! | Route | Gives |
//! | --- | --- |
//! | `/stats/summary` | the node, its system containers, its pods |
//! | `/stats/`, `/stats/container`, `/stats/POD/CONTAINER`, ... | containers in the form of cAdvisor's v1 API |
//! | `/metrics/resource`, `/metrics/resource/v1alpha1` | CPU time and memory of node, pods, containers as text |
//! | `/metrics/cadvisor` | cAdvisor's families with the labels of pods |
//! | `/pods`, `/runningpods/` | the pods, as far as their runtime knows them |
//! | `/spec/` | the machine |

pub(crate) mod labels;
mod node;

mod cadvisor;
mod numbers;
mod podlist;
mod resource;
mod stats;
mod storage;
mod summary;
mod told;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};

use crate::body::Body;
use crate::metrics::MetricsOptions;
use crate::past::Past;
use crate::query::{Query, unescape};
use crate::v2::options;
use crate::{go, reply, v1};

/// Which of kubelet's routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path<'a> {
    /// `/stats/...`; what follows the slash, without one at its end.
    Stats(&'a str),
    /// `/metrics/resource`, or its first form.
    Resource {
        /// Whether it is `/metrics/resource/v1alpha1`.
        first: bool,
    },
    /// `/metrics/cadvisor`.
    Cadvisor,
    /// `/pods`.
    Pods,
    /// `/runningpods/`.
    RunningPods,
    /// `/spec/`.
    Spec,
}

/// The route of a path that begins with a slash and is still percent-encoded; `None` where it is none of kubelet's.
pub fn find(path: &str) -> Option<Path<'_>> {
    Some(match path {
        "/metrics/resource" => Path::Resource { first: false },
        "/metrics/resource/v1alpha1" => Path::Resource { first: true },
        "/metrics/cadvisor" => Path::Cadvisor,
        "/pods" | "/pods/" => Path::Pods,
        "/runningpods" | "/runningpods/" => Path::RunningPods,
        "/spec" | "/spec/" => Path::Spec,
        "/stats" => Path::Stats(""),
        _ => Path::Stats(path.strip_prefix("/stats/")?.trim_end_matches('/')),
    })
}

/// Answers one of kubelet's routes.
pub async fn answer(
    past: &Arc<dyn Past>,
    metrics: &MetricsOptions,
    path: Path<'_>,
    query: Query<'_>,
    body: &[u8],
    headers: &HeaderMap,
) -> Response<Body> {
    let max_age = match options::max_age(query) {
        Ok(max_age) => max_age,
        Err(sentence) => return reply::error(StatusCode::BAD_REQUEST, &sentence),
    };
    match path {
        Path::Stats("summary") => {
            // the one word, not all of Go's words for true
            let short = query.first("only_cpu_and_memory").as_deref() == Some("true");
            if short && max_age.is_none() {
                past.refresh(vec!["/".to_owned()], Duration::ZERO).await;
            }
            refresh(&**past, max_age).await;
            summary::answer(&**past, short)
        }
        Path::Stats(rest) => match unescape(rest, false) {
            Some(rest) => {
                refresh(&**past, max_age).await;
                stats::answer(past, &rest, body)
            }
            None => {
                let sentence = format!("the path has a broken percent escape: {}", go::quote(rest));
                reply::error(StatusCode::BAD_REQUEST, &sentence)
            }
        },
        Path::Resource { first } => {
            refresh(&**past, max_age).await;
            resource::answer(&**past, first)
        }
        Path::Cadvisor => {
            refresh(&**past, max_age).await;
            cadvisor::answer(past, metrics, headers)
        }
        Path::Pods => podlist::answer(&**past, true),
        Path::RunningPods => podlist::answer(&**past, false),
        Path::Spec => v1::machine::answer(&**past),
    }
}

/// Samples anew whatever is older than the request allows.
async fn refresh(past: &dyn Past, max_age: Option<Duration>) {
    if let Some(max_age) = max_age {
        let names = past.containers().iter().map(|view| view.reference.name.clone()).collect();
        past.refresh(names, max_age).await;
    }
}
