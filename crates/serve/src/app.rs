//! From a request to an answer.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use plimsoll_core::kinds::Kinds;

use crate::auth::Guard;
use crate::body::{Body, empty};
use crate::meters::Metered;
use crate::metrics::MetricsOptions;
use crate::overview::live::Live;
use crate::past::Past;
use crate::query::{Query, unescape};
use crate::route::{self, Route};
use crate::v2::options::RequestOptions;
use crate::{kubelet, metrics, own, page, reply, v1, v2, validate};

/// More than any request needs: cAdvisor's clients send at most a hundred bytes.
pub const BODY_LIMIT: usize = 1 << 20;

/// What the flags decide for serving.
pub struct Options {
    /// Before every path, without a slash at its end: `/cadvisor`; empty for none.
    pub url_base_prefix: String,
    /// Where the scrape is answered: `/metrics`.
    pub prometheus_endpoint: String,
    /// Who may ask for what.
    pub protect: Protect,
    /// Which kinds of metric are on.
    pub kinds: Kinds,
    /// Whether `/debug/pprof/` is there (to say that there is nothing).
    pub profiling: bool,
}

/// No prefix, no guard, and `/metrics` without families of containers.
impl Default for Options {
    fn default() -> Self {
        Self {
            url_base_prefix: String::new(),
            prometheus_endpoint: "/metrics".to_owned(),
            protect: Protect::default(),
            kinds: Kinds::default(),
            profiling: false,
        }
    }
}

/// Who may ask for what.
#[derive(Default)]
pub struct Protect {
    /// Checks credentials; absent when none are asked for.
    pub guard: Option<Guard>,
    /// Whether all routes but `/healthz` are guarded; the pages, their data and `/static/` always are.
    pub all: bool,
}

impl Protect {
    /// Who guards this route, if anyone does.
    fn guard_of(&self, route: &Route<'_>) -> Option<&Guard> {
        let of_page = route.is_page() || matches!(route, Route::Api(path) if own::is_of_page(path));
        // a health check has no password
        let guarded = of_page || (self.all && *route != Route::Healthz);
        self.guard.as_ref().filter(|_| guarded)
    }
}

/// The routes over the past.
pub struct App {
    past: Arc<dyn Past>,
    options: Options,
    metrics: MetricsOptions,
    live: Live,
}

impl App {
    /// Routes over this past.
    pub fn new(past: Arc<dyn Past>, mut options: Options) -> Self {
        let prefix = options.url_base_prefix.trim_matches('/');
        options.url_base_prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let machine: Vec<_> = plimsoll_measure::machine::families::FAMILIES.iter().collect();
        let metrics = MetricsOptions::new(options.kinds, plimsoll_measure::families::container(), &machine);
        Self { live: Live::new(&past), past, options, metrics }
    }

