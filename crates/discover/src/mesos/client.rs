//! Mesos' agent, as it is followed.

use plimsoll_core::container::Identity;

use super::{Config, NAMESPACE, answers, claim};
use crate::runtime::endpoint::{Endpoint, EndpointError};
use crate::runtime::fault::Fault;
use crate::runtime::http::Client;
use crate::runtime::remote::{Inspected, Quiet, Remote};
use crate::runtime::timeouts::Timeouts;

/// The longest answer: the agent's state has every task.
const MOST: usize = 64 << 20;
/// The agent's only route.
const API: &str = "/api/v1";

/// Asks the agent when there is a group that looks like its own: most hosts have none.
#[derive(Clone)]
pub(super) struct Mesos {
    address: String,
    client: Client,
}

impl Mesos {
    pub(super) fn new(config: Config) -> Result<Self, EndpointError> {
        let address = config.agent.strip_prefix("http://").unwrap_or(&config.agent);
        let endpoint = Endpoint::parse(&format!("tcp://{address}"), None)?;
        let timeouts = Timeouts { answer: config.timeout, ..Timeouts::default() };
        Ok(Self { address: address.to_owned(), client: Client::new(endpoint, timeouts) })
    }

    async fn call(&self, call: &str) -> Result<bytes::Bytes, Fault> {
        self.client.post(API, &format!(r#"{{"type":"{call}"}}"#), MOST).await
    }
}

impl Remote for Mesos {
    const NAME: &'static str = "Mesos";
    const TELLS: bool = false;
    const DAEMON: bool = false;
    type Events = Quiet;

    fn address(&self) -> String {
        self.address.clone()
    }

    async fn events(&self) -> Result<Quiet, Fault> {
        Ok(Quiet)
    }

    async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
        let group = format!("/{id}");
        let (uuid, sure) = claim::uuid(&group).ok_or_else(Fault::not_found)?;
        let nonsense = |error| Fault::nonsense(&error);
        let containers = match self.call("GET_CONTAINERS").await {
            // nobody there who could know it
            Err(Fault::Connect(_)) if !sure => return Err(Fault::not_found()),
            answer => answer?,
        };
        let container =
            answers::container(&containers, uuid).map_err(nonsense)?.ok_or_else(Fault::not_found)?;
        let labels = answers::labels(&self.call("GET_STATE").await?, &container).map_err(nonsense)?;
        let identity = Identity {
            id: uuid.to_owned(),
            namespace: NAMESPACE,
            aliases: vec![uuid.to_owned(), group.clone()],
            labels,
            pid: container.pid,
            ..Identity::default()
        };
        Ok(Inspected { identity, running: true })
    }
}
