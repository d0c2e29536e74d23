//! Podman: who its containers are, rootful and rootless, and how they ended.
//!
//! Reads: the REST API on Podman's sockets where one is there; else what Podman leaves on disk, which conmon's
//!        command line leads to, its database among it. No socket is held open: most of the time nobody listens behind it, and a
//!        connection starts a service.
//! Gives: [`Told`] on a channel; [`plimsoll_core::runtime::Status`] for the page.
//! Cost:  one request, or one look through `/proc` and three small files, a container at its start and end.

pub mod claim;
pub mod database;

mod client;

mod disk;

use std::path::PathBuf;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::client::Podman;
use crate::runtime::daemon::Daemon;
use crate::runtime::endpoint::EndpointError;
use crate::runtime::timeouts::Timeouts;
use crate::runtime::told::Told;

/// The namespace of Podman's containers.
pub const NAMESPACE: &str = "podman";

/// How Podman is reached and what is taken over of what it tells.
#[derive(Clone, Debug)]
pub struct Config {
    /// root's socket: `unix:///var/run/podman/podman.sock`, `tcp://host:port`. Users' sockets below
    /// `/run/user` are found.
    pub endpoint: String,
    /// Environment variables whose names begin with one of these are taken over, with their names in
    /// lower case. An empty list, and an empty prefix, let nothing through.
    pub env_whitelist: Vec<String>,
    /// The host's `/proc`.
    pub proc: PathBuf,
    /// The host's `/`.
    pub rootfs: PathBuf,
    /// How long its answers are waited for.
    pub timeouts: Timeouts,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: "unix:///var/run/podman/podman.sock".to_owned(),
            env_whitelist: Vec::new(),
            proc: PathBuf::from("/proc"),
            rootfs: PathBuf::from("/"),
            timeouts: Timeouts::default(),
        }
    }
}

/// Starts to follow Podman; see [`Daemon`].
///
/// # Errors
/// The endpoint is no such thing.
pub fn start(config: Config, handle: &Handle, on: mpsc::Sender<Told>) -> Result<Daemon, EndpointError> {
    let ping_every = config.timeouts.ping_every;
    Ok(Daemon::start(NAMESPACE, Podman::new(config)?, ping_every, handle, on))
}
