//! Points sets at their namespace, for the label `namespace_id`.

use std::sync::Arc;

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{Known, Namespace};

/// Attaches namespaces to the sets of what is in one.
pub(crate) fn enrich(batch: &mut Batch, known: &Known) {
    let mut last: Option<(Name, Option<Arc<Namespace>>)> = None;
    for set in batch.iter_mut() {
        let Some(name) = set.key.namespace() else { continue };
        let (_, object) = match &mut last {
            Some(last) if last.0 == *name => last,
            last => last.insert((name.clone(), known.namespaces.get(name).cloned())),
        };
        set.namespace.clone_from(object);
    }
}
