//! The words that every stage of Plimsoll shares: plain data, no input or output.
//!
//! Comes in: nothing. Goes out: the types that travel between the stages.
//! Refuses to know: files, sockets, clocks, flags.

pub mod app;
pub mod cluster;
pub mod columns;
pub mod container;
pub mod event;
pub mod family;
pub mod kinds;
pub mod limit;
pub mod machine;
pub mod runtime;
pub mod summary;
pub mod time;
