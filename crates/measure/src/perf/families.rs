//! Outward names of perf events.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::{Digits, counter, gauge};
use crate::perf::{CoreEvent, CpuCount, UncoreEvent};
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    gauge(
        "container_perf_events_scaling_ratio",
        "Perf event metric scaling ratio.",
        Kind::PerfEvent,
        CORE,
        Source::both("perf_event_open: time_running / time_enabled"),
        |s, out| {
            let least = |cpus: &[CpuCount]| cpus.iter().map(|cpu| cpu.scaling_ratio.0).reduce(f64::min);
            core(s, out, |labels, cpus, out| {
                if let Some(ratio) = least(cpus) {
                    out.float(labels, ratio);
                }
            });
        },
    ),
    counter(
        "container_perf_events_total",
        "Perf event metric.",
        Kind::PerfEvent,
        CORE,
        Source::both("perf_event_open"),
        |s, out| {
            core(s, out, |labels, cpus, out| {
                let sum = cpus.iter().fold(0u64, |sum, cpu| sum.saturating_add(cpu.value));
                out.int(labels, sum);
            });
        },
    ),
    gauge(
        "container_perf_uncore_events_scaling_ratio",
        "Perf uncore event metric scaling ratio.",
        Kind::PerfEvent,
        UNCORE,
        Source::both("perf_event_open: time_running / time_enabled"),
        |s, out| uncore(s, out, |labels, event, out| out.float(labels, event.scaling_ratio.0)),
    ),
    counter(
        "container_perf_uncore_events_total",
        "Perf uncore event metric.",
        Kind::PerfEvent,
        UNCORE,
        Source::both("perf_event_open"),
        |s, out| uncore(s, out, |labels, event, out| out.int(labels, event.value)),
    ),
];

const CORE: &[&str] = &["cpu", "event"];
const UNCORE: &[&str] = &["event", "pmu", "socket"];

/// A line a CPU, or one for all of them under an empty `cpu`.
fn core(s: &Sample, out: &mut dyn Emit, line: impl Fn(&[&str], &[CpuCount], &mut dyn Emit)) {
    let Some(perf) = &s.perf else { return };
    for CoreEvent { name, cpus } in &perf.core {
        if perf.per_cpu {
            for cpu in cpus {
                line(&[Digits::new("", cpu.cpu, 0).as_str(), name], std::slice::from_ref(cpu), out);
            }
        } else if !cpus.is_empty() {
            line(&["", name], cpus, out);
        }
    }
}

fn uncore(s: &Sample, out: &mut dyn Emit, line: impl Fn(&[&str], &UncoreEvent, &mut dyn Emit)) {
    for event in s.perf.iter().flat_map(|perf| &perf.uncore) {
        let known = u64::try_from(event.socket).map(|socket| Digits::new("", socket, 0));
        let socket = known.as_ref().map_or("-1", Digits::as_str);
        line(&[&event.name, &event.pmu, socket], event, out);
    }
}
