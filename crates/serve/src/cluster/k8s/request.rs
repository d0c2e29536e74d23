//! What a request asks for: a path as the API server reads it.

use http::Method;
use http::request::Parts;

use super::access::{Attributes, Resource};
use crate::query::{Query, unescape};

/// The group.
pub(super) const GROUP: &str = "metrics.k8s.io";
/// Its version.
pub(super) const VERSION: &str = "v1beta1";
/// Group and version, as objects write them.
pub(super) const GROUP_VERSION: &str = "metrics.k8s.io/v1beta1";

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `/apis`.
    Groups,
    /// `/apis/metrics.k8s.io`.
    Group,
    /// `/apis/metrics.k8s.io/v1beta1`.
    Resources,
    /// A node, or all of them.
    Nodes(Option<String>),
    /// A pod of a namespace, or all of a namespace or of the cluster.
    Pods { namespace: Option<String>, name: Option<String> },
    /// Below the group's version, but nothing of it.
    NoResource,
    /// `/version`.
    Version,
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`.
    OpenApiV3,
    /// `/openapi/v3/apis/metrics.k8s.io/v1beta1`.
    OpenApiV3Group,
    /// `/healthz`, `/livez`, `/readyz`, and one check of theirs.
    Health(Probe, Option<String>),
    /// Nothing here.
    Nowhere,
}

/// A path that tells how the program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Healthz,
    Livez,
    Readyz,
}

impl Probe {
    /// Its word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Healthz => "healthz",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
        }
    }
}

/// The parts of a path, each decoded; none where an escape is broken. A slash at the end is none of them.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').map(|part| unescape(part, false)).collect()
}

/// Where a path leads.
pub(super) fn target(segments: &[String]) -> Target {
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let named = |name: &&str| (!name.is_empty()).then(|| (*name).to_owned());
    match parts.as_slice() {
        ["apis"] => Target::Groups,
        ["apis", GROUP] => Target::Group,
        ["apis", GROUP, VERSION, rest @ ..] => match rest {
            [] => Target::Resources,
            ["nodes"] => Target::Nodes(None),
            ["nodes", name] if !name.is_empty() => Target::Nodes(named(name)),
            ["pods"] => Target::Pods { namespace: None, name: None },
            ["namespaces", namespace, "pods"] if !namespace.is_empty() => {
                Target::Pods { namespace: named(namespace), name: None }
            }
            ["namespaces", namespace, "pods", name] if !namespace.is_empty() && !name.is_empty() => {
                Target::Pods { namespace: named(namespace), name: named(name) }
            }
            _ => Target::NoResource,
        },
        ["version"] => Target::Version,
        ["openapi", "v2"] => Target::OpenApiV2,
        ["openapi", "v3"] => Target::OpenApiV3,
        ["openapi", "v3", "apis", GROUP, VERSION] => Target::OpenApiV3Group,
        [word, check @ ..] => {
            let probe = [Probe::Healthz, Probe::Livez, Probe::Readyz].into_iter().find(|p| p.word() == *word);
            match probe {
                Some(probe) if check.is_empty() => Target::Health(probe, None),
                // names of checks have slashes
                Some(probe) => Target::Health(probe, Some(check.join("/"))),
                None => Target::Nowhere,
            }
        }
        [] => Target::Nowhere,
    }
}

/// What a request wants, in the words of an access review.
pub(super) fn attributes(parts: &Parts, segments: &[String]) -> Attributes {
    let path = parts.uri.path().to_owned();
    let method = parts.method.as_str().to_ascii_lowercase();
    let ["apis", group, version, rest @ ..] = &*segments.iter().map(String::as_str).collect::<Vec<_>>()
    else {
        return Attributes { verb: method, path, resource: None };
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        ["namespaces", namespace] => (*namespace, rest),
        rest => ("", rest),
    };
    let Some((resource, below)) = rest.split_first() else {
        return Attributes { verb: method, path, resource: None };
    };
    let mut below = below.iter();
    let name = below.next().copied().unwrap_or_default();
    let subresource = below.next().copied().unwrap_or_default();
    let query = Query::new(parts.uri.query());
    let several = name.is_empty();
    let verb = match parts.method {
        Method::GET | Method::HEAD if is_true(query.first("watch")) => "watch",
        Method::GET | Method::HEAD if several => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if several => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    };
    // a list that can have one object alone is allowed to who may have that object
    let one = query.given("fieldSelector").filter(|_| several).and_then(|text| only_name(&text));
    let resource = Resource {
        group: (*group).to_owned(),
        version: (*version).to_owned(),
        resource: (*resource).to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.to_owned(),
        name: one.unwrap_or_else(|| name.to_owned()),
    };
    Attributes { verb: verb.to_owned(), path, resource: Some(resource) }
}

/// The name that a field selector asks for, if it asks for one.
fn only_name(selector: &str) -> Option<String> {
    selector.split(',').find_map(|term| {
        let (field, name) = term.split_once("==").or_else(|| term.split_once('='))?;
        (field == "metadata.name" && !name.is_empty()).then(|| name.to_owned())
    })
}

/// Kubernetes' truth of a query's value: all but `false` and `0`, also nothing.
pub(super) fn is_true(value: Option<String>) -> bool {
    value.is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn paths_lead_where_the_api_server_takes_them() {
        let f = |path, wanted| assert_eq!(target(&segments(path).unwrap()), wanted, "{path}");
        let pods = |namespace: Option<&str>, name: Option<&str>| Target::Pods {
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
        };
        f("/apis", Target::Groups);
        f("/apis/", Target::Groups);
        f("/apis/metrics.k8s.io", Target::Group);
        f("/apis/metrics.k8s.io/v1beta1/", Target::Resources);
        f("/apis/metrics.k8s.io/v1beta1/nodes", Target::Nodes(None));
        f("/apis/metrics.k8s.io/v1beta1/nodes/a%2eb", Target::Nodes(Some("a.b".to_owned())));
        f("/apis/metrics.k8s.io/v1beta1/pods", pods(None, None));
        f("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/", pods(Some("shop"), None));
        f("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web", pods(Some("shop"), Some("web")));
        f("/apis/metrics.k8s.io/v1beta1/namespaces/shop", Target::NoResource);
        f("/apis/metrics.k8s.io/v1beta1/namespaces//pods", Target::NoResource);
        f("/apis/metrics.k8s.io/v1beta1/nodes/a/status", Target::NoResource);
        f("/apis/metrics.k8s.io/v1beta1/namespaces/shop/nodes", Target::NoResource);
        f("/apis/metrics.k8s.io/v1", Target::Nowhere);
        f("/apis/apps/v1", Target::Nowhere);
        f("/api", Target::Nowhere);
        f("/version", Target::Version);
        f("/openapi/v3/apis/metrics.k8s.io/v1beta1", Target::OpenApiV3Group);
        f("/readyz", Target::Health(Probe::Readyz, None));
        let check = Some("poststarthook/max-in-flight-filter".to_owned());
        f("/livez/poststarthook/max-in-flight-filter", Target::Health(Probe::Livez, check));
        assert_eq!(segments("/apis/%zz"), None);
    }

    #[test]
    fn attributes_are_those_of_an_access_review() {
        let f = |method: &str, uri: &str, wanted: &[&str]| {
            let parts = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0;
            let segments = segments(parts.uri.path()).unwrap();
            let got = attributes(&parts, &segments);
            assert_eq!(got.path, parts.uri.path());
            let resource =
                got.resource.map(|r| [r.group, r.version, r.resource, r.subresource, r.namespace, r.name]);
            let all: Vec<_> = std::iter::once(got.verb).chain(resource.into_iter().flatten()).collect();
            assert_eq!(all, wanted, "{method} {uri}");
        };
        let base = "/apis/metrics.k8s.io/v1beta1";
        f("GET", base, &["get"]);
        f("GET", "/apis", &["get"]);
        f("POST", "/metrics", &["post"]);
        f("GET", &format!("{base}/nodes"), &["list", GROUP, VERSION, "nodes", "", "", ""]);
        f("HEAD", &format!("{base}/nodes/"), &["list", GROUP, VERSION, "nodes", "", "", ""]);
        f("GET", &format!("{base}/nodes/n1"), &["get", GROUP, VERSION, "nodes", "", "", "n1"]);
        f("GET", &format!("{base}/namespaces/a/pods"), &["list", GROUP, VERSION, "pods", "", "a", ""]);
        f(
            "GET",
            &format!("{base}/namespaces/a/pods/p/log"),
            &["get", GROUP, VERSION, "pods", "log", "a", "p"],
        );
        f("GET", &format!("{base}/namespaces/a"), &["get", GROUP, VERSION, "namespaces", "", "a", "a"]);
        f("GET", &format!("{base}/pods?watch=1"), &["watch", GROUP, VERSION, "pods", "", "", ""]);
        f("GET", &format!("{base}/pods?watch=false"), &["list", GROUP, VERSION, "pods", "", "", ""]);
        let one = format!("{base}/nodes?fieldSelector=metadata.name%3Dn1");
        f("GET", &one, &["list", GROUP, VERSION, "nodes", "", "", "n1"]);
        let other = format!("{base}/nodes?fieldSelector=metadata.name!%3Dn1");
        f("GET", &other, &["list", GROUP, VERSION, "nodes", "", "", ""]);
        f("DELETE", &format!("{base}/pods"), &["deletecollection", GROUP, VERSION, "pods", "", "", ""]);
        f("POST", &format!("{base}/pods"), &["create", GROUP, VERSION, "pods", "", "", ""]);
    }
}
