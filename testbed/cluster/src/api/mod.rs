//! The API server: lists, watches, single objects, reviews, discovery.

pub mod access;
mod discovery;
mod list;
pub(crate) mod objects;
mod select;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use self::list::Wanted;
use self::select::Selector;
use crate::fault::Fault;
use crate::object::{RESOURCES, Resource};
use crate::reply::{Body, JSON, PLAIN, garbage, ok, reply, short, slow};
use crate::world::World;
use crate::{Result, serve};

/// Serves until it is dropped.
pub(crate) async fn run(world: Arc<World>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let world = Arc::clone(&world);
        let answer = move |request| answer(Arc::clone(&world), request);
        tokio::spawn(serve::connection(stream, tls.clone(), answer));
    }
}

/// What a request's path names.
struct Named {
    resource: &'static Resource,
    namespace: Option<String>,
    name: Option<String>,
}

async fn answer(world: Arc<World>, request: Request<Incoming>) -> Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let trouble = world.api.borrow().clone();
    match trouble.fault {
        Fault::Silent => {
            let mut changes = world.api.subscribe();
            let _ = changes.wait_for(|now| now.fault != Fault::Silent).await;
            return Err("it was silent".into());
        }
        Fault::Refused | Fault::Noise => return Err("no answer".into()),
        Fault::Status(code) => {
            let code = StatusCode::from_u16(code)?;
            return Ok(status(
                code,
                "InternalError",
                "the test cluster's API server was told to say so",
                json!({}),
            ));
        }
        Fault::Garbage => return Ok(garbage(JSON, 1)),
        _ => {}
    }
    if !world.options.access.knows(&head.headers) {
        return Ok(status(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized", json!(null)));
    }
    let response = route(&world, &head, &body);
    Ok(match trouble.fault {
        Fault::None | Fault::Huge(_) => response,
        fault => {
            let whole = response.into_body().collect().await?.to_bytes();
            if fault == Fault::Short { short(JSON, whole) } else { slow(JSON, whole) }
        }
    })
}

fn route(world: &Arc<World>, head: &Parts, body: &[u8]) -> Response<Body> {
    let path = head.uri.path();
    if head.method == Method::POST {
        let Ok(review) = serde_json::from_slice::<Value>(body) else {
            return status(StatusCode::BAD_REQUEST, "BadRequest", "the body is no JSON", json!(null));
        };
        let access = &world.options.access;
        return match path {
            "/apis/authentication.k8s.io/v1/tokenreviews" => created(&access.review_token(&review)),
            "/apis/authorization.k8s.io/v1/subjectaccessreviews" => created(&access.review_access(&review)),
            _ => status(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "nothing is created here",
                json!({}),
            ),
        };
    }
    if head.method != Method::GET {
        return status(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "nothing is changed here",
            json!({}),
        );
    }
    if let Some(text) = discovery::answer(path) {
        return text;
    }
    let Some(named) = named(path) else {
        let message = "the server could not find the requested resource";
        return status(StatusCode::NOT_FOUND, "NotFound", message, json!({}));
    };
    if world.options.access.forbidden.iter().any(|one| one == named.resource.plural) {
        let (plural, group) = (named.resource.plural, named.resource.group);
        let message = format!(
            "{plural} is forbidden: User \"test\" cannot list resource \"{plural}\" in API group \"{group}\" at the cluster scope"
        );
        return status(StatusCode::FORBIDDEN, "Forbidden", &message, json!({"kind": plural}));
    }
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(head.uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let get = |name: &str| query.get(name).map(String::as_str);
    let selector = match Selector::parse(get("labelSelector"), get("fieldSelector")) {
        Ok(selector) => selector,
        Err(message) => return status(StatusCode::BAD_REQUEST, "BadRequest", &message, json!(null)),
    };
    let accept = head.headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let metadata = accept.contains("as=PartialObjectMetadata");
    let wanted = Wanted { resource: named.resource, namespace: named.namespace, selector, metadata };
    if let Some(name) = named.name {
        return list::one(world, &wanted, &name);
    }
    if matches!(get("watch"), Some("true" | "1")) {
        return watch::answer(world, wanted, &query);
    }
    list::answer(world, &wanted, &query)
}

/// What a path names: `/api/v1/nodes`, `/apis/apps/v1/namespaces/a/replicasets/b`...
fn named(path: &str) -> Option<Named> {
    let words: Vec<&str> = path.split('/').skip(1).collect();
    let (group, rest) = match words.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, "v1", rest @ ..] => (*group, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
        _ => (None, rest),
    };
    let (plural, name) = match rest {
        [plural] => (plural, None),
        [plural, name] => (plural, Some((*name).to_owned())),
        _ => return None,
    };
    let resource = RESOURCES.iter().find(|one| one.plural == *plural && one.group == group)?;
    // an object of a namespace is named with it, another without
    let fits = match &name {
        Some(_) => resource.namespaced == namespace.is_some(),
        None => resource.namespaced || namespace.is_none(),
    };
    fits.then_some(Named { resource, namespace, name })
}

/// A failure in the API's form.
fn status(code: StatusCode, reason: &str, message: &str, details: Value) -> Response<Body> {
    let mut text = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "details": details, "code": code.as_u16(),
    });
    if let (Value::Null, Some(object)) = (&details, text.as_object_mut()) {
        object.remove("details");
    }
    reply(code, JSON, text.to_string())
}

fn created(object: &Value) -> Response<Body> {
    reply(StatusCode::CREATED, JSON, object.to_string())
}

fn plain(text: &'static str) -> Response<Body> {
    ok(PLAIN, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_resources() {
        let f = |path: &str, expected: Option<(&str, Option<&str>, Option<&str>)>| {
            let found = named(path);
            let found =
                found.as_ref().map(|it| (it.resource.plural, it.namespace.as_deref(), it.name.as_deref()));
            assert_eq!(found, expected, "{path}");
        };
        f("/api/v1/nodes", Some(("nodes", None, None)));
        f("/api/v1/nodes/a", Some(("nodes", None, Some("a"))));
        f("/api/v1/namespaces", Some(("namespaces", None, None)));
        f("/api/v1/namespaces/a", Some(("namespaces", None, Some("a"))));
        f("/api/v1/namespaces/a/pods", Some(("pods", Some("a"), None)));
        f("/api/v1/namespaces/a/pods/b", Some(("pods", Some("a"), Some("b"))));
        f("/apis/apps/v1/replicasets", Some(("replicasets", None, None)));
        f("/apis/batch/v1/namespaces/a/jobs/j", Some(("jobs", Some("a"), Some("j"))));
        f("/api/v1/replicasets", None);
        f("/api/v1/secrets", None);
        f("/apis/metrics.k8s.io/v1beta1/nodes", None);
    }
}
