//! Which route a path takes: Go's `ServeMux` rules, as clients know them.
//!
//! Paths are matched as they came (`%2F` is no separator here); what is behind the route's own name is
//! decoded by the route.

use crate::kubelet;
use crate::query::escape_path;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/healthz`.
    Healthz,
    /// `/validate/...`.
    Validate,
    /// `/api/...`; the part from `/api/` on.
    Api(&'a str),
    /// The scrape.
    Metrics,
    /// What a kubelet has.
    Kubelet(kubelet::Path<'a>),
    /// `/containers/...`; what follows the name, with its slash.
    Containers(&'a str),
    /// `/docker/...`; what follows the slash.
    Docker(&'a str),
    /// `/podman/...`; what follows the slash.
    Podman(&'a str),
    /// `/static/...`; what follows the slash.
    Static(&'a str),
    /// `/debug/pprof/...`.
    Pprof,
    /// 301 to this path, query kept.
    Moved(String),
    /// 307 to the pages: any other path.
    Pages(String),
    /// 404: outside the prefix.
    Nowhere,
}

impl Route<'_> {
    /// Whether this is for people to look at; such routes are guarded whenever there is a guard.
    pub fn is_page(&self) -> bool {
        matches!(self, Self::Containers(_) | Self::Docker(_) | Self::Podman(_) | Self::Static(_))
    }
}

/// Finds the route of a path, which starts with a slash and is still percent-encoded.
pub fn find<'a>(prefix: &str, metrics: &str, profiling: bool, path: &'a str) -> Route<'a> {
    if let Some(clean) = cleaned(path) {
        return Route::Moved(clean);
    }
    let inner = match path.strip_prefix(prefix) {
        Some("") if !prefix.is_empty() => return Route::Moved(format!("{prefix}/")),
        Some(inner) if inner.starts_with('/') => inner,
        _ => return Route::Nowhere,
    };
    if inner == metrics {
        return Route::Metrics;
    }
    if let Some(path) = kubelet::find(inner) {
        return Route::Kubelet(path);
    }
    if metrics.len() > 1 && metrics.ends_with('/') && inner.starts_with(metrics) {
        return Route::Metrics;
    }
    if metrics.strip_suffix('/').is_some_and(|bare| !bare.is_empty() && bare == inner) {
        return Route::Moved(format!("{prefix}{metrics}"));
    }
    let (name, rest) = match inner.get(1..).and_then(|inner| inner.split_once('/')) {
        Some((name, rest)) => (name, Some(rest)),
        None => (inner.get(1..).unwrap_or_default(), None),
    };
    match (name, rest) {
        ("healthz", None) => Route::Healthz,
        ("validate" | "api" | "containers" | "docker" | "podman" | "static", None) => {
            Route::Moved(format!("{prefix}/{name}/"))
        }
        ("validate", Some(_)) => Route::Validate,
        ("api", Some(_)) => Route::Api(inner),
        ("containers", Some(_)) => Route::Containers(inner.get("/containers".len()..).unwrap_or("/")),
        ("docker", Some(rest)) => Route::Docker(rest),
        ("podman", Some(rest)) => Route::Podman(rest),
        ("static", Some(rest)) => Route::Static(rest),
        ("debug", Some(rest)) if profiling && rest.starts_with("pprof/") => Route::Pprof,
        ("debug", Some("pprof")) if profiling => Route::Moved(format!("{prefix}/debug/pprof/")),
        _ => Route::Pages(format!("{prefix}/containers/")),
    }
}

/// The path without `//`, `.` and `..`, if it had any; a slash at its end stays.
fn cleaned(path: &str) -> Option<String> {
    let mut clean = crate::go::clean(path);
    if path.len() > 1 && path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    (clean != path).then_some(clean)
}

