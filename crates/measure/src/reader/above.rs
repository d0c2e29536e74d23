//! The group above: what did not run there ran in no group below it.
//!
//! Reads: the leading file of CPU time, of the group above
//! Gives: a number that is another one once its text is another one
//! Cost:  one file for all groups of a family that are read within a millisecond; where that does not pay, one in 30 s
//!
//! The kernel adds what a group uses to all groups above it (v1 in nanoseconds; v2 tells microseconds, of which a group
//! below may be one behind). So while the text above is as it was before a group's own file was read, that file says
//! what it said.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::file::HotFile;

use super::place::{self, PlaceState};
use super::plan::{Context, File};
use super::within;

/// How old a reading may be that counts for a group: no more than a timestamp on `/metrics` can tell.
const SHARED_FOR: i64 = 1_000_000;

/// How long nothing is asked where it does not pay: something below runs, or nobody shared a reading.
const PAUSE: i64 = 30_000_000_000;

/// A group with others below, shared by their readers.
#[derive(Debug)]
pub(crate) struct Above {
    name: Box<str>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: HotFile,
    text: Vec<u8>,
    read: Timestamp,
    /// Whether another group has taken the reading than the one that made it.
    shared: bool,
    /// How many texts there have been; 0 before the first.
    texts: u64,
    paused: Option<Timestamp>,
}

impl Above {
    /// How many texts its `file` has had; absent where it is not asked. `files` counts what was read.
    pub(super) fn texts(
        &self,
        context: &Context<'_>,
        file: &File,
        buffer: &mut Vec<u8>,
        files: &mut u32,
    ) -> Option<u64> {
        let at = context.at;
        // who would have to wait is quicker by itself
        let mut state = match self.state.try_lock() {
            Err(TryLockError::WouldBlock) => return None,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Ok(state) => state,
        };
        if state.paused.is_some_and(|since| within(since, at, PAUSE)) {
            return None;
        }
        if state.texts > 0 && state.paused.is_none() && within(state.read, at, SHARED_FOR) {
            state.shared = true;
            return Some(state.texts);
        }
        let worthwhile = state.texts == 0 || state.shared || state.paused.is_some();
        let read = worthwhile && state.read(context, file, &self.name, buffer);
        *files += u32::from(read);
        let as_before = read && *state.text == **buffer;
        if read && !as_before {
            state.texts += 1;
            state.text.clone_from(buffer);
        }
        // the first text after a pause is nobody's change
        let goes_on = read && (as_before || state.paused.is_some() || state.texts == 1);
        state.paused = Some(at).filter(|_| !goes_on);
        (state.read, state.shared) = (at, false);
        goes_on.then_some(state.texts)
    }
}

impl State {
    /// Whether the text is in the buffer, and its descriptor kept: to open it each time would not pay.
    fn read(&mut self, context: &Context<'_>, file: &File, name: &str, buffer: &mut Vec<u8>) -> bool {
        if let Some(result) = self.file.read(buffer, file.enough) {
            return result.is_ok();
        }
        let host = context.host;
        let mut dir = PlaceState::default();
        let Ok(dir) = dir.dir(file.place, host, name, None, context.at) else { return false };
        self.file.open_and_read(dir, file.name, &host.budget, buffer, file.enough).is_ok()
            && self.file.is_kept()
    }
}

/// All groups above others.
#[derive(Debug, Default)]
pub(crate) struct Family(Mutex<HashMap<Box<str>, Weak<Above>>>);

impl Family {
    /// Of the group with this name, unless that is the root, below which something always runs.
    pub(super) fn above(&self, group: &str) -> Option<Arc<Above>> {
        let name = place::above(group);
        if name == group {
            return None;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(above) = all.get(name).and_then(Weak::upgrade) {
            return Some(above);
        }
        all.retain(|_, above| above.strong_count() > 0);
        let above = Arc::new(Above { name: name.into(), state: Mutex::default() });
        all.insert(name.into(), Arc::downgrade(&above));
        Some(above)
    }
}

#[cfg(test)]
impl Family {
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}
