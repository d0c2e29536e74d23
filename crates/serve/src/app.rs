//! From a request to an answer.

use std::sync::Arc;

use http::{Request, Response};
use plimsoll_core::kinds::Kinds;

use crate::auth::Guard;
use crate::body::{Body, full};
use crate::past::Past;

/// What the flags decide for serving.
#[derive(Default)]
pub struct Options {
    /// Before every path, without a slash at its end: `/cadvisor`; empty for none.
    pub url_base_prefix: String,
    /// Where the scrape is answered: `/metrics`.
    pub prometheus_endpoint: String,
    /// Who may ask for what.
    pub protect: Protect,
    /// Which kinds of metric are on.
    pub kinds: Kinds,
    /// Whether `/metrics` carries all labels of containers.
    pub store_container_labels: bool,
    /// The labels that `/metrics` carries when it does not carry all.
    pub whitelisted_container_labels: Vec<String>,
    /// Whether `/debug/pprof/` is there.
    pub profiling: bool,
}

/// Who may ask for what.
#[derive(Default)]
pub struct Protect {
    /// Checks credentials; absent when none are asked for.
    pub guard: Option<Guard>,
    /// Whether all routes are guarded; the pages and `/static/` always are.
    pub all: bool,
}

/// The routes over the past.
pub struct App {
    pub(crate) past: Arc<dyn Past>,
    pub(crate) options: Options,
}

impl App {
    /// Routes over this past.
    pub fn new(past: Arc<dyn Past>, options: Options) -> Self {
        Self { past, options }
    }

    /// Answers one request. Never fails: what is wrong is in the answer.
    pub async fn answer<B>(&self, _request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
        B::Error: std::fmt::Display,
    {
        Response::new(full(""))
    }
}
