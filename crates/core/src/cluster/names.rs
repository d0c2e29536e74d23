//! Names that are kept once: of namespaces, pods, containers, images.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// A name of an entity, one word long. Clones share the text.
pub type Name = arcstr::ArcStr;

const SHARDS: usize = 16;

/// Gives equal names one place in memory. Cheap to ask from many threads.
pub struct Names {
    hasher: RandomState,
    shards: [Mutex<HashSet<Name>>; SHARDS],
}

impl Default for Names {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Names {
    /// The one copy of this name.
    pub fn get(&self, name: &str) -> Name {
        let shard = usize::try_from(self.hasher.hash_one(name) % SHARDS as u64).unwrap_or_default();
        let Some(shard) = self.shards.get(shard) else { return Name::from(name) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard.get(name) {
            return known.clone();
        }
        let new = Name::from(name);
        shard.insert(new.clone());
        new
    }

    /// Forgets the names that nobody holds any more. Call it now and then: pods come and go.
    pub fn sweep(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            // one without a count is a constant
            shard.retain(|name| Name::strong_count(name).is_none_or(|count| count > 1));
            if shard.capacity() > 4 * shard.len() + 64 {
                shard.shrink_to_fit();
            }
        }
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_as_long_as_it_is_used() {
        let names = Names::default();
        let (one, two) = (names.get("web"), names.get("web"));
        assert!(Name::ptr_eq(&one, &two));
        drop(names.get("gone"));
        assert_eq!(names.len(), 2);
        names.sweep();
        assert_eq!(names.len(), 1);
        assert!(Name::ptr_eq(&one, &names.get("web")));
    }
}
