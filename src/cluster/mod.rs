//! A collector: asks many nodes round by round, reduces what they say, keeps the recent past, tells sinks and clients.
//!
//! Comes in: [`Parts`], built from flags or by an embedder. Goes out: [`Cluster::past`], which serving asks.
//! Refuses to know: flags, listening.
//!
//! A round: the nodes are asked (`nodes`), what they said is reduced (`reduce`), kept (`retain`) and handed to the
//! sinks (`sinks`). Rounds follow each other; one that takes too long makes the next begin at the next multiple of the
//! resolution, and costs no data of those nodes that answered in time.

mod hosts;
mod meters;
mod past;
mod windows;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::history::History;
use plimsoll_core::cluster::names::Names;
use plimsoll_core::cluster::objects::Objects;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::heap;
use plimsoll_nodes::round::Collector;
use plimsoll_reduce::{Options as Reduction, Reducer};
use plimsoll_retain::model::Model;
use plimsoll_serve::cluster::k8s::Rounds;
use plimsoll_serve::cluster::k8s::meters::Meters;
use plimsoll_serve::cluster::past::ClusterPast;
use plimsoll_sinks::Manager;

use self::meters::Processors;
use self::past::Kept;

/// Heapster's longest wait for all nodes together.
const LONGEST_ROUND: Duration = Duration::from_secs(20);
/// How long the end waits for sinks.
const LAST_EXPORTS: Duration = Duration::from_millis(1500);
/// How long the first round waits for the API server's first answers.
const OBJECTS_WITHIN: Duration = Duration::from_secs(10);
/// After so many rounds, names that nobody holds any more are forgotten.
const SWEEP_EVERY: u32 = 20;

/// What a collector is made of.
pub struct Parts {
    /// From round to round.
    pub resolution: Duration,
    /// Who asks the nodes.
    pub nodes: Collector,
    /// What the API server says, for whose first lists the first round waits; absent without one.
    pub objects: Option<Arc<Objects>>,
    /// Where names are kept once.
    pub names: Arc<Names>,
    /// The short past; absent when nobody wants it.
    pub model: Option<Model>,
    /// Where rounds are sent.
    pub sinks: Manager,
    /// The sink that answers for longer ago.
    pub history: Option<Arc<dyn History>>,
    /// What metrics-server would tell of the rounds.
    pub meters: Arc<Meters>,
    /// Where `metrics.k8s.io` finds the newest round.
    pub rounds: Arc<Rounds>,
}

/// A collector at work.
pub struct Cluster {
    resolution: Duration,
    nodes: Arc<Collector>,
    names: Arc<Names>,
    reducer: Arc<Mutex<Reducer>>,
    sinks: Arc<Manager>,
    kept: Arc<Kept>,
    meters: Arc<Meters>,
    rounds: Arc<Rounds>,
}

impl Cluster {
    /// One that has not asked anybody yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { resolution, nodes, objects, names, model, sinks, history, meters, rounds } = parts;
        let (nodes, sinks) = (Arc::new(nodes), Arc::new(sinks));
        let resolution_nanos = i64::try_from(resolution.as_nanos()).unwrap_or(i64::MAX);
        let kept = Kept {
            resolution_nanos,
            is_told: objects.is_some(),
            objects: objects.unwrap_or_default(),
            model: model.map(RwLock::new),
            latest: Mutex::default(),
            began: Mutex::default(),
            history,
            nodes: Arc::clone(&nodes),
            sinks: Arc::clone(&sinks),
            processors: Processors::default(),
        };
        Self {
            resolution,
            nodes,
            names,
            reducer: Arc::new(Mutex::new(Reducer::new(Reduction { resolution_nanos }))),
            sinks,
            kept: Arc::new(kept),
            meters,
            rounds,
        }
    }

    /// What is kept, for serving.
    pub fn past(&self) -> Arc<dyn ClusterPast> {
        self.kept.clone()
    }

    /// Rounds, the first at once, until `ended`; then the sinks get what they still lack, within a time.
    pub async fn run(&self, ended: impl Future<Output = ()>) {
        tokio::select! {
            () = self.rounds() => {}
            () = ended => {}
        }
        self.sinks.stop(LAST_EXPORTS).await;
    }

    async fn rounds(&self) {
        self.objects_are_listed().await;
        let mut end = windows::end_before(self.kept.now(), self.kept.resolution_nanos);
        for round in 1u32.. {
            self.round(end).await;
            if round % SWEEP_EVERY == 0 {
                self.names.sweep();
            }
            let now = self.kept.now();
            end = windows::next_end(end, now, self.kept.resolution_nanos);
            let wait = u64::try_from(end.since(now)).unwrap_or_default();
            tokio::time::sleep(Duration::from_nanos(wait)).await;
        }
    }

    /// Without objects the first round would have no nodes to ask, or no names for what they say.
    async fn objects_are_listed(&self) {
        let begin = Instant::now();
        while !self.kept.objects_are_listed() && begin.elapsed() < OBJECTS_WITHIN {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One round, whose window ends at `end`.
    async fn round(&self, end: Timestamp) {
        self.kept.begin(self.kept.now());
        let within = self.resolution.mul_f64(0.9).min(LONGEST_ROUND);
        let begin = Instant::now();
        let batch = self.nodes.round(end, within).await;
        self.meters.round(begin.elapsed(), &meters::of_nodes(&self.nodes));
        let previous = self.kept.newest();
        let (reducer, kept) = (Arc::clone(&self.reducer), Arc::clone(&self.kept));
        let rounds = Arc::clone(&self.rounds);
        // a hundred thousand sets take a while, during which clients are to be answered
        let reduced = tokio::task::spawn_blocking(move || {
            let batch = reduce(&reducer, &kept, batch, previous.as_deref());
            // two rounds were in memory; until the next one comes it is one
            drop(previous);
            rounds.prepare(&batch);
            heap::trim();
            batch
        });
        match reduced.await {
            Ok(batch) => self.sinks.push(&batch),
            Err(error) => tracing::error!(%error, "a round is lost"),
        }
    }
}

fn reduce(reducer: &Mutex<Reducer>, kept: &Kept, mut batch: Batch, previous: Option<&Batch>) -> Arc<Batch> {
    let mut reducer = reducer.lock().unwrap_or_else(PoisonError::into_inner);
    let mut before = Instant::now();
    // what hosts tell of pods is for clients alone: requests and limits that nobody said are not zero
    let nothing = Objects::default();
    let objects = if kept.is_told { &*kept.objects } else { &nothing };
    reducer.reduce_telling(&mut batch, previous, objects, |processor| {
        let now = Instant::now();
        kept.processors.ran(processor, now - before);
        before = now;
    });
    batch.shrink();
    let batch = Arc::new(batch);
    if !kept.is_told {
        hosts::tell(&kept.objects, &batch);
    }
    kept.push(&batch);
    batch
}
