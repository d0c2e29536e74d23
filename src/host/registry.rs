//! The containers that are there, by name, and those that ended lately.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, RwLock};

use super::container::Container;
use super::{lock, read, write};

/// Every container, sorted by name.
#[derive(Default)]
pub(crate) struct Registry {
    by_name: RwLock<BTreeMap<Arc<str>, Arc<Container>>>,
    /// Names by the id that a runtime claims; an id may have several groups (an init scope inside).
    by_id: Mutex<HashMap<String, Vec<Arc<str>>>>,
}

impl Registry {
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Container>> {
        read(&self.by_name).get(name).cloned()
    }

    /// The containers that a runtime's id stands for.
    pub(crate) fn of_id(&self, id: &str) -> Vec<Arc<Container>> {
        let names = lock(&self.by_id).get(id).cloned().unwrap_or_default();
        names.iter().filter_map(|name| self.get(name)).collect()
    }

    /// All, sorted by name.
    pub(crate) fn all(&self) -> Vec<Arc<Container>> {
        read(&self.by_name).values().cloned().collect()
    }

    /// Those below a group, sorted by name.
    pub(crate) fn below(&self, name: &str) -> Vec<Arc<Container>> {
        let start = format!("{}/", name.trim_end_matches('/'));
        let by_name = read(&self.by_name);
        let range = by_name.range::<str, _>((Bound::Excluded(&*start), Bound::Unbounded));
        range
            .take_while(|(name, _)| name.starts_with(&start))
            .map(|(_, container)| container.clone())
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        read(&self.by_name).len()
    }

    /// Adds a container unless one of that name is there; gives the one that is.
    pub(crate) fn insert(&self, container: Container) -> Result<Arc<Container>, Arc<Container>> {
        let mut by_name = write(&self.by_name);
        if let Some(there) = by_name.get(&container.name) {
            return Err(there.clone());
        }
        let container = Arc::new(container);
        by_name.insert(container.name.clone(), container.clone());
        if let Some(id) = &container.claimed {
            lock(&self.by_id).entry(id.clone()).or_default().push(container.name.clone());
        }
        Ok(container)
    }

    pub(crate) fn remove(&self, name: &str) -> Option<Arc<Container>> {
        let mut by_name = write(&self.by_name);
        let container = by_name.remove(name)?;
        self.forget_id(&container);
        Some(container)
    }

    /// Removes this very container; one that came after it under its name stays.
    pub(crate) fn remove_this(&self, container: &Arc<Container>) -> bool {
        let mut by_name = write(&self.by_name);
        if !by_name.get(&container.name).is_some_and(|there| Arc::ptr_eq(there, container)) {
            return false;
        }
        by_name.remove(&container.name);
        self.forget_id(container);
        true
    }

    /// Called with the names locked, so that no other of the same name and id comes in between.
    fn forget_id(&self, container: &Container) {
        let name = &container.name;
        if let Some(id) = &container.claimed {
            let mut by_id = lock(&self.by_id);
            if let Some(names) = by_id.get_mut(id) {
                names.retain(|other| other != name);
                if names.is_empty() {
                    by_id.remove(id);
                }
            }
        }
    }
}
