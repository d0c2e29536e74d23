//! Answers when asked: REST, Prometheus text, pages.
//!
//! Comes in: a request, and whatever implements [`past::Past`]. Goes out: bytes.
//! Refuses to know: the kernel, the runtimes, how the past is kept.

pub mod past;

pub mod app;
pub mod cluster;
pub mod route;

pub mod body;
pub mod custom;
pub mod go;
pub mod json;
pub mod names;
pub mod query;
pub mod reply;

pub mod kubelet;

pub mod overview;
pub mod own;
pub mod v1;
pub mod v2;

pub mod labels;
pub mod metrics;
pub mod number;
pub mod text;

pub mod page;
pub mod validate;

pub mod auth;
pub mod listen;
pub mod tls;

mod file_version;
mod gzip;
mod meters;

#[cfg(any(test, feature = "fake"))]
pub mod fake;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
