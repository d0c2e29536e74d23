//! Docker: who its containers are, how they ended.
//!
//! Reads: the engine's HTTP API: list, inspect, events, info, version, images; never stats.
//! Gives: [`Told`] on a channel; [`Status`] for the page.
//! Cost:  one inspect a container at its start, at a rename and when it is asked for; one connection for
//!        events and a ping every few seconds. Nothing here runs on the sampling side.

pub mod claim;

mod backoff;
mod client;
pub mod endpoint;

mod events;
pub mod inspect;
mod json;
mod list;
pub mod status;

mod follow;

#[cfg(fuzzing)]
pub mod fuzz;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::container::Identity;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::client::Client;
use self::endpoint::{Endpoint, EndpointError};
use self::follow::Follow;
use self::status::Status;

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

/// Files for TLS, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The client's certificate chain.
    pub cert: PathBuf,
    /// The client's private key.
    pub key: PathBuf,
    /// Authorities that may have signed the daemon's certificate.
    pub ca: PathBuf,
}

/// How long Docker's answers are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// An inspect, a list, an info.
    pub answer: Duration,
    /// A ping, or a connection.
    pub ping: Duration,
    /// Between two pings.
    pub ping_every: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            ping: Duration::from_secs(3),
            ping_every: Duration::from_secs(3),
        }
    }
}

/// What Docker told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Who the container is: new, asked for, or changed (started, renamed, other health).
    Known {
        /// The container's id.
        id: String,
        /// All that is known of it now.
        identity: Arc<Identity>,
    },
    /// Its process ended. May come twice: the second time when Docker says late that it was for memory.
    Ended {
        /// The container's id.
        id: String,
        /// What the process returned; absent when Docker does not say.
        exit_code: Option<i64>,
        /// Whether it was killed for want of memory.
        oom_killed: bool,
    },
    /// It was removed.
    Gone {
        /// The container's id.
        id: String,
    },
    /// Docker answers and has no such container.
    Unknown {
        /// The id that was asked for.
        id: String,
    },
    /// Docker answers; all that runs is being told again.
    Up {
        /// Its description, without the images.
        status: Arc<Status>,
    },
    /// Docker does not answer (any more). What was told stays true as far as anyone knows.
    Down {
        /// Why.
        reason: String,
    },
}

/// A Docker that is followed. Dropping it ends its tasks.
pub struct Docker {
    asks: mpsc::UnboundedSender<String>,
    client: Client,
    root_dir_default: PathBuf,
    task: JoinHandle<()>,
}

/// Starts to follow Docker, whether it runs or not; it is looked for for ever. What it tells comes on `on`;
/// while that is full, Docker is not listened to, and nothing is lost.
///
/// # Errors
/// The endpoint or the TLS files are no such thing.
pub fn start(config: Config, handle: &Handle, on: mpsc::Sender<Told>) -> Result<Docker, EndpointError> {
    let endpoint = Endpoint::parse(&config.endpoint, config.tls.as_ref())?;
    let client = Client::new(endpoint, config.timeouts);
    let root_dir_default = config.root_dir_default.clone();
    // unbounded, but every id in it is taken out at once, and an id is kept once
    let (asks, asked) = mpsc::unbounded_channel();
    let task = handle.spawn(Follow::new(config, client.clone(), on, asked).run());
    Ok(Docker { asks, client, root_dir_default, task })
}

impl Docker {
    /// Who is this? Returns at once; the answer comes as [`Told::Known`] or [`Told::Unknown`], from what is
    /// known already or by asking the engine, and after a while when that is down. A container that is told
    /// before it runs is told again when it does.
    pub fn ask(&self, id: &str) {
        // without a receiver the task has ended with its runtime, and nobody wants to know
        let _ = self.asks.send(id.to_owned());
    }

    /// Docker's own description, with its images, asked now.
    ///
    /// # Errors
    /// A sentence: why it did not answer.
    pub async fn status(&self) -> Result<Status, String> {
        let images = async {
            let bytes = self.client.get("/images/json", status::MOST).await?;
            status::parse_images(&bytes).map_err(|error| client::Fault::Nonsense(error.to_string()))
        };
        let (status, images) = tokio::join!(status::ask(&self.client, &self.root_dir_default), images);
        let said = |fault: client::Fault| format!("Docker: {fault}");
        Ok(Status { images: images.map_err(said)?, ..status.map_err(said)? })
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
