//! Families about a container as a whole: when it was seen, its health, its limits.
//!
//! Reads: nothing; what the runtime and the cgroup's limit files told.
//! Gives: container_last_seen, container_health_state, container_{creation,start}_time_seconds,
//!        container_spec_*, container_oom_events_total

use plimsoll_core::container::Spec;
use plimsoll_core::family::{Emit, Row, Source, Type};
use plimsoll_core::kinds::Kind;
use plimsoll_core::time::Timestamp;

use crate::past::View;

/// A container during one scrape.
pub struct Scraped {
    /// The container.
    pub view: View,
    /// When the scrape began.
    pub now: Timestamp,
    /// Bytes that the machine has: the limit of a container that cannot have one.
    pub machine_memory: u64,
}

/// The only family whose time is that of the scrape.
pub static LAST_SEEN: Row<Scraped> = Row {
    timestamped: true,
    source: Source::both("-"),
    ..gauge("container_last_seen", "Last time a container was seen by the exporter", |c, out| {
        if c.view.latest.is_some() {
            out.float(&[], c.now.nanos().div_euclid(1_000_000_000) as f64);
        }
    })
};

/// The other families. One that is timestamped carries the time of the newest sample.
pub static FAMILIES: &[Row<Scraped>] = &[
    gauge(
        "container_creation_time_seconds",
        "Container creation time since unix epoch in seconds.",
        |c, out| whole_seconds(c.view.spec.creation_time, out),
    ),
    Row {
        timestamped: true,
        source: Source::both("the runtime's health check"),
        ..gauge("container_health_state", "The result of the container's health check", |c, out| {
            if c.view.latest.is_some() {
                out.float(&[], health(c.view.identity.health.as_deref()));
            }
        })
    },
    Row {
        kind: Type::Counter,
        switch: Some(Kind::OomEvent),
        timestamped: true,
        source: Source::both("/dev/kmsg"),
        ..gauge(
            "container_oom_events_total",
            "Count of out of memory events observed for the container",
            |c, out| {
                if c.view.latest.is_some() {
                    out.int(&[], c.view.oom_events);
                }
            },
        )
    },
    Row {
        source: Source { v1: "cpu.cfs_period_us", v2: "cpu.max" },
        ..gauge("container_spec_cpu_period", "CPU period of the container.", |c, out| {
            with_cpu(&c.view.spec, out, |s| Some(s.cpu.period));
        })
    },
    Row {
        source: Source { v1: "cpu.cfs_quota_us", v2: "cpu.max" },
        ..gauge("container_spec_cpu_quota", "CPU quota of the container.", |c, out| {
            with_cpu(&c.view.spec, out, |s| Some(s.cpu.quota).filter(|quota| *quota != 0));
        })
    },
    Row {
        source: Source { v1: "cpu.shares", v2: "cpu.weight" },
        ..gauge("container_spec_cpu_shares", "CPU share of the container.", |c, out| {
            with_cpu(&c.view.spec, out, |s| Some(s.cpu.limit));
        })
    },
    Row {
        source: Source { v1: "memory.limit_in_bytes", v2: "memory.max" },
        ..gauge("container_spec_memory_limit_bytes", "Memory limit for the container.", |c, out| {
            let machine = c.machine_memory;
            with_memory(&c.view.spec, out, |s| if s.memory.limit == 0 { machine } else { s.memory.limit });
        })
    },
    Row {
        source: Source { v1: "memory.soft_limit_in_bytes", v2: "memory.min" },
        ..gauge(
            "container_spec_memory_reservation_limit_bytes",
            "Memory reservation limit for the container.",
            |c, out| with_memory(&c.view.spec, out, |s| s.memory.reservation),
        )
    },
    Row {
        source: Source { v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" },
        ..gauge("container_spec_memory_swap_limit_bytes", "Memory swap limit for the container.", |c, out| {
            with_memory(&c.view.spec, out, |s| s.memory.swap_limit);
        })
    },
    gauge(
        "container_start_time_seconds",
        "Start time of the container since unix epoch in seconds.",
        |c, out| whole_seconds(c.view.spec.start_time.or(c.view.spec.creation_time), out),
    ),
];

const fn gauge(name: &'static str, help: &'static str, values: fn(&Scraped, &mut dyn Emit)) -> Row<Scraped> {
    Row {
        name,
        help,
        kind: Type::Gauge,
        switch: None,
        labels: &[],
        timestamped: false,
        source: Source::both("the runtime, or the age of the cgroup"),
        values,
    }
}

fn whole_seconds(at: Option<Timestamp>, out: &mut dyn Emit) {
    if let Some(at) = at {
        out.float(&[], at.nanos().div_euclid(1_000_000_000) as f64);
    }
}

/// 1 healthy, -1 without a health check, else 0.
fn health(state: Option<&str>) -> f64 {
    match state {
        Some("healthy") => 1.0,
        None | Some("" | "none") => -1.0,
        Some(_) => 0.0,
    }
}

fn with_cpu(spec: &Spec, out: &mut dyn Emit, value: impl Fn(&Spec) -> Option<u64>) {
    if spec.has_cpu {
        out.maybe(value(spec));
    }
}

/// Limits beyond 2^62 are the kernel's way of saying none, which is shown as 0.
fn with_memory(spec: &Spec, out: &mut dyn Emit, value: impl Fn(&Spec) -> u64) {
    if spec.has_memory {
        let value = value(spec);
        out.int(&[], if value > 1 << 62 { 0 } else { value });
    }
}
