//! The whole cluster: its objects by kind and name, its nodes, and the changes that watches tell.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use crate::changes::{Change, Changes};
use crate::fault::Trouble;
use crate::node::Node;
use crate::object::{Kind, Object};
use crate::options::Options;

/// The present, in milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Everything.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) changes: Changes,
    /// What is wrong with the API server.
    pub(crate) api: watch::Sender<Trouble>,
    /// Pods that are replaced in a minute.
    pub(crate) churn: AtomicU32,
    state: RwLock<State>,
}

/// What there is.
pub(crate) struct State {
    objects: BTreeMap<(Kind, Arc<str>, Arc<str>), Arc<Object>>,
    pub(crate) nodes: BTreeMap<Arc<str>, Arc<Node>>,
    /// Of the newest change.
    pub(crate) version: u64,
    /// How many pods of each kind of owner there ever were, and nodes.
    pub(crate) made: BTreeMap<Kind, u64>,
}

impl World {
    /// An empty one.
    pub(crate) fn new(options: Options) -> Self {
        let state =
            State { objects: BTreeMap::new(), nodes: BTreeMap::new(), version: 1000, made: BTreeMap::new() };
        let churn = AtomicU32::new(options.churn);
        let api = watch::Sender::new(Trouble::default());
        Self { options, changes: Changes::new(), api, churn, state: RwLock::new(state) }
    }

    /// The present, as something begins in it.
    pub(crate) fn moment(&self) -> i64 {
        let step = if self.options.whole_seconds { 1000 } else { 1 };
        now() / step * step
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an object in, or a newer form of it, and tells the watches.
    pub(crate) fn put(&self, state: &mut State, object: Object) -> Arc<Object> {
        let (object, before) = state.insert(object);
        let change = if before.is_some() { Change::Modified } else { Change::Added };
        self.changes.tell(change, &object, before);
        object
    }

    /// Takes an object out and tells the watches.
    pub(crate) fn remove(&self, state: &mut State, object: &Object) {
        if state.objects.remove(&object.key()).is_some() {
            state.version += 1;
            let last = Arc::new(Object { version: state.version, ..object.clone() });
            self.changes.tell(Change::Deleted, &last, None);
        }
    }

    /// The nodes that these words mean: `all`, a name, `3-7` by number; joined by commas.
    ///
    /// # Errors
    /// No node has that name.
    pub(crate) fn nodes(&self, words: &str) -> crate::Result<Vec<Arc<Node>>> {
        let state = self.read();
        let mut found = Vec::new();
        for word in words.split(',') {
            let range = word
                .split_once('-')
                .and_then(|(from, to)| Some(from.parse::<usize>().ok()?..=to.parse::<usize>().ok()?));
            if word == "all" {
                found.extend(state.nodes.values().cloned());
            } else if let Some(range) = range {
                found.extend(state.nodes.values().skip(*range.start()).take(range.count()).cloned());
            } else {
                let node = state.nodes.get(word);
                found.push(
                    node.cloned().ok_or_else(|| format!("{word}: no such node; all, a name or FROM-TO"))?,
                );
            }
        }
        Ok(found)
    }
}

impl State {
    /// Puts an object in as the newest change, for no watch to see; gives it and the one before it.
    pub(crate) fn insert(&mut self, object: Object) -> (Arc<Object>, Option<Arc<Object>>) {
        self.version += 1;
        let object = Arc::new(Object { version: self.version, ..object });
        let before = self.objects.insert(object.key(), Arc::clone(&object));
        (object, before)
    }

    /// One object.
    pub(crate) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.objects.get(&(kind, namespace.into(), name.into()))
    }

    /// Those of a kind in their order, from behind a place on.
    pub(crate) fn of_kind(
        &self,
        kind: Kind,
        behind: Option<(&str, &str)>,
    ) -> impl Iterator<Item = &Arc<Object>> {
        let from = match behind {
            Some((namespace, name)) => Bound::Excluded((kind, namespace.into(), name.into())),
            None => Bound::Included((kind, "".into(), "".into())),
        };
        let range = self.objects.range((from, Bound::Unbounded));
        range.take_while(move |((one, _, _), _)| *one == kind).map(|(_, object)| object)
    }

    /// The next number of a kind.
    pub(crate) fn next(&mut self, kind: Kind) -> u64 {
        let made = self.made.entry(kind).or_default();
        *made += 1;
        *made - 1
    }
}
