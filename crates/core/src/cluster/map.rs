//! Labels and annotations: few pairs, many owners.

use std::sync::Arc;

use super::names::Name;

/// Labels or annotations, in the order of their names. Clones share the pairs: a hundred thousand pods have few
/// different sets of labels, and a tree for each would cost more than all else that is known of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Map(Arc<[(Name, Name)]>);

impl Map {
    /// One without pairs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Name> {
        let place = self.0.binary_search_by(|(one, _)| (**one).cmp(name)).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// Whether there is a value under a name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All pairs, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Name, &Name)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// All names, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.0.iter().map(|(name, _)| name)
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds or replaces a pair: makes all anew, so not for many.
    pub fn insert(&mut self, name: Name, value: Name) {
        *self = self.0.iter().cloned().chain([(name, value)]).collect();
    }

    /// Whether these are the same pairs in the same place.
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How many share the pairs, this one included.
    pub fn owners(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// Of two pairs with one name, the later one counts.
impl FromIterator<(Name, Name)> for Map {
    fn from_iter<I: IntoIterator<Item = (Name, Name)>>(pairs: I) -> Self {
        let mut all: Vec<_> = pairs.into_iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        // the later of two comes second: it takes the first one's place
        all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                std::mem::swap(next, kept);
            }
            same
        });
        Self(all.into())
    }
}

impl<const N: usize> From<[(Name, Name); N]> for Map {
    fn from(pairs: [(Name, Name); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Name, &'a Name);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (Name, Name)>, fn(&'a (Name, Name)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_are_shared_and_replaced() {
        let mut one = Map::from([("b".into(), "2".into()), ("a".into(), "1".into())]);
        let other = one.clone();
        assert!(one.is_shared_with(&other) && one.owners() == 2);
        one.insert("b".into(), "3".into());
        assert_eq!((one.get("b").map(|value| &**value), one.len()), (Some("3"), 2));
        assert_eq!((other.get("b").map(|value| &**value), other.owners()), (Some("2"), 1));
        assert!(Map::new().is_empty() && !one.contains_key("c"));
    }

    proptest! {
        #[test]
        fn it_is_a_map(pairs in prop::collection::vec(("[a-e]{1,2}", "[0-9]"), 0..12)) {
            let names = || pairs.iter().map(|(name, value)| (Name::from(&**name), Name::from(&**value)));
            let (ours, tree): (Map, BTreeMap<Name, Name>) = (names().collect(), names().collect());
            prop_assert!(ours.iter().eq(tree.iter()) && ours.keys().eq(tree.keys()));
            prop_assert!(ours.into_iter().eq(&tree));
            for name in ["a", "b", "ab", "x"] {
                prop_assert_eq!(ours.get(name), tree.get(name));
            }
        }
    }
}
