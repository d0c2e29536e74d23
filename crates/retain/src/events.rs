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

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::event::EventData;
    use proptest::prelude::*;

    fn event(container: &str, at: i64, event_type: EventType) -> Event {
        Event {
            container_name: container.to_owned(),
            timestamp: Timestamp(at),
            event_type,
            event_data: EventData::default(),
        }
    }

    const ALL: Query<'static> = Query {
        container: "/",
        subcontainers: true,
        types: &EventType::ALL,
        start: None,
        end: None,
        max: None,
    };

    fn store(limit: Limit, events: &[Event]) -> EventStore {
        let mut store = EventStore::new(Limits::all(limit));
        events.iter().cloned().for_each(|event| store.add(event));
        store
    }

    fn names(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.container_name.as_str()).collect()
    }

    const NO_LIMIT: Limit = Limit { age_nanos: 0, count: None };

    #[test]
    fn a_name_matches_whole_parts_only() {
        let containers = ["/", "/foo", "/foo/a", "/foobar", "/foo/a/b"];
        let events: Vec<_> =
            containers.iter().zip(0..).map(|(name, at)| event(name, at, EventType::Creation)).collect();
        let store = store(NO_LIMIT, &events);
        let f = |container, subcontainers, expected: &[&str]| {
            let found = store.query(&Query { container, subcontainers, ..ALL });
            assert_eq!(names(&found), expected, "{container} {subcontainers}");
        };
        f("/foo", false, &["/foo"]);
        f("/foo", true, &["/foo", "/foo/a", "/foo/a/b"]);
        f("/foo/a", true, &["/foo/a", "/foo/a/b"]);
        f("/", false, &["/"]);
        f("/", true, &containers);
        f("/fo", true, &[]);
    }

    #[test]
    fn the_maximum_counts_what_was_asked_for() {
        let mut events = vec![event("/wanted", 1, EventType::Oom), event("/wanted", 2, EventType::Creation)];
        events.extend((3..50).map(|at| event("/other", at, EventType::Oom)));
        let store = store(NO_LIMIT, &events);
        let query = Query { container: "/wanted", max: Some(2), ..ALL };
        assert_eq!(store.query(&query), &events[..2]);
        assert_eq!(store.query(&Query { max: Some(1), ..query }), &events[1..2]);
        assert_eq!(store.query(&Query { max: Some(0), ..query }), []);
    }

    #[test]
    fn each_type_has_its_own_limits() {
        let mut limits = Limits::all(NO_LIMIT);
        *limits.of_mut(EventType::Oom) = Limit { age_nanos: 0, count: Some(0) };
        *limits.of_mut(EventType::Creation) = Limit { age_nanos: 0, count: Some(1) };
        *limits.of_mut(EventType::Deletion) = Limit { age_nanos: 10, count: None };
        let mut store = EventStore::new(limits);
        for at in [0, 5, 10] {
            for kind in EventType::ALL {
                store.add(event("/", at, kind));
            }
        }
        let times = |kind| {
            let found = store.query(&Query { types: &[kind], ..ALL });
            found.iter().map(|event| event.timestamp.nanos()).collect::<Vec<_>>()
        };
        assert!(times(EventType::Oom).is_empty());
        assert_eq!(times(EventType::OomKill), [0, 5, 10]);
        assert_eq!(times(EventType::Creation), [10]);
        assert_eq!(times(EventType::Deletion), [5, 10]);
    }

    #[test]
    fn an_event_of_the_past_is_kept_though_there_is_no_room() {
        let limit = Limit { age_nanos: 0, count: Some(2) };
        let store = store(limit, &[5, 6, 1].map(|at| event("/", at, EventType::Creation)));
        let times: Vec<_> = store.query(&ALL).iter().map(|event| event.timestamp.nanos()).collect();
        assert_eq!(times, [1, 6]);
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_list(
            events in prop::collection::vec((0..4_usize, 0..50_i64, 0..4_usize), 0..60),
            age_nanos in 0..30_i64,
            count in prop::option::of(0..20_usize),
            container in 0..4_usize,
            subcontainers: bool,
            types in prop::sample::subsequence(EventType::ALL.to_vec(), 0..=4),
            start in prop::option::of(-5..55_i64),
            end in prop::option::of(-5..55_i64),
            max in prop::option::of(0..20_usize),
        ) {
            const NAMES: [&str; 4] = ["/", "/a", "/a/b", "/ab"];
            let mut store = EventStore::new(Limits::all(Limit { age_nanos, count }));
            let mut model: Vec<Event> = Vec::new();
            for (name, at, kind) in events {
                let event = event(NAMES[name], at, EventType::ALL[kind]);
                store.add(event.clone());
                let same = |kept: &Event| kept.event_type == event.event_type;
                if age_nanos > 0 {
                    model.retain(|kept| !same(kept) || kept.timestamp.nanos() > at - age_nanos);
                }
                if count == Some(0) {
                    continue;
                }
                while count.is_some_and(|count| model.iter().filter(|kept| same(kept)).count() >= count) {
                    let oldest = model.iter().position(same).unwrap();
                    model.remove(oldest);
                }
                model.push(event);
                // stable: equals stay in the order in which they came
                model.sort_by_key(|event| event.timestamp);
            }
            let query = Query {
                container: NAMES[container],
                subcontainers,
                types: &types,
                start: start.map(Timestamp),
                end: end.map(Timestamp),
                max,
            };
            let below = |name: &str| subcontainers && match query.container {
                "/" => true,
                parent => name.starts_with(&format!("{parent}/")),
            };
            let mut expected: Vec<Event> = model
                .iter()
                .filter(|event| event.container_name == query.container || below(&event.container_name))
                .filter(|event| types.contains(&event.event_type))
                .filter(|event| start.is_none_or(|start| event.timestamp.nanos() >= start))
                .filter(|event| end.is_none_or(|end| event.timestamp.nanos() <= end))
                .cloned()
                .collect();
            expected.sort_by_key(|event| (event.timestamp, event.event_type));
            let skip = expected.len().saturating_sub(max.unwrap_or(usize::MAX));
            prop_assert_eq!(store.query(&query), &expected[skip..]);
            prop_assert_eq!(store.len(), model.len());
        }
    }
}
