//! A runtime that is followed, as the host holds it: the same for all.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::runtime::Status;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::follow::{Ask, Follow};
use super::remote::Remote;
use super::told::Told;

/// An answer that comes later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A runtime that is followed. Dropping it ends its tasks.
pub struct Daemon {
    namespace: &'static str,
    name: &'static str,
    address: String,
    asks: mpsc::UnboundedSender<Ask>,
    status: Box<dyn Fn() -> Later<Result<Status, String>> + Send + Sync>,
    task: JoinHandle<()>,
}

impl Daemon {
    /// Starts to follow the runtime, whether it runs or not; it is looked for for ever. What it tells comes on
    /// `on`; while that is full, the runtime is not listened to, and nothing is lost.
    pub(crate) fn start<R: Remote>(
        namespace: &'static str,
        remote: R,
        ping_every: Duration,
        handle: &Handle,
        on: mpsc::Sender<Told>,
    ) -> Self {
        // unbounded, but every id in it is taken out at once, and an id is kept once
        let (asks, asked) = mpsc::unbounded_channel();
        let task = handle.spawn(Follow::new(Arc::new(remote.clone()), ping_every, on, asked).run());
        Self {
            namespace,
            name: R::NAME,
            address: remote.address(),
            asks,
            status: Box::new(move || {
                let remote = remote.clone();
                let said = |fault| format!("{}: {fault}", R::NAME);
                Box::pin(async move { remote.describe_whole().await.map_err(said) })
            }),
            task,
        }
    }

    /// The namespace of its containers.
    pub fn namespace(&self) -> &'static str {
        self.namespace
    }

    /// Its name in sentences.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it is looked for.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Who is this? Returns at once; the answer comes as [`Told::Known`] or [`Told::Unknown`], from what is
    /// known already or by asking the daemon, and after a while when that is down. A container that is told
    /// before it runs is told again when it does.
    pub fn ask(&self, id: &str) {
        // without a receiver the task has ended with its runtime, and nobody wants to know
        let _ = self.asks.send(Ask::Who(id.to_owned()));
    }

    /// Its cgroup is gone: a runtime without events is asked how it ended.
    pub fn gone(&self, id: &str) {
        let _ = self.asks.send(Ask::Gone(id.to_owned()));
    }

    /// The daemon's own description, with its images, asked now.
    pub fn status(&self) -> Later<Result<Status, String>> {
        (self.status)()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.task.abort();
    }
}
