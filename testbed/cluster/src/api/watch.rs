//! Watches: a line for each change, for as long as the client wants.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::list::Wanted;
use super::{objects, status};
use crate::changes::{Change, Event};
use crate::object::Object;
use crate::reply::{Body, JSON, streamed};
use crate::text::put;
use crate::world::World;

/// Where a watch stands.
struct Watch {
    world: Arc<World>,
    wanted: Wanted,
    bookmarks: bool,
    /// All changes up to this one were told.
    version: u64,
    /// Told before any change.
    first: VecDeque<Arc<Object>>,
    next_bookmark: Instant,
    until: Instant,
    news: tokio::sync::watch::Receiver<u64>,
    ends: tokio::sync::watch::Receiver<u64>,
    done: bool,
}

/// The stream that a client asked for.
pub(super) fn answer(world: &Arc<World>, wanted: Wanted, query: &HashMap<String, String>) -> Response<Body> {
    if query.get("sendInitialEvents").is_some_and(|text| text == "true") {
        let message = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is \
                       forbidden for watch unless the WatchList feature gate is enabled";
        return status(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message, json!({}));
    }
    let from = query.get("resourceVersion").map_or("", String::as_str);
    let seconds = query.get("timeoutSeconds").and_then(|text| text.parse().ok());
    let seconds: u64 = seconds.filter(|seconds| *seconds > 0).unwrap_or(3600);
    let (news, ends) = (world.changes.news(), world.changes.ends());
    let (version, first) = if matches!(from, "" | "0") {
        let state = world.read();
        let all = state.of_kind(wanted.resource.kind, None).filter(|object| wanted.fits(object));
        (state.version, all.cloned().collect())
    } else {
        match from.parse() {
            Ok(version) => (version, VecDeque::new()),
            Err(_) => {
                let message = format!(
                    "Invalid value: \"{from}\": strconv.ParseUint: parsing \"{from}\": invalid syntax"
                );
                return status(StatusCode::BAD_REQUEST, "BadRequest", &message, json!(null));
            }
        }
    };
    let now = Instant::now();
    let watch = Watch {
        bookmarks: query.get("allowWatchBookmarks").is_some_and(|text| matches!(text.as_str(), "true" | "1")),
        next_bookmark: now + Duration::from_secs(world.options.bookmark),
        until: now + Duration::from_secs(seconds),
        world: Arc::clone(world),
        wanted,
        version,
        first,
        news,
        ends,
        done: false,
    };
    streamed(
        JSON,
        stream::unfold(watch, |mut watch| async move {
            let lines = watch.next().await?;
            Some((Ok(lines), watch))
        }),
    )
}

impl Watch {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        // some at a time, so that a long beginning takes no long piece of memory
        for object in self.first.drain(..self.first.len().min(500)) {
            line(&mut out, "ADDED", &object, self.wanted.metadata);
        }
        if !out.is_empty() {
            return Some(out.into());
        }
        while !self.done {
            self.news.borrow_and_update();
            let Some(events) = self.world.changes.after(self.version, self.wanted.resource.kind) else {
                let (version, oldest) = (self.version, self.world.read().version);
                put!(&mut out; "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\
                    \"status\":\"Failure\",\"message\":\"too old resource version: ", version, " (", oldest,
                    ")\",\"reason\":\"Expired\",\"code\":410}}\n");
                self.done = true;
                return Some(out.into());
            };
            for event in events {
                self.version = event.object.version;
                self.tell(&mut out, &event);
            }
            if !out.is_empty() {
                return Some(out.into());
            }
            tokio::select! {
                _ = self.news.changed() => {}
                _ = self.ends.changed() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark = Instant::now() + Duration::from_secs(self.world.options.bookmark);
                    self.bookmark(&mut out);
                    return Some(out.into());
                }
            }
        }
        None
    }

    fn tell(&self, out: &mut Vec<u8>, event: &Event) {
        let fits = self.wanted.fits(&event.object);
        let before = event.before.as_ref().is_some_and(|before| self.wanted.fits(before));
        // what comes to fit a selector is new to its watch, what no longer does is gone
        let word = match (event.change, before, fits) {
            (Change::Deleted, _, true) => "DELETED",
            (Change::Modified, true, false) => "DELETED",
            (Change::Modified, false, true) => "ADDED",
            (change, _, true) => change.word(),
            _ => return,
        };
        line(out, word, &event.object, self.wanted.metadata);
    }

    fn bookmark(&mut self, out: &mut Vec<u8>) {
        let resource = self.wanted.resource;
        let (kind, api) = if self.wanted.metadata {
            ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned())
        } else {
            (resource.name, resource.version())
        };
        // all of this kind up to here were told
        let newest = self.world.read().version;
        if self.world.changes.after(self.version, resource.kind).is_some_and(|events| events.is_empty()) {
            self.version = self.version.max(newest);
        }
        put!(out; "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"", kind, "\",\"apiVersion\":\"", api,
            "\",\"metadata\":{\"resourceVersion\":\"", self.version, "\",\"creationTimestamp\":null}}}\n");
    }
}

fn line(out: &mut Vec<u8>, word: &str, object: &Object, metadata: bool) {
    put!(out; "{\"type\":\"", word, "\",\"object\":");
    if metadata {
        objects::partial(out, object)
    } else {
        objects::render(out, object, true)
    }
    put!(out; "}\n");
}
