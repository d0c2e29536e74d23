//! From a request to an answer.

use std::sync::Arc;
use std::time::Instant;

use http::header::{ALLOW, CONTENT_LENGTH, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Body as _;

use super::handlers::Handlers;
use super::k8s::Kubernetes;
use super::past::ClusterPast;
use super::route::{self, Route};
use super::users::Users;
use super::{export, health, historical, metrics, model, reply, usage};
use crate::body::{Body, empty};
use crate::query::Query;

/// What the flags decide for serving.
pub struct ClusterOptions {
    /// Whether `/api/v1/model` is there: not with `disable_metric_sink`.
    pub model: bool,
    /// Whether `/api/v1/metric-export` has anything to say: not with `disable_export`.
    pub export: bool,
    /// Whether `/metrics` has the numbers of the cluster besides the collector's own.
    pub series: bool,
    /// Whether the usage API speaks as a Kubernetes API server does: on the secure port of `api-server`.
    pub api_server: bool,
    /// Who may ask; absent when anyone may.
    pub users: Option<Users>,
    /// Kubernetes' own routes.
    pub kubernetes: Option<Arc<Kubernetes>>,
    /// Whether the gate of Kubernetes' routes guards all others too, and health checks are theirs.
    pub gated: bool,
}

/// Everything that Heapster has, nothing more, for anyone.
impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            model: true,
            export: true,
            series: false,
            api_server: false,
            users: None,
            kubernetes: None,
            gated: false,
        }
    }
}

/// The routes over the collector's past.
pub struct ClusterApp {
    past: Arc<dyn ClusterPast>,
    options: ClusterOptions,
    handlers: Handlers,
}

impl ClusterApp {
    /// Routes over this past.
    pub fn new(past: Arc<dyn ClusterPast>, options: ClusterOptions) -> Self {
        Self { past, options, handlers: Handlers::default() }
    }

    /// Answers one request. Never fails: what is wrong is in the answer. A request's body is not read: no route wants
    /// one.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body> {
        let (parts, _) = request.into_parts();
        let begin = Instant::now();
        // `*` of OPTIONS and an empty authority form have no path
        let route = route::find(if parts.uri.path().starts_with('/') { parts.uri.path() } else { "/" });
        let answer = match self.refusal(&route, &parts).await {
            Some(refusal) => refusal,
            None => reply::compressed(self.at(&route, &parts).await, &parts.headers),
        };
        let length = answer.body().size_hint().exact();
        self.handlers.answered(route.operation(), &parts.method, answer.status(), begin.elapsed(), length);
        if parts.method == Method::HEAD { without_body(answer) } else { answer }
    }

    /// Why a request is not answered, if it is not.
    async fn refusal(&self, route: &Route, parts: &Parts) -> Option<Response<Body>> {
        if let Some(kubernetes) = self.gate(route)
            && let Err(refusal) = kubernetes.admit_path(parts).await
        {
            return Some(refusal);
        }
        let users = self.options.users.as_ref().filter(|_| route.is_guarded());
        if let Some(refusal) = users.and_then(|users| users.refusal(parts)) {
            return Some(refusal);
        }
        if !route.is_restful() {
            return None;
        }
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let mut answer = reply::refused(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(answer);
        }
        let acceptable = matches!(route, Route::Pprof) || reply::takes_json(&parts.headers);
        (!acceptable).then(|| reply::refused(StatusCode::NOT_ACCEPTABLE, "406: Not Acceptable"))
    }

    async fn at(&self, route: &Route, parts: &Parts) -> Response<Body> {
        let (past, query) = (&*self.past, Query::new(parts.uri.query()));
        match route {
            Route::Healthz | Route::HealthzCheck if self.options.gated => self.kubernetes(parts).await,
            Route::Healthz => health::answer(past, query),
            Route::HealthzCheck => health::alone(past),
            Route::Metrics => {
                let kubernetes = self.options.kubernetes.as_deref();
                metrics::answer(&self.past, &self.handlers, kubernetes, self.options.series)
            }
            Route::Pprof => crate::reply::error(
                StatusCode::NOT_FOUND,
                "no profiles here: they belong to Go's runtime, which this program has not; use perf",
            ),
            Route::Export => export::answer(past.latest(), self.options.export),
            Route::Schema => export::schema::answer(),
            Route::Model(asked) if self.options.model => model::answer(past, asked, query),
            Route::Historical(asked) => match past.history() {
                Some(history) => historical::answer(past, history, asked, query).await,
                None => reply::not_found(),
            },
            Route::Usage(route) => usage::answer(past, route, query, self.options.api_server),
            Route::Kubernetes => self.kubernetes(parts).await,
            Route::Moved(to) => {
                let to = parts.uri.query().map_or_else(|| to.clone(), |query| format!("{to}?{query}"));
                let with_page = matches!(parts.method, Method::GET | Method::HEAD);
                crate::reply::redirect(StatusCode::MOVED_PERMANENTLY, &to, with_page)
            }
            Route::Broken => {
                let path = crate::go::quote(parts.uri.path());
                let sentence = format!("400 Bad Request: the path has a broken percent escape: {path}");
                crate::reply::error(StatusCode::BAD_REQUEST, &sentence)
            }
            Route::Model(_) | Route::Nowhere => reply::not_found(),
        }
    }

    /// Kubernetes' own routes, which bring their own authentication.
    async fn kubernetes(&self, parts: &Parts) -> Response<Body> {
        match &self.options.kubernetes {
            Some(kubernetes) => kubernetes.answer(parts).await,
            None => reply::not_found(),
        }
    }

    /// Whose gate a request must pass before it comes to its route.
    fn gate(&self, route: &Route) -> Option<&Kubernetes> {
        let own = matches!(route, Route::Kubernetes | Route::Healthz | Route::HealthzCheck);
        self.options.kubernetes.as_deref().filter(|_| self.options.gated && !own)
    }
}

impl Route {
    /// Whether the client's certificate is looked at: a health check has none, and Kubernetes' own routes have other
    /// rules.
    fn is_guarded(&self) -> bool {
        !matches!(self, Self::Healthz | Self::HealthzCheck | Self::Kubernetes)
    }

    /// Whether go-restful's rules for methods and formats hold.
    fn is_restful(&self) -> bool {
        matches!(
            self,
            Self::Pprof | Self::Export | Self::Schema | Self::Model(_) | Self::Historical(_) | Self::Usage(_)
        )
    }

    /// Heapster's name for what is done, for counting.
    fn operation(&self) -> &'static str {
        match self {
            Self::Healthz | Self::HealthzCheck => "healthz",
            Self::Metrics => "prometheus",
            Self::Pprof => "pprof",
            Self::Export => "exportMetrics",
            Self::Schema => "exportMetricsSchema",
            Self::Model(asked) | Self::Historical(asked) => asked.operation(),
            Self::Usage(route) => route.operation(),
            Self::Kubernetes => "kubernetes",
            Self::Moved(_) | Self::Broken | Self::Nowhere => "other",
        }
    }
}

/// What HEAD is told: everything but the body.
fn without_body(answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, empty())
}
