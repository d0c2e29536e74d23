//! Which route a path takes: Heapster's, under go-restful's habits.
//!
//! A path is split at its slashes as it came, then each part is decoded: `system.slice%2Fdocker.service` is one part. A
//! slash at the end counts for nothing. `//`, `.` and `..` move, as in Go's `ServeMux`.

use super::model::asked::{self, Asked};
use super::usage::UsageRoute;
use crate::query::unescape;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/healthz`.
    Healthz,
    /// `/healthz/healthz`.
    HealthzCheck,
    /// `/metrics`.
    Metrics,
    /// `/debug/pprof/...`.
    Pprof,
    /// `/api/v1/metric-export`.
    Export,
    /// `/api/v1/metric-export-schema`.
    Schema,
    /// `/api/v1/model/...`.
    Model(Asked),
    /// `/api/v1/historical/...`.
    Historical(Asked),
    /// `/apis/metrics/...`.
    Usage(UsageRoute),
    /// Kubernetes' own: `/apis/metrics.k8s.io/...` and what API servers have beside it.
    Kubernetes,
    /// 301 to this path, query kept.
    Moved(String),
    /// A percent escape that is none.
    Broken,
    /// No such route.
    Nowhere,
}

/// Finds the route of a path, which starts with a slash and is still percent-encoded.
pub fn find(path: &str) -> Route {
    let mut clean = crate::go::clean(path);
    if path.len() > 1 && path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    if clean != path {
        return Route::Moved(clean);
    }
    let parts = path.split('/').filter(|part| !part.is_empty()).map(|part| unescape(part, false));
    let Some(parts) = parts.collect::<Option<Vec<String>>>() else { return Route::Broken };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let or_nowhere = |route: Option<Route>| route.unwrap_or(Route::Nowhere);
    match parts.as_slice() {
        ["healthz"] => Route::Healthz,
        ["healthz", "healthz"] => Route::HealthzCheck,
        ["metrics"] => Route::Metrics,
        ["debug", "pprof", ..] => Route::Pprof,
        ["api", "v1", "metric-export"] => Route::Export,
        ["api", "v1", "metric-export-schema"] => Route::Schema,
        ["api", "v1", "model", rest @ ..] => {
            or_nowhere(asked::find(rest).filter(Asked::is_of_the_model).map(Route::Model))
        }
        ["api", "v1", "historical", rest @ ..] => {
            or_nowhere(asked::find(rest).filter(|asked| *asked != Asked::Keys).map(Route::Historical))
        }
        ["apis", "metrics", rest @ ..] => or_nowhere(UsageRoute::find(rest).map(Route::Usage)),
        ["swaggerapi"] => Route::Usage(UsageRoute::Swagger),
        ["api"] | ["apis"] | ["apis", "metrics.k8s.io", ..] | ["version"] | ["openapi", ..] => {
            Route::Kubernetes
        }
        ["readyz" | "livez", ..] => Route::Kubernetes,
        _ => Route::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_found_with_and_without_a_slash_at_the_end() {
        let f = |path: &str, want: Route| {
            assert_eq!(find(path), want, "{path}");
            assert_eq!(find(&format!("{path}/")), want, "{path}/");
        };
        f("/healthz", Route::Healthz);
        f("/healthz/healthz", Route::HealthzCheck);
        f("/metrics", Route::Metrics);
        f("/debug/pprof", Route::Pprof);
        f("/debug/pprof/profile", Route::Pprof);
        f("/api/v1/metric-export", Route::Export);
        f("/api/v1/metric-export-schema", Route::Schema);
        f("/api/v1/model/nodes", Route::Model(Asked::Nodes));
        f("/api/v1/historical/nodes", Route::Historical(Asked::Nodes));
        f("/api/v1/model/debug/allkeys", Route::Model(Asked::Keys));
        f("/apis/metrics/v1alpha1/nodes", Route::Usage(UsageRoute::Nodes));
        for path in
            ["/api", "/apis", "/apis/metrics.k8s.io/v1beta1/nodes", "/version", "/openapi/v2", "/readyz"]
        {
            f(path, Route::Kubernetes);
        }
        for path in [
            "/api/v1",
            "/api/v1/model",
            "/api/v1/model/stats",
            "/api/v1/historical/debug/allkeys",
            "/api/v1/model/metrics-aggregated/max/cpu-usage",
            "/api/v1/model/pod-id/u/metrics/cpu-usage",
            "/healthz/x",
            "/x",
        ] {
            f(path, Route::Nowhere);
        }
    }

    #[test]
    fn unclean_paths_move_and_broken_escapes_are_told() {
        assert_eq!(find("/"), Route::Nowhere);
        assert_eq!(find("/api//v1/model/nodes/"), Route::Moved("/api/v1/model/nodes/".into()));
        assert_eq!(find("/api/v1/../x"), Route::Moved("/api/x".into()));
        assert_eq!(find("/api/v1/model/nodes/%zz/metrics"), Route::Broken);
    }
}
