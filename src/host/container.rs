//! One container as the host keeps it: who it is, its past, and the reader that adds to it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use plimsoll_core::columns::Columnar;
use plimsoll_core::container::{Identity, Reference, Spec};
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_discover::runtime::Verdict;
use plimsoll_measure::accelerator::Group;
use plimsoll_measure::filesystem::{Layer, Tracked, Volumes};
use plimsoll_measure::reader::{Effort, Limits, Reader};
use plimsoll_measure::sample::Sample;
use plimsoll_measure::sockets::Target;
use plimsoll_measure::{resctrl, spec};
use plimsoll_poll::Wanted;
use plimsoll_retain::summary::Summary;
use plimsoll_retain::timeline::{Scratch, Timeline};
use plimsoll_serve::labels;
use plimsoll_serve::past::{FormerLimits, View};

use super::limits::Former;
use super::lock;
use super::rounds;
use super::stages::Stages;

/// A container, shared by the sampling side, the answers and the runtimes' words.
pub(crate) struct Container {
    /// The cgroup's name.
    pub(crate) name: Arc<str>,
    /// When its cgroup was seen.
    pub(crate) seen: Timestamp,
    /// The runtime's id where a runtime claims the name.
    pub(crate) claimed: Option<String>,
    /// Whether it is shown as a raw cgroup when no runtime knows it.
    pub(crate) shown: bool,
    /// Where filesystems are mounted that the hints give it, as long as no runtime knows it.
    hinted: Vec<PathBuf>,
    /// Runtimes that have not said yet whether it is theirs, and whether it can only be theirs.
    waiting: Mutex<Vec<(&'static str, bool)>>,
    /// Kills for want of memory, as the kernel's log tells them.
    kills_told: AtomicU64,
    /// The same as the group's own file counts them, since we look.
    kills_counted: AtomicU64,
    /// Whether the group came while we looked, so that all that it counts is new.
    fresh: bool,
    /// Somebody wrote one of its files since the spec was read.
    spec_stale: AtomicBool,
    /// When the newest of its directories was seen, in nanoseconds.
    grown_at: AtomicI64,
    /// Its directory is gone; nothing is read any more.
    gone: AtomicBool,
    /// Its creation event has been sent.
    creation_told: AtomicBool,
    /// Bytes that the kept past takes, and how many samples it has; told apart from the sampler, so that a
    /// scrape waits for no reading.
    kept: [AtomicUsize; 2],
    /// Locked before [`Self::waiting`] where both are.
    known: Mutex<Known>,
    sampler: Mutex<Sampler>,
    latest: Mutex<Option<Arc<Sample>>>,
    /// Its writable layer, while that is measured.
    layer: Mutex<Option<Tracked>>,
    /// Its volumes, likewise.
    volumes: Mutex<Volumes>,
    /// What is measured of it in rounds.
    rounds: Mutex<rounds::Followed>,
    /// What its application tells of itself, while it is asked.
    application: Mutex<Option<plimsoll_poll::Tracked>>,
}

/// What is known of a container, in the shared pieces that a [`View`] is made of.
struct Known {
    reference: Arc<Reference>,
    identity: Arc<Identity>,
    /// Who told it, as a namespace of the runtimes: not all of them have one for their containers.
    owner: &'static str,
    /// Whether a runtime has told who this is, or none will.
    settled: bool,
    spec: Arc<Spec>,
    /// How often [`Container::follow_freezer`] looked: a spec whose reading began before may say what was.
    freezer_looks: u64,
    former: Former,
    labels: Arc<[u8]>,
}

/// The sampling side's own part; whoever samples holds its lock while the kernel answers.
struct Sampler {
    reader: Reader,
    sample: Sample,
    timeline: Timeline<Sample>,
    summary: Summary,
    spec_read: Option<Timestamp>,
    /// Kills that the group had counted before we looked.
    kills_before: Option<u64>,
}

/// What a thread that reads brings along, so that a container needs no buffers of its own.
#[derive(Default)]
pub(crate) struct Work {
    buffer: Vec<u8>,
    scratch: Scratch,
}

/// What one reading found.
pub(crate) struct Reading {
    /// Whether any number differs from the reading before.
    pub(crate) changed: bool,
    /// Whether the cgroup is gone.
    pub(crate) gone: bool,
    /// Files read.
    pub(crate) files: u32,
    /// Files that could not be read or understood.
    pub(crate) faults: u32,
    /// It came too early: the runtime is still making the container's directories. Nothing was kept.
    pub(crate) early: bool,
}

/// On v1 a container's directories appear one by one; while the last of them is so young, a first reading without
/// the main numbers is too early.
const GROWING_NANOS: i64 = 30_000_000;

/// How long a container that a runtime claims is kept off `/metrics` while the runtime has not told who it is.
const IDENTITY_GRACE_NANOS: i64 = 5_000_000_000;

/// Who writes a limit is noticed by the watch; so often the spec is read again all the same, for what was written
/// while nobody watched, or as a CPU comes or goes.
const SPEC_AGE_NANOS: i64 = 240_000_000_000;

impl Container {
    pub(crate) fn new(stages: &Stages, name: &str, verdict: Verdict, seen: Timestamp, fresh: bool) -> Self {
        let claimed = Some(verdict.id).filter(|id| !id.is_empty());
        let reference = Reference::raw(name);
        let identity = Identity::default();
        let labels = labels::block(&reference, &identity, &stages.label_rules);
        let settled = claimed.is_none();
        let mut reader = Reader::new(&stages.measure, name);
        // runtimes make groups for processes below the container's own
        reader.set_deep(claimed.is_some());
        Self {
            name: name.into(),
            seen,
            claimed,
            shown: verdict.shown,
            hinted: stages.hinted(name),
            waiting: Mutex::new(verdict.by),
            kills_told: AtomicU64::new(0),
            kills_counted: AtomicU64::new(0),
            fresh,
            spec_stale: AtomicBool::new(true),
            grown_at: AtomicI64::new(seen.nanos()),
            gone: AtomicBool::new(false),
            creation_told: AtomicBool::new(false),
            kept: Default::default(),
            known: Mutex::new(Known {
                reference: Arc::new(reference),
                identity: Arc::new(identity),
                owner: "",
                settled,
                spec: Arc::default(),
                freezer_looks: 0,
                former: Former::default(),
                labels,
            }),
            sampler: Mutex::new(Sampler {
                reader,
                sample: Sample::default(),
                timeline: Timeline::new(stages.storage_nanos),
                summary: Summary::default(),
                spec_read: None,
                kills_before: None,
            }),
            latest: Mutex::new(None),
            layer: Mutex::new(None),
            volumes: Mutex::default(),
            rounds: Mutex::default(),
            application: Mutex::new(None),
        }
    }

