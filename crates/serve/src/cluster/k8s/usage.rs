//! What nodes and pods use, in the newest round.
//!
//! A node or a container has numbers if the round has both: CPU between two samples, and the working set. A pod with a
//! container that its node told of and that has no numbers yet is left out as a whole: half of a pod would look idle to
//! an autoscaler. Containers that the node did not tell of do not run.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use foldhash::fast::RandomState;
use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{Map, Node, Pod};
use plimsoll_core::time::Timestamp;

/// What is used at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Billionths of a core.
    pub(super) nanocores: u64,
    /// Bytes of the working set.
    pub(super) memory: u64,
}

/// When it was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct When {
    /// The end of the window.
    pub(super) at: Timestamp,
    /// Its length in nanoseconds.
    pub(super) window_nanos: i64,
}

/// The usage of an object's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts<'a> {
    /// A node has none.
    Whole(Usage),
    /// Containers by name.
    Containers(&'a [(&'a str, Usage)]),
}

impl Parts<'_> {
    /// All together.
    pub(super) fn sum(self) -> Usage {
        match self {
            Self::Whole(usage) => usage,
            Self::Containers(all) => all.iter().fold(Usage::default(), |sum, (_, usage)| Usage {
                nanocores: sum.nanocores.saturating_add(usage.nanocores),
                memory: sum.memory.saturating_add(usage.memory),
            }),
        }
    }
}

/// A node or a pod with its usage, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) name: &'a str,
    /// Of pods.
    pub(super) namespace: Option<&'a str>,
    pub(super) labels: &'a Map,
    pub(super) when: When,
    pub(super) parts: Parts<'a>,
}

impl<'a> Row<'a> {
    /// A pod's.
    pub(super) fn of_pod(pod: &'a Pod, when: When, containers: &'a [(&'a str, Usage)]) -> Self {
        let parts = Parts::Containers(containers);
        Self { name: &pod.name, namespace: Some(&pod.namespace), labels: &pod.labels, when, parts }
    }
}

/// A round whose containers are found by their pod. Made once a round.
#[derive(Clone)]
pub(super) struct Round {
    pub(super) batch: Arc<Batch>,
    index: Arc<Index>,
}

#[derive(Default)]
struct Index {
    hasher: RandomState,
    /// Hashes of pods and the places of their containers' sets, sorted.
    containers: Vec<(u64, u32)>,
    /// Where in `containers` hashes begin with these bits: a look-up then finds its place at once.
    starts: Vec<u32>,
    /// How many bits.
    bits: u32,
    points: Points,
}

/// How many have a point before the newest one, so that there is a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Points {
    pub(super) nodes: u64,
    pub(super) containers: u64,
}

/// After so many rounds of which nobody asked, no more are indexed ahead.
const ASKED_WITHIN: u32 = 20;

/// The round that was indexed last, for all who serve it.
#[derive(Default)]
pub struct Rounds(Mutex<Last>);

#[derive(Default)]
struct Last {
    batch: Weak<Batch>,
    index: Arc<Index>,
    /// Rounds that were made since somebody asked; none while nobody ever did.
    unasked: Option<u32>,
}

impl Rounds {
    /// Indexes a new round ahead of the first question about it, if there were questions about the rounds before it;
    /// otherwise gives back what the last index takes.
    pub fn prepare(&self, batch: &Arc<Batch>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.unasked = last.unasked.map(|rounds| rounds + 1).filter(|rounds| *rounds <= ASKED_WITHIN);
        match last.unasked {
            Some(_) => last.index(batch),
            None => (last.batch, last.index) = Default::default(),
        }
    }

