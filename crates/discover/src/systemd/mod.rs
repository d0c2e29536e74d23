//! systemd: its mount units have groups without processes, which nobody wants to see; and its machines are
//! containers (`systemd-nspawn`, libvirt's LXC) and virtual machines (libvirt's QEMU) whose names
//! `systemd-machined` keeps.
//!
//! Reads: `/run/systemd/machines/<name>`, which machined writes for itself; `/proc` of the machine's leader.
//! Gives: [`Told`] on a channel: the name, the root directory, class and service as labels, the first process. As in
//!        cAdvisor a machine is no runtime's: it has no namespace, and was created when its cgroup was. Other units
//!        are shown under their cgroups' names alone: a `name` of theirs would be taken for a container's.
//! Cost:  one small file and at most one look through `/proc` a machine at its start and its end.

pub mod claim;

mod client;

pub mod machine;

use std::path::PathBuf;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::client::Machines;
use crate::runtime::daemon::Daemon;
use crate::runtime::timeouts::Timeouts;
use crate::runtime::told::Told;

/// How systemd is called among the runtimes; its machines have no namespace.
pub const NAMESPACE: &str = "systemd";

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host's `/proc`.
    pub proc: PathBuf,
    /// The host's `/`.
    pub rootfs: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { proc: PathBuf::from("/proc"), rootfs: PathBuf::from("/") }
    }
}

/// Starts to look after machines; see [`Daemon`].
pub fn start(config: Config, handle: &Handle, on: mpsc::Sender<Told>) -> Daemon {
    Daemon::start(NAMESPACE, Machines::new(config), Timeouts::default().ping_every, handle, on)
}
