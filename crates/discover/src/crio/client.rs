//! CRI-O, as it is followed.

use std::path::{Path, PathBuf};

use plimsoll_core::container::Identity;
use plimsoll_core::runtime::Status;

use super::{Config, container, disk, info};
use crate::runtime::conmon::{self, Codes, Exits};
use crate::runtime::endpoint::Endpoint;
use crate::runtime::fault::Fault;
use crate::runtime::http::Client;
use crate::runtime::process::has_host_network;
use crate::runtime::remote::{Inspected, Remote};
use crate::runtime::{id, started, volumes};

/// The longest answer.
const MOST: usize = 4 << 20;

/// Asks CRI-O.
#[derive(Clone)]
pub(super) struct Crio {
    socket: PathBuf,
    client: Client,
    proc: PathBuf,
    rootfs: PathBuf,
    exits: Exits,
}

impl Crio {
    pub(super) fn new(config: Config) -> Self {
        Self {
            client: Client::new(Endpoint::Unix(config.socket.clone()), config.timeouts),
            socket: config.socket,
            proc: config.proc,
            rootfs: config.rootfs,
            exits: Exits::new(),
        }
    }

    /// Over the socket.
    async fn told(&self, id: &str) -> Result<Inspected, Fault> {
        let bytes = self.client.get(&format!("/containers/{id}"), MOST).await?;
        container::parse(&bytes, id).map_err(|error| Fault::nonsense(&error))
    }

    fn lives(&self, pid: u32) -> bool {
        self.proc.join(pid.to_string()).exists()
    }
}

impl Remote for Crio {
    const NAME: &'static str = "CRI-O";
    const TELLS: bool = false;
    const LEAVES: bool = true;
    const CODES: bool = true;
    type Events = Codes;

    fn address(&self) -> String {
        self.socket.display().to_string()
    }

    fn socket(&self) -> Option<&Path> {
        Some(&self.socket)
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.client.ping("/info", MOST).await.map(drop)
    }

    async fn events(&self) -> Result<Codes, Fault> {
        self.exits.events()
    }

    async fn inspect(&self, wanted: &str) -> Result<Inspected, Fault> {
        if !id::is_id(wanted) {
            return Err(Fault::not_found());
        }
        let place = conmon::find(&self.proc, wanted);
        let ended = place
            .as_ref()
            .and_then(|place| self.exits.watch(&conmon::below(&self.rootfs, &place.exits), wanted));
        let told = self.told(wanted).await;
        let left = disk::find(&self.rootfs, wanted, place.as_ref());
        let mut inspected = match (told, &left) {
            (Ok(inspected), _) => inspected,
            (Err(fault), Some(left)) if !fault.is_not_found() => {
                left.read(&self.proc, &self.rootfs, wanted, place.as_ref())
            }
            (Err(fault), _) => return Err(fault),
        };
        let identity = &mut inspected.identity;
        // the socket does not tell them
        identity.volumes = left.map(|left| volumes::of_spec(&left.spec)).unwrap_or_default();
        let host_network = |pid: Option<u32>| pid.is_some_and(|pid| has_host_network(&self.proc, pid));
        if inspected.running && identity.pid.is_none() {
            identity.network_pid = identity.network_pid.filter(|pid| self.lives(*pid));
            identity.host_network = host_network(identity.network_pid);
            return Ok(inspected);
        }
        match identity.pid.and_then(|pid| started::of(&self.proc, pid)) {
            Some(started) => {
                identity.started = Some(started);
                identity.host_network = host_network(identity.pid);
            }
            // CRI-O goes on telling the pid of a process that has ended
            None => {
                identity.pid = None;
                identity.exit_code = ended;
                inspected.running = false;
            }
        }
        Ok(inspected)
    }

    fn wants_again(&self, identity: &Identity) -> bool {
        // a pod's first container is not there yet, or was made anew
        identity.has_network
            && identity.pid.is_none()
            && identity.exit_code.is_none()
            && identity.network_pid.is_none_or(|pid| !self.lives(pid))
    }

    async fn describe(&self) -> Result<Status, Fault> {
        info::parse(&self.client.get("/info", MOST).await?).map_err(|error| Fault::nonsense(&error))
    }

    async fn describe_whole(&self) -> Result<Status, Fault> {
        self.describe().await
    }
}
