//! How containers come and go: the cgroup tree's events and the runtimes' words become containers,
//! last samples and events.

use std::path::Path;
use std::sync::{Arc, Weak};

use plimsoll_core::container::Identity;
use plimsoll_core::event::{ContainerDeletion, Event, EventData, EventType, OomKill};
use plimsoll_core::runtime::Status;
use plimsoll_core::time::Timestamp;
use plimsoll_discover::runtime::told::Told;
use plimsoll_discover::watch::TreeEvent;
use plimsoll_discover::{containerd, crio, docker, podman};
use plimsoll_measure::oom::Kill;
use plimsoll_measure::reader::Effort;
use plimsoll_measure::spec::INNER;
use plimsoll_serve::past::EndedContainer;
use tokio::sync::mpsc;

use super::container::{Container, Work};
use super::exits::{self, Exit};
use super::followed::Followed;
use super::{Inner, lock};

/// How long after a container's end the kernel's log may still tell of its kill.
const LATE_NANOS: i64 = 10_000_000_000;

impl Inner {
    /// One event of the cgroup tree; called on the watching thread.
    pub(crate) fn on_tree(self: &Arc<Self>, event: TreeEvent, work: &mut Work) {
        match event {
            TreeEvent::Appeared { name, dir } => match self.registry.get(&name) {
                Some(container) => {
                    container.grown(self.stages.now());
                    // it may have been stopped after its spec was read and before this directory was watched
                    if self.freezer == Some(dir) {
                        container.follow_freezer(&self.stages, work);
                    }
                }
                None => self.appeared(&name),
            },
            TreeEvent::Written { name, file, .. } => {
                if let Some(container) = self.registry.get(&name) {
                    container.written();
                }
                // on v2 the groups below have what is left of it
                if file.starts_with("cpuset.") {
                    self.registry.below(&name).iter().for_each(|container| container.written());
                }
                if file == "cgroup.freeze" || file == "freezer.state" {
                    self.frozen(&name, work);
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

    /// A group was stopped or goes on, and with it those below. Looked at now: the next sample of one that does nothing
    /// may be far.
    fn frozen(&self, name: &str, work: &mut Work) {
        let outer = name.strip_suffix(INNER).and_then(|name| name.strip_suffix('/'));
        let above = [Some(name), outer].into_iter().flatten().filter_map(|name| self.registry.get(name));
        for container in above.chain(self.registry.below(name)) {
            container.follow_freezer(&self.stages, work);
        }
    }

    pub(super) fn appeared(&self, name: &str) {
        if self.registry.get(name).is_some() {
            return;
        }
        let mut verdict = self.runtimes.verdict(name);
        let claimed = !verdict.id.is_empty();
        let (mut asked, mut deaf) = (Vec::new(), false);
        // who does not answer is asked all the same, but only waited for where the name can only be his
        verdict.by.retain(|(namespace, sure)| {
            let Some(runtime) = self.followed(namespace) else { return false };
            let waited = *sure || !runtime.is_down();
            deaf |= !waited;
            asked.push(runtime);
            waited
        });
        if verdict.by.is_empty() && !verdict.shown {
            if claimed && deaf {
                lock(&self.passed_over).insert(name.to_owned());
            }
            return;
        }
        let settled = verdict.by.is_empty();
        let container = Container::new(&self.stages, name, verdict, self.stages.now(), *self.ready.borrow());
        let Ok(container) = self.registry.insert(container) else { return };
        if let Some(id) = &container.claimed {
            asked.iter().for_each(|runtime| runtime.daemon.ask(id));
        }
        if settled {
            container.settle();
        }
        // one that fell silent meanwhile was not told of this container
        for runtime in asked.iter().filter(|runtime| runtime.is_down()) {
            self.deaf(&container, runtime.daemon.namespace());
        }
        if name == "/" && self.options.without_root_stats {
            return;
        }
        container.follow_rounds(&self.stages);
        container.follow_counters(&self.stages);
        if let Some(housekeeping) = self.housekeeping.get() {
            housekeeping.add(&container);
        }
    }

    /// The runtime of that namespace, if it is followed.
    pub(super) fn followed(&self, namespace: &str) -> Option<&Arc<Followed>> {
        self.followed.get()?.iter().find(|runtime| runtime.daemon.namespace() == namespace)
    }

    /// Whether a runtime that answers may tell how the container ended.
    fn will_be_told(&self, container: &Container) -> bool {
        let owner = container.owner();
        self.followed.get().into_iter().flatten().any(|runtime| {
            let namespace = runtime.daemon.namespace();
            !runtime.is_down() && (namespace == owner || container.waits_for(namespace))
        })
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
        container.emptied(self.stages.now());
        // what the kernel accounts after the process' last step is caught by one more reading
        if let Some(housekeeping) = self.housekeeping.get() {
            housekeeping.hurry(&container);
        }
    }

    fn vanished(self: &Arc<Self>, name: &str) {
        if name == "/" {
            return;
        }
        let Some(container) = self.registry.remove(name) else {
            lock(&self.passed_over).remove(name);
            return;
        };
        container.vanished();
        let at = self.stages.now();
        if let Some(id) = &container.claimed {
            self.followed.get().into_iter().flatten().for_each(|runtime| runtime.daemon.gone(id));
        }
        // a runtime that is not asked, does not answer or does not know it tells no exit code
        let Some(id) = container.claimed.clone().filter(|_| self.will_be_told(&container)) else {
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
        let oom_events = view.oom_events;
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

    /// What a runtime told.
    pub(super) fn told(&self, runtime: &Followed, told: Told) {
        let namespace = runtime.daemon.namespace();
        match told {
            Told::Known { id, identity } => {
                for container in self.registry.of_id(&id) {
                    self.known(&container, namespace, &identity);
                }
            }
            Told::Ended { id, exit_code, oom_killed, again } => {
                self.exits.told(id, Exit { code: exit_code, oom_killed }, again);
            }
            Told::Gone { .. } => {}
            Told::Unknown { id } => {
                for container in self.registry.of_id(&id) {
                    if container.disowned(namespace, false) {
                        self.unclaimed(&container);
                    }
                }
            }
            Told::Up { status } => self.up(runtime, &status),
            Told::Down { reason } => self.down(runtime, reason),
        }
    }

    fn known(&self, container: &Arc<Container>, namespace: &'static str, identity: &Arc<Identity>) {
        let owner = container.owner();
        // Docker's containers are containerd's too, and Docker knows them better
        if !owner.is_empty() && self.runtimes.rank(owner) < self.runtimes.rank(namespace) {
            return;
        }
        let news = container.identify(&self.stages, namespace, identity.clone());
        if let Some(housekeeping) = self.housekeeping.get().filter(|_| news) {
            housekeeping.hurry(container);
        }
        self.tell_creation(container);
    }

    fn up(&self, runtime: &Followed, status: &Status) {
        runtime.up(status);
        if runtime.daemon.namespace() == docker::NAMESPACE {
            self.docker_is(status);
        }
        self.stores_are(runtime.daemon.namespace(), status);
        let passed_over = std::mem::take(&mut *lock(&self.passed_over));
        for name in passed_over {
            self.appeared(&name);
            // its end may have been told before: then nobody tells of it again
            if !self.stages.measure.has_group(&name)
                && let Some(container) = self.registry.get(&name)
                && self.registry.remove_this(&container)
            {
                container.vanished();
            }
        }
    }

    /// Where the runtime keeps its images, and its containers where that is elsewhere: a label for the filesystem.
    fn stores_are(&self, namespace: &str, status: &Status) {
        let Status { driver, root_dir, driver_status, .. } = status;
        if root_dir.is_empty() {
            return;
        }
        let root = Path::new(root_dir);
        let mut table = lock(&self.stages.filesystems);
        match namespace {
            docker::NAMESPACE => table.set_docker(root, driver),
            containerd::NAMESPACE => table.set_store("containerd-images", root),
            podman::NAMESPACE => table.set_store("podman-images", &root.join(format!("{driver}-images"))),
            crio::NAMESPACE => {
                let apart = driver_status.iter().find(|(name, _)| name == crio::STORAGE_IMAGE);
                let apart = apart.map(|(_, path)| Path::new(path)).filter(|path| path.is_absolute());
                table.set_store("crio-images", &apart.unwrap_or(root).join(format!("{driver}-images")));
                if apart.is_some() {
                    table.set_store("crio-containers", &root.join(format!("{driver}-containers")));
                }
            }
            _ => {}
        }
    }

    /// What the rest of the answers take from Docker's description.
    fn docker_is(&self, status: &Status) {
        let mut versions = lock(&self.versions);
        let mut renewed = (**versions).clone();
        renewed.docker.clone_from(&status.version);
        renewed.docker_api.clone_from(&status.api_version);
        *versions = Arc::new(renewed);
    }

    /// Names that are only perhaps the runtime's do not wait for it: it may not even be installed.
    fn down(&self, runtime: &Followed, reason: String) {
        runtime.down(reason);
        for container in self.registry.all() {
            self.deaf(&container, runtime.daemon.namespace());
        }
    }

    /// The runtime cannot say whether the container is its.
    fn deaf(&self, container: &Arc<Container>, namespace: &str) {
        if container.disowned(namespace, true) {
            if !container.shown {
                lock(&self.passed_over).insert(container.name.to_string());
            }
            self.unclaimed(container);
        }
    }

    /// No runtime knows what looked like its own: it is shown under its cgroup's name, or not at all.
    fn unclaimed(&self, container: &Arc<Container>) {
        if container.shown {
            container.settle();
            // else its first reading tells when it was made
            if container.sampled_at().is_some() {
                self.tell_creation(container);
            }
        } else if self.registry.remove_this(container) {
            container.vanished();
        }
    }

    /// Counts a kill for the container of that group: it may be gone already and wait for its exit code, or have
    /// ended, and another may have come under its name. Says whether there is one.
    fn count_kill(&self, group: &str, at: Timestamp) -> bool {
        let was_there = |container: &Arc<Container>| *container.name == *group && container.seen <= at;
        let there = self.registry.get(group);
        // the log's clock and ours are not the same to the millisecond: only where there is a choice it is made
        if !there.as_ref().is_some_and(was_there) {
            if let Some(ending) = lock(&self.ending).iter().rev().find(|container| was_there(container)) {
                ending.kill_told();
                return true;
            }
            let mut ended = lock(&self.ended);
            let mut late = ended.named_mut(group).filter(|ended| at.since(ended.ended).abs() < LATE_NANOS);
            if let Some(ended) = late.next() {
                (ended.oom_killed, ended.oom_events) = (true, ended.oom_events + 1);
                return true;
            }
        }
        if let Some(there) = &there {
            there.kill_told();
        }
        there.is_some()
    }

    /// The kernel killed for want of memory. A kill from before the start is told, but not counted as new. It counts
    /// for the killed task's container, which may have put the task into a group of its own that is nobody's, and for
    /// the one whose limit it was.
    pub(super) fn killed(&self, kill: Kill) {
        if !kill.replayed {
            let mut group = kill.killed_cgroup.as_str();
            while !self.count_kill(group, kill.at) {
                match group.rsplit_once('/') {
                    Some((above, _)) if !above.is_empty() && group != kill.limit_cgroup => group = above,
                    _ => break,
                }
            }
            if kill.limit_cgroup != "/" && kill.limit_cgroup != group {
                self.count_kill(&kill.limit_cgroup, kill.at);
            }
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

/// Takes a runtime's words until the host is gone.
pub(crate) async fn listen(inner: Weak<Inner>, runtime: Arc<Followed>, mut told: mpsc::Receiver<Told>) {
    while let Some(word) = told.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        inner.told(&runtime, word);
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
