//! What nodes and pods use, in the newest round.
//!
//! A node or a container has numbers if the round has both: CPU between two samples, and the working set. A pod with a
//! container that its node told of and that has no numbers yet is left out as a whole: half of a pod would look idle to
//! an autoscaler. Containers that the node did not tell of do not run.

use std::hash::BuildHasher;
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
    Containers(&'a [(Name, Usage)]),
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
    pub(super) fn of_pod(pod: &'a Pod, (when, containers): Numbers<'a>) -> Self {
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
    /// Pods that have numbers, by their hashes.
    pods: Vec<Told>,
    /// What their containers use, pod after pod.
    containers: Vec<(Name, Usage)>,
    /// Where in `pods` hashes begin with these bits: a look-up then finds its place at once.
    starts: Vec<u32>,
    /// How many bits.
    bits: u32,
    points: Points,
}

/// A pod that has numbers. They stand here once more, though the batch has them: of each container it would be asked for
/// three things that lie apart, and a long list would spend most of its time waiting for memory.
struct Told {
    hash: u64,
    /// The address of the pod as the API server told it when the round was made, which the batch keeps alive; zero if
    /// it was not known. Who asks for this very pod needs no comparison of names.
    known: usize,
    when: When,
    /// Where in `containers` its containers are.
    first: u32,
    count: u32,
    /// The place of a set of it.
    place: u32,
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
        let mut found: Vec<(u64, u32)> = Vec::new();
        let mut hash = 0;
        let mut last: Option<(&Name, &Name)> = None;
        for (place, set) in batch.iter().enumerate() {
            match &set.key {
                Key::Node(_) if set.cpu_rate.is_some() => index.points.nodes += 1,
                Key::Container { namespace, pod, .. } => {
                    index.points.containers += u64::from(set.cpu_rate.is_some());
                    // a set without a sample was made for requests and limits: the node did not tell of the container
                    if set.scraped.is_none() {
                        continue;
                    }
                    // a pod's containers mostly stand together
                    if !last.is_some_and(|(ns, name)| Name::ptr_eq(ns, namespace) && Name::ptr_eq(name, pod))
                    {
                        hash = index.hasher.hash_one((&**namespace, &**pod));
                        last = Some((namespace, pod));
                    }
                    found.push((hash, u32::try_from(place).unwrap_or(u32::MAX)));
                }
                _ => {}
            }
        }
        index.containers.reserve_exact(found.len());
        by_pod(batch, &mut found, |hash, places| index.add(batch, hash, places));
        index.pods.shrink_to_fit();
        index.containers.shrink_to_fit();
        // about a pod a place
        index.bits = index.pods.len().max(2).ilog2();
        let mut at = 0;
        index.starts = (0..1_u64 << index.bits)
            .map(|place| {
                let before = |told: &&Told| told.hash >> (64 - index.bits) < place;
                at += index.pods.get(at..).unwrap_or_default().iter().take_while(before).count();
                u32::try_from(at).unwrap_or(u32::MAX)
            })
            .collect();
        index
    }

    /// Adds a pod, whose containers have their sets at these places, unless one has no numbers.
    fn add(&mut self, batch: &Batch, hash: u64, places: &[(u64, u32)]) {
        let first = self.containers.len();
        if let Some(told) = self.told(batch, hash, places) {
            self.pods.push(told);
        } else {
            self.containers.truncate(first);
        }
    }

    fn told(&mut self, batch: &Batch, hash: u64, places: &[(u64, u32)]) -> Option<Told> {
        let first = self.containers.len();
        let mut known: Option<(&Arc<Pod>, u32)> = None;
        let mut earliest: Option<When> = None;
        for (_, place) in places {
            let set = batch.nth(*place as usize)?;
            let Key::Container { container, .. } = &set.key else { return None };
            if let Some(pod) = &set.pod {
                // one of two pods of the same name: the numbers are neither's
                if known.is_some_and(|(known, _)| known.uid != pod.uid) {
                    return None;
                }
                known = known.or(Some((pod, *place)));
            }
            let (usage, when) = usage_of(set)?;
            self.containers.push((container.clone(), usage));
            if earliest.is_none_or(|earliest| when.at < earliest.at) {
                earliest = Some(when);
            }
        }
        let place =
            known.map_or_else(|| places.first().map(|(_, place)| *place), |(_, place)| Some(place))?;
        Some(Told {
            hash,
            known: known.map_or(0, |(pod, _)| Arc::as_ptr(pod).addr()),
            when: earliest?,
            first: u32::try_from(first).ok()?,
            count: u32::try_from(self.containers.len() - first).ok()?,
            place,
        })
    }

    fn hash(&self, pod: &Pod) -> u64 {
        self.hasher.hash_one((&*pod.namespace, &*pod.name))
    }

    /// Where pods with this hash begin, or hashes that begin like it.
    fn start(&self, hash: u64) -> usize {
        let place = usize::try_from(hash >> (64 - self.bits)).ok();
        place.and_then(|place| self.starts.get(place)).map_or(usize::MAX, |start| *start as usize)
    }

    /// What is told of the pod with this hash, looked for from here.
    fn find(&self, batch: &Batch, start: usize, hash: u64, pod: &Pod) -> Option<Numbers<'_>> {
        for told in self.pods.get(start..)? {
            if told.hash > hash {
                break;
            }
            if told.hash == hash && (told.known == std::ptr::from_ref(pod).addr() || told.is(batch, pod)) {
                let first = told.first as usize;
                return Some((told.when, self.containers.get(first..first + told.count as usize)?));
            }
        }
        None
    }
}

