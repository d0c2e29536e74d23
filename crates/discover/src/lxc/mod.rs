//! LXC, and LXD and Incus, which run their containers with it: who its containers are.
//!
//! Reads: `/proc/<pid>/cmdline` and `cgroup` of LXC's monitors, the container's `config` (LXD, Incus: `lxc.conf`).
//! Gives: [`Told`] on a channel: the name, the root file system, chosen environment variables, the first process.
//!        cAdvisor does not know LXC: as there, a container is no runtime's, so it has neither an id nor a
//!        namespace, and was created when its cgroup was.
//! Cost:  one look through `/proc` and one small file a container at its start and its end; nothing else.

pub mod claim;

mod client;

pub mod config;
mod monitor;

use std::path::PathBuf;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::client::Lxc;
use crate::runtime::daemon::Daemon;
use crate::runtime::timeouts::Timeouts;
use crate::runtime::told::Told;

/// How LXC is called among the runtimes; its containers have no namespace.
pub const NAMESPACE: &str = "lxc";

/// Where LXC's files are.
#[derive(Clone, Debug)]
pub struct Config {
    /// Environment variables whose names begin with one of these are taken over, with their names in
    /// lower case. An empty list, and an empty prefix, let nothing through.
    pub env_whitelist: Vec<String>,
    /// The host's `/proc`.
    pub proc: PathBuf,
    /// The host's `/`.
    pub rootfs: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { env_whitelist: Vec::new(), proc: PathBuf::from("/proc"), rootfs: PathBuf::from("/") }
    }
}

/// Starts to look after LXC's containers; see [`Daemon`].
pub fn start(config: Config, handle: &Handle, on: mpsc::Sender<Told>) -> Daemon {
    Daemon::start(NAMESPACE, Lxc::new(config), Timeouts::default().ping_every, handle, on)
}