    /// This round, indexed.
    pub(super) fn indexed(&self, batch: Arc<Batch>) -> Round {
        // who comes second waits for the index rather than making it again
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.unasked = Some(0);
        last.index(&batch);
        Round { batch, index: Arc::clone(&last.index) }
    }
}

impl Last {
    fn index(&mut self, batch: &Arc<Batch>) {
        // the batch cannot be another at the same place: the weak reference keeps the place taken
        if !std::ptr::eq(self.batch.as_ptr(), Arc::as_ptr(batch)) {
            (self.batch, self.index) = (Arc::downgrade(batch), Arc::new(Index::of(batch)));
        }
    }
}

impl Index {
    fn of(batch: &Batch) -> Self {
        let mut index = Self::default();
        let mut hash = 0;
        let mut last: Option<(&Name, &Name)> = None;
        for (place, set) in batch.iter().enumerate() {
            match &set.key {
                Key::Node(_) if set.cpu_rate.is_some() => index.points.nodes += 1,
                Key::Container { namespace, pod, .. } => {
                    index.points.containers += u64::from(set.cpu_rate.is_some());
                    // a pod's containers mostly stand together
                    if !last.is_some_and(|(ns, name)| Name::ptr_eq(ns, namespace) && Name::ptr_eq(name, pod))
                    {
                        hash = index.hasher.hash_one((&**namespace, &**pod));
                        last = Some((namespace, pod));
                    }
                    index.containers.push((hash, u32::try_from(place).unwrap_or(u32::MAX)));
                }
                _ => {}
            }
        }
        index.containers.sort_unstable();
        // about two containers a place
        index.bits = index.containers.len().max(2).ilog2();
        let places = 0..1_u64 << index.bits;
        let mut at = 0;
        index.starts = places
            .map(|place| {
                let before = |(hash, _): &&(u64, u32)| *hash >> (64 - index.bits) < place;
                at += index.containers.get(at..).unwrap_or_default().iter().take_while(before).count();
                u32::try_from(at).unwrap_or(u32::MAX)
            })
            .collect();
        index
    }

    fn hash(&self, pod: &Pod) -> u64 {
        self.hasher.hash_one((&*pod.namespace, &*pod.name))
    }

    /// The places of the sets of the containers of pods with this hash.
    fn places(&self, hash: u64) -> impl Iterator<Item = usize> {
        let start = usize::try_from(hash >> (64 - self.bits)).ok().and_then(|place| self.starts.get(place));
        let rest = start.and_then(|start| self.containers.get(*start as usize..)).unwrap_or_default();
        let from_here = rest.iter().skip_while(move |(one, _)| *one < hash);
        from_here.take_while(move |(one, _)| *one == hash).map(|(_, place)| *place as usize)
    }
}

impl Round {
    /// Points with a rate.
    pub(super) fn points(&self) -> Points {
        self.index.points
    }

    /// What a node uses, if that is known.
    pub(super) fn node<'a>(&self, node: &'a Node) -> Option<Row<'a>> {
        let set = self.batch.get(&Key::Node(node.name.clone()))?;
        let (usage, when) = usage_of(set)?;
        Some(Row {
            name: &node.name,
            namespace: None,
            labels: &node.labels,
            when,
            parts: Parts::Whole(usage),
        })
    }

    /// Puts what a pod's containers use into `room`; none if there are none, or one has no numbers.
    pub(super) fn containers<'a>(&'a self, pod: &Pod, room: &mut Vec<(&'a str, Usage)>) -> Option<When> {
        room.clear();
        self.add_containers(pod, self.index.places(self.index.hash(pod)), room)
    }

    /// The same of several pods. Their hashes come first, then the places, then the sets: what they lie in is mostly in
    /// no cache, and in a short loop memory is asked for several at a time.
    pub(super) fn containers_of_each<'a>(&'a self, pods: &[Arc<Pod>], found: &mut Found<'a>) {
        let Found { hashes, places, ends, room, pods: told } = found;
        hashes.clear();
        places.clear();
        ends.clear();
        room.clear();
        told.clear();
        hashes.extend(pods.iter().map(|pod| self.index.hash(pod)));
        for hash in &*hashes {
            places.extend(self.index.places(*hash));
            ends.push(places.len());
        }
        let mut first = 0;
        for (pod, end) in pods.iter().zip(&*ends) {
            let before = room.len();
            let places = places.get(first..*end).unwrap_or_default();
            let when = self.add_containers(pod, places.iter().copied(), room);
            told.push(when.map(|when| (when, before..room.len())));
            first = *end;
        }
    }

    /// Adds what a pod's containers use; some may have been added where there is no answer.
    fn add_containers<'a>(
        &'a self,
        pod: &Pod,
        places: impl Iterator<Item = usize>,
        room: &mut Vec<(&'a str, Usage)>,
    ) -> Option<When> {
        let mut earliest: Option<When> = None;
        for place in places {
            let Some(set) = self.batch.nth(place) else { continue };
            let Key::Container { namespace, pod: name, container } = &set.key else { continue };
            // a set without a sample was made for requests and limits: the node did not tell of the container
            if *namespace != pod.namespace || *name != pod.name || set.scraped.is_none() {
                continue;
            }
            // numbers of an earlier pod of the same name are not this one's
            if set.pod.as_ref().is_some_and(|of| of.uid != pod.uid) {
                return None;
            }
            let (usage, when) = usage_of(set)?;
            room.push((container, usage));
            if earliest.is_none_or(|earliest| when.at < earliest.at) {
                earliest = Some(when);
            }
        }
        earliest
    }
}

