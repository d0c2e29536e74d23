//! `/stats/...`: containers with their samples, as cAdvisor's v1 API writes them. The query is a JSON document in the
//! body.

use std::sync::Arc;

use http::{Response, StatusCode};
use plimsoll_core::container::Spec;

use super::labels::{self, Named};
use crate::body::Body;
use crate::past::{Past, View, Window};
use crate::v1::{containers, request};
use crate::{go, names, reply};

/// Answers `/stats/<rest>`; there is no slash at the end of `rest`.
pub(super) fn answer(past: &Arc<dyn Past>, rest: &str, body: &[u8]) -> Response<Body> {
    let asked = match request::of_kubelet(body) {
        Ok(asked) => asked,
        Err(sentence) => return reply::error(StatusCode::BAD_REQUEST, &sentence),
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match *parts.as_slice() {
        [""] => one(past, raw(&**past, "/"), asked.window),
        ["container"] if asked.subcontainers => many(past, &asked.container, asked.window),
        ["container"] => match raw(&**past, &asked.container) {
            Ok(view) => {
                let children = containers::children(&**past, &view);
                reply::json_pieces(containers::object(past, vec![(view, children)], asked.window))
            }
            Err(sentence) => reply::error(StatusCode::NOT_FOUND, &sentence),
        },
        [pod, container] => one(past, of_pod(&**past, ["default", pod, "", container]), asked.window),
        [namespace, pod, uid, container] => {
            one(past, of_pod(&**past, [namespace, pod, uid, container]), asked.window)
        }
        _ => {
            let sentence = format!(
                "unknown path {}: expected /stats/, /stats/summary, /stats/container, /stats/POD/CONTAINER or \
                 /stats/NAMESPACE/POD/UID/CONTAINER",
                go::quote(&format!("/stats/{rest}"))
            );
            reply::error(StatusCode::NOT_FOUND, &sentence)
        }
    }
}

/// One container by its group's name.
fn raw(past: &dyn Past, name: &str) -> Result<View, String> {
    let view = names::by_name(past, name)?;
    if view.latest.is_none() {
        return Err(format!("container {} has no sample yet", go::quote(name)));
    }
    Ok(told(view))
}

/// One container by its pod; without a UID whichever is newest.
fn of_pod(past: &dyn Past, [namespace, pod, uid, container]: [&str; 4]) -> Result<View, String> {
    let views = past.containers();
    let found = views.iter().filter(|view| view.latest.is_some()).filter(|view| {
        Named::of(view).is_some_and(|named| {
            let same =
                if container == labels::SANDBOX { named.is_sandbox() } else { named.container == container };
            same && (named.namespace, named.pod) == (namespace, pod) && (uid.is_empty() || named.uid == uid)
        })
    });
    let found = found.max_by_key(|view| (view.identity.exit_code.is_none(), super::node::created(view)));
    found.cloned().map(told).ok_or_else(|| {
        let with_uid =
            if uid.is_empty() { String::new() } else { format!(" with the UID {}", go::quote(uid)) };
        format!(
            "no container {} of pod {}{with_uid} in namespace {}",
            go::quote(container),
            go::quote(pod),
            go::quote(namespace)
        )
    })
}

/// containerd's sandboxes get the name that Docker's and CRI-O's have, by which readers know whose network it is.
fn told(mut view: View) -> View {
    if Named::of(&view).is_some_and(|named| named.container.is_empty()) {
        let mut spec = Spec::clone(&view.spec);
        spec.labels.insert(labels::CONTAINER.to_owned(), labels::SANDBOX.to_owned());
        view.spec = Arc::new(spec);
    }
    view
}

fn one(past: &Arc<dyn Past>, found: Result<View, String>, window: Window) -> Response<Body> {
    match found {
        Ok(view) => {
            let children = containers::children(&**past, &view);
            reply::json_pieces(containers::info(Arc::clone(past), view, children, window))
        }
        Err(sentence) => reply::error(StatusCode::NOT_FOUND, &sentence),
    }
}

/// A container and all below it; one without a sample yet is left out.
fn many(past: &Arc<dyn Past>, name: &str, window: Window) -> Response<Body> {
    let mut views = past.containers();
    views.retain(|view| names::is_within(&view.reference.name, name));
    if views.is_empty() {
        return reply::error(StatusCode::NOT_FOUND, &format!("unknown container {}", go::quote(name)));
    }
    let mut children = containers::all_children(&views);
    views.retain(|view| view.latest.is_some());
    let all = views.into_iter().map(|view| {
        let below = children.remove(&view.reference.name).unwrap_or_default();
        (told(view), below)
    });
    reply::json_pieces(containers::object(past, all.collect(), window))
}
