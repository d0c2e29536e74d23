//! One container as the host keeps it: who it is, its past, and the reader that adds to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use plimsoll_core::container::{Identity, Reference, Spec};
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_discover::runtime::Verdict;
use plimsoll_measure::reader::{Effort, Reader};
use plimsoll_measure::sample::Sample;
use plimsoll_measure::spec;
use plimsoll_retain::summary::Summary;
use plimsoll_retain::timeline::{Scratch, Timeline};
use plimsoll_serve::labels;
use plimsoll_serve::past::View;

use super::lock;
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
    /// Runtimes that have not said yet whether it is theirs, and whether it can only be theirs.
    waiting: Mutex<Vec<(&'static str, bool)>>,
    /// Kills for want of memory whose killed task was here.
    pub(crate) oom_events: AtomicU64,
    /// Somebody wrote one of its files since the spec was read.
    spec_stale: AtomicBool,
    /// Its directory is gone; nothing is read any more.
    gone: AtomicBool,
    /// Its creation event has been sent.
    creation_told: AtomicBool,
    known: Mutex<Known>,
    sampler: Mutex<Sampler>,
    latest: Mutex<Option<Arc<Sample>>>,
}

/// What is known of a container, in the shared pieces that a [`View`] is made of.
struct Known {
    reference: Arc<Reference>,
    identity: Arc<Identity>,
    /// Whether a runtime has told who this is, or none will.
    settled: bool,
    spec: Arc<Spec>,
    labels: Arc<[u8]>,
}

/// The sampling side's own part; whoever samples holds its lock while the kernel answers.
struct Sampler {
    reader: Reader,
    sample: Sample,
    timeline: Timeline<Sample>,
    summary: Summary,
    spec_read: Option<Timestamp>,
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
}

/// How long a container that a runtime claims is kept off `/metrics` while the runtime has not told who it is.
const IDENTITY_GRACE_NANOS: i64 = 5_000_000_000;

/// The spec is read again at least so often: a v2 cpuset changes without anybody writing to the group.
const SPEC_AGE_NANOS: i64 = 60_000_000_000;

impl Container {
    pub(crate) fn new(stages: &Stages, name: &str, verdict: Verdict, seen: Timestamp) -> Self {
        let claimed = Some(verdict.id).filter(|id| !id.is_empty());
        let reference = Reference::raw(name);
        let identity = Identity::default();
        let labels = labels::block(&reference, &identity, &stages.label_rules);
        let settled = claimed.is_none();
        Self {
            name: name.into(),
            seen,
            claimed,
            shown: verdict.shown,
            waiting: Mutex::new(verdict.by),
            oom_events: AtomicU64::new(0),
            spec_stale: AtomicBool::new(true),
            gone: AtomicBool::new(false),
            creation_told: AtomicBool::new(false),
            known: Mutex::new(Known {
                reference: Arc::new(reference),
                identity: Arc::new(identity),
                settled,
                spec: Arc::default(),
                labels,
            }),
            sampler: Mutex::new(Sampler {
                reader: Reader::new(&stages.measure, name),
                sample: Sample::default(),
                timeline: Timeline::new(stages.storage_nanos),
                summary: Summary::default(),
                spec_read: None,
            }),
            latest: Mutex::new(None),
        }
    }

    /// The shared pieces, as they are now.
    pub(crate) fn view(&self, now: Timestamp) -> View {
        let latest = lock(&self.latest).clone();
        let known = lock(&self.known);
        View {
            reference: known.reference.clone(),
            identity: known.identity.clone(),
            spec: known.spec.clone(),
            labels: known.labels.clone(),
            settled: known.settled || self.seen.since(now).abs() > IDENTITY_GRACE_NANOS,
            latest,
            oom_events: self.oom_events.load(Ordering::Relaxed),
        }
    }

    /// When the newest sample was read.
    pub(crate) fn sampled_at(&self) -> Option<Timestamp> {
        lock(&self.latest).as_ref().map(|sample| sample.at)
    }

    /// A runtime says who this is. Returns whether anything is new.
    pub(crate) fn identify(&self, stages: &Stages, identity: Arc<Identity>) -> bool {
        {
            let mut known = lock(&self.known);
            lock(&self.waiting).retain(|(other, _)| *other != identity.namespace);
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
            known.spec = Arc::new(merge(&self.name, &known.spec, &identity, stages.kinds));
            known.identity = identity;
            known.settled = true;
        }
        self.follow_pid();
        true
    }

    /// No runtime will say who this is: it stays under its cgroup's name.
    pub(crate) fn settle(&self) {
        lock(&self.known).settled = true;
    }

    /// A runtime has said that it has no such container, or (`down`) cannot say, which counts only where the
    /// name may be somebody else's. Returns whether nobody is left who could know it.
    pub(crate) fn disowned(&self, namespace: &str, down: bool) -> bool {
        let mut waiting = lock(&self.waiting);
        let before = waiting.len();
        waiting.retain(|(other, sure)| *other != namespace || (down && *sure));
        before > waiting.len() && waiting.is_empty() && self.owner().is_empty()
    }

    /// Whether this runtime has not said yet that it is its, or not.
    pub(crate) fn waits_for(&self, namespace: &str) -> bool {
        lock(&self.waiting).iter().any(|(other, _)| *other == namespace)
    }

    /// Whether a runtime knows it, or may yet.
    pub(crate) fn is_owned(&self) -> bool {
        !lock(&self.waiting).is_empty() || !self.owner().is_empty()
    }

