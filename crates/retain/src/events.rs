//! Events of the past, bounded by age and count for each type.

use std::collections::VecDeque;

use plimsoll_core::event::{Event, EventType};
use plimsoll_core::time::Timestamp;

/// How many events of a type are kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Events that are this much or more older than one that is added are dropped; 0 keeps them.
    pub age_nanos: i64,
    /// At most so many; 0 stores none, absent is no limit.
    pub count: Option<usize>,
}

/// The limits of each type: what `event_storage_age_limit` and `event_storage_event_limit` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    of: [Limit; EventType::ALL.len()],
}

impl Limits {
    /// The same limit for every type.
    pub const fn all(limit: Limit) -> Self {
        Self { of: [limit; EventType::ALL.len()] }
    }

    /// The limit of one type.
    pub fn of_mut(&mut self, kind: EventType) -> &mut Limit {
        // the array is as long as the list of types
        let [oom, oom_kill, creation, deletion] = &mut self.of;
        match kind {
            EventType::Oom => oom,
            EventType::OomKill => oom_kill,
            EventType::Creation => creation,
            EventType::Deletion => deletion,
        }
    }
}

/// A day and 100,000 events for each type.
impl Default for Limits {
    fn default() -> Self {
        Self::all(Limit { age_nanos: 24 * 3600 * 1_000_000_000, count: Some(100_000) })
    }
}

/// Which events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The container's name; with `subcontainers` those below it as well.
    pub container: &'a str,
    /// Whether containers below count.
    pub subcontainers: bool,
    /// Types that count; none gives nothing.
    pub types: &'a [EventType],
    /// Not before.
    pub start: Option<Timestamp>,
    /// Not after.
    pub end: Option<Timestamp>,
    /// At most so many, the newest; absent is all.
    pub max: Option<usize>,
}

/// The events that are kept.
pub struct EventStore {
    stores: [Store; EventType::ALL.len()],
}

struct Store {
    kind: EventType,
    limit: Limit,
    // by time; among equals in the order in which they came
    events: VecDeque<Event>,
}

impl EventStore {
    /// An empty store.
    pub fn new(mut limits: Limits) -> Self {
        Self {
            stores: EventType::ALL.map(|kind| Store {
                kind,
                limit: *limits.of_mut(kind),
                events: VecDeque::new(),
            }),
        }
    }

    /// Adds an event at its place in time, and drops those that are then too old or too many.
    pub fn add(&mut self, event: Event) {
        if let Some(store) = self.stores.iter_mut().find(|store| store.kind == event.event_type) {
            store.add(event);
        }
    }

    /// The newest `max` of the events that are asked for, oldest first.
    pub fn query(&self, query: &Query<'_>) -> Vec<Event> {
        let max = query.max.unwrap_or(usize::MAX);
        let mut newest_first: Vec<_> = self
            .stores
            .iter()
            .filter(|store| query.types.contains(&store.kind))
            .map(|store| store.between(query).rev().filter(|event| query.names(event)).peekable())
            .collect();
        let mut found = Vec::new();
        while found.len() < max {
            let next = newest_first
                .iter_mut()
                .filter_map(|events| Some((events.peek()?.timestamp, events)))
                .max_by_key(|(at, _)| *at)
                .and_then(|(_, events)| events.next());
            match next {
                Some(event) => found.push(event.clone()),
                None => break,
            }
        }
        found.reverse();
        found
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.stores.iter().map(|store| store.events.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Store {
    fn add(&mut self, event: Event) {
        let Limit { age_nanos, count } = self.limit;
        let count = count.unwrap_or(usize::MAX);
        if count == 0 {
            return;
        }
        if age_nanos > 0 {
            // seen from the event that is added, not from the newest: one event of a clock that ran ahead
            // must not make the store refuse all later ones
            let old = self.events.partition_point(|kept| event.timestamp.since(kept.timestamp) >= age_nanos);
            self.events.drain(..old);
        }
        // room is made first, so that a new event is kept even if it is the oldest
        self.events.drain(..(self.events.len() + 1).saturating_sub(count));
        let place = self.events.partition_point(|kept| kept.timestamp <= event.timestamp);
        self.events.insert(place, event);
    }

    fn between(&self, query: &Query<'_>) -> impl DoubleEndedIterator<Item = &Event> {
        let first = query.start.map_or(0, |start| self.events.partition_point(|e| e.timestamp < start));
        let end =
            query.end.map_or(self.events.len(), |end| self.events.partition_point(|e| e.timestamp <= end));
        self.events.range(first.min(end)..end)
    }
}

impl Query<'_> {
    fn names(&self, event: &Event) -> bool {
        let name = event.container_name.as_str();
        let below = || {
            self.container == "/"
                || name.strip_prefix(self.container).is_some_and(|rest| rest.starts_with('/'))
        };
        name == self.container || (self.subcontainers && below())
    }
}
