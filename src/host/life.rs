//! How containers come and go: the cgroup tree's events and the runtimes' words become containers,
//! last samples and events.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use plimsoll_core::event::{ContainerDeletion, Event, EventData, EventType, OomKill};
use plimsoll_core::time::Timestamp;
use plimsoll_discover::docker::{self, Told};
use plimsoll_discover::runtime::Claim;
use plimsoll_discover::watch::TreeEvent;
use plimsoll_measure::oom::Kill;
use plimsoll_measure::reader::Effort;
use plimsoll_serve::past::EndedContainer;
use tokio::sync::mpsc;

use super::container::{Container, Work};
use super::exits::{self, Exit};
use super::{Inner, lock};

impl Inner {
    /// One event of the cgroup tree; called on the watching thread.
    pub(crate) fn on_tree(self: &Arc<Self>, event: TreeEvent, work: &mut Work) {
        match event {
            TreeEvent::Appeared { name, .. } => self.appeared(&name),
            TreeEvent::Written { name, .. } => {
                if let Some(container) = self.registry.get(&name) {
                    container.written();
                }
            }
            TreeEvent::Emptied { name } => self.emptied(&name, work),
            TreeEvent::Vanished { name, last: true, .. } => self.vanished(&name),
            TreeEvent::Vanished { .. } => {}
            TreeEvent::Ready => {
                self.ready.send_replace(true);
            }
        }
    }

    pub(super) fn appeared(&self, name: &str) {
        if let Some(container) = self.registry.get(name) {
            container.grown();
            return;
        }
        let claimed = match self.runtimes.owner(name).claim {
            Claim::Mine { id } | Claim::Perhaps { id } => Some(id).filter(|id| !id.is_empty()),
            Claim::Ignored | Claim::NotMine => return,
        };
        let docker = self.docker.get().filter(|_| claimed.is_some());
        let container = Container::new(&self.stages, name, claimed, self.stages.now());
        let Ok(container) = self.registry.insert(container) else { return };
        match (&container.claimed, docker) {
            (Some(id), Some(docker)) => docker.ask(id),
            _ => container.settle(),
        }
        if name == "/" && self.options.without_root_stats {
            return;
        }
        if let Some(housekeeping) = self.housekeeping.get() {
            housekeeping.add(&container);
        }
    }

    /// The creation event waits for the identity, or for the first reading where no runtime has to be waited
    /// for: they tell when it was made.
    fn tell_creation(&self, container: &Container) {
        if container.creation_is_told() {
            return;
        }
        let created = container.view(container.seen).spec.creation_time.unwrap_or(container.seen);
        let event = Event {
            container_name: container.name.to_string(),
            timestamp: created,
            event_type: EventType::Creation,
            event_data: EventData::default(),
        };
        // told under the lock, so that no other thread tells its end in between
        let mut events = lock(&self.events);
        if !container.tell_creation() {
            events.add(event.clone());
            let _ = self.watchers.send(Arc::new(event));
        }
    }

    /// It has been read and its creation is not told: no runtime has told who it is, or none will.
    pub(super) fn was_read(&self, container: &Container) {
        if container.view(self.stages.now()).settled && !container.is_gone() {
            self.tell_creation(container);
        }
    }

    /// The last process ended and the directory is still there: the totals are final.
    fn emptied(&self, name: &str, work: &mut Work) {
        let Some(container) = self.registry.get(name) else { return };
        let reading = container.sample(&self.stages, Effort::Full, work);
        self.stages.meters.read(&reading);
        // what the kernel accounts after the process' last step is caught by one more reading
        if let Some(housekeeping) = self.housekeeping.get() {
            housekeeping.hurry(&container);
        }
    }

    fn vanished(self: &Arc<Self>, name: &str) {
        if name == "/" {
            return;
        }
        let Some(container) = self.registry.remove(name) else { return };
        container.vanished();
        let at = self.stages.now();
        // a runtime that is not asked, does not answer or does not know it tells no exit code
        let told = self.docker.get().is_some() && lock(&self.docker_state).is_ok() && container.is_owned();
        let Some(id) = container.claimed.clone().filter(|_| told) else {
            self.tell_end(&container, at, None);
            return;
        };
        lock(&self.ending).push(container.clone());
        // the runtime's word on the exit code is on its way; the event's time stays that of the end
        let weak = Arc::downgrade(self);
        self.handle.spawn(async move {
            let exit = exits::wait(&weak, &id).await;
            if let Some(inner) = weak.upgrade() {
                lock(&inner.ending).retain(|other| !Arc::ptr_eq(other, &container));
                inner.tell_end(&container, at, exit);
            }
        });
    }

