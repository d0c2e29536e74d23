//! What there is: groups, resources, the version.

use http::header::{ETAG, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::accept::{self, Media, Offer};
use super::request::Target;
use super::status::{Status, text, uncached};
use crate::body::{Body, empty, full};
use crate::query::Query;
use crate::reply;

/// The version of metrics-server that answers are like.
const LIKE: &str = "v0.9.0";

const GROUP: &str = r#""name":"metrics.k8s.io","versions":[{"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"}],"preferredVersion":{"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"}"#;

const RESOURCES: &str = r#"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"metrics.k8s.io/v1beta1","resources":[{"name":"nodes","singularName":"","namespaced":false,"kind":"NodeMetrics","verbs":["get","list"]},{"name":"pods","singularName":"","namespaced":true,"kind":"PodMetrics","verbs":["get","list"]}]}"#;

const AGGREGATED: &str = r#"{"metadata":{"name":"metrics.k8s.io","creationTimestamp":null},"versions":[{"version":"v1beta1","resources":[{"resource":"nodes","responseKind":{"group":"","version":"","kind":"NodeMetrics"},"scope":"Cluster","singularResource":"","verbs":["get","list"]},{"resource":"pods","responseKind":{"group":"","version":"","kind":"PodMetrics"},"scope":"Namespaced","singularResource":"","verbs":["get","list"]}],"freshness":"Current"}]}"#;

const OPENAPI_V2: &str = include_str!("openapi/v2.json");
const OPENAPI_V3: &str = include_str!("openapi/v3.json");

/// The answer to a target that is no resource and no health check.
pub(super) fn answer(target: &Target, parts: &Parts) -> Response<Body> {
    match target {
        Target::Groups => match accept::discovery_version(&parts.headers) {
            Some(version) => aggregated(version, parts),
            None => vary(document(
                &format!(r#"{{"kind":"APIGroupList","apiVersion":"v1","groups":[{{{GROUP}}}]}}"#),
                parts,
            )),
        },
        Target::Group => document(&format!(r#"{{"kind":"APIGroup","apiVersion":"v1",{GROUP}}}"#), parts),
        Target::Resources => document(RESOURCES, parts),
        Target::Version => version(),
        Target::OpenApiV2 => tagged(OPENAPI_V2.trim_end().to_owned(), "application/json", parts),
        Target::OpenApiV3Group => tagged(OPENAPI_V3.trim_end().to_owned(), "application/json", parts),
        Target::OpenApiV3 => {
            let hash = tag(OPENAPI_V3);
            let body = format!(
                r#"{{"paths":{{"apis/metrics.k8s.io/v1beta1":{{"serverRelativeURL":"/openapi/v3/apis/metrics.k8s.io/v1beta1?hash={hash}"}}}}}}"#
            );
            tagged(body, "application/json", parts)
        }
        _ => reply::error(StatusCode::NOT_FOUND, "404 page not found"),
    }
}

fn document(line: &str, parts: &Parts) -> Response<Body> {
    let query = Query::new(parts.uri.query());
    let Some(form) = accept::form(&parts.headers, query, Offer::Plain) else {
        let status = Status::not_acceptable(accept::NOT_ACCEPTABLE);
        return status.answer(accept::form_of_status(&parts.headers, query));
    };
    // generated clients that prefer protobuf take JSON of what is asked once
    let media = if form.media == Media::Yaml { Media::Yaml } else { Media::Json };
    let body = text(line.as_bytes().to_vec(), media, form.pretty);
    uncached(reply::with_type(StatusCode::OK, media.name(), full(body)))
}

fn aggregated(version: &'static str, parts: &Parts) -> Response<Body> {
    let kind = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    let body = format!(
        r#"{{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/{version}","metadata":{{}},"items":[{AGGREGATED}]}}"#
    );
    let mut answer = vary(tagged(body, kind, parts));
    answer.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("public"));
    answer
}

fn vary(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    answer
}

/// A document with a tag, which is not sent to who has it.
fn tagged(body: String, kind: &'static str, parts: &Parts) -> Response<Body> {
    let quoted = format!("\"{}\"", tag(&body));
    let known = parts.headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let known = known.is_some_and(|all| all.split(',').any(|one| one.trim() == quoted));
    let mut answer = if known {
        reply::with_type(StatusCode::NOT_MODIFIED, kind, empty())
    } else {
        reply::with_type(StatusCode::OK, kind, full(body))
    };
    if let Ok(quoted) = HeaderValue::from_str(&quoted) {
        answer.headers_mut().insert(ETAG, quoted);
    }
    answer
}

fn tag(text: &str) -> String {
    use sha1::Digest as _;
    sha1::Sha1::digest(text).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// `/version`, indented for all, as the API server does.
fn version() -> Response<Body> {
    let own = env!("CARGO_PKG_VERSION");
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let pairs = [
        ("major", "0"),
        ("minor", "9"),
        ("gitVersion", &format!("{LIKE}+plimsoll.{own}")),
        ("gitCommit", ""),
        ("gitTreeState", ""),
        ("buildDate", "1970-01-01T00:00:00Z"),
        ("goVersion", ""),
        ("compiler", "rustc"),
        ("platform", &format!("{}/{arch}", std::env::consts::OS)),
    ];
    let lines: Vec<_> = pairs.iter().map(|(key, value)| format!("  \"{key}\": \"{value}\"")).collect();
    let body = format!("{{\n{}\n}}", lines.join(",\n"));
    uncached(reply::with_type(StatusCode::OK, Media::Json.name(), full(body)))
}
