//! What the collector tells of itself: Heapster's names, with times that are measured, and ours beside them.
//!
//! Gives: heapster_scraper_*, heapster_kubelet_*, heapster_processor_*, heapster_exporter_*, http_requests_total,
//!        http_request_duration_microseconds, http_response_size_bytes, plimsoll_source_*, plimsoll_sink_*,
//!        plimsoll_round_*, process_*, go_threads

use std::collections::BTreeMap;

use plimsoll_core::family::Emit;
use plimsoll_core::family::Type::{Counter, Gauge};

use super::{family, lines, simple};
use crate::cluster::handlers::{Count, Handlers, Which};
use crate::cluster::past::{ClusterPast, Meter, Part};
use crate::metrics::process;
use crate::text::Head;

/// All families, as text.
pub(super) fn families(past: &dyn ClusterPast, handlers: &Handlers) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 * 1024);
    let mut meters = past.meters();
    // lines that come sorted are written without a search
    meters.sort_unstable_by(|a, b| label(a).cmp(label(b)));
    let of = |wanted: fn(&Part) -> bool| {
        meters.iter().filter(move |meter| wanted(&meter.part)).collect::<Vec<_>>()
    };
    sources(&mut out, &of(|part| matches!(part, Part::Source { .. })));
    processors(&mut out, &of(|part| matches!(part, Part::Processor(_))));
    sinks(&mut out, &of(|part| matches!(part, Part::Sink(_))));
    round(&mut out, past);
    requests(&mut out, &handlers.counts());
    process::each(|row, values| simple(&mut out, (row.name, row.help, row.kind), &[], values));
    out
}

/// What tells a part from others of its sort.
fn label(meter: &Meter) -> &str {
    match &meter.part {
        Part::Source { source, .. } => source,
        Part::Processor(name) => name,
        Part::Sink(name) => name,
    }
}

fn node(meter: &Meter) -> &str {
    match &meter.part {
        Part::Source { node, .. } => node,
        Part::Processor(_) | Part::Sink(_) => "",
    }
}

/// A summary without quantiles: the sum and the number of runs.
fn summary<'a, L: AsRef<[&'a str]>>(
    out: &mut Vec<u8>,
    (name, help): (&str, &str),
    labels: &[&str],
    runs: impl Iterator<Item = (L, f64, u64)>,
) {
    let runs: Vec<_> = runs.collect();
    let sum = &mut |out: &mut dyn Emit| runs.iter().for_each(|(of, sum, _)| out.float(of.as_ref(), *sum));
    let before = out.len();
    family(out, &Head::summary(name, help), &format!("{name}_sum"), labels, sum);
    if out.len() > before {
        let count =
            &mut |out: &mut dyn Emit| runs.iter().for_each(|(of, _, count)| out.int(of.as_ref(), *count));
        lines(out, &format!("{name}_count"), labels, count);
    }
}

fn runs(meter: &Meter) -> u64 {
    meter.done.saturating_add(meter.failed)
}

fn last(meters: &[&Meter], out: &mut dyn Emit) {
    for meter in meters {
        if let Some(at) = meter.last {
            out.float(&[label(meter)], at.secs_f64().floor());
        }
    }
}

fn sources(out: &mut Vec<u8>, meters: &[&Meter]) {
    let name = "heapster_scraper_last_time_seconds";
    simple(out, (name, "When each source was last asked", Gauge), &["source"], &mut |out| last(meters, out));
    let took = meters.iter().map(|meter| ([label(meter)], meter.seconds * 1e6, runs(meter)));
    let name = "heapster_scraper_duration_microseconds";
    summary(out, (name, "Time that asking each source took"), &["source"], took);
    // Heapster has one of them for each of its two sources
    for (name, of_summary) in [
        ("heapster_kubelet_request_duration_microseconds", false),
        ("heapster_kubelet_summary_request_duration_microseconds", true),
    ] {
        let mut asked: Vec<_> =
            meters.iter().filter(|meter| label(meter).starts_with("kubelet_summary") == of_summary).collect();
        asked.sort_unstable_by(|a, b| node(a).cmp(node(b)));
        let took = asked.iter().map(|meter| ([node(meter)], meter.seconds * 1e6, runs(meter)));
        summary(out, (name, "Time until each node's answer was read"), &["node"], took);
    }
    let labels = ["source", "node"];
    let name = "plimsoll_source_failures_total";
    simple(out, (name, "How often a source gave no numbers", Counter), &labels, &mut |out| {
        meters.iter().for_each(|meter| out.int(&[label(meter), node(meter)], meter.failed));
    });
    let name = "plimsoll_source_sets";
    simple(out, (name, "Entities in a source's last answer", Gauge), &labels, &mut |out| {
        meters.iter().for_each(|meter| out.int(&[label(meter), node(meter)], meter.sets));
    });
}

