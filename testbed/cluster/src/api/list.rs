//! Lists, whole or by pages, and single objects.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::objects::{self, Rest};
use super::select::Selector;
use super::status;
use crate::object::{Object, Resource};
use crate::reply::{Body, JSON, ok};
use crate::world::World;

/// Which objects, and whether only their metadata.
pub(super) struct Wanted {
    pub(super) resource: &'static Resource,
    pub(super) namespace: Option<String>,
    pub(super) selector: Selector,
    pub(super) metadata: bool,
}

impl Wanted {
    pub(super) fn fits(&self, object: &Object) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| *object.namespace == *namespace)
            && self.selector.fits(object)
    }
}

/// A list. Its pages are of the state at their own time, not of that at the first one's: what changed meanwhile
/// stands in the watch from the first one's version as well.
pub(super) fn answer(world: &World, wanted: &Wanted, query: &HashMap<String, String>) -> Response<Body> {
    let limit = query.get("limit").and_then(|text| text.parse().ok()).filter(|limit| *limit > 0);
    let limit: usize = limit.unwrap_or(usize::MAX);
    let token = query.get("continue").filter(|token| !token.is_empty());
    let behind = match token.map(|token| behind(token)) {
        Some(None) => {
            let message = "continue key is not valid: invalid character";
            return status(StatusCode::BAD_REQUEST, "BadRequest", message, json!(null));
        }
        found => found.flatten(),
    };
    let (page, left, version) = {
        let state = world.read();
        let from = behind.as_ref().map(|(_, namespace, name)| (namespace.as_str(), name.as_str()));
        let mut all = state.of_kind(wanted.resource.kind, from).filter(|object| wanted.fits(object));
        let page: Vec<Arc<Object>> = all.by_ref().take(limit).cloned().collect();
        // counting is for those who ask by pages, and is not free
        let left = if page.len() < limit { 0 } else { all.count() };
        (page, left, behind.as_ref().map_or(state.version, |(version, ..)| *version))
    };
    let next = page.last().filter(|_| left > 0).map(|last| (token_of(version, last), left));
    let kind = format!("{}List", wanted.resource.name);
    let text = objects::list(
        &kind,
        &wanted.resource.version(),
        Some(Rest { version, next }),
        &page,
        wanted.metadata,
    );
    ok(JSON, text)
}

/// One object.
pub(super) fn one(world: &World, wanted: &Wanted, name: &str) -> Response<Body> {
    let state = world.read();
    let namespace = wanted.namespace.as_deref().unwrap_or("");
    let Some(object) = state.get(wanted.resource.kind, namespace, name).cloned() else {
        let plural = wanted.resource.plural;
        let message = format!("{plural} \"{name}\" not found");
        return status(StatusCode::NOT_FOUND, "NotFound", &message, json!({"name": name, "kind": plural}));
    };
    drop(state);
    let mut out = Vec::new();
    if wanted.metadata {
        objects::partial(&mut out, &object)
    } else {
        objects::render(&mut out, &object, true)
    }
    ok(JSON, out)
}

fn token_of(version: u64, last: &Object) -> String {
    let slash = if last.namespace.is_empty() { "" } else { "/" };
    let start = format!("{}{slash}{}\0", last.namespace, last.name);
    STANDARD.encode(json!({"v": "meta.k8s.io/v1", "rv": version, "start": start}).to_string())
}

fn behind(token: &str) -> Option<(u64, String, String)> {
    let text: Value = serde_json::from_slice(&STANDARD.decode(token).ok()?).ok()?;
    let start = text.get("start")?.as_str()?.strip_suffix('\0')?;
    let (namespace, name) = start.split_once('/').unwrap_or(("", start));
    Some((text.get("rv")?.as_u64()?, namespace.to_owned(), name.to_owned()))
}
