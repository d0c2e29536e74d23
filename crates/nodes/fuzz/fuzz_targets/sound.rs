//! What must hold for the sets of every decoder.

use std::collections::HashSet;
use std::sync::Arc;

use plimsoll_core::cluster::batch::Set;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Names;
use plimsoll_core::cluster::objects::Node;
use plimsoll_core::time::Timestamp;
use plimsoll_nodes::decode::{DecodeError, ENTITIES, Reading};

/// Each key once, times after 1970, no uptime below zero.
pub fn check(bytes: &[u8], decode: fn(&[u8], &Reading<'_>) -> Result<Vec<Set>, DecodeError>) {
    let (node, names) = (Arc::new(Node { name: "n".into(), ..Node::default() }), Names::default());
    let reading = Reading { node: &node, names: &names, at: Timestamp::from_secs(1_795_257_000) };
    let Ok(sets) = decode(bytes, &reading) else { return };
    assert!(sets.len() <= ENTITIES + 1);
    let keys: HashSet<_> = sets.iter().map(|set| &set.key).collect();
    assert_eq!(keys.len(), sets.len());
    for set in &sets {
        assert!(set.values.int(Metric::Uptime).is_none_or(|uptime| uptime >= 0));
        assert!([set.started, set.scraped].into_iter().flatten().all(|at| at.nanos() > 0));
    }
}
