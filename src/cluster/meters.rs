//! What the collector's parts tell of themselves, in one form.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use plimsoll_nodes::round::Collector;
use plimsoll_serve::cluster::past::{Meter, Part};
use plimsoll_sinks::Manager;

/// A processor's runs and their time.
#[derive(Default)]
pub(super) struct Processors(Mutex<BTreeMap<&'static str, (u64, Duration)>>);

impl Processors {
    pub(super) fn ran(&self, processor: &'static str, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (runs, spent) = all.entry(processor).or_default();
        *runs += 1;
        *spent += took;
    }

    pub(super) fn meters(&self) -> Vec<Meter> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = |(name, (runs, spent)): (&&'static str, &(u64, Duration))| Meter {
            done: *runs,
            seconds: spent.as_secs_f64(),
            ..Meter::new(Part::Processor(name))
        };
        all.iter().map(meter).collect()
    }
}

/// A meter for each node of the newest round.
pub(super) fn of_nodes(nodes: &Collector) -> Vec<Meter> {
    let meters = nodes.meters().nodes;
    let meter = |node: plimsoll_nodes::round::NodeMeter| Meter {
        last: node.asked,
        done: node.answered,
        failed: node.failed.iter().sum(),
        seconds: node.seconds,
        sets: node.entities,
        ..Meter::new(Part::Source { source: source(&node), node: node.node })
    };
    meters.into_iter().map(meter).collect()
}

/// Heapster's word for a node's source: `kubelet_summary:10.0.0.1:10250`.
fn source(node: &plimsoll_nodes::round::NodeMeter) -> String {
    use plimsoll_nodes::ask::Route;
    let word = match node.route {
        Some(Route::Summary) => "kubelet_summary",
        Some(Route::Subcontainers | Route::Metrics) => "cadvisor",
        Some(Route::Resource) => "kubelet_resource",
        Some(Route::Container | Route::Cadvisor) | None => "kubelet",
    };
    format!("{word}:{}", node.authority)
}

/// A meter for each sink.
pub(super) fn of_sinks(sinks: &Manager) -> Vec<Meter> {
    let meter = |sink: plimsoll_sinks::SinkMeters| Meter {
        last: sink.last_success,
        done: sink.exports + sink.partial,
        failed: sink.failures,
        dropped: sink.drops.iter().map(|(_, count)| count).sum(),
        seconds: sink.spent.as_secs_f64(),
        ..Meter::new(Part::Sink(if sink.place.is_empty() {
            sink.name.to_owned()
        } else {
            format!("{} {}", sink.name, sink.place)
        }))
    };
    sinks.meters().into_iter().map(meter).collect()
}
