//! What applications in containers tell of themselves: metrics that a container's labels ask to be collected.
//!
//! Comes in: a container's first process and its labels. Goes out: the values of its own metrics, with their instants.
//! Refuses to know: kernel numbers, runtimes, history, HTTP routes.
//!
//! A label `io.cadvisor.metric.<name>` names a configuration file inside the container, which tells where to ask and
//! for what. All of that is chosen by whoever made the image: links, pipes, endless answers and slow servers cost
//! their own container's application metrics and nothing else.

pub mod address;
pub mod config;
pub mod exposition;
pub mod fault;
pub mod generic;
pub mod meters;

mod collector;
mod endpoint;
mod fetch;
mod place;
mod poller;
mod tls;

#[cfg(test)]
mod tests;

pub use poller::{Options, Poller, Tracked, Wanted};
pub use tls::{Identity, TlsError};

/// What a label's key begins with.
pub const LABEL: &str = "io.cadvisor.metric.";

/// Bytes of a configuration, at most.
pub const CONFIG_LIMIT: usize = 256 << 10;
/// Bytes of an answer, at most.
pub const BODY_LIMIT: usize = 4 << 20;
/// Bytes of an answer that expressions are looked for in, at most.
pub const TEXT_LIMIT: usize = 256 << 10;
/// Collectors of one container, at most.
pub const COLLECTORS: usize = 16;
/// How long a container's filesystem may take to find one of its files.
const FILE_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);
