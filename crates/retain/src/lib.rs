//! The recent past in memory: compressed, bounded.
//!
//! Comes in: records that can be walked as columns, CPU and memory totals, events, what has ended.
//! Goes out: windows of records, derived statistics, events of a period, the recently ended.
//! Refuses to know: what a record means, clocks, locks, files.

mod bits;
pub mod block;
pub mod ended;
pub mod events;
mod shape;
pub mod summary;
pub mod timeline;