impl Told {
    /// Whether it is this pod, by its names; numbers of an earlier pod of the same name are not this one's.
    #[cold]
    fn is(&self, batch: &Batch, pod: &Pod) -> bool {
        let Some(set) = batch.nth(self.place as usize) else { return false };
        let Key::Container { namespace, pod: name, .. } = &set.key else { return false };
        *namespace == pod.namespace
            && *name == pod.name
            && set.pod.as_ref().is_none_or(|known| known.uid == pod.uid)
    }
}

/// Sorts places of containers' sets by hash and gives those of each pod.
fn by_pod(batch: &Batch, found: &mut [(u64, u32)], mut each: impl FnMut(u64, &[(u64, u32)])) {
    let names = |place: u32| match batch.nth(place as usize).map(|set| &set.key) {
        Some(Key::Container { namespace, pod, .. }) => Some((namespace, pod)),
        _ => None,
    };
    let same = |(_, one): &(u64, u32), (_, other): &(u64, u32)| match (names(*one), names(*other)) {
        (Some((ns, pod)), Some((other_ns, other_pod))) => {
            (Name::ptr_eq(ns, other_ns) || ns == other_ns)
                && (Name::ptr_eq(pod, other_pod) || pod == other_pod)
        }
        _ => false,
    };
    found.sort_unstable();
    for equal in found.chunk_by_mut(|(one, _), (other, _)| one == other) {
        // hardly ever: two pods with one hash
        if !equal.is_sorted_by(same) {
            equal.sort_unstable_by_key(|(_, place)| (names(*place), *place));
        }
        for pod in equal.chunk_by(same) {
            if let Some((hash, _)) = pod.first() {
                each(*hash, pod);
            }
        }
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

    /// What a pod's containers use; none if there are none, or one has no numbers.
    pub(super) fn pod(&self, pod: &Pod) -> Option<Numbers<'_>> {
        let hash = self.index.hash(pod);
        self.index.find(&self.batch, self.index.start(hash), hash, pod)
    }

    /// The same of several pods. Their hashes come first, then the places, then the numbers, which are touched: what they
    /// lie in is mostly in no cache, and in a short loop memory is asked for several at a time.
    pub(super) fn pods<'a>(&'a self, pods: &[Arc<Pod>], found: &mut Found<'a>) {
        let Found { hashes, starts, numbers } = found;
        hashes.clear();
        starts.clear();
        numbers.clear();
        hashes.extend(pods.iter().map(|pod| self.index.hash(pod)));
        starts.extend(hashes.iter().map(|hash| self.index.start(*hash)));
        let places = starts.iter().zip(&*hashes).zip(pods);
        numbers.extend(places.map(|((start, hash), pod)| self.index.find(&self.batch, *start, *hash, pod)));
        let memory = |(_, all): &Numbers<'_>| all.first().map_or(0, |(_, usage)| usage.memory);
        std::hint::black_box(numbers.iter().flatten().map(memory).fold(0, std::ops::BitXor::bitxor));
    }
}

