//! The recent past in memory: compressed, bounded.
//!
//! Comes in: records that can be walked as columns, CPU and memory totals, events, what has ended; of a cluster, rounds.
//! Goes out: windows of records, derived statistics, events of a period, the recently ended; points of a metric.
//! Refuses to know: what a record means, clocks, locks, files.

mod bits;
pub mod block;
pub mod ended;
pub mod events;
pub mod model;
mod shape;
pub mod summary;
pub mod timeline;
