//! What Kubernetes' clients ask before they ask for usage: the group `metrics`, its version and its resources.

use http::Response;
use serde::Serialize;

use crate::body::Body;
use crate::cluster::reply;

const GROUP_VERSION: &str = "metrics/v1alpha1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    kind: &'static str,
    api_version: &'static str,
    name: &'static str,
    versions: [Version; 1],
    preferred_version: Version,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: &'static str,
    version: &'static str,
}

const VERSION: Version = Version { group_version: GROUP_VERSION, version: "v1alpha1" };

/// `/apis/metrics`.
pub(super) fn group() -> Response<Body> {
    reply::pretty(&Group {
        kind: "APIGroup",
        api_version: "v1",
        name: "metrics",
        versions: [VERSION],
        preferred_version: VERSION,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resources {
    kind: &'static str,
    api_version: &'static str,
    group_version: &'static str,
    resources: [Resource; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: &'static str,
    singular_name: &'static str,
    namespaced: bool,
    kind: &'static str,
    verbs: [&'static str; 2],
}

/// `/apis/metrics/v1alpha1`.
pub(super) fn resources() -> Response<Body> {
    let resource = |name, namespaced, kind| Resource {
        name,
        singular_name: "",
        namespaced,
        kind,
        verbs: ["get", "list"],
    };
    reply::pretty(&Resources {
        kind: "APIResourceList",
        api_version: "v1",
        group_version: GROUP_VERSION,
        resources: [resource("nodes", false, "NodeMetrics"), resource("pods", true, "PodMetrics")],
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Swagger {
    swagger_version: &'static str,
    apis: [Described; 2],
    api_version: &'static str,
}

#[derive(Serialize)]
struct Described {
    path: &'static str,
    description: &'static str,
}

/// `/swaggerapi`: the list of APIs that Swagger 1.2 begins with.
pub(super) fn swagger() -> Response<Body> {
    reply::pretty(&Swagger {
        swagger_version: "1.2",
        apis: [
            Described { path: "/apis/metrics/v1alpha1", description: "what nodes and pods use" },
            Described { path: "/apis/metrics", description: "the group of the API" },
        ],
        api_version: "",
    })
}
