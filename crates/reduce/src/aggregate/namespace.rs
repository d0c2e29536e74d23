//! Pods over their namespace.

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::key::Key;

use super::{SUMMED, add};

/// Sums up; makes the namespaces' sets.
pub(crate) fn sum(batch: &mut Batch) {
    let mut last: Option<usize> = None;
    for place in 0..batch.len() {
        let Some(Key::Pod { namespace, .. }) = batch.nth(place).map(|set| &set.key) else { continue };
        let same = |place: &usize| matches!(batch.nth(*place).map(|set| &set.key), Some(Key::Namespace(name)) if name == namespace);
        let above = match last.filter(same) {
            Some(above) => above,
            None => {
                let key = Key::Namespace(namespace.clone());
                batch.place_or_insert(&key)
            }
        };
        last = Some(above);
        if let Some((pod, sums)) = batch.pair(place, above) {
            if sums.namespace.is_none() {
                sums.namespace.clone_from(&pod.namespace);
            }
            add(&mut sums.values, &pod.values, &SUMMED);
        }
    }
}