    /// The shared pieces, as they are now.
    pub(crate) fn view(&self, now: Timestamp) -> View {
        let latest = lock(&self.latest).clone();
        let app = lock(&self.application).as_ref().map(plimsoll_poll::Tracked::metrics);
        let mut known = lock(&self.known);
        if let Some(app) = app.as_ref().filter(|app| !app.specs.is_same(&known.spec.custom_metrics)) {
            let spec = (*known.spec).clone();
            let custom_metrics = app.specs.clone();
            known.spec =
                Arc::new(Spec { has_custom_metrics: !custom_metrics.is_empty(), custom_metrics, ..spec });
        }
        View {
            reference: known.reference.clone(),
            identity: known.identity.clone(),
            spec: known.spec.clone(),
            labels: known.labels.clone(),
            settled: known.settled || self.seen.since(now).abs() > IDENTITY_GRACE_NANOS,
            latest,
            oom_events: self.oom_events(),
            app,
            runtime: known.owner,
        }
    }

    /// The kernel's log tells of a kill.
    pub(crate) fn kill_told(&self) {
        self.kills_told.fetch_add(1, Ordering::Relaxed);
    }

    /// Kills for want of memory since we look: by the log, else by the group's own file.
    pub(crate) fn oom_events(&self) -> u64 {
        // only one of them counts, see `Stages::kills_by_file`
        self.kills_told.load(Ordering::Relaxed).max(self.kills_counted.load(Ordering::Relaxed))
    }

    /// When the newest sample was read.
    pub(crate) fn sampled_at(&self) -> Option<Timestamp> {
        lock(&self.latest).as_ref().map(|sample| sample.at)
    }