/// When, and what each container of a pod used.
pub(super) type Numbers<'a> = (When, &'a [(Name, Usage)]);

/// What the containers of several pods use, and room to find it.
#[derive(Default)]
pub(super) struct Found<'a> {
    hashes: Vec<u64>,
    starts: Vec<usize>,
    /// Of each pod, in turn; none where it has no numbers.
    pub(super) numbers: Vec<Option<Numbers<'a>>>,
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
        let nobody = Arc::new(Pod::default());
        let mut found = Found::default();
        round.pods(&[Arc::clone(&pod), nobody, Arc::clone(&pod)], &mut found);
        let alone = round.pod(&pod);
        assert_eq!(found.numbers, [alone, None, alone]);
        let (when, containers) = alone?;
        let all =
            containers.iter().map(|(name, usage)| format!("{name}:{}:{}", usage.nanocores, usage.memory));
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
                let usage = |memory| Usage { nanocores: pod, memory };
                let own = [("a".into(), usage(1)), ("b".into(), usage(2))];
                assert_eq!(round.pod(&known).map(|(_, all)| all), (pod < pods).then_some(&own[..]));
            }
        }
    }

    #[test]
    fn numbers_of_an_earlier_pod_of_the_same_name_are_not_this_ones() {
        let pod = |uid: &str| {
            Arc::new(Pod { namespace: "ns".into(), name: "p".into(), uid: uid.into(), ..Pod::default() })
        };
        let (old, new) = (pod("1"), pod("2"));
        let round = |pods: &[Option<&Arc<Pod>>]| {
            let mut batch = Batch::new(Timestamp(0));
            for (pod, container) in pods.iter().zip(["a", "b", "c"]) {
                let mut set = set("p", container, Some(1), Some(2), Some(100));
                set.pod = pod.cloned();
                batch.insert(set);
            }
            Rounds::default().indexed(Arc::new(batch))
        };
        let f = |sets: &[Option<&Arc<Pod>>], asked: &Arc<Pod>, wanted: Option<usize>| {
            let round = round(sets);
            assert_eq!(round.pod(asked).map(|(_, all)| all.len()), wanted);
            // the same pod, told again
            assert_eq!(round.pod(&Pod::clone(asked)).map(|(_, all)| all.len()), wanted);
        };
        f(&[Some(&old), Some(&old)], &old, Some(2));
        f(&[Some(&old), Some(&old)], &new, None);
        f(&[None, Some(&old)], &old, Some(2));
        f(&[None, Some(&old)], &new, None);
        f(&[None, None], &new, Some(2));
        for asked in [&old, &new] {
            f(&[Some(&old), Some(&new)], asked, None);
            f(&[Some(&old), None, Some(&new)], asked, None);
        }
    }

    #[test]
    fn pods_with_one_hash_are_told_apart() {
        let mut batch = Batch::new(Timestamp(0));
        for (pod, container) in [("p", "a"), ("q", "a"), ("p", "b"), ("r", "a"), ("q", "b")] {
            batch.insert(set(pod, container, Some(1), Some(2), Some(100)));
        }
        let mut found = vec![(9, 3), (7, 4), (7, 2), (7, 1), (7, 0)];
        let mut all = Vec::new();
        by_pod(&batch, &mut found, |hash, places| {
            all.push((hash, places.iter().map(|(_, place)| *place).collect::<Vec<_>>()));
        });
        assert_eq!(all, [(7, vec![0, 2]), (7, vec![1, 4]), (9, vec![3])]);
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
