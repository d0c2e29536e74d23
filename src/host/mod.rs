//! The host agent: the stages in order, and the answers about them.
//!
//! discover tells which cgroups come and go and who they are, measure reads them on the housekeeping
//! threads, retain keeps what was read, serve asks through [`plimsoll_serve::past::Past`].

mod answers;
mod container;
mod exits;
mod followed;
mod hints;
mod housekeeping;
mod life;
mod limits;
mod machine;
mod meters;
mod missing;
mod oom;
mod options;
mod own;
mod registry;
mod rounds;
mod stages;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use plimsoll_core::event::Event;
use plimsoll_core::machine::{MachineInfo, Versions};
use plimsoll_discover::raw::claim::Raw;
use plimsoll_discover::runtime::Runtimes;
use plimsoll_discover::runtime::endpoint::EndpointError;
use plimsoll_discover::watch::{self as tree, Watch};
use plimsoll_kernel::hierarchy::Controller;
use plimsoll_retain::ended::Ended;
use plimsoll_retain::events::EventStore;
use plimsoll_serve::past::{EndedContainer, Past};
use tokio::sync::{broadcast, mpsc, watch};

pub use housekeeping::Pace;
pub use options::Options;
pub use own::own_families;
pub use rounds::RoundOptions;

use container::{Container, Work};
use exits::Exits;
use followed::Followed;
use housekeeping::{Housekeeping, OnRead};
use registry::Registry;
use stages::Stages;

/// Events that a slow watcher may lag behind before it loses some.
const WATCHER_LAG: usize = 1024;
/// Words of a runtime that may wait.
const TOLD_QUEUE: usize = 1024;

/// Every container on this machine: build it, start it, ask it.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

