//! Lists and watches: keeps [`Objects`] as the API server has them.
//!
//! A task a resource. It lists in pages, puts the whole list in the place of what was known, and watches from the
//! list's version on. What was known stays while the API server cannot be asked.

mod list;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::cluster::names::Names;
use plimsoll_core::cluster::objects::Objects;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use url::form_urlencoded::Serializer;

use self::stream::End;
use super::api::Api;
use super::ask::ApiError;
use super::connect::Connection;
use super::object::{Maker, Rules};
use super::pace::{Pace, jittered};

/// The server ends a watch after this long; bookmarks come every minute.
const WATCH: Duration = Duration::from_secs(120);
/// After this long without a byte, nobody is there any more.
pub(super) const SILENCE: Duration = Duration::from_secs(135);
/// The wait after many failures.
const LONGEST: Duration = Duration::from_secs(30);
/// A watch that ends sooner is none.
const SHORT: Duration = Duration::from_secs(1);
/// After so many refusals one after the other, the version may be at fault: all is listed anew.
const REFUSALS: u32 = 3;

/// What the API server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "Kubernetes' own words")]
pub enum Resource {
    Nodes,
    Namespaces,
    Pods,
    ReplicaSets,
    Jobs,
}

impl Resource {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::Nodes, Self::Namespaces, Self::Pods, Self::ReplicaSets, Self::Jobs];

    /// The word in paths and roles: `replicasets`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Namespaces => "namespaces",
            Self::Pods => "pods",
            Self::ReplicaSets => "replicasets",
            Self::Jobs => "jobs",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Nodes => "/api/v1/nodes",
            Self::Namespaces => "/api/v1/namespaces",
            Self::Pods => "/api/v1/pods",
            Self::ReplicaSets => "/apis/apps/v1/replicasets",
            Self::Jobs => "/apis/batch/v1/jobs",
        }
    }

    /// Whether nothing but the metadata is kept; servers that are too old for it send all.
    fn is_bare(self) -> bool {
        !matches!(self, Self::Nodes | Self::Pods)
    }
}

/// What is watched, and what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// The resources; without namespaces, ReplicaSets and Jobs, what is known from them is absent.
    pub resources: Vec<Resource>,
    /// Nodes with such labels only.
    pub node_selector: Option<String>,
    /// Pods in this phase only.
    pub pod_phase: Option<String>,
    /// What is kept of objects.
    pub rules: Rules,
    /// The wait after a failed question; it doubles up to half a minute while questions fail.
    pub again: Duration,
    /// How long the API server is left alone after it said that we have no right to ask.
    pub forbidden: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            resources: Resource::ALL.to_vec(),
            node_selector: None,
            pod_phase: None,
            rules: Rules::default(),
            again: Duration::from_millis(800),
            forbidden: Duration::from_secs(300),
        }
    }
}

/// How a resource's watch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which one.
    pub resource: Resource,
    /// Whether its first list has come.
    pub listed: bool,
    /// Why it cannot be asked now.
    pub fault: Option<ApiError>,
    /// How often all of it was listed.
    pub lists: u64,
    /// How many changes came by watching.
    pub changes: u64,
    /// How many questions failed.
    pub failures: u64,
    /// How many objects could not be read.
    pub unreadable: u64,
}

/// The watches; they end when this is dropped.
pub struct Watch {
    states: Vec<Receiver<State>>,
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Begins to watch. Names are kept in `names`; who owns them sweeps them.
    pub fn start(
        connection: &Connection,
        options: &WatchOptions,
        objects: &Arc<Objects>,
        names: &Arc<Names>,
    ) -> Self {
        let maker = Arc::new(Maker::new(options.rules.clone(), Arc::clone(names)));
        let (mut states, mut tasks) = (Vec::new(), JoinSet::new());
        for &resource in &options.resources {
            let (failures, unreadable) = (0, 0);
            let state =
                State { resource, listed: false, fault: None, lists: 0, changes: 0, failures, unreadable };
            let (state, seen) = channel(state);
            states.push(seen);
            let one = One {
                client: connection.client.clone(),
                resource,
                selection: selection(resource, options),
                forbidden: options.forbidden,
                maker: Arc::clone(&maker),
                objects: Arc::clone(objects),
                state,
                pace: Pace::new(options.again, LONGEST),
                said: None,
            };
            tasks.spawn(one.run());
        }
        Self { states, _tasks: tasks }
    }

