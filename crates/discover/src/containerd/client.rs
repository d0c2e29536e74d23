//! containerd, as it is followed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_core::runtime::Status;
use tokio::time::timeout;

use super::Config;
use super::container;
use super::events::{Happenings, TOPICS};
use super::grpc::Channel;
use super::messages::{
    CONTAINER, EVENTS, Filters, GetContainer, GetTask, NAMESPACES, Namespaces, Nothing, PLUGINS, Plugins,
    Process, Subscribe, TASK, TASKS, Tasks, VERSION, Version, Which,
};
use crate::runtime::fault::Fault;
use crate::runtime::id;
use crate::runtime::remote::{Inspected, Listed, Remote};
use crate::runtime::timeouts::Timeouts;

/// Namespaces in which Docker keeps its containers and plugins: Docker tells more of them.
const DOCKERS: [&str; 2] = ["moby", "plugins.moby"];

/// Which of containerd's namespaces are looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope(pub(super) Option<String>);

impl Scope {
    pub(super) fn has(&self, namespace: &str) -> bool {
        match &self.0 {
            Some(only) => only == namespace,
            None => !DOCKERS.contains(&namespace),
        }
    }
}

/// The id of a container as its cgroup's path tells it: alone if it is one that nobody else has, else with
/// its namespace, as names are.
pub(super) fn key(namespace: &str, id: &str) -> String {
    if id::is_id(id) { id.to_owned() } else { format!("{namespace}/{id}") }
}

/// In which namespace an id was last seen.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<String, String>>>);

impl Places {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It was removed: nobody asks for it again.
    pub(super) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}

/// Asks containerd.
#[derive(Clone)]
pub(super) struct Containerd {
    socket: PathBuf,
    scope: Scope,
    envs: Vec<String>,
    proc: PathBuf,
    timeouts: Timeouts,
    pub(super) places: Places,
}

impl Containerd {
    pub(super) fn new(config: Config) -> Self {
        Self {
            socket: config.socket,
            scope: Scope(config.namespace),
            envs: config.env_whitelist,
            proc: config.proc,
            timeouts: config.timeouts,
            places: Places::default(),
        }
    }

    async fn namespaces(&self, channel: &mut Channel) -> Result<Vec<String>, Fault> {
        if let Some(only) = &self.scope.0 {
            return Ok(vec![only.clone()]);
        }
        let all: Namespaces = channel.call(NAMESPACES, "", &Nothing {}).await?;
        Ok(all.namespaces.into_iter().map(|one| one.name).filter(|name| self.scope.has(name)).collect())
    }

    async fn find(&self, wanted: &str) -> Result<Inspected, Fault> {
        let mut channel = Channel::open(&self.socket).await?;
        let (namespaces, id) = match wanted.split_once('/') {
            Some((namespace, _)) if !self.scope.has(namespace) => return Err(Fault::not_found()),
            Some((namespace, id)) => (vec![namespace.to_owned()], id),
            None => {
                let place = self.places.lock().get(wanted).cloned();
                if let Some(namespace) = place {
                    match self.get(&mut channel, &namespace, wanted).await {
                        Err(fault) if fault.is_not_found() => {}
                        answer => return answer,
                    }
                }
                (self.namespaces(&mut channel).await?, wanted)
            }
        };
        for namespace in namespaces {
            match self.get(&mut channel, &namespace, id).await {
                Err(fault) if fault.is_not_found() => {}
                answer => {
                    if answer.is_ok() && wanted == id {
                        self.places.lock().insert(id.to_owned(), namespace);
                    }
                    return answer;
                }
            }
        }
        self.places.lock().remove(wanted);
        Err(Fault::not_found())
    }

    async fn get(&self, channel: &mut Channel, namespace: &str, id: &str) -> Result<Inspected, Fault> {
        let which = Which { id: id.to_owned() };
        let record: GetContainer = channel.call(CONTAINER, namespace, &which).await?;
        let record = record.container.filter(|record| record.id == id);
        let record = record.ok_or_else(|| Fault::Nonsense(format!("expected container {id}")))?;
        let task = match channel.call::<GetTask>(TASK, namespace, &which).await {
            Ok(task) => task.process,
            Err(fault) if fault.is_not_found() => None,
            Err(fault) => return Err(fault),
        };
        Ok(container::read(record, task.as_ref(), &self.envs, &self.proc))
    }

    async fn version(&self) -> Result<Version, Fault> {
        Channel::open(&self.socket).await?.call(VERSION, "", &Nothing {}).await
    }

    /// The folder in which all its parts have theirs; empty where it is not told.
    async fn root(&self) -> Result<String, Fault> {
        let filters = vec!["type==io.containerd.content.v1".to_owned()];
        let told: Plugins =
            Channel::open(&self.socket).await?.call(PLUGINS, "", &Filters { filters }).await?;
        let content = told.plugins.iter().find_map(|plugin| plugin.exports.get("root"));
        let root = content.and_then(|folder| Path::new(folder).parent());
        Ok(root.map(|root| root.display().to_string()).unwrap_or_default())
    }
}

/// The answer, unless it takes too long.
async fn within<T>(limit: Duration, answer: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(limit, answer).await.unwrap_or(Err(Fault::Late(limit)))
}

impl Remote for Containerd {
    const NAME: &'static str = "containerd";
    const TELLS: bool = true;
    type Events = Happenings;

    fn address(&self) -> String {
        self.socket.display().to_string()
    }

    fn socket(&self) -> Option<&Path> {
        Some(&self.socket)
    }

    async fn ping(&self) -> Result<(), Fault> {
        within(self.timeouts.ping, self.version()).await.map(drop)
    }

    async fn events(&self) -> Result<Happenings, Fault> {
        let filters = TOPICS.iter().map(|topic| format!("topic==\"{topic}\"")).collect();
        let subscribe =
            async { Channel::open(&self.socket).await?.stream(EVENTS, &Subscribe { filters }).await };
        let stream = within(self.timeouts.ping, subscribe).await?;
        Ok(Happenings { stream, scope: self.scope.clone(), places: self.places.clone() })
    }

    async fn list(&self) -> Result<Vec<Listed>, Fault> {
        within(self.timeouts.answer, async {
            let mut channel = Channel::open(&self.socket).await?;
            let mut listed = Vec::new();
            let mut places = HashMap::new();
            for namespace in self.namespaces(&mut channel).await? {
                let all: Tasks = channel.call(TASKS, &namespace, &Nothing {}).await?;
                for task in all.tasks {
                    let running = task.running();
                    let Process { container_id, id, .. } = task;
                    let id = if container_id.is_empty() { id } else { container_id };
                    let key = key(&namespace, &id);
                    if key == id {
                        places.insert(id, namespace.clone());
                    }
                    listed.push(Listed { id: key, running });
                }
            }
            *self.places.lock() = places;
            Ok(listed)
        })
        .await
    }

    async fn inspect(&self, wanted: &str) -> Result<Inspected, Fault> {
        within(self.timeouts.answer, self.find(wanted)).await
    }

    async fn describe(&self) -> Result<Status, Fault> {
        let version = within(self.timeouts.answer, self.version()).await?.version;
        // what is only good for a label is not insisted on
        let root_dir = within(self.timeouts.answer, self.root()).await.unwrap_or_default();
        Ok(Status { version, root_dir, ..Status::default() })
    }

    async fn describe_whole(&self) -> Result<Status, Fault> {
        self.describe().await
    }
}