/// Where a page has its one address, if this is another: the decoded name below the place is not clean, as
/// `/containers/%2e` or `/docker/%2F`. A page's links go up as often as its path has slashes, so that each path must
/// be about as long as the name that it stands for.
pub fn canonical(prefix: &str, place: &str, name: &str) -> Option<String> {
    let clean = cleaned(name)?;
    let mut to = format!("{prefix}/{place}");
    escape_path(&mut to, &clean);
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::Path;

    fn moved(to: &str) -> Route<'static> {
        Route::Moved(to.to_owned())
    }

    #[test]
    fn routes_without_prefix() {
        let f = |path: &'static str, want| assert_eq!(find("", "/metrics", false, path), want, "{path}");
        f("/healthz", Route::Healthz);
        f("/validate/", Route::Validate);
        f("/validate/x", Route::Validate);
        f("/api/", Route::Api("/api/"));
        f("/api/v1.3/machine", Route::Api("/api/v1.3/machine"));
        f("/metrics", Route::Metrics);
        f("/containers/", Route::Containers("/"));
        f("/containers/a/b/", Route::Containers("/a/b/"));
        f("/docker/", Route::Docker(""));
        f("/docker/x", Route::Docker("x"));
        f("/podman/x", Route::Podman("x"));
        f("/stats", Route::Kubelet(Path::Stats("")));
        f("/stats/summary/", Route::Kubelet(Path::Stats("summary")));
        f("/stats/a/b", Route::Kubelet(Path::Stats("a/b")));
        f("/metrics/resource", Route::Kubelet(Path::Resource { first: false }));
        f("/metrics/resource/v1alpha1", Route::Kubelet(Path::Resource { first: true }));
        f("/metrics/cadvisor", Route::Kubelet(Path::Cadvisor));
        f("/pods", Route::Kubelet(Path::Pods));
        f("/runningpods/", Route::Kubelet(Path::RunningPods));
        f("/spec/", Route::Kubelet(Path::Spec));
        f("/static/plimsoll.css", Route::Static("plimsoll.css"));
    }

    #[test]
    fn unknown_paths_lead_to_the_pages() {
        for path in [
            "/",
            "/x",
            "/metrics/",
            "/healthz/",
            "/apix",
            "/debug/pprof/",
            "/api%2Fv1.3",
            "/spec/x",
            "/podsx",
        ] {
            assert_eq!(find("", "/metrics", false, path), Route::Pages("/containers/".into()), "{path}");
        }
    }

    #[test]
    fn redirects_keep_the_prefix() {
        let f = |path, want| assert_eq!(find("/a/b", "/metrics", true, path), want, "{path}");
        f("/a/b", moved("/a/b/"));
        f("/a/b/api", moved("/a/b/api/"));
        f("/a/b/podman", moved("/a/b/podman/"));
        f("/a/b/static", moved("/a/b/static/"));
        f("/a/b/debug/pprof", moved("/a/b/debug/pprof/"));
        f("/a/b/", Route::Pages("/a/b/containers/".into()));
        f("/a/b/metrics", Route::Metrics);
    }

    #[test]
    fn nothing_answers_outside_the_prefix() {
        for path in ["/", "/a", "/a/bc", "/a/bc/api/", "/metrics"] {
            assert_eq!(find("/a/b", "/metrics", false, path), Route::Nowhere, "{path}");
        }
    }

    #[test]
    fn unclean_paths_move() {
        let f = |path, to| assert_eq!(find("", "/metrics", false, path), moved(to), "{path}");
        f("//", "/");
        f("/api//v1.3/", "/api/v1.3/");
        f("/api/./v1.3", "/api/v1.3");
        f("/api/x/../v1.3/", "/api/v1.3/");
        f("/api/..", "/");
    }

    #[test]
    fn an_endpoint_with_a_slash_answers_below_it() {
        let f = |path, want| assert_eq!(find("", "/m/", false, path), want, "{path}");
        f("/m/", Route::Metrics);
        f("/m/x", Route::Metrics);
        f("/m", moved("/m/"));
    }

    #[test]
    fn an_endpoint_may_be_where_kubelet_has_a_route() {
        let f = |metrics, path, want| assert_eq!(find("", metrics, false, path), want, "{path}");
        f("/metrics/cadvisor", "/metrics/cadvisor", Route::Metrics);
        f("/metrics/", "/metrics/cadvisor", Route::Kubelet(Path::Cadvisor));
        f("/metrics/", "/metrics/x", Route::Metrics);
    }

    #[test]
    fn pages_and_their_stylesheet_are_guarded() {
        let f = |path, want| assert_eq!(find("", "/metrics", true, path).is_page(), want, "{path}");
        f("/containers/", true);
        f("/docker/x", true);
        f("/podman/", true);
        f("/static/plimsoll.css", true);
        f("/api/v1.3/machine", false);
        f("/metrics", false);
        f("/healthz", false);
        f("/validate/", false);
        f("/", false);
        f("/debug/pprof/", false);
        f("/stats/summary", false);
    }
}