    /// The runtime with this namespace says who this is. Returns whether anything is new.
    pub(crate) fn identify(&self, stages: &Stages, owner: &'static str, identity: Arc<Identity>) -> bool {
        {
            let mut known = lock(&self.known);
            lock(&self.waiting).retain(|(other, _)| *other != owner);
            known.owner = owner;
            if known.settled && known.identity == identity {
                return false;
            }
            let reference = Reference {
                id: identity.id.clone(),
                name: self.name.to_string(),
                aliases: identity.aliases.clone(),
                namespace: identity.namespace.to_owned(),
            };
            known.labels = labels::block(&reference, &identity, &stages.label_rules);
            known.reference = Arc::new(reference);
            known.spec = Arc::new(self.merge(&known.spec, &identity, stages.kinds));
            known.identity = identity;
            known.settled = true;
        }
        self.follow_pid(stages);
        self.follow_layer(stages);
        self.follow_volumes(stages);
        self.follow_application(stages);
        true
    }

    /// No runtime will say who this is: it stays under its cgroup's name.
    pub(crate) fn settle(&self) {
        lock(&self.known).settled = true;
    }

    /// A runtime has said that it has no such container, or (`down`) cannot say, which counts only where the
    /// name may be somebody else's. Returns whether nobody is left who could know it.
    pub(crate) fn disowned(&self, namespace: &str, down: bool) -> bool {
        // in the order of [`Self::identify`], which may be under way on another thread
        let known = lock(&self.known);
        let mut waiting = lock(&self.waiting);
        let before = waiting.len();
        waiting.retain(|(other, sure)| *other != namespace || (down && *sure));
        before > waiting.len() && waiting.is_empty() && known.owner.is_empty()
    }

    /// Whether this runtime has not said yet that it is its, or not.
    pub(crate) fn waits_for(&self, namespace: &str) -> bool {
        lock(&self.waiting).iter().any(|(other, _)| *other == namespace)
    }

    /// The namespace of the runtime that knows it; empty while none does.
    pub(crate) fn owner(&self) -> &'static str {
        lock(&self.known).owner
    }

    /// Whether its creation event has been sent; from now on it has.
    pub(crate) fn tell_creation(&self) -> bool {
        self.creation_told.swap(true, Ordering::Relaxed)
    }

    /// Whether its creation event has been sent.
    pub(crate) fn creation_is_told(&self) -> bool {
        self.creation_told.load(Ordering::Relaxed)
    }

    /// Tells the reader whose network is the container's.
    fn follow_pid(&self, stages: &Stages) {
        let identity = lock(&self.known).identity.clone();
        {
            let mut sampler = lock(&self.sampler);
            match identity.network_pid {
                Some(pid) => sampler.reader.set_pod_pid(Some(pid).filter(|_| identity.has_network)),
                None => sampler.reader.set_pid(identity.pid.filter(|_| identity.has_network)),
            }
        }
        self.follow_rounds(stages);
    }

    /// Has measured what is measured in rounds.
    pub(crate) fn follow_rounds(&self, stages: &Stages) {
        let Some(surveys) = stages.surveys.get().filter(|_| !self.is_gone()) else { return };
        let identity = lock(&self.known).identity.clone();
        let own = |pid| Target { pid, group: (&*self.name).into() };
        let network = match (identity.network_pid, identity.pid) {
            (Some(pid), _) => Some(Target::beside(pid, &self.name)),
            (None, pid) => pid.map(own),
        };
        let network = network.filter(|_| identity.has_network).or((&*self.name == "/").then(|| own(1)));
        surveys.follow(&mut lock(&self.rounds), &self.name, network, self.claimed.is_some());
    }

    /// Has its writable layer measured, if the runtime tells of one.
    fn follow_layer(&self, stages: &Stages) {
        let Some(tracker) = stages.layers.get() else { return };
        let identity = lock(&self.known).identity.clone();
        let Some(layers) = identity.layers.as_ref().filter(|_| identity.has_filesystem) else { return };
        let wanted = Layer {
            driver: layers.driver.clone(),
            upper: layers.upper.clone(),
            extra: layers.extra.clone(),
            pid: identity.pid.filter(|_| layers.upper.is_none()),
            ..Layer::default()
        };
        let mut layer = lock(&self.layer);
        let same = layer.as_ref().is_some_and(|layer| layer.is(&wanted));
        // one that ended keeps what was found, though its process cannot be asked any more
        if !same && !self.is_gone() && (wanted.upper.is_some() || wanted.pid.is_some()) {
            *layer = Some(tracker.track(wanted));
        }
    }

