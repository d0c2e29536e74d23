//! Namespaces over the cluster.

use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;

use super::{SUMMED, add};

/// Sums up; the cluster has a set even if it has no number.
pub(crate) fn sum(batch: &mut Batch) {
    let mut cluster = Set::new(Key::Cluster);
    for set in batch.iter().filter(|set| matches!(set.key, Key::Namespace(_))) {
        add(&mut cluster.values, &set.values, &SUMMED);
    }
    batch.insert(cluster);
}
