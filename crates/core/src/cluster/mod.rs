//! The words of a cluster: whose numbers they are, which numbers, and one round of them.
//!
//! Heapster's data model, made small: a [`batch::Batch`] is what one round found, a [`batch::Set`] is what is known of
//! one entity, named by its [`key::Key`]; [`metric::Metric`] is the list of what may be known. What the API server says
//! of nodes, pods and workloads is in [`objects`]; sets point at it, so that no text is kept twice.

pub mod batch;
pub mod history;
pub mod key;
pub mod labels;
pub mod map;
pub mod metric;
pub mod names;
pub mod objects;
pub mod quantity;
pub mod selector;
pub mod uri;