    /// The namespace of the runtime that knows it; empty while none does.
    pub(crate) fn owner(&self) -> &'static str {
        lock(&self.known).identity.namespace
    }

    /// Whether its creation event has been sent; from now on it has.
    pub(crate) fn creation_told(&self) -> bool {
        self.creation_told.swap(true, Ordering::Relaxed)
    }

    /// Tells the reader whose network is the container's.
    fn follow_pid(&self) {
        let identity = lock(&self.known).identity.clone();
        let mut sampler = lock(&self.sampler);
        sampler.reader.set_pid(identity.pid.filter(|_| identity.has_network));
    }

    /// Its directory has appeared in a further hierarchy.
    pub(crate) fn grown(&self) {
        lock(&self.sampler).reader.rescan();
        self.spec_stale.store(true, Ordering::Relaxed);
    }

    /// Somebody wrote one of its files: a limit may be another.
    pub(crate) fn written(&self) {
        self.spec_stale.store(true, Ordering::Relaxed);
    }

    /// Its directory is gone.
    pub(crate) fn vanished(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Reads the container now and keeps what was read.
    pub(crate) fn sample(&self, stages: &Stages, effort: Effort, work: &mut Work) -> Reading {
        let mut guard = lock(&self.sampler);
        let sampler = &mut *guard;
        if self.is_gone() {
            return Reading { changed: false, gone: true, files: 0, faults: 0 };
        }
        let at = stages.now();
        self.refresh_spec(stages, sampler, at, work);
        let outcome = sampler.reader.read(at, effort, &mut work.buffer, &mut sampler.sample);
        if outcome.gone {
            return Reading { changed: false, gone: true, files: outcome.files, faults: outcome.faults };
        }
        sampler.sample.at = at;
        if &*self.name == "/" {
            sampler.sample.filesystem = stages.filesystems(at);
        }
        let pushed = sampler.timeline.push(at, &mut sampler.sample, &mut work.scratch);
        let total = sampler.sample.cpu.as_ref().and_then(|cpu| cpu.usage.total);
        let working_set = sampler.sample.memory.as_ref().and_then(|memory| memory.working_set);
        sampler.summary.push(at, total, working_set);
        self.publish(&sampler.sample, pushed.changed);
        Reading { changed: pushed.changed, gone: false, files: outcome.files, faults: outcome.faults }
    }

    /// Shows the sample to the answers. The shared one is written in place while nobody holds it.
    fn publish(&self, sample: &Sample, changed: bool) {
        let mut latest = lock(&self.latest);
        match latest.as_mut().and_then(Arc::get_mut) {
            Some(shown) if !changed => shown.at = sample.at,
            Some(shown) => shown.clone_from(sample),
            None => *latest = Some(Arc::new(sample.clone())),
        }
    }

    fn refresh_spec(&self, stages: &Stages, sampler: &mut Sampler, at: Timestamp, work: &mut Work) {
        let aged = sampler.spec_read.is_none_or(|read| at.since(read) > SPEC_AGE_NANOS);
        if !self.spec_stale.swap(false, Ordering::Relaxed) && !aged {
            return;
        }
        match spec::read(&stages.measure, &self.name, &mut work.buffer) {
            Ok(spec) => {
                sampler.spec_read = Some(at);
                let mut known = lock(&self.known);
                let merged = merge(&self.name, &spec, &known.identity, stages.kinds);
                if *known.spec != merged {
                    known.spec = Arc::new(merged);
                }
            }
            // a vanished group keeps its last spec; its end is told by the tree
            Err(error) => tracing::debug!(container = &*self.name, %error, "spec not read"),
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

    /// What was used over the last minute, hour and day.
    pub(crate) fn summary(&self) -> Option<plimsoll_core::summary::DerivedStats> {
        lock(&self.sampler).summary.derived()
    }

    /// Bytes that the kept past takes, and how many samples it has.
    pub(crate) fn kept(&self) -> (usize, usize) {
        let sampler = lock(&self.sampler);
        (sampler.timeline.bytes(), sampler.timeline.len())
    }
}

/// The kernel's part of a spec with the runtime's. The root's network and filesystems are the machine's.
fn merge(name: &str, spec: &Spec, identity: &Identity, kinds: Kinds) -> Spec {
    let is_root = name == "/";
    Spec {
        creation_time: identity.created.or(spec.creation_time),
        start_time: identity.started,
        labels: labels_of(identity),
        envs: identity.envs.clone(),
        image: identity.image.clone(),
        has_network: (is_root || identity.has_network) && kinds.has(Kind::Network),
        has_filesystem: is_root && kinds.has(Kind::Disk),
        ..spec.clone()
    }
}

/// The runtime's labels, with its count of restarts as cAdvisor shows it: among them.
fn labels_of(identity: &Identity) -> BTreeMap<String, String> {
    let mut labels = identity.labels.clone();
    if identity.restart_count > 0 {
        labels.entry("restartcount".to_owned()).or_insert_with(|| identity.restart_count.to_string());
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_a_label_once_there_are_any() {
        let mut identity = Identity::default();
        assert!(labels_of(&identity).is_empty());
        identity.restart_count = 2;
        assert_eq!(labels_of(&identity)["restartcount"], "2");
        identity.labels.insert("restartcount".to_owned(), "own".to_owned());
        assert_eq!(labels_of(&identity)["restartcount"], "own");
    }
}