    /// Has its volumes measured, of which its runtime tells.
    fn follow_volumes(&self, stages: &Stages) {
        let Some(tracker) = stages.layers.get() else { return };
        let identity = lock(&self.known).identity.clone();
        let mut volumes = lock(&self.volumes);
        if !self.is_gone() {
            volumes.follow(tracker, &identity.volumes);
        }
    }

    /// Has its perf events and caches counted, from its beginning on.
    pub(crate) fn follow_counters(&self, stages: &Stages) {
        let mut followed = lock(&self.rounds);
        followed.perf = stages.perf.get().and_then(|tracker| tracker.track(&self.name));
        followed.resctrl = stages.resctrl.get().map(|tracker| tracker.track(&self.name));
    }

    /// Why its caches are not monitored.
    pub(crate) fn resctrl_trouble(&self) -> Option<String> {
        lock(&self.rounds).resctrl.as_ref().and_then(resctrl::Tracked::trouble)
    }

    /// As those see it who ask whose a GPU is.
    pub(crate) fn as_group(&self) -> Group {
        let pid = lock(&self.known).identity.pid;
        Group { name: self.name.clone(), claimed: self.claimed.is_some(), pid }
    }

    /// Has its application asked for metrics of its own, if a label wants that and it runs.
    fn follow_application(&self, stages: &Stages) {
        let Some(poller) = &stages.poller else { return };
        let identity = lock(&self.known).identity.clone();
        let wanted = identity.pid.and_then(|pid| Wanted::of(pid, &self.name, &identity.labels));
        let mut application = lock(&self.application);
        let Some(wanted) = wanted.filter(|_| !self.is_gone()) else {
            *application = None;
            return;
        };
        if application.as_ref().is_some_and(|application| application.is(&wanted)) {
            return;
        }
        match poller.track(wanted) {
            Ok(tracked) => *application = Some(tracked),
            Err(error) => {
                tracing::warn!(container = &*self.name, %error, "no thread for application metrics")
            }
        }
    }

    /// Why its application's metrics are not there.
    pub(crate) fn application_trouble(&self) -> Option<String> {
        lock(&self.application).as_ref().and_then(plimsoll_poll::Tracked::trouble)
    }

    /// When the oldest of the newest sizes of its writable layer and volumes was true.
    pub(crate) fn layer_at(&self) -> Option<Timestamp> {
        let layer = lock(&self.layer).as_ref().and_then(Tracked::at);
        layer.into_iter().chain(lock(&self.volumes).at()).min()
    }

    /// Why its writable layer, or a volume, could not be measured.
    pub(crate) fn layer_trouble(&self) -> Option<String> {
        let layer = lock(&self.layer).as_ref().and_then(Tracked::trouble);
        layer.or_else(|| lock(&self.volumes).trouble())
    }

    /// Its last process has ended and was accounted for: it will be removed in a moment, or is used again later.
    pub(crate) fn emptied(&self, at: Timestamp) {
        lock(&self.sampler).reader.let_go(at);
    }

    /// Its directory has appeared in a further hierarchy.
    pub(crate) fn grown(&self, at: Timestamp) {
        self.grown_at.store(at.nanos(), Ordering::Relaxed);
        lock(&self.sampler).reader.rescan();
        self.spec_stale.store(true, Ordering::Relaxed);
    }

    /// Somebody wrote one of its files: a limit may be another.
    pub(crate) fn written(&self) {
        self.spec_stale.store(true, Ordering::Relaxed);
    }

    /// Looks whether its processes are stopped.
    pub(crate) fn follow_freezer(&self, stages: &Stages, work: &mut Work) {
        let frozen = spec::frozen(&stages.measure, &self.name, &mut work.buffer);
        let mut known = lock(&self.known);
        known.freezer_looks += 1;
        if known.spec.frozen != frozen {
            known.spec = Arc::new(Spec { frozen, ..(*known.spec).clone() });
        }
    }

