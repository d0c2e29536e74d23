//! What pods ask for, over their node. A node that did not answer has no set, and none is made.

use std::sync::Arc;

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::objects::Node;

use super::{RESERVED, add};

/// Sums up.
pub(crate) fn sum(batch: &mut Batch) {
    let mut last: Option<(Arc<Node>, Option<usize>)> = None;
    for place in 0..batch.len() {
        let Some(set) = batch.nth(place).filter(|set| matches!(set.key, Key::Pod { .. })) else { continue };
        let Some(node) = &set.node else { continue };
        let same = |last: &(Arc<Node>, _)| Arc::ptr_eq(&last.0, node) || last.0.name == node.name;
        let (node, above) = last
            .take()
            .filter(same)
            .unwrap_or_else(|| (Arc::clone(node), batch.place_of(&Key::Node(node.name.clone()))));
        if let Some((pod, sums)) = above.and_then(|above| batch.pair(place, above)) {
            add(&mut sums.values, &pod.values, &RESERVED);
        }
        last = Some((node, above));
    }
}
