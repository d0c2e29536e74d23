//! CRI-O: who its containers are, how they ended.
//!
//! Reads: its HTTP socket: `/info`, `/containers/ID`; while that does not answer what CRI-O leaves on disk; the exit
//!        codes that conmon leaves.
//! Gives: [`Told`] on a channel; [`plimsoll_core::runtime::Status`] for the page.
//! Cost:  one request and one look through `/proc` a container at its start and end; a request every few seconds.

pub mod claim;

mod client;

mod container;
mod disk;
mod info;

use std::path::PathBuf;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::client::Crio;
use crate::runtime::daemon::Daemon;
use crate::runtime::timeouts::Timeouts;
use crate::runtime::told::Told;

/// The namespace of CRI-O's containers.
pub const NAMESPACE: &str = "crio";
/// Under this name its description has the folder of images, where they are apart.
pub const STORAGE_IMAGE: &str = "Storage Image";

/// How CRI-O is reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its socket.
    pub socket: PathBuf,
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
            socket: PathBuf::from("/var/run/crio/crio.sock"),
            proc: PathBuf::from("/proc"),
            rootfs: PathBuf::from("/"),
            timeouts: Timeouts::default(),
        }
    }
}

/// Starts to follow CRI-O; see [`Daemon`].
pub fn start(config: Config, handle: &Handle, on: mpsc::Sender<Told>) -> Daemon {
    let ping_every = config.timeouts.ping_every;
    Daemon::start(NAMESPACE, Crio::new(config), ping_every, handle, on)
}

#[cfg(test)]
mod tests;