    /// Its directory is gone.
    pub(crate) fn vanished(&self) {
        self.gone.store(true, Ordering::Relaxed);
        lock(&self.layer).take();
        *lock(&self.volumes) = Volumes::default();
        *lock(&self.rounds) = rounds::Followed::default();
        lock(&self.application).take();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Reads the container now and keeps what was read.
    pub(crate) fn sample(&self, stages: &Stages, effort: Effort, work: &mut Work) -> Reading {
        let mut guard = lock(&self.sampler);
        let sampler = &mut *guard;
        if self.is_gone() {
            return Reading { changed: false, gone: true, files: 0, faults: 0, early: false };
        }
        let at = stages.now();
        self.refresh_spec(stages, sampler, at, work);
        let outcome = sampler.reader.read(at, effort, &mut work.buffer, &mut sampler.sample);
        let (files, faults) = (outcome.files, outcome.faults);
        if outcome.gone {
            return Reading { changed: false, gone: true, files, faults, early: false };
        }
        sampler.sample.at = at;
        if stages.kills_by_file {
            self.count_kills(sampler);
        }
        if effort == Effort::Thrifty && sampler.timeline.is_empty() && self.is_early(stages, &sampler.sample)
        {
            return Reading { changed: true, gone: false, files, faults, early: true };
        }
        let mut moved = outcome.moved;
        if &*self.name == "/" {
            stages.filesystems(at, &mut sampler.sample.filesystem);
            moved = true;
        } else if !self.hinted.is_empty() && self.owner().is_empty() {
            sampler.sample.filesystem = stages.filesystems_at(&self.hinted);
            moved = true;
        } else {
            if !self.hinted.is_empty() {
                // a runtime knows it now: what the hints gave is not its
                sampler.sample.filesystem.clear();
                moved = true;
            }
            if let Some(layer) = &*lock(&self.layer) {
                moved |= layer.fill(&mut sampler.sample.filesystem);
            }
        }
        moved |= lock(&self.volumes).fill(&mut sampler.sample.volumes);
        let followed = lock(&self.rounds);
        // the other numbers have been read already; of a group without processes it takes microseconds
        if let Some(perf) = followed.perf.as_ref().filter(|_| effort == Effort::Full) {
            perf.read_now(&mut work.buffer);
        }
        moved |= followed.fill(stages.kinds, &mut sampler.sample);
        drop(followed);
        if let Some(accelerators) = stages.accelerators.get() {
            moved |= accelerators.fill(&self.name, &mut sampler.sample.accelerators);
        }
        let repeated = !moved && sampler.timeline.repeat(at, &mut work.scratch);
        let changed = !repeated && sampler.timeline.push(at, &mut sampler.sample, &mut work.scratch).changed;
        let total = sampler.sample.cpu.as_ref().and_then(|cpu| cpu.usage.total);
        let working_set = sampler.sample.memory.as_ref().and_then(|memory| memory.working_set);
        sampler.summary.push(at, total, working_set);
        let kept = [sampler.timeline.bytes(), sampler.timeline.held()];
        self.kept.iter().zip(kept).for_each(|(shown, count)| shown.store(count, Ordering::Relaxed));
        self.publish(&sampler.sample, changed);
        Reading { changed, gone: false, files, faults, early: false }
    }

    /// What the group's file counts and did not before.
    fn count_kills(&self, sampler: &mut Sampler) {
        let counted = sampler.sample.memory.as_ref().and_then(|memory| memory.events.oom_kill);
        let Some(counted) = counted else { return };
        let before = *sampler.kills_before.get_or_insert(if self.fresh { 0 } else { counted });
        self.kills_counted.store(counted.saturating_sub(before), Ordering::Relaxed);
    }

    /// Whether a main number is missing that may be there in a moment.
    fn is_early(&self, stages: &Stages, sample: &Sample) -> bool {
        let missing = (sample.cpu.is_none() && stages.kinds.has(Kind::Cpu))
            || (sample.memory.is_none() && stages.kinds.has(Kind::Memory));
        missing && sample.at.since(Timestamp(self.grown_at.load(Ordering::Relaxed))) < GROWING_NANOS
    }

    /// Shows the sample to the answers. The shared one is written in place while nobody holds it.
    fn publish(&self, sample: &Sample, changed: bool) {
        let mut latest = lock(&self.latest);
        match latest.as_mut().and_then(Arc::get_mut) {
            Some(shown) => {
                (shown.at, shown.rounds) = (sample.at, sample.rounds);
                if changed {
                    shown.assign(sample);
                }
            }
            None => *latest = Some(Arc::new(sample.clone())),
        }
    }

    fn refresh_spec(&self, stages: &Stages, sampler: &mut Sampler, at: Timestamp, work: &mut Work) {
        // up to half as long again, as chance has it: not all of one age shall fall due in one sweep
        let chance = (self.seen.nanos() / 1_000).rem_euclid(1_000);
        let age = SPEC_AGE_NANOS + SPEC_AGE_NANOS / 2 / 1_000 * chance;
        // also if the clock was set back since
        let aged = sampler.spec_read.is_none_or(|read| !(0..=age).contains(&at.since(read)));
        if !self.spec_stale.swap(false, Ordering::Relaxed) && !aged {
            return;
        }
        let known = lock(&self.known);
        let (created, freezer_looks) = (known.spec.creation_time, known.freezer_looks);
        drop(known);
        match spec::read(&stages.measure, &self.name, created, &mut work.buffer) {
            Ok(spec) => {
                let before = sampler.spec_read.replace(at);
                sampler.reader.set_limits(Limits::of(&spec));
                self.keep_spec(stages, &spec, freezer_looks, before.map(|_| at));
            }
            // a vanished group keeps its last spec; its end is told by the tree
            Err(error) => tracing::debug!(container = &*self.name, %error, "spec not read"),
        }
    }

    /// How often [`Self::follow_freezer`] has looked.
    #[cfg(test)]
    pub(super) fn freezer_looks(&self) -> u64 {
        lock(&self.known).freezer_looks
    }

    /// Keeps what was read, which began after so many looks of [`Self::follow_freezer`]. `changed`: that limits are
    /// others now than at the reading before is news of that instant.
    pub(super) fn keep_spec(
        &self,
        stages: &Stages,
        spec: &Spec,
        freezer_looks: u64,
        changed: Option<Timestamp>,
    ) {
        let mut known = lock(&self.known);
        let mut merged = self.merge(spec, &known.identity, stages.kinds);
        merged.has_custom_metrics = known.spec.has_custom_metrics;
        merged.custom_metrics = known.spec.custom_metrics.clone();
        if known.freezer_looks != freezer_looks {
            merged.frozen = known.spec.frozen;
        }
        if *known.spec != merged {
            let before = known.spec.limits();
            if let Some(at) = changed
                && before != merged.limits()
            {
                known.former.push(before, at, stages.storage_nanos);
            }
            known.spec = Arc::new(merged);
        }
    }

    /// The kept samples of a window, oldest first; decoded outside the sampling side's lock.
    pub(crate) fn samples(
        &self,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
        count: Option<usize>,
    ) -> Vec<Sample> {
        let snapshot = lock(&self.sampler).timeline.window(start, end, count);
        snapshot.decode(|sample, at| sample.at = at)
    }

    /// The limits that it had before those of today.
    pub(crate) fn former_limits(&self) -> Vec<FormerLimits> {
        lock(&self.known).former.all()
    }

    /// What was used over the last minute, hour and day.
    pub(crate) fn summary(&self) -> Option<plimsoll_core::summary::DerivedStats> {
        lock(&self.sampler).summary.derived()
    }

    /// The kernel's part of a spec with the runtime's. The root's network and filesystems are the machine's.
    fn merge(&self, spec: &Spec, identity: &Identity, kinds: Kinds) -> Spec {
        let is_root = &*self.name == "/";
        let hinted = !self.hinted.is_empty() && identity.namespace.is_empty();
        Spec {
            creation_time: identity.created.or(spec.creation_time),
            start_time: identity.started,
            labels: identity.shown_labels().into_owned(),
            envs: identity.envs.clone(),
            image: identity.image.clone(),
            has_network: (is_root || identity.has_network) && kinds.has(Kind::Network),
            has_filesystem: (is_root || hinted || identity.has_filesystem) && kinds.has(Kind::Disk),
            ..spec.clone()
        }
    }

    /// Bytes that the kept past takes, and how many samples it has.
    pub(crate) fn kept(&self) -> (usize, usize) {
        let [bytes, samples] = &self.kept;
        (bytes.load(Ordering::Relaxed), samples.load(Ordering::Relaxed))
    }
}
