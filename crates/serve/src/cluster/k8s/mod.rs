//! Kubernetes' `metrics.k8s.io/v1beta1`, as metrics-server serves it behind the aggregation layer: what `kubectl top`
//! and autoscalers ask.
//!
//! Comes in: a request's head and the newest round. Goes out: objects as JSON, YAML or protobuf, tables, `Status` errors.
//! Errors, discovery and health are worded as an API server words them, since programs read them.

pub mod access;
pub mod certificate;
pub mod meters;

mod accept;
mod discovery;
mod health;
mod listing;
mod parts;
mod request;
mod resources;
mod status;
mod usage;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::header::{ALLOW, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use self::access::{Attributes, Gate, User};
use self::meters::Meters;
use self::request::Target;
use self::status::Status;
use self::usage::Round;
pub use self::usage::Rounds;
use self::write::Kind;
use super::past::ClusterPast;
use crate::body::Body;
use crate::query::Query;
use crate::reply;
use crate::text::Format;

/// The API over a collector's past.
pub struct Kubernetes {
    past: Arc<dyn ClusterPast>,
    gate: Arc<Gate>,
    meters: Arc<Meters>,
    rounds: Arc<Rounds>,
    ending: AtomicBool,
}

impl Kubernetes {
    /// The API over this past, for whom the gate lets in. `rounds` are for all who serve one past.
    pub fn new(
        past: Arc<dyn ClusterPast>,
        gate: Arc<Gate>,
        meters: Arc<Meters>,
        rounds: Arc<Rounds>,
    ) -> Self {
        Self { past, gate, meters, rounds, ending: AtomicBool::new(false) }
    }

    /// The program is about to end: it is no longer ready.
    pub fn end(&self) {
        self.ending.store(true, Relaxed);
    }

    /// Answers a request below `/apis`, `/openapi`, `/version`, `/healthz`, `/livez` or `/readyz`; any other path is
    /// answered 404. Nothing here has a body: a request's is not read.
    pub async fn answer(&self, parts: &Parts) -> Response<Body> {
        let path = parts.uri.path();
        let Some(segments) = request::segments(path) else {
            let form = accept::form_of_status(&parts.headers, Query::new(parts.uri.query()));
            let path = crate::go::quote(path);
            return Status::bad_request(format!("the path has a broken percent escape: {path}")).answer(form);
        };
        let wanted = request::attributes(parts, &segments);
        if let Err(refusal) = self.admit(parts, &wanted).await {
            return refusal;
        }
        self.at(&request::target(&segments), parts)
    }

    /// Whether the request may be answered, by the same gate, for routes that are served beside this API (`/metrics`).
    ///
    /// # Errors
    /// The answer that refuses.
    pub async fn admit_path(&self, parts: &Parts) -> Result<User, Response<Body>> {
        let verb = parts.method.as_str().to_ascii_lowercase();
        let wanted = Attributes { verb, path: parts.uri.path().to_owned(), resource: None };
        self.admit(parts, &wanted).await
    }

    async fn admit(&self, parts: &Parts, wanted: &Attributes) -> Result<User, Response<Body>> {
        let checked = self.gate.check(parts, wanted, self.past.now()).await;
        checked.map_err(|refusal| {
            let form = accept::form_of_status(&parts.headers, Query::new(parts.uri.query()));
            status::refused(refusal, wanted, &parts.uri.to_string(), form)
        })
    }

    fn at(&self, target: &Target, parts: &Parts) -> Response<Body> {
        let form = || accept::form_of_status(&parts.headers, Query::new(parts.uri.query()));
        match target {
            Target::Nowhere => return reply::error(StatusCode::NOT_FOUND, "404 page not found"),
            Target::NoResource => return Status::no_resource().answer(form()),
            _ if !matches!(parts.method, Method::GET | Method::HEAD) => {
                let mut answer = Status::no_method().answer(form());
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                return answer;
            }
            _ => {}
        }
        match target {
            Target::Nodes(name) => resources::answer(self, Kind::Node, None, name.as_deref(), parts),
            Target::Pods { namespace, name } => {
                resources::answer(self, Kind::Pod, namespace.as_deref(), name.as_deref(), parts)
            }
            Target::Health(probe, check) => {
                let state = health::State { past: &*self.past, ending: &self.ending };
                health::answer(*probe, check.as_deref(), parts.uri.query(), &state)
            }
            other => discovery::answer(other, parts),
        }
    }

    /// Appends the families of metrics-server to a scrape's answer.
    pub fn append_metrics(&self, out: &mut Vec<u8>, format: Format) {
        self.meters.append(out, format, self.round().map(|round| round.points()));
    }

    /// The newest round, if there was one.
    fn round(&self) -> Option<Round> {
        self.past.latest().map(|batch| self.rounds.indexed(batch))
    }
}
