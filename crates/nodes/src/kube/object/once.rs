//! Values that many objects have alike, kept once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::cluster::objects::Map;

/// What clones share.
pub(super) trait Shared: Clone + Eq + Hash {
    /// How many clones there are, this one included.
    fn owners(&self) -> usize;
}

impl Shared for Map {
    fn owners(&self) -> usize {
        Self::owners(self)
    }
}

impl<T: Eq + Hash> Shared for Arc<[T]> {
    fn owners(&self) -> usize {
        Arc::strong_count(self)
    }
}

/// The values in use, and how many there may be before those that nobody uses are looked for.
pub(super) struct Once<T>(Mutex<(HashSet<T>, usize)>);

/// Below this many, nobody looks.
const FEW: usize = 1024;

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::new((HashSet::new(), FEW)))
    }
}

impl<T: Shared> Once<T> {
    /// The one copy of this value.
    pub(super) fn get(&self, value: T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, most) = &mut *all;
        if let Some(known) = known.get(&value) {
            return known.clone();
        }
        if known.len() >= *most {
            known.retain(|one| one.owners() > 1);
            known.shrink_to(2 * known.len());
            *most = (2 * known.len()).max(FEW);
        }
        known.insert(value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_kept_once_and_forgotten() {
        let once = Once::default();
        let value = |number: u32| once.get(Arc::<[u32]>::from([number]));
        let kept = value(1);
        assert!(Arc::ptr_eq(&kept, &value(1)));
        for number in 0..5000 {
            value(number);
        }
        assert!(Arc::ptr_eq(&kept, &value(1)));
        assert!(once.0.lock().unwrap().0.len() <= FEW);
        // who is used is not forgotten, however many there are
        let all: Vec<_> = (0..5000).map(value).collect();
        assert!(all.iter().zip(0..).all(|(one, number)| Arc::ptr_eq(one, &value(number))));
    }
}
