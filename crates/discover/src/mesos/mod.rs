//! Mesos, as cAdvisor 0.31 to 0.54 knew it: who its containers are, by the agent's HTTP API.
//!
//! Reads: `POST /api/v1` of the agent: `GET_CONTAINERS`, `GET_STATE`.
//! Gives: [`Told`] on a channel: the id, the framework's name, the executor's source and the task's labels.
//! Cost:  two requests a container at its start and its end. Without groups of Mesos nobody is asked anything.

pub mod claim;

mod client;

pub mod answers;

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::client::Mesos;
use crate::runtime::daemon::Daemon;
use crate::runtime::endpoint::EndpointError;
use crate::runtime::timeouts::Timeouts;
use crate::runtime::told::Told;

/// The namespace of Mesos' containers.
pub const NAMESPACE: &str = "mesos";

/// How the agent is reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host:port`.
    pub agent: String,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { agent: "127.0.0.1:5051".to_owned(), timeout: Duration::from_secs(10) }
    }
}

/// Starts to look after Mesos' containers; see [`Daemon`].
///
/// # Errors
/// The agent's address is no such thing.
pub fn start(config: Config, handle: &Handle, on: mpsc::Sender<Told>) -> Result<Daemon, EndpointError> {
    Ok(Daemon::start(NAMESPACE, Mesos::new(config)?, Timeouts::default().ping_every, handle, on))
}

#[cfg(test)]
mod tests;