    fn tell_end(&self, container: &Container, at: Timestamp, exit: Option<Exit>) {
        self.tell_creation(container);
        let view = container.view(at);
        let exit_code = exit.as_ref().and_then(|exit| exit.code).or(view.identity.exit_code);
        let oom_events = container.oom_events.load(Ordering::Relaxed);
        let ended = EndedContainer {
            reference: view.reference,
            identity: view.identity,
            spec: view.spec,
            ended: at,
            exit_code,
            oom_killed: exit.is_some_and(|exit| exit.oom_killed) || oom_events > 0,
            oom_events,
            last: view.latest,
        };
        lock(&self.ended).add(container.name.to_string(), at, ended);
        self.publish(Event {
            container_name: container.name.to_string(),
            timestamp: at,
            event_type: EventType::Deletion,
            event_data: EventData {
                oom: None,
                container_deletion: Some(ContainerDeletion { exit_code: exit_code.unwrap_or(-1) }),
            },
        });
    }

    /// Keeps an event and shows it to those who watch.
    pub(crate) fn publish(&self, event: Event) {
        // sent under the lock, so that watchers see the order in which events are kept
        let mut events = lock(&self.events);
        events.add(event.clone());
        // nobody may be watching
        let _ = self.watchers.send(Arc::new(event));
    }

    /// What Docker told.
    pub(super) fn told(self: &Arc<Self>, told: Told) {
        match told {
            Told::Known { id, identity } => {
                for container in self.registry.of_id(&id) {
                    let news = container.identify(&self.stages, identity.clone());
                    if let Some(housekeeping) = self.housekeeping.get().filter(|_| news) {
                        housekeeping.hurry(&container);
                    }
                    self.tell_creation(&container);
                }
            }
            Told::Ended { id, exit_code, oom_killed } => {
                self.exits.told(id, Exit { code: exit_code, oom_killed });
            }
            Told::Gone { .. } => {}
            Told::Unknown { id } => {
                for container in self.registry.of_id(&id) {
                    self.unclaimed(&container);
                }
            }
            Told::Up { status } => self.docker_up(status),
            Told::Down { reason } => *lock(&self.docker_state) = Err(reason),
        }
    }

    fn docker_up(&self, status: Arc<docker::status::Status>) {
        lock(&self.stages.filesystems).set_docker(Path::new(&status.root_dir), &status.driver);
        let mut versions = lock(&self.versions);
        let mut renewed = (**versions).clone();
        renewed.docker.clone_from(&status.version);
        renewed.docker_api.clone_from(&status.api_version);
        *versions = Arc::new(renewed);
        *lock(&self.docker_state) = Ok(status);
    }

    /// The runtime does not know what looked like its own: it goes to those that are asked later.
    fn unclaimed(&self, container: &Arc<Container>) {
        match self.runtimes.owner_after(&container.name, docker::NAMESPACE).claim {
            Claim::Ignored | Claim::NotMine => {
                if self.registry.remove_this(container) {
                    container.vanished();
                }
            }
            Claim::Mine { .. } | Claim::Perhaps { .. } => {
                container.disown();
                // its first reading tells when it was made
                if container.sampled_at().is_some() {
                    self.tell_creation(container);
                }
            }
        }
    }

    /// Whose task was killed: it may be gone already and wait for its exit code, and another may have come under
    /// its name.
    fn victim(&self, kill: &Kill) -> Option<Arc<Container>> {
        if kill.replayed {
            return None;
        }
        let was_there =
            |container: &Arc<Container>| *container.name == *kill.killed_cgroup && container.seen <= kill.at;
        let ending = || lock(&self.ending).iter().rev().find(|container| was_there(container)).cloned();
        let there = self.registry.get(&kill.killed_cgroup);
        // the log's clock and ours are not the same to the millisecond: only where there is a choice it is made
        match ending() {
            Some(ending) if !there.as_ref().is_some_and(was_there) => Some(ending),
            _ => there,
        }
    }

    /// The kernel killed for want of memory. A kill from before the start is told, but not counted as new.
    pub(super) fn killed(&self, kill: Kill) {
        if let Some(container) = self.victim(&kill) {
            container.oom_events.fetch_add(1, Ordering::Relaxed);
        }
        let event = |container_name: String, event_type, oom| Event {
            container_name,
            timestamp: kill.at,
            event_type,
            event_data: EventData { oom, container_deletion: None },
        };
        let oom = OomKill {
            pid: kill.pid,
            process_name: kill.process_name.clone(),
            constraint: kill.constraint.clone(),
        };
        self.publish(event(kill.killed_cgroup.clone(), EventType::Oom, None));
        self.publish(event(kill.limit_cgroup.clone(), EventType::OomKill, Some(oom)));
    }
}

/// Takes Docker's words until the host is gone.
pub(crate) async fn listen(inner: Weak<Inner>, mut told: mpsc::Receiver<Told>) {
    while let Some(word) = told.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        inner.told(word);
    }
}

/// Lists the whole tree now and then, as a check on the watches.
pub(crate) async fn rescan(inner: Weak<Inner>) {
    loop {
        let Some(interval) = inner.upgrade().map(|inner| inner.options.global_interval) else { return };
        if interval.is_zero() {
            return;
        }
        tokio::time::sleep(interval).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Some(watch) = &*lock(&inner.watch) {
            watch.rescan();
        }
    }
}
