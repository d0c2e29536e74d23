//! What the API server says of itself.

use http::Response;
use serde_json::{Value, json};

use super::plain;
use crate::object::RESOURCES;
use crate::reply::{Body, JSON, ok};

/// Groups and their resources that are only asked by POST.
const REVIEWS: [(&str, &str, &str); 2] = [
    ("authentication.k8s.io", "tokenreviews", "TokenReview"),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
];

/// The answer at this path; `None` where it names objects.
pub(super) fn answer(path: &str) -> Option<Response<Body>> {
    let text = match path.trim_end_matches('/') {
        "/healthz" | "/livez" | "/readyz" => return Some(plain("ok")),
        "/version" => json!({
            "major": "1", "minor": "32", "gitVersion": "v1.32.13", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
        }),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        "/apis" => {
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups().map(group).collect::<Vec<_>>()})
        }
        "/api/v1" => resources(""),
        path => {
            let rest = path.strip_prefix("/apis/")?;
            match rest.split_once('/') {
                Some((name, "v1")) if groups().any(|one| one == name) => resources(name),
                None if groups().any(|one| one == rest) => {
                    let mut one = group(rest);
                    if let Some(object) = one.as_object_mut() {
                        object.insert("kind".to_owned(), json!("APIGroup"));
                        object.insert("apiVersion".to_owned(), json!("v1"));
                    }
                    one
                }
                _ => return None,
            }
        }
    };
    Some(ok(JSON, text.to_string()))
}

fn groups() -> impl Iterator<Item = &'static str> {
    ["apps", "batch"].into_iter().chain(REVIEWS.iter().map(|(group, ..)| *group))
}

fn group(name: &str) -> Value {
    let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
    json!({"name": name, "versions": [version], "preferredVersion": version})
}

fn resources(group: &str) -> Value {
    let of_objects = RESOURCES.iter().filter(|one| one.group == group).map(|one| {
        json!({
            "name": one.plural, "singularName": one.name.to_lowercase(), "namespaced": one.namespaced,
            "kind": one.name, "verbs": ["get", "list", "watch"], "shortNames": [one.short],
        })
    });
    let of_reviews = REVIEWS.iter().filter(|(name, ..)| *name == group).map(|(_, plural, kind)| {
        json!({
            "name": plural, "singularName": kind.to_lowercase(), "namespaced": false, "kind": kind, "verbs": ["create"],
        })
    });
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let all: Vec<Value> = of_objects.chain(of_reviews).collect();
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": all})
}
