//! The engine, as it is followed. Paths have no version, which every engine takes as its newest API.

use std::path::{Path, PathBuf};

use plimsoll_core::runtime::Status;

use super::events::{self, Happenings};
use super::status;
use super::{Config, inspect, list};
use crate::runtime::endpoint::{Endpoint, EndpointError};
use crate::runtime::fault::Fault;
use crate::runtime::http::Client;
use crate::runtime::remote::{Inspected, Listed, Remote};

/// The longest inspect.
const INSPECT: usize = 4 << 20;
/// The longest list: 10,000 containers take about 60 MB.
const LIST: usize = 128 << 20;

/// Asks the engine.
#[derive(Clone)]
pub(super) struct Engine {
    address: String,
    client: Client,
    envs: Vec<String>,
    root_dir_default: PathBuf,
}

impl Engine {
    pub(super) fn new(config: Config) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::parse(&config.endpoint, config.tls.as_ref())?;
        Ok(Self {
            address: config.endpoint,
            client: Client::new(endpoint, config.timeouts),
            envs: config.env_whitelist,
            root_dir_default: config.root_dir_default,
        })
    }
}

impl Remote for Engine {
    const NAME: &'static str = "Docker";
    const TELLS: bool = true;
    type Events = Happenings;

    fn address(&self) -> String {
        self.address.clone()
    }

    fn socket(&self) -> Option<&Path> {
        self.client.socket()
    }

    fn is_wanted(&self) -> bool {
        self.address != Config::default().endpoint
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.client.ping("/_ping", 1 << 10).await.map(drop)
    }

    async fn events(&self) -> Result<Happenings, Fault> {
        Ok(Happenings(self.client.lines(events::PATH).await?))
    }

    async fn list(&self) -> Result<Vec<Listed>, Fault> {
        let bytes = self.client.get("/containers/json?all=true", LIST).await?;
        list::parse(&bytes).map_err(|error| Fault::nonsense(&error))
    }

    async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
        // an id is hexadecimal by its claim; anything else shall not become a path
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Fault::not_found());
        }
        let bytes = self.client.get(&format!("/containers/{id}/json"), INSPECT).await?;
        let inspected = inspect::parse(&bytes, &self.envs).map_err(|error| Fault::nonsense(&error))?;
        if inspected.identity.id == id {
            Ok(inspected)
        } else {
            Err(Fault::Nonsense(format!("expected container {id}, got {}", inspected.identity.id)))
        }
    }

    async fn describe(&self) -> Result<Status, Fault> {
        status::ask(&self.client, &self.root_dir_default).await
    }

    async fn describe_whole(&self) -> Result<Status, Fault> {
        let images = async {
            let bytes = self.client.get("/images/json", status::MOST).await?;
            status::parse_images(&bytes).map_err(|error| Fault::nonsense(&error))
        };
        let (status, images) = tokio::join!(self.describe(), images);
        Ok(Status { images: images?, ..status? })
    }
}
