//! containerd: who its containers are, in every namespace, and how they ended.
//!
//! Reads: its gRPC API: version, namespaces, containers, tasks, events; never metrics.
//! Gives: [`Told`] on a channel; [`plimsoll_core::runtime::Status`] for the page.
//! Cost:  two calls a container at its start and when it is asked for; one connection for events and a
//!        call every few seconds. Nothing here runs on the sampling side.

pub mod claim;

mod client;
mod grpc;
mod messages;

pub mod container;
mod events;

use std::path::PathBuf;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::client::Containerd;
use crate::runtime::daemon::Daemon;
use crate::runtime::timeouts::Timeouts;
use crate::runtime::told::Told;

/// The namespace, in answers, of containerd's containers.
pub const NAMESPACE: &str = "containerd";

/// How containerd is reached and what is taken over of what it tells.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its socket.
    pub socket: PathBuf,
    /// The only namespace that is looked at. Absent: all but Docker's, whose containers Docker knows better.
    pub namespace: Option<String>,
    /// Environment variables whose names begin with one of these are taken over. An empty list, and an empty
    /// prefix, let nothing through.
    pub env_whitelist: Vec<String>,
    /// The host's `/proc`: when a process started stands there, containerd does not tell it.
    pub proc: PathBuf,
    /// How long its answers are waited for.
    pub timeouts: Timeouts,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/run/containerd/containerd.sock"),
            namespace: None,
            env_whitelist: Vec::new(),
            proc: PathBuf::from("/proc"),
            timeouts: Timeouts::default(),
        }
    }
}

/// Starts to follow containerd; see [`Daemon`].
pub fn start(config: Config, handle: &Handle, on: mpsc::Sender<Told>) -> Daemon {
    let ping_every = config.timeouts.ping_every;
    Daemon::start(NAMESPACE, Containerd::new(config), ping_every, handle, on)
}

#[cfg(test)]
mod tests;