    /// How each watch is, in the order of the options.
    pub fn states(&self) -> Vec<State> {
        self.states.iter().map(|state| state.borrow().clone()).collect()
    }

    /// Waits until these have been listed once; those that are not watched are not waited for.
    pub async fn listed(&self, resources: &[Resource]) {
        for state in &self.states {
            let mut state = state.clone();
            // an error means that the task is gone: nothing more will come
            let _ = state.wait_for(|state| state.listed || !resources.contains(&state.resource)).await;
        }
    }
}

/// The part of the query that chooses objects.
fn selection(resource: Resource, options: &WatchOptions) -> Vec<(&'static str, String)> {
    match resource {
        Resource::Nodes => {
            options.node_selector.iter().map(|labels| ("labelSelector", labels.clone())).collect()
        }
        Resource::Pods => {
            options.pod_phase.iter().map(|phase| ("fieldSelector", format!("status.phase={phase}"))).collect()
        }
        _ => Vec::new(),
    }
}

/// One resource's watch.
struct One {
    client: Api,
    resource: Resource,
    selection: Vec<(&'static str, String)>,
    forbidden: Duration,
    maker: Arc<Maker>,
    objects: Arc<Objects>,
    state: Sender<State>,
    pace: Pace,
    /// What the log has been told last; each fault is said once.
    said: Option<String>,
}

impl One {
    async fn run(mut self) {
        loop {
            match self.list().await {
                Ok(version) => self.follow(version).await,
                Err(error) => self.pause(error).await,
            }
        }
    }

    /// Watches from a version on, as long as the server knows it.
    async fn follow(&mut self, mut version: String) {
        let mut refusals = 0;
        while refusals < REFUSALS {
            let begun = Instant::now();
            let before = self.state.borrow().changes;
            let ended = self.watch(&mut version).await;
            let of_use = begun.elapsed() >= SHORT || self.state.borrow().changes > before;
            if of_use {
                refusals = 0;
            }
            match ended {
                Ok(End::Time) if of_use => self.fine(),
                Ok(End::Time) => {
                    self.pause(ApiError::Failed("it ended the watch at once".to_owned())).await;
                }
                // all is listed anew, but not at once again and again
                Ok(End::Forgotten) => {
                    tracing::debug!(resource = self.resource.word(), version, "the version is forgotten");
                    let wait = self.pace.next(Instant::now());
                    tokio::time::sleep(wait).await;
                    return;
                }
                Err(error) => {
                    refusals += u32::from(error.status().is_some());
                    self.pause(error).await;
                }
            }
        }
    }

    /// Says a fault, once, and waits.
    async fn pause(&mut self, error: ApiError) {
        let resource = self.resource.word();
        let wait =
            if error.is_forbidden() { jittered(self.forbidden) } else { self.pace.next(Instant::now()) };
        let words = error.to_string();
        if self.said.as_ref() != Some(&words) {
            if error.is_forbidden() {
                tracing::warn!(
                    resource,
                    error = words,
                    "needs the right to list and watch; asked again later"
                );
            } else {
                tracing::warn!(
                    resource,
                    error = words,
                    "cannot be watched; what is known stays, asked again"
                );
            }
            self.said = Some(words);
        }
        self.state.send_modify(|state| {
            state.fault = Some(error);
            state.failures += 1;
        });
        tokio::time::sleep(wait).await;
    }

    /// All is well, or again.
    fn fine(&mut self) {
        if self.said.take().is_some() {
            tracing::info!(resource = self.resource.word(), "is watched again");
        }
        self.state.send_if_modified(|state| state.fault.take().is_some());
    }

    /// An object cannot be read: the others count.
    fn unreadable(&mut self, error: &serde_json::Error) {
        if self.state.borrow().unreadable == 0 {
            let error = error.to_string();
            tracing::warn!(
                resource = self.resource.word(),
                error,
                "an object cannot be read; it is left out"
            );
        }
        self.state.send_modify(|state| state.unreadable += 1);
    }

    /// The path with its query.
    fn target(&self, more: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(format!("{}?", self.resource.path()));
        query.extend_pairs(self.selection.iter().map(|(key, value)| (*key, value.as_str())));
        query.extend_pairs(more);
        query.finish()
    }
}
