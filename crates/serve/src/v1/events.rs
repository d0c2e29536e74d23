//! `/api/v1.3/events[/name]` and `/api/v2.x/events[/name]`: what happened to containers.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use plimsoll_core::event::{Event, EventType};
use plimsoll_core::time::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::body::{Body, streamed};
use crate::past::{EventQuery, Past};
use crate::query::Query;
use crate::{go, json, names, reply};

/// cAdvisor's own default.
const MAX_EVENTS: usize = 10;

/// Answers with an array of those that were kept, oldest first, or with a stream of those to come.
///
/// # Errors
/// A sentence for the client.
pub fn answer(past: &Arc<dyn Past>, name: &str, query: Query<'_>) -> Result<Response<Body>, String> {
    let asked = read(name, query)?;
    if !truth(query, "stream") {
        return Ok(reply::value(&past.events(&asked)));
    }
    if asked.start.is_some() || asked.end.is_some() {
        return Err(
            "for a call to watch, request.StartTime and request.EndTime must be uninitialized".to_owned()
        );
    }
    Ok(Response::new(watch(past.watch_events(), asked)))
}

/// The query. What cannot be read is passed over, as cAdvisor does; its clients rely on that.
fn read(name: &str, query: Query<'_>) -> Result<EventQuery, String> {
    let all = truth(query, "all_events");
    let types = EventType::ALL.into_iter().filter(|kind| all || truth(query, switch(*kind))).collect();
    let max = match query.first("max_events").as_deref().and_then(go::parse_int) {
        None => Some(MAX_EVENTS),
        Some(-1) => None,
        Some(n) => Some(usize::try_from(n).map_err(|_| {
            format!("invalid 'max_events' option: only -1 (all) and larger values allowed, not {n}")
        })?),
    };
    Ok(EventQuery {
        container: name.to_owned(),
        subcontainers: truth(query, "subcontainers"),
        types,
        start: instant(query, "start_time"),
        end: instant(query, "end_time"),
        max,
    })
}

/// The parameter that asks for a type.
const fn switch(kind: EventType) -> &'static str {
    match kind {
        EventType::Oom => "oom_events",
        EventType::OomKill => "oom_kill_events",
        EventType::Creation => "creation_events",
        EventType::Deletion => "deletion_events",
    }
}

fn truth(query: Query<'_>, name: &str) -> bool {
    query.first(name).as_deref().and_then(go::parse_bool).unwrap_or(false)
}

/// RFC 3339, or seconds since 1970 as cAdvisor's documentation promises.
fn instant(query: Query<'_>, name: &str) -> Option<Timestamp> {
    let text = query.first(name)?;
    match text.parse() {
        Ok(seconds) => Some(Timestamp::from_secs(seconds)),
        Err(_) => Timestamp::parse(&text).ok().flatten(),
    }
}

/// Whether a watcher asked for this event.
fn wanted(asked: &EventQuery, event: &Event) -> bool {
    let name = &event.container_name;
    let named = *name == asked.container || (asked.subcontainers && names::is_within(name, &asked.container));
    named && asked.types.contains(&event.event_type)
}

/// Events as lines, as they happen, until the client goes or the host stops. A reader that is too slow loses
/// the oldest and is told nothing; the others wait for nobody.
fn watch(events: Receiver<Arc<Event>>, asked: EventQuery) -> Body {
    streamed(stream::unfold((events, asked), |(mut events, asked)| async move {
        loop {
            match events.recv().await {
                Ok(event) if wanted(&asked, &event) => {
                    let mut line = json::to_vec(&*event);
                    line.push(b'\n');
                    return Some((Bytes::from(line), (events, asked)));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(lost)) => {
                    tracing::warn!(
                        container = asked.container,
                        lost,
                        "a reader of events is too slow; it lost some"
                    );
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }))
}