/// What the containers of several pods use, and room to find it.
#[derive(Default)]
pub(super) struct Found<'a> {
    hashes: Vec<u64>,
    places: Vec<usize>,
    /// Of each pod: where its places end.
    ends: Vec<usize>,
    room: Vec<(&'a str, Usage)>,
    /// Of each pod: where in `room` its containers are, unless it has no numbers.
    pods: Vec<Option<(When, Range<usize>)>>,
}

impl<'a> Found<'a> {
    /// Of each pod in turn: when, and its containers; none where it has no numbers.
    pub(super) fn each(&self) -> impl Iterator<Item = Option<(When, &[(&'a str, Usage)])>> {
        let told =
            |(when, range): &(When, Range<usize>)| (*when, self.room.get(range.clone()).unwrap_or_default());
        self.pods.iter().map(move |pod| pod.as_ref().map(told))
    }
}

fn usage_of(set: &Set) -> Option<(Usage, When)> {
    let cpu = set.cpu_rate?;
    let memory = u64::try_from(set.values.int(Metric::MemoryWorkingSet)?).ok()?;
    let when = When { at: set.scraped?, window_nanos: cpu.window_nanos };
    Some((Usage { nanocores: cpu.nanocores, memory }, when))
}

#[cfg(test)]
mod tests {
    use plimsoll_core::cluster::batch::CpuRate;

    use super::*;

    /// A container's set: CPU in nanocores over ten seconds, bytes, second of the sample.
    fn set(pod: &str, container: &str, cpu: Option<u64>, memory: Option<i64>, at: Option<i64>) -> Set {
        let key = Key::Container { namespace: "ns".into(), pod: pod.into(), container: container.into() };
        let mut set = Set::new(key);
        set.cpu_rate = cpu.map(|nanocores| CpuRate { nanocores, window_nanos: 10_000_000_000 });
        if let Some(memory) = memory {
            set.values.set_int(Metric::MemoryWorkingSet, memory);
        }
        set.scraped = at.map(Timestamp::from_secs);
        set
    }

    /// The containers of a pod as `name:nanocores:bytes`, with the second of the sample at the end.
    fn usage(sets: Vec<Set>, pod: &str) -> Option<String> {
        let mut batch = Batch::new(Timestamp(0));
        for set in sets {
            batch.insert(set);
        }
        let round = Rounds::default().indexed(Arc::new(batch));
        let pod = Arc::new(Pod { namespace: "ns".into(), name: pod.into(), ..Pod::default() });
        let mut room = Vec::new();
        let when = round.containers(&pod, &mut room);
        let nobody = Arc::new(Pod::default());
        let mut found = Found::default();
        round.containers_of_each(&[Arc::clone(&pod), nobody, Arc::clone(&pod)], &mut found);
        let (alone, pods) = (when.map(|when| (when, &*room)), found.each().collect::<Vec<_>>());
        assert_eq!(pods, [alone, None, alone]);
        let when = when?;
        let all = room.iter().map(|(name, usage)| format!("{name}:{}:{}", usage.nanocores, usage.memory));
        Some(format!("{} {}", all.collect::<Vec<_>>().join(" "), when.at.nanos() / 1_000_000_000))
    }

    #[test]
    fn a_pod_is_the_sum_of_what_runs_or_nothing() {
        let one = || set("p", "a", Some(5), Some(7), Some(100));
        let f = |more: Vec<Set>, pod: &str, wanted: Option<&str>| {
            let sets = std::iter::once(one()).chain(more).collect();
            assert_eq!(usage(sets, pod).as_deref(), wanted);
        };
        f(vec![], "p", Some("a:5:7 100"));
        f(vec![], "q", None);
        // the earliest sample counts
        let other = set("q", "x", Some(1), Some(1), Some(1));
        f(vec![other, set("p", "b", Some(1), Some(0), Some(99))], "p", Some("a:5:7 b:1:0 99"));
        // told of, but without a rate or without memory yet
        f(vec![set("p", "b", None, Some(1), Some(100))], "p", None);
        f(vec![set("p", "b", Some(1), None, Some(100))], "p", None);
        // not told of: a set made for its limits
        f(vec![set("p", "b", None, None, None)], "p", Some("a:5:7 100"));
        f(vec![set("q", "b", None, None, None)], "q", None);
    }

    #[test]
    fn each_of_many_pods_has_its_own_containers() {
        for pods in [0_u64, 1, 2, 3, 500] {
            let mut batch = Batch::new(Timestamp(0));
            for pod in 0..pods {
                let name = format!("p{pod}");
                batch.insert(set(&name, "a", Some(pod), Some(1), Some(100)));
                batch.insert(set(&name, "b", Some(pod), Some(2), Some(100)));
            }
            let round = Rounds::default().indexed(Arc::new(batch));
            for pod in 0..=pods {
                let known = Pod { namespace: "ns".into(), name: format!("p{pod}").into(), ..Pod::default() };
                let mut room = Vec::new();
                let found = round.containers(&known, &mut room).is_some();
                let usage = |memory| Usage { nanocores: pod, memory };
                assert_eq!(found, pod < pods);
                assert_eq!(room, if found { vec![("a", usage(1)), ("b", usage(2))] } else { Vec::new() });
            }
        }
    }

    #[test]
    fn a_round_is_indexed_once() {
        let rounds = Rounds::default();
        let batch = |pod: &str| {
            let mut batch = Batch::new(Timestamp(0));
            batch.insert(set(pod, "a", Some(5), Some(7), Some(100)));
            Arc::new(batch)
        };
        let first = batch("p");
        let (one, two) = (rounds.indexed(Arc::clone(&first)), rounds.indexed(first));
        assert!(Arc::ptr_eq(&one.index, &two.index));
        let other = rounds.indexed(batch("q"));
        assert!(!Arc::ptr_eq(&one.index, &other.index));
        assert_eq!(other.points(), Points { nodes: 0, containers: 1 });
    }

    #[test]
    fn rounds_are_indexed_ahead_while_somebody_asks() {
        let rounds = Rounds::default();
        let batch = || {
            let mut batch = Batch::new(Timestamp(0));
            batch.insert(set("p", "a", Some(5), Some(7), Some(100)));
            Arc::new(batch)
        };
        let indexed = |batch: &Arc<Batch>| rounds.0.lock().unwrap().batch.ptr_eq(&Arc::downgrade(batch));
        let prepared = || {
            let batch = batch();
            rounds.prepare(&batch);
            indexed(&batch)
        };
        assert!(!prepared());
        rounds.indexed(batch());
        assert!((0..ASKED_WITHIN).all(|_| prepared()));
        assert!(!prepared());
        assert!(rounds.0.lock().unwrap().index.containers.is_empty());
        rounds.indexed(batch());
        let next = batch();
        rounds.prepare(&next);
        let index = Arc::clone(&rounds.0.lock().unwrap().index);
        assert!(Arc::ptr_eq(&index, &rounds.indexed(next).index));
    }
}
