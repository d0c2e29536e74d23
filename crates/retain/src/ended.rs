//! What has ended lately: bounded by count and age.

use std::collections::VecDeque;

use plimsoll_core::time::Timestamp;

/// The recently ended, with what is kept of each.
pub struct Ended<T> {
    max_count: usize,
    max_age: i64,
    // in the order of their ends
    entries: VecDeque<Entry<T>>,
}

/// One that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<T> {
    /// Its name; others may have ended under the same.
    pub name: String,
    /// When its end was seen.
    pub at: Timestamp,
    /// What is kept of it.
    pub kept: T,
}

impl<T> Ended<T> {
    /// At most `max_count`, none of them `max_age_nanos` or more older than the one that ended last;
    /// with age 0, none is too old.
    pub const fn new(max_count: usize, max_age_nanos: i64) -> Self {
        Self { max_count, max_age: max_age_nanos, entries: VecDeque::new() }
    }

    /// Adds one, and drops what is too old or too much.
    pub fn add(&mut self, name: String, at: Timestamp, kept: T) {
        if self.max_count == 0 {
            return;
        }
        self.expire(at);
        while self.entries.len() >= self.max_count {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { name, at, kept });
    }

    /// Drops those that are too old at `now`.
    pub fn expire(&mut self, now: Timestamp) {
        if self.max_age > 0 {
            self.entries.retain(|entry| now.since(entry.at) < self.max_age);
        }
    }

    /// The one that ended last under this name.
    pub fn get(&self, name: &str) -> Option<&Entry<T>> {
        self.iter().find(|entry| entry.name == name)
    }

    /// All that ended under this name, newest first.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Entry<T>> {
        self.iter().filter(move |entry| entry.name == name)
    }

    /// What is kept of those that ended under this name, newest first.
    pub fn named_mut<'a>(&'a mut self, name: &'a str) -> impl Iterator<Item = &'a mut T> {
        self.entries.iter_mut().rev().filter(move |entry| entry.name == name).map(|entry| &mut entry.kept)
    }

    /// All, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.entries.iter().rev()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(ended: &Ended<u32>) -> Vec<u32> {
        ended.iter().map(|entry| entry.kept).collect()
    }

    #[test]
    fn the_newest_of_a_name_is_found_first() {
        let mut ended = Ended::new(9, 0);
        ended.add("/a".into(), Timestamp(1), 1);
        ended.add("/b".into(), Timestamp(2), 2);
        ended.add("/a".into(), Timestamp(3), 3);
        assert_eq!(ended.get("/a").map(|entry| entry.kept), Some(3));
        assert_eq!(ended.named("/a").map(|entry| entry.kept).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(ended.get("/c"), None);
        ended.named_mut("/a").next().map(|kept| *kept = 7).unwrap();
        assert_eq!(values(&ended), [7, 2, 1]);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut ended = Ended::new(2, 0);
        (1..=3).for_each(|n| ended.add(format!("/{n}"), Timestamp(n.into()), n));
        assert_eq!(values(&ended), [3, 2]);
    }

    #[test]
    fn what_is_too_old_goes() {
        let mut ended = Ended::new(9, 10);
        ended.add("/1".into(), Timestamp(0), 1);
        ended.add("/2".into(), Timestamp(9), 2);
        assert_eq!(values(&ended), [2, 1]);
        ended.expire(Timestamp(10));
        assert_eq!(values(&ended), [2]);
        ended.add("/3".into(), Timestamp(19), 3);
        assert_eq!(values(&ended), [3]);
    }

    #[test]
    fn no_room_keeps_nothing() {
        let mut ended = Ended::new(0, 0);
        ended.add("/1".into(), Timestamp(0), 1);
        assert!(ended.is_empty());
    }
}
