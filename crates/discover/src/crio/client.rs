//! CRI-O, as it is followed.

use std::path::PathBuf;

use plimsoll_core::runtime::Status;

use super::{Config, container, info};
use crate::runtime::conmon::{self, Codes, Exits};
use crate::runtime::endpoint::Endpoint;
use crate::runtime::fault::Fault;
use crate::runtime::http::Client;
use crate::runtime::id;
use crate::runtime::remote::{Inspected, Listed, Remote};
use crate::runtime::started;

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
}

impl Remote for Crio {
    const NAME: &'static str = "CRI-O";
    const TELLS: bool = false;
    type Events = Codes;

    fn address(&self) -> String {
        self.socket.display().to_string()
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.client.ping("/info", MOST).await.map(drop)
    }

    async fn events(&self) -> Result<Codes, Fault> {
        self.exits.events()
    }

    async fn list(&self) -> Result<Vec<Listed>, Fault> {
        Ok(Vec::new())
    }

    async fn inspect(&self, wanted: &str) -> Result<Inspected, Fault> {
        if !id::is_id(wanted) {
            return Err(Fault::not_found());
        }
        let ended = conmon::find(&self.proc, wanted)
            .and_then(|place| self.exits.watch(&conmon::below(&self.rootfs, &place.exits), wanted));
        let bytes = self.client.get(&format!("/containers/{wanted}"), MOST).await?;
        let mut inspected = container::parse(&bytes, wanted).map_err(|error| Fault::nonsense(&error))?;
        let identity = &mut inspected.identity;
        match identity.pid.and_then(|pid| started::of(&self.proc, pid)) {
            Some(started) => identity.started = Some(started),
            // CRI-O goes on telling the pid of a process that has ended
            None => {
                identity.pid = None;
                identity.exit_code = ended;
                inspected.running = false;
            }
        }
        Ok(inspected)
    }

    async fn describe(&self) -> Result<Status, Fault> {
        info::parse(&self.client.get("/info", MOST).await?).map_err(|error| Fault::nonsense(&error))
    }
}
