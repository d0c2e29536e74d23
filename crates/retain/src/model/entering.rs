//! A round on its way in.

use std::collections::HashMap;
use std::sync::Arc;

use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::time::Timestamp;

use super::slot::{Keep, Slot};

/// A round whose sets are taken one after the other. Then those that are no longer there get their last record.
pub(super) struct Entering {
    pub(super) batch: Arc<Batch>,
    pub(super) keep: Keep,
    /// The slots of the round before, empty where the set is in already.
    pub(super) before: Vec<Slot>,
    older: Option<Arc<Batch>>,
    /// Of the round before: whose slots are no longer in `before`.
    moved: Vec<bool>,
    /// The number of the round before.
    round: u32,
    /// Where the next set probably stood in the round before.
    guess: usize,
    /// So many of the round before were looked at once all sets are in.
    looked_at: usize,
    scratch: Vec<u8>,
}

impl Entering {
    pub(super) fn new(
        batch: Arc<Batch>,
        older: Option<Arc<Batch>>,
        before: Vec<Slot>,
        round: u32,
        keep: Keep,
    ) -> Self {
        let moved = vec![false; before.len()];
        Self { batch, keep, before, older, moved, round, guess: 0, looked_at: 0, scratch: Vec::new() }
    }

    /// Takes so many sets at most; false once nothing is left.
    pub(super) fn advance(
        &mut self,
        sets: usize,
        slots: &mut Vec<Slot>,
        gone: &mut HashMap<Key, Slot>,
    ) -> bool {
        let first = slots.len();
        let end = first.saturating_add(sets).min(self.batch.len());
        for place in first..end {
            slots.push(self.enter(place, gone));
        }
        let vanished = first.saturating_add(sets) - end;
        let end = self.looked_at.saturating_add(vanished).min(self.before.len());
        for place in self.looked_at..end {
            self.leave(place, gone);
        }
        self.looked_at = end;
        slots.len() < self.batch.len() || self.looked_at < self.before.len()
    }

    /// The slot of the set at this place.
    fn enter(&mut self, place: usize, gone: &mut HashMap<Key, Slot>) -> Slot {
        let Some(set) = self.batch.nth(place) else { return Slot::default() };
        let stood = self.older.as_ref().and_then(|older| older.place_near(&set.key, self.guess));
        self.guess = stood.map_or(self.guess, |stood| stood + 1);
        let mut slot = match stood.and_then(|stood| self.before.get_mut(stood)) {
            Some(slot) => std::mem::take(slot),
            None if gone.is_empty() => Slot::default(),
            None => gone.remove(&set.key).unwrap_or_default(),
        };
        if let (Some(stood), Some(older)) = (stood, &self.older)
            && let (Some(older), Some(moved)) = (older.nth(stood), self.moved.get_mut(stood))
        {
            *moved = true;
            slot.push(older, Some(set), self.round, self.keep, &mut self.scratch);
        }
        slot
    }

    /// Puts who stood at this place of the round before among the gone, unless it is in the new one.
    fn leave(&mut self, place: usize, gone: &mut HashMap<Key, Slot>) {
        let Some(moved) = self.moved.get_mut(place).filter(|moved| !**moved) else { return };
        *moved = true;
        if let (Some(older), Some(slot)) =
            (self.older.as_ref().and_then(|older| older.nth(place)), self.before.get_mut(place))
        {
            let mut slot = std::mem::take(slot);
            slot.push(older, None, self.round, self.keep, &mut self.scratch);
            gone.insert(older.key.clone(), slot);
        }
    }

    /// Where an entity stands whose turn has not come: its set in the round before with that round's time, and its
    /// slot.
    pub(super) fn waits(&self, key: &Key) -> Option<(Option<(Timestamp, &Set)>, &Slot)> {
        let older = self.older.as_ref()?;
        let place = older.place_of(key).filter(|place| self.moved.get(*place) == Some(&false))?;
        Some((Some((older.at, older.nth(place)?)), self.before.get(place)?))
    }
}
