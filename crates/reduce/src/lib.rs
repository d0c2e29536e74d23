//! From what nodes say to what people ask: rates, names, sums.
//!
//! Comes in: a round's [`Batch`] as the nodes told it, the round before, what the API server says. Goes out: the same
//! batch with rates, with the objects that its sets point at, and with sets for pods, namespaces, workloads and the
//! cluster. Refuses to know: clocks, nodes' formats, who asks. The formulas are Heapster's, one file a processor;
//! where Heapster is plainly wrong, the file's header says what is done instead.

mod aggregate;
#[cfg(test)]
mod document;
mod namespaces;
mod nodes;
mod pods;
mod rates;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod workloads;

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::objects::{Known, Objects};

use rates::Rates;

/// The processors' names as Heapster's own metrics write them, in the order in which [`Reducer::reduce`] runs them.
/// The pods' objects are attached before the rates, so that a pod that was made again under its name is known as
/// another one; nothing else depends on which of the two comes first.
pub const PROCESSORS: [&str; 9] = [
    "pod_based_enricher",
    "rate calculator",
    "namespace_based_enricher",
    "pod_aggregator",
    "namespace_aggregator",
    "workload_aggregator",
    "node_aggregator",
    "cluster_aggregator",
    "node_autoscaling_enricher",
];

/// How rounds are reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The time from round to round, in nanoseconds.
    pub resolution_nanos: i64,
}

/// Reduces one round after the other. It remembers the counters of entities that were absent from a round, for a few
/// rounds, so that a node that failed to answer once has rates as soon as it is back.
pub struct Reducer {
    rates: Rates,
}

impl Reducer {
    /// One that has seen nothing yet.
    pub fn new(options: Options) -> Self {
        Self { rates: Rates::new(options.resolution_nanos) }
    }

    /// Reduces a round. `previous` is the round before, as this function left it; without it, or if it is not older,
    /// there are no rates but those that a young container has from its start.
    pub fn reduce(&mut self, batch: &mut Batch, previous: Option<&Batch>, objects: &Objects) {
        self.reduce_telling(batch, previous, objects, |_| {});
    }

    /// The same; calls `done` after each processor with its name, for who measures how long each takes.
    pub fn reduce_telling(
        &mut self,
        batch: &mut Batch,
        previous: Option<&Batch>,
        objects: &Objects,
        mut done: impl FnMut(&'static str),
    ) {
        let steps: [&mut dyn FnMut(&mut Batch); 9] = [
            &mut |batch| pods::enrich(batch, objects),
            &mut |batch| self.rates.compute(batch, previous),
            &mut |batch| namespaces::enrich(batch, &objects.read()),
            &mut aggregate::pod::sum,
            &mut aggregate::namespace::sum,
            &mut |batch| workloads::sum(batch, objects),
            &mut aggregate::node::sum,
            &mut aggregate::cluster::sum,
            &mut |batch| nodes::enrich(batch, &objects.read()),
        ];
        for (name, step) in PROCESSORS.into_iter().zip(steps) {
            step(batch);
            done(name);
        }
    }
}

/// So many sets are looked at in a few milliseconds.
const PART: usize = 8192;

/// Calls `look` with each place below `count` and what is known. Between parts, who watches the API server may write.
fn each_place(count: usize, objects: &Objects, mut look: impl FnMut(usize, &Known)) {
    for first in (0..count).step_by(PART) {
        let known = objects.read();
        (first..count.min(first + PART)).for_each(|place| look(place, &known));
    }
}
