//! A cluster's nodes: who they are, and what each says when asked.
//!
//! Comes in: the nodes that the API server or a file of hosts tells. Goes out: a batch a round, with what each node
//! said of itself, its pods and their containers. Refuses to know: rates, sums, where batches go.
//!
//! A node's fault is that node's: who is late, refuses or answers with something else is absent from the round,
//! counted under its name and said once.

pub mod ask;
pub mod decode;
pub mod kube;
pub mod round;

mod followed;
#[cfg(test)]
mod testing;
mod text;