/// Why a host could not be built or started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cgroup hierarchies could not be made out.
    #[error("the cgroups of this machine cannot be read")]
    Cgroups(#[from] plimsoll_kernel::error::Error),
    /// The system gave no thread.
    #[error("no thread for sampling")]
    Thread(#[source] std::io::Error),
    /// The cgroup tree cannot be watched or listed.
    #[error("the cgroup tree cannot be watched")]
    Watch(#[source] tree::Error),
    /// The certificate that applications are shown, or its key, is none.
    #[error("the certificate for application metrics")]
    Certificate(#[from] plimsoll_poll::TlsError),
    /// A runtime's address or its TLS files are no such thing.
    #[error("the address of Docker (-docker), or its TLS files")]
    Runtime(#[from] EndpointError),
    /// `start` was called a second time.
    #[error("the host was started before")]
    Started,
}

struct Inner {
    stages: Arc<Stages>,
    options: Options,
    handle: tokio::runtime::Handle,
    registry: Registry,
    runtimes: Runtimes,
    events: Mutex<EventStore>,
    watchers: broadcast::Sender<Arc<Event>>,
    ended: Mutex<Ended<EndedContainer>>,
    exits: Exits,
    /// Those that are gone and wait for the runtime's word on how they ended.
    ending: Mutex<Vec<Arc<Container>>>,
    machine: Mutex<Arc<MachineInfo>>,
    versions: Mutex<Arc<Versions>>,
    oom_missing: Mutex<Option<String>>,
    housekeeping: OnceLock<Housekeeping>,
    watch: Mutex<Option<Watch>>,
    /// Which of the watched directories is the freezer's.
    freezer: Option<usize>,
    followed: OnceLock<followed::All>,
    /// Groups that only a runtime which does not answer could name, and that are not shown without a name.
    passed_over: Mutex<BTreeSet<String>>,
    ready: watch::Sender<bool>,
    /// Closing it ends the thread that follows the kernel's log.
    kernel_log: Mutex<Option<std::io::PipeWriter>>,
}

impl Host {
    /// Builds a host; nothing is watched or read until [`Host::start`]. Its network side runs on `handle`.
    ///
    /// # Errors
    /// The machine's cgroups cannot be made out.
    pub fn new(options: Options, handle: tokio::runtime::Handle) -> Result<Self, Error> {
        let stages = Arc::new(Stages::new(&options)?);
        let (machine, versions) = machine::describe(&stages, &options);
        let dirs = stages.measure.hierarchy.watch_dirs(&stages.kinds);
        let freezer = stages.measure.hierarchy.controller(Controller::Freezer);
        let inner = Inner {
            freezer: freezer.and_then(|(_, root)| dirs.iter().position(|dir| dir == root)),
            runtimes: Runtimes::new(Raw::new(options.docker_only, &options.raw_prefixes.join(","))),
            registry: Registry::default(),
            events: Mutex::new(EventStore::new(options.event_limits)),
            watchers: broadcast::channel(WATCHER_LAG).0,
            ended: Mutex::new(Ended::new(options.ended_containers, nanos(options.ended_age))),
            exits: Exits::default(),
            ending: Mutex::default(),
            machine: Mutex::new(Arc::new(machine)),
            versions: Mutex::new(Arc::new(versions)),
            oom_missing: Mutex::new(None),
            housekeeping: OnceLock::new(),
            watch: Mutex::new(None),
            followed: OnceLock::new(),
            passed_over: Mutex::default(),
            ready: watch::Sender::new(false),
            kernel_log: Mutex::new(None),
            stages,
            options,
            handle,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Starts watching and reading. Returns at once; see [`Host::ready`].
    ///
    /// # Errors
    /// The cgroup tree cannot be watched, the system gives no thread, or this is the second start.
    pub fn start(&self) -> Result<(), Error> {
        let inner = &self.inner;
        let threads = inner.options.threads();
        let weak = Arc::downgrade(inner);
        let on_read: OnRead = Arc::new(move |container| {
            if let Some(inner) = weak.upgrade() {
                inner.was_read(container);
            }
        });
        let housekeeping = Housekeeping::start(&inner.stages, inner.options.pace, threads, &on_read)
            .map_err(Error::Thread)?;
        inner.housekeeping.set(housekeeping).map_err(|_| Error::Started)?;
        inner.stages.measure_layers(inner.options.disk_interval).map_err(Error::Thread)?;
        inner.stages.measure_rounds(inner.options.rounds, inner.options.pace.base).map_err(Error::Thread)?;
        inner.stages.count_events(&inner.options).map_err(Error::Thread)?;
        inner.stages.monitor_caches(&inner.options).map_err(Error::Thread)?;
        let weak = Arc::downgrade(inner);
        let groups = move || {
            let inner = weak.upgrade();
            inner
                .iter()
                .flat_map(|inner| inner.registry.all())
                .map(|container| container.as_group())
                .collect()
        };
        inner.stages.watch_accelerators(inner.options.accelerators(), groups).map_err(Error::Thread)?;
        self.start_runtimes()?;
        inner.appeared("/");
        let weak = Arc::downgrade(inner);
        let mut work = Work::default();
        let dirs = inner.stages.measure.hierarchy.watch_dirs(&inner.stages.kinds);
        let limits = tree::Limits { descriptors: options::guards(), ..tree::Limits::default() };
        let watch = Watch::start(dirs, limits, move |event| {
            if let Some(inner) = weak.upgrade() {
                inner.on_tree(event, &mut work);
            }
        })
        .map_err(Error::Watch)?;
        *lock(&inner.watch) = Some(watch);
        // the other end is closed when the host stops or is dropped, which ends the thread
        let (stop, keep) = std::io::pipe().map_err(Error::Thread)?;
        *lock(&inner.kernel_log) = Some(keep);
        oom::start(inner, stop.into());
        inner.handle.spawn(machine::refresh(Arc::downgrade(inner)));
        inner.handle.spawn(life::rescan(Arc::downgrade(inner)));
        Ok(())
    }

    fn start_runtimes(&self) -> Result<(), Error> {
        let mut followed = followed::All::new();
        let mut listeners = Vec::new();
        for config in self.inner.options.runtimes.clone() {
            let (teller, told) = mpsc::channel(TOLD_QUEUE);
            let runtime = Arc::new(Followed::new(config.start(&self.inner.handle, teller)?));
            listeners.push((runtime.clone(), told));
            followed.push(runtime);
        }
        self.inner.followed.set(followed).map_err(|_| Error::Started)?;
        for (runtime, told) in listeners {
            self.inner.handle.spawn(life::listen(Arc::downgrade(&self.inner), runtime, told));
        }
        Ok(())
    }

    /// Waits until every container that was there at the start is known and has a sample.
    pub async fn ready(&self) {
        let mut ready = self.inner.ready.subscribe();
        // the sender lives as long as the host
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// Ends watching and reading; what was kept stays readable.
    pub fn stop(&self) {
        let inner = &self.inner;
        lock(&inner.kernel_log).take();
        if let Some(watch) = lock(&inner.watch).take() {
            watch.stop();
        }
        if let Some(layers) = inner.stages.layers.get() {
            layers.stop();
        }
        if let Some(surveys) = inner.stages.surveys.get() {
            surveys.stop();
        }
        if let Some(accelerators) = inner.stages.accelerators.get() {
            accelerators.stop();
        }
        if let Some(poller) = &inner.stages.poller {
            poller.stop();
        }
        if let Some(housekeeping) = inner.housekeeping.get() {
            housekeeping.stop();
        }
        if let Some(perf) = inner.stages.perf.get() {
            perf.stop();
        }
        // removes what it made
        if let Some(resctrl) = inner.stages.resctrl.get() {
            resctrl.stop();
        }
    }

    /// The routes over this host: mount them into a server of your own, or see [`crate::server`].
    pub fn app(&self, options: plimsoll_serve::app::Options) -> plimsoll_serve::app::App {
        plimsoll_serve::app::App::new(self.past(), options)
    }

    /// What the routes ask; also every question an embedder has.
    pub fn past(&self) -> Arc<dyn Past> {
        self.inner.clone()
    }
}

/// A duration as the stages count it.
fn nanos(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A lock whose holder panicked still guards whole data: every change is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