    /// What was decided.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Answers one request. Never fails: what is wrong is in the answer.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let answer = self.routed(&parts, body).await;
        if parts.method == Method::HEAD { without_body(answer) } else { answer }
    }

    async fn routed<B>(&self, parts: &Parts, body: B) -> Response<Body>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
        B::Error: std::fmt::Display,
    {
        // `*` of OPTIONS and an empty authority form have no path
        let path = if parts.uri.path().starts_with('/') { parts.uri.path() } else { "/" };
        let Options { url_base_prefix, prometheus_endpoint, profiling, protect, .. } = &self.options;
        let (begin, route) =
            (Instant::now(), route::find(url_base_prefix, prometheus_endpoint, *profiling, path));
        let metered = Metered::of(&route);
        let mut extra = HeaderMap::new();
        if let Some(guard) = protect.guard_of(&route) {
            match guard.check(&parts.method, &parts.uri, &parts.headers).await {
                Ok(headers) => extra = headers,
                Err(refusal) => return metered.answered(refusal, begin.elapsed()),
            }
        }
        let mut answer = self.at(route, parts, body).await;
        answer.headers_mut().extend(extra);
        metered.answered(answer, begin.elapsed())
    }

    async fn at<B>(&self, route: Route<'_>, parts: &Parts, body: B) -> Response<Body>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
        B::Error: std::fmt::Display,
    {
        let query = Query::new(parts.uri.query());
        let prefix = &self.options.url_base_prefix;
        // links are relative, so that they also hold behind a proxy that adds a path of its own
        let depth = parts.uri.path().matches('/').count();
        let root = "../".repeat(depth.saturating_sub(prefix.matches('/').count() + 1));
        match route {
            Route::Healthz => reply::text("ok"),
            Route::Validate => validate::answer(&*self.past).await,
            Route::Api(path) => match (unescape(path, false), read(body).await) {
                (None, _) => bad_escape(path),
                (_, Err(refusal)) => refusal,
                (Some(path), Ok(body)) => self.api(&path, query, &body, &parts.headers).await,
            },
            Route::Metrics => match RequestOptions::parse(query) {
                Ok(asked) => {
                    let namespace = asked.kind.namespace();
                    metrics::answer(&self.past, &self.metrics, namespace, asked.max_age, &parts.headers).await
                }
                Err(sentence) => reply::failed(&format!("No metrics gathered, last error:\n\n{sentence}")),
            },
            Route::Kubelet(path) => match read(body).await {
                Ok(body) => {
                    kubelet::answer(&self.past, &self.metrics, path, query, &body, &parts.headers).await
                }
                Err(refusal) => refusal,
            },
            Route::Containers(rest) => match unescape(rest, false) {
                Some(name) => match route::canonical(prefix, "containers", &name) {
                    Some(to) => moved(&to, parts),
                    None => page::container::answer(&*self.past, &root, &parts.headers, &name).await,
                },
                None => bad_escape(rest),
            },
            Route::Docker(rest) | Route::Podman(rest) => match unescape(rest, false) {
                Some(alias) => {
                    let namespace = if matches!(route, Route::Docker(_)) { "docker" } else { "podman" };
                    match route::canonical(prefix, namespace, &format!("/{alias}")) {
                        Some(to) => moved(&to, parts),
                        None => {
                            page::runtime::answer(&*self.past, &root, &parts.headers, namespace, &alias).await
                        }
                    }
                }
                None => bad_escape(rest),
            },
            Route::Static(rest) => page::asset(rest, query, &parts.headers),
            Route::Pprof => reply::error(
                StatusCode::NOT_FOUND,
                "no profiles here: they belong to Go's runtime, which this program has not; use perf",
            ),
            Route::Moved(to) => moved(&to, parts),
            Route::Pages(to) => reply::redirect(StatusCode::TEMPORARY_REDIRECT, &to, with_page(parts)),
            Route::Nowhere => reply::error(StatusCode::NOT_FOUND, "404 page not found"),
        }
    }

    /// The REST API: `/api/<version>/<type>/<name...>`, decoded.
    async fn api(&self, path: &str, query: Query<'_>, body: &[u8], headers: &HeaderMap) -> Response<Body> {
        let rest = path.strip_prefix("/api/").unwrap_or_default();
        if rest.is_empty() {
            let all = [v1::VERSIONS, v2::VERSIONS].concat().join(",");
            return reply::error(StatusCode::BAD_REQUEST, &format!("Supported API versions: {all}"));
        }
        let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if version == "plimsoll" {
            return own::answer(&self.past, &self.live, rest, query, headers).await;
        }
        let (kind, below) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        if version.is_empty() {
            return reply::failed(&format!("malformed request {}", crate::go::quote(path)));
        }
        let answer = if let Some(types) = v1::types(version) {
            if kind.is_empty() {
                Err(types)
            } else {
                Ok(v1::answer(&self.past, types, kind, below, query, body).await)
            }
        } else if let Some(types) = v2::types(version) {
            if kind.is_empty() {
                Err(types)
            } else {
                Ok(v2::answer(&self.past, version, types, kind, below, query).await)
            }
        } else {
            return reply::failed(&format!("unsupported API version {}", crate::go::quote(version)));
        };
        answer.unwrap_or_else(|types| {
            let sentence = format!("Supported request types: {}", crate::go::quote(&types.join(",")));
            reply::error(StatusCode::BAD_REQUEST, &sentence)
        })
    }
}

/// The request's body, at most [`BODY_LIMIT`] bytes.
async fn read<B>(body: B) -> Result<Bytes, Response<Body>>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
    B::Error: std::fmt::Display,
{
    let too_large = || {
        let sentence = format!("the request's body is larger than {BODY_LIMIT} bytes");
        reply::error(StatusCode::PAYLOAD_TOO_LARGE, &sentence)
    };
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| {
            reply::error(StatusCode::BAD_REQUEST, &format!("the request's body could not be read: {cause}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.remaining() > BODY_LIMIT {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk_of(data));
    }
    Ok(bytes.freeze())
}

/// All bytes of a frame, whatever it is made of.
fn chunk_of(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

/// 301, query kept.
fn moved(to: &str, parts: &Parts) -> Response<Body> {
    let status = StatusCode::MOVED_PERMANENTLY;
    match parts.uri.query() {
        Some(query) => reply::redirect(status, &format!("{to}?{query}"), with_page(parts)),
        None => reply::redirect(status, to, with_page(parts)),
    }
}

/// Whether Go writes a page for a redirect.
fn with_page(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD)
}

fn bad_escape(path: &str) -> Response<Body> {
    let sentence =
        format!("400 Bad Request: the path has a broken percent escape: {}", crate::go::quote(path));
    reply::error(StatusCode::BAD_REQUEST, &sentence)
}

/// What HEAD is told: everything but the body.
fn without_body(answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, empty())
}
