//! What the watch knows: which groups there are, in which hierarchies, under which inotify watch.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// No such directory.
const ABSENT: i32 = i32::MIN;
/// The directory is there and has no watch.
const UNWATCHED: i32 = -1;

/// A group's directory in one hierarchy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    wd: i32,
    /// Its inode; 0 while nobody has looked.
    pub(super) ino: u64,
}

impl Place {
    const ABSENT: Self = Self { wd: ABSENT, ino: 0 };

    /// Whether the directory is there.
    pub(super) fn present(self) -> bool {
        self.wd != ABSENT
    }

    /// Its inotify watch.
    pub(super) fn watch(self) -> Option<i32> {
        (self.wd >= 0).then_some(self.wd)
    }
}

/// Whether a group has processes, as far as that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Unknown,
    Alive,
    Empty,
}

/// A process that is waited for.
pub(super) struct Guard {
    /// The descriptor leaves epoll when it is closed.
    pub(super) _pidfd: OwnedFd,
    pub(super) pid: i32,
    /// Tells this guard from an earlier one of the same slot.
    pub(super) serial: u32,
}

/// A group in all its hierarchies.
pub(super) struct Group {
    pub(super) name: Arc<str>,
    pub(super) places: Box<[Place]>,
    pub(super) guard: Option<Guard>,
    pub(super) life: Life,
}

/// Where a group is kept.
pub(super) type Slot = u32;

/// All groups.
pub(super) struct Groups {
    dirs: usize,
    slots: Vec<Option<Group>>,
    free: Vec<Slot>,
    /// Sorted, so that parents come before children and a subtree is a range.
    names: BTreeMap<Arc<str>, Slot>,
    watches: HashMap<i32, (Slot, u32)>,
}

impl Groups {
    pub(super) fn new(dirs: usize) -> Self {
        Self { dirs, slots: Vec::new(), free: Vec::new(), names: BTreeMap::new(), watches: HashMap::new() }
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// How many watches there are.
    pub(super) fn watches(&self) -> usize {
        self.watches.len()
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Group> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Group> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// The group's directory in a hierarchy.
    pub(super) fn place(&self, slot: Slot, dir: usize) -> Option<Place> {
        self.get(slot)?.places.get(dir).copied().filter(|place| place.present())
    }

    pub(super) fn find(&self, name: &str) -> Option<Slot> {
        self.names.get(name).copied()
    }

    /// Which directory a watch is on.
    pub(super) fn watched(&self, wd: i32) -> Option<(Slot, usize)> {
        self.watches.get(&wd).map(|(slot, dir)| (*slot, *dir as usize))
    }

    /// All groups, parents before children.
    pub(super) fn all(&self) -> Vec<(Arc<str>, Slot)> {
        self.names.iter().map(|(name, slot)| (Arc::clone(name), *slot)).collect()
    }

    /// A group and all below it that are in a hierarchy, children before parents.
    pub(super) fn subtree(&self, name: &str, dir: usize) -> Vec<Slot> {
        let below = if name == "/" { name.to_owned() } else { format!("{name}/") };
        let children = self
            .names
            .range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded))
            .take_while(|(child, _)| child.starts_with(&below));
        let mut slots: Vec<Slot> =
            children.filter(|(child, _)| &***child != name).map(|(_, slot)| *slot).collect();
        slots.splice(..0, self.find(name));
        slots.retain(|slot| self.place(*slot, dir).is_some());
        slots.reverse();
        slots
    }

    /// The group of this name, made when it is not there.
    pub(super) fn or_new(&mut self, name: &str) -> Slot {
        if let Some(slot) = self.find(name) {
            return slot;
        }
        let name: Arc<str> = name.into();
        let group = Group {
            name: Arc::clone(&name),
            places: vec![Place::ABSENT; self.dirs].into(),
            guard: None,
            life: Life::Unknown,
        };
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                Slot::try_from(self.slots.len() - 1).unwrap_or(Slot::MAX)
            }
        };
        if let Some(space) = self.slots.get_mut(slot as usize) {
            *space = Some(group);
            self.names.insert(name, slot);
        }
        slot
    }

    /// Notes that the group is in a hierarchy, and its watch there.
    pub(super) fn put(&mut self, slot: Slot, dir: usize, watch: Option<i32>, ino: u64) {
        self.unwatch(slot, dir);
        if let Some(place) = self.get_mut(slot).and_then(|group| group.places.get_mut(dir)) {
            *place = Place { wd: watch.unwrap_or(UNWATCHED), ino };
            if let Some(wd) = watch {
                self.watches.insert(wd, (slot, u32::try_from(dir).unwrap_or(u32::MAX)));
            }
        }
    }

    /// Notes that the directory has no watch (any more); gives the one that it had.
    pub(super) fn unwatch(&mut self, slot: Slot, dir: usize) -> Option<i32> {
        let place = self.get_mut(slot)?.places.get_mut(dir)?;
        let wd = place.watch()?;
        place.wd = UNWATCHED;
        // the watch may have gone over to a directory that took this one's place
        if self.watched(wd) == Some((slot, dir)) {
            self.watches.remove(&wd);
            return Some(wd);
        }
        None
    }

    /// Notes that the group is gone from a hierarchy. Gives its name, and the whole group when that was
    /// the last.
    pub(super) fn remove(&mut self, slot: Slot, dir: usize) -> Option<(Arc<str>, Option<Group>)> {
        let group = self.get_mut(slot)?;
        *group.places.get_mut(dir)? = Place::ABSENT;
        let name = Arc::clone(&group.name);
        if group.places.iter().any(|place| place.present()) {
            return Some((name, None));
        }
        self.names.remove(&name);
        self.free.push(slot);
        Some((name, self.slots.get_mut(slot as usize)?.take()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtree_is_below_the_name_and_not_beside_it() {
        let mut groups = Groups::new(2);
        for name in ["/", "/a", "/a/b", "/a/b/c", "/ab", "/a-b", "/c"] {
            let slot = groups.or_new(name);
            groups.put(slot, 0, None, 1);
        }
        let slot = groups.or_new("/a/x");
        groups.put(slot, 1, None, 1);
        let names = |name: &str, dir| -> Vec<String> {
            groups
                .subtree(name, dir)
                .iter()
                .filter_map(|slot| Some(groups.get(*slot)?.name.to_string()))
                .collect()
        };
        assert_eq!(names("/a", 0), ["/a/b/c", "/a/b", "/a"]);
        assert_eq!(names("/a", 1), ["/a/x"]);
        assert_eq!(names("/", 0), ["/c", "/ab", "/a/b/c", "/a/b", "/a-b", "/a", "/"]);
    }

    #[test]
    fn a_group_goes_with_its_last_directory_and_its_slot_is_used_again() {
        let mut groups = Groups::new(2);
        let slot = groups.or_new("/a");
        groups.put(slot, 0, Some(5), 1);
        groups.put(slot, 1, Some(6), 1);
        assert_eq!(groups.watched(6), Some((slot, 1)));
        assert_eq!(groups.unwatch(slot, 0), Some(5));
        assert!(groups.remove(slot, 0).is_some_and(|(_, last)| last.is_none()));
        assert!(groups.remove(slot, 1).is_some_and(|(_, last)| last.is_some()));
        assert_eq!(groups.find("/a"), None);
        assert_eq!(groups.or_new("/b"), slot);
    }
}
