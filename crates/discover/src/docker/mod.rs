//! Docker: who its containers are, how they ended.
//!
//! Reads: the engine's HTTP API: list, inspect, events, info, version, images; never stats.
//! Gives: [`Told`] on a channel; [`plimsoll_core::runtime::Status`] for the page.
//! Cost:  one inspect a container at its start, at a rename and when it is asked for; one connection for
//!        events and a ping every few seconds. Nothing here runs on the sampling side.

pub mod claim;

mod client;

mod events;
pub mod inspect;
mod list;
pub mod status;

#[cfg(fuzzing)]
pub mod fuzz;

use std::path::PathBuf;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::client::Engine;
use crate::runtime::daemon::Daemon;
use crate::runtime::endpoint::{EndpointError, Tls};
use crate::runtime::timeouts::Timeouts;
use crate::runtime::told::Told;

/// The namespace of Docker's containers.
pub const NAMESPACE: &str = "docker";

/// How Docker is reached and what is taken over of what it tells.
#[derive(Clone, Debug)]
pub struct Config {
    /// `unix:///var/run/docker.sock`, `tcp://host:2375`, `http://...`, `https://...`.
    pub endpoint: String,
    /// Files for TLS to a TCP endpoint; absent: no TLS unless the endpoint says `https`.
    pub tls: Option<Tls>,
    /// Environment variables whose names begin with one of these are taken over, with their names in
    /// lower case. An empty list, and an empty prefix, let nothing through.
    pub env_whitelist: Vec<String>,
    /// Where Docker keeps its data while it has not told.
    pub root_dir_default: PathBuf,
    /// How long its answers are waited for.
    pub timeouts: Timeouts,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: "unix:///var/run/docker.sock".to_owned(),
            tls: None,
            env_whitelist: Vec::new(),
            root_dir_default: PathBuf::from("/var/lib/docker"),
            timeouts: Timeouts::default(),
        }
    }
}

/// Starts to follow Docker; see [`Daemon`].
///
/// # Errors
/// The endpoint or the TLS files are no such thing.
pub fn start(config: Config, handle: &Handle, on: mpsc::Sender<Told>) -> Result<Daemon, EndpointError> {
    let ping_every = config.timeouts.ping_every;
    Ok(Daemon::start(NAMESPACE, Engine::new(config)?, ping_every, handle, on))
}

#[cfg(test)]
mod tests;
