//! Podman, as it is followed: its sockets, else its files.

use std::path::{Path, PathBuf};

use plimsoll_core::runtime::Status;

use super::{Config, NAMESPACE, disk};
use crate::docker::{inspect, status};
use crate::runtime::conmon::{self, Codes, Exits};
use crate::runtime::endpoint::{Endpoint, EndpointError};
use crate::runtime::fault::Fault;
use crate::runtime::http::Client;
use crate::runtime::remote::{Inspected, Remote};
use crate::runtime::timeouts::Timeouts;

/// The longest inspect.
const INSPECT: usize = 4 << 20;

/// Asks Podman.
#[derive(Clone)]
pub(super) struct Podman {
    address: String,
    endpoint: Endpoint,
    envs: Vec<String>,
    proc: PathBuf,
    rootfs: PathBuf,
    timeouts: Timeouts,
    exits: Exits,
}

impl Podman {
    pub(super) fn new(config: Config) -> Result<Self, EndpointError> {
        Ok(Self {
            endpoint: Endpoint::parse(&config.endpoint, None)?,
            address: config.endpoint,
            envs: config.env_whitelist,
            proc: config.proc,
            rootfs: config.rootfs,
            timeouts: config.timeouts,
            exits: Exits::new(),
        })
    }

    /// root's socket, then those of the users that are logged in. A container of root's is no user's business: what he
    /// says of it would be made up.
    fn sockets(&self, is_roots: bool) -> Vec<Client> {
        let there = |endpoint: &Endpoint| !matches!(endpoint, Endpoint::Unix(path) if !path.exists());
        let users = std::fs::read_dir(conmon::below(&self.rootfs, Path::new("/run/user")));
        let users = users.into_iter().flatten().flatten().filter(|_| !is_roots);
        let users = users.map(|user| Endpoint::Unix(user.path().join("podman/podman.sock")));
        std::iter::once(self.endpoint.clone())
            .chain(users)
            .filter(there)
            .map(|endpoint| Client::new(endpoint, self.timeouts))
            .collect()
    }

    /// From the first socket that knows it. Podman speaks Docker's API.
    async fn told(&self, id: &str, is_roots: bool) -> Result<Inspected, Fault> {
        let mut last = Fault::not_found();
        for socket in self.sockets(is_roots) {
            let answer = socket.get(&format!("/containers/{id}/json"), INSPECT).await;
            let read = |bytes: bytes::Bytes| {
                inspect::parse_as(NAMESPACE, &bytes, &self.envs).map_err(|error| Fault::nonsense(&error))
            };
            match answer.and_then(read) {
                Ok(inspected) if inspected.identity.id == id => return Ok(inspected),
                Ok(other) => {
                    last = Fault::Nonsense(format!("expected container {id}, got {}", other.identity.id))
                }
                Err(fault) if fault.is_not_found() => {}
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }
}

impl Remote for Podman {
    const NAME: &'static str = "Podman";
    const TELLS: bool = false;
    const DAEMON: bool = false;
    const CODES: bool = true;
    type Events = Codes;

    fn address(&self) -> String {
        self.address.clone()
    }

    async fn events(&self) -> Result<Codes, Fault> {
        self.exits.events()
    }

    async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
        if !crate::runtime::id::is_id(id) {
            return Err(Fault::not_found());
        }
        let place = conmon::find(&self.proc, id);
        let ended =
            place.as_ref().and_then(|place| self.exits.watch(&conmon::below(&self.rootfs, &place.exits), id));
        let on_disk = || disk::read(&self.proc, &self.rootfs, id, place.as_ref()?, &self.envs);
        let is_roots = place.as_ref().is_some_and(|place| place.is_roots);
        let mut inspected = match self.told(id, is_roots).await {
            Ok(inspected) => inspected,
            // nobody watches over such a container: who does not listen would not know it either
            Err(Fault::Connect(_)) if place.is_none() => return Err(Fault::not_found()),
            Err(fault) => on_disk().ok_or(fault)?,
        };
        // over the socket no folder is told that could be known by the id
        if let (Some(layers), Some(place)) = (&mut inspected.identity.layers, &place) {
            layers.extra = disk::folder(&place.bundle);
        }
        // nobody would tell that it goes on; the kernel does
        inspected.identity.paused = false;
        if !inspected.running {
            inspected.identity.exit_code = inspected.identity.exit_code.or(ended);
        }
        Ok(inspected)
    }

    async fn describe(&self) -> Result<Status, Fault> {
        let sockets = self.sockets(false);
        let socket = sockets.first().ok_or_else(|| {
            Fault::Connect(format!("{}: no such socket; containers are known from their files", self.address))
        })?;
        status::ask(socket, Path::new("")).await
    }

    async fn describe_whole(&self) -> Result<Status, Fault> {
        let status = self.describe().await?;
        let Some(socket) = self.sockets(false).into_iter().next() else { return Ok(status) };
        let images = socket.get("/images/json", status::MOST).await?;
        let images = status::parse_images(&images).map_err(|error| Fault::nonsense(&error))?;
        Ok(Status { images, ..status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_not_asked_for_roots_containers() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("podman.sock");
        let users = folder.path().join("run/user/1000/podman");
        std::fs::create_dir_all(&users).unwrap();
        for path in [&socket, &users.join("podman.sock")] {
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        }
        let endpoint = format!("unix://{}", socket.display());
        let config = Config { endpoint, rootfs: folder.path().to_owned(), ..Config::default() };
        let podman = Podman::new(config).unwrap();
        assert_eq!([true, false].map(|is_roots| podman.sockets(is_roots).len()), [1, 2]);
    }

    #[tokio::test]
    async fn behind_a_socket_that_nobody_listens_on_there_is_no_container_without_a_conmon() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("podman.sock");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let (proc, id) = (folder.path().join("proc"), "a".repeat(64));
        std::fs::create_dir_all(proc.join("7")).unwrap();
        let endpoint = format!("unix://{}", socket.display());
        let config =
            Config { endpoint, proc: proc.clone(), rootfs: folder.path().to_owned(), ..Config::default() };
        let podman = Podman::new(config).unwrap();
        assert!(podman.inspect(&id).await.err().unwrap().is_not_found());
        // one that it runs may be known when it listens again
        std::fs::write(proc.join("7/comm"), "conmon\n").unwrap();
        std::fs::write(proc.join("7/cmdline"), format!("conmon\0-c\0{id}\0-b\0/b\0-p\0/p\0--exit-dir\0/e\0"))
            .unwrap();
        let fault = podman.inspect(&id).await.err().unwrap();
        assert!(matches!(fault, Fault::Connect(_)), "{fault}");
    }
}