fn processors(out: &mut Vec<u8>, meters: &[&Meter]) {
    let name = "heapster_processor_duration_microseconds";
    let took = meters.iter().map(|meter| ([label(meter)], meter.seconds * 1e6, runs(meter)));
    summary(out, (name, "Time that each step of the reduction took"), &["processor"], took);
}

fn sinks(out: &mut Vec<u8>, meters: &[&Meter]) {
    let name = "heapster_exporter_last_time_seconds";
    simple(out, (name, "When each sink was last given numbers", Gauge), &["exporter"], &mut |out| {
        last(meters, out)
    });
    let name = "heapster_exporter_duration_milliseconds";
    let took = meters.iter().map(|meter| ([label(meter)], meter.seconds * 1e3, runs(meter)));
    summary(out, (name, "Time that each sink took"), &["exporter"], took);
    type Number = fn(&Meter) -> u64;
    let numbers: [(&str, &str, _, Number); 3] = [
        ("plimsoll_sink_drops_total", "Rounds that a sink did not get, being busy", Counter, |meter| {
            meter.dropped
        }),
        ("plimsoll_sink_failures_total", "Rounds that a sink could not deliver", Counter, |meter| {
            meter.failed
        }),
        ("plimsoll_sink_sets", "Entities in the last round that a sink got", Gauge, |meter| meter.sets),
    ];
    for (name, help, kind, number) in numbers {
        simple(out, (name, help, kind), &["exporter"], &mut |out| {
            meters.iter().for_each(|meter| out.int(&[label(meter)], number(meter)));
        });
    }
}

fn round(out: &mut Vec<u8>, past: &dyn ClusterPast) {
    let Some(round) = past.latest() else { return };
    let mut sets: BTreeMap<&'static str, u64> = BTreeMap::new();
    round.iter().for_each(|set| *sets.entry(set.key.word()).or_default() += 1);
    let name = "plimsoll_round_sets";
    simple(out, (name, "Entities in the newest round", Gauge), &["type"], &mut |out| {
        sets.iter().for_each(|(word, count)| out.int(&[word], *count));
    });
    let name = "plimsoll_round_time_seconds";
    simple(out, (name, "The end of the newest round", Gauge), &[], &mut |out| {
        out.float(&[], round.at.secs_f64())
    });
}

fn requests(out: &mut Vec<u8>, counts: &[(Which, Count)]) {
    let name = "http_requests_total";
    simple(out, (name, "Requests that were answered", Counter), &["handler", "method", "code"], &mut |out| {
        for ((handler, method, code), count) in counts {
            out.int(&[handler, method, itoa::Buffer::new().format(*code)], count.answers);
        }
    });
    let mut all: BTreeMap<&'static str, Count> = BTreeMap::new();
    for ((handler, ..), count) in counts {
        let sum = all.entry(handler).or_default();
        sum.answers = sum.answers.saturating_add(count.answers);
        sum.took = sum.took.saturating_add(count.took);
        sum.bytes = sum.bytes.saturating_add(count.bytes);
    }
    let took = all.iter().map(|(handler, count)| ([*handler], count.took.as_secs_f64() * 1e6, count.answers));
    let name = "http_request_duration_microseconds";
    summary(out, (name, "Time until an answer began"), &["handler"], took);
    let bytes = all.iter().map(|(handler, count)| ([*handler], count.bytes as f64, count.answers));
    let name = "http_response_size_bytes";
    summary(out, (name, "Bytes of answers whose length was known at their start"), &["handler"], bytes);
}
