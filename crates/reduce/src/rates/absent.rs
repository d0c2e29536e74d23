//! The counters of entities that are not in the newest round, for a few rounds.

use std::collections::HashMap;

use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::time::Timestamp;

/// Sets by their entity, with the round in which each was last seen.
#[derive(Default)]
pub(super) struct Absent {
    sets: HashMap<Key, (Timestamp, Set)>,
}

impl Absent {
    /// Drops what was seen longer ago than `limit` nanoseconds: so much is kept at most as a few rounds bring.
    pub(super) fn forget(&mut self, at: Timestamp, limit: i64) {
        self.sets.retain(|_, (seen, _)| (0..=limit).contains(&at.since(*seen)));
        if self.sets.capacity() > 4 * self.sets.len() + 1024 {
            self.sets.shrink_to_fit();
        }
    }

    /// Takes an entity out that is back.
    pub(super) fn take(&mut self, key: &Key) -> Option<Set> {
        if self.sets.is_empty() {
            return None;
        }
        self.sets.remove(key).map(|(_, set)| set)
    }

    /// Keeps what was sampled in the round before and was not in the new one. `found` tells how many of those were:
    /// mostly all, and then there is nothing to search.
    pub(super) fn remember(&mut self, batch: &Batch, previous: &Batch, found: usize) {
        let sampled = || previous.iter().filter(|set| set.scraped.is_some());
        if sampled().count() == found {
            return;
        }
        let mut guess = 0;
        for set in sampled() {
            let place = batch.place_near(&set.key, guess);
            guess = place.map_or(guess, |place| place + 1);
            if place.and_then(|place| batch.nth(place)?.scraped).is_none() {
                let mut kept = set.clone();
                (kept.node, kept.namespace, kept.image) = (None, None, None);
                self.sets.insert(kept.key.clone(), (previous.at, kept));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }
}
