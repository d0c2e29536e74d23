//! `/api/v1.x/containers[/name]`: one container with its samples, and `ContainerInfo` for the other routes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use plimsoll_core::container::{Reference, Spec};

use super::request;
use super::stats::Stats;
use crate::body::Body;
use crate::past::{Past, View, Window};
use crate::{go, json, names, reply};

/// Samples a piece: a bound on what is in memory of an answer.
pub const SAMPLES_A_PIECE: usize = 16;

/// Answers with one container.
///
/// # Errors
/// cAdvisor's sentence.
pub fn answer(past: &Arc<dyn Past>, name: &str, body: &[u8]) -> Result<Response<Body>, String> {
    let window = request::parse(body)?;
    let failed = |cause: &str| format!("failed to get container {} with error: {cause}", go::quote(name));
    let view = names::by_name(&**past, name).map_err(|cause| failed(&cause))?;
    if view.latest.is_none() {
        return Err(failed("unable to find data in memory cache"));
    }
    let children = children(&**past, &view);
    Ok(reply::json_pieces(info(Arc::clone(past), view, children, window)))
}

/// The names directly below a raw group; the groups inside a runtime's container are its own business.
pub fn children(past: &dyn Past, view: &View) -> Vec<Reference> {
    if !view.reference.namespace.is_empty() {
        return Vec::new();
    }
    let mut names: Vec<Reference> = past
        .containers()
        .iter()
        .filter(|other| names::parent(&other.reference.name) == Some(&view.reference.name))
        .map(|other| Reference::raw(other.reference.name.clone()))
        .collect();
    names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    names
}

/// The names directly below each of these groups, by the group's name; sorted where the views are.
pub fn all_children(views: &[View]) -> BTreeMap<String, Vec<Reference>> {
    let mut children: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
    for view in views {
        let name = &view.reference.name;
        let parent = names::parent(name).unwrap_or_default();
        children.entry(parent.to_owned()).or_default().push(Reference::raw(name.clone()));
    }
    for view in views.iter().filter(|view| !view.reference.namespace.is_empty()) {
        children.remove(&view.reference.name);
    }
    children
}

/// An object in pieces: full name to `ContainerInfo`, of containers with the names below each.
pub fn object(
    past: &Arc<dyn Past>,
    all: Vec<(View, Vec<Reference>)>,
    window: Window,
) -> impl Iterator<Item = Bytes> + Send + use<> {
    let past = Arc::clone(past);
    let all = all.into_iter().enumerate().flat_map(move |(nth, (view, children))| {
        let mut key = Vec::new();
        if nth > 0 {
            key.push(b',');
        }
        json::append(&mut key, &view.reference.name);
        key.push(b':');
        std::iter::once(Bytes::from(key)).chain(info(Arc::clone(&past), view, children, window))
    });
    std::iter::once(Bytes::from_static(b"{")).chain(all).chain(std::iter::once(Bytes::from_static(b"}")))
}

/// `ContainerInfo` in pieces; the samples are taken from the past when the first piece is asked for.
pub fn info(
    past: Arc<dyn Past>,
    view: View,
    children: Vec<Reference>,
    window: Window,
) -> impl Iterator<Item = Bytes> + Send {
    let machine_memory = past.machine().memory_capacity;
    let start = std::iter::once_with({
        let view = view.clone();
        move || {
            let mut out = json::to_vec(&*view.reference);
            out.pop(); // the closing brace: its fields stand flat in the object
            if !children.is_empty() {
                out.extend_from_slice(b",\"subcontainers\":");
                json::append(&mut out, &children);
            }
            out.extend_from_slice(b",\"spec\":");
            json::append(&mut out, &*limited(&view.spec, machine_memory));
            Bytes::from(out)
        }
    });
    let stats = std::iter::once(()).flat_map(move |()| {
        let samples = past.samples(&view.reference.name, window).unwrap_or_default();
        let view = view.clone();
        list("stats", samples, move |out, sample, before| {
            json::append(out, &Stats { sample, before, view: &view });
        })
    });
    start.chain(stats).chain(std::iter::once(Bytes::from_static(b"}")))
}

/// `,"<field>":[...]` in pieces of some samples each; nothing at all where there are none. The writer is
/// given each sample with the one before it.
pub fn list<T: Send>(
    field: &str,
    items: Vec<T>,
    mut write: impl FnMut(&mut Vec<u8>, &T, Option<&T>) + Send,
) -> impl Iterator<Item = Bytes> + Send {
    let start = format!(",\"{field}\":");
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= items.len() {
            return None;
        }
        let mut out = Vec::with_capacity(4096);
        if at == 0 {
            out.extend_from_slice(start.as_bytes());
        }
        array_piece(&mut out, &items, &mut at, &mut write);
        Some(Bytes::from(out))
    })
}

/// Appends the next items of an array, with its brackets where it begins and ends.
pub fn array_piece<T>(
    out: &mut Vec<u8>,
    items: &[T],
    at: &mut usize,
    write: &mut impl FnMut(&mut Vec<u8>, &T, Option<&T>),
) {
    let end = at.saturating_add(SAMPLES_A_PIECE).min(items.len());
    let mut before = at.checked_sub(1).and_then(|last| items.get(last));
    for item in items.get(*at..end).unwrap_or_default() {
        out.push(if before.is_some() { b',' } else { b'[' });
        write(out, item, before);
        before = Some(item);
    }
    *at = end;
    if end == items.len() {
        out.push(b']');
    }
}

/// The limits as JSON shows them: memory without a limit is bounded by the machine.
pub fn limited(spec: &Spec, machine_memory: u64) -> Cow<'_, Spec> {
    if !spec.has_memory || spec.memory.limit != 0 {
        return Cow::Borrowed(spec);
    }
    let mut spec = spec.clone();
    spec.memory.limit = machine_memory;
    Cow::Owned(spec)
}
