//! Answers when asked: REST, Prometheus text, pages.
//!
//! Comes in: a request, and whatever implements [`past::Past`]. Goes out: bytes.
//! Refuses to know: the kernel, the runtimes, how the past is kept.

pub mod past;

pub mod body;
pub mod number;

pub mod labels;
pub mod text;

pub mod metrics;

pub mod auth;
pub mod listen;
pub mod tls;

mod file_version;

#[cfg(test)]
mod reference;
