//! The host's own metrics: how much it reads, what that costs, what it lost.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use plimsoll_core::family::{Emit, Type};
use plimsoll_measure::accelerator::Accelerators;
use plimsoll_serve::past::OwnMetric;

use super::{Inner, lock};

/// One of our own families and where its value is.
struct Own {
    metric: OwnMetric,
    value: Value,
}

enum Value {
    One(fn(&Inner) -> Option<f64>),
    /// One for each value of the family's labels.
    Each(fn(&Inner, &mut dyn Emit)),
}

const fn row(name: &'static str, help: &'static str, kind: Type, value: fn(&Inner) -> Option<f64>) -> Own {
    Own { metric: OwnMetric { name, help, kind, labels: &[] }, value: Value::One(value) }
}

fn count(counter: &AtomicU64) -> Option<f64> {
    Some(counter.load(Relaxed) as f64)
}

/// Sorted by name, as `/metrics` shows them.
static ROWS: &[Own] = &[
    row(
        "plimsoll_accelerator_age_seconds",
        "Age of the numbers of GPUs that are shown.",
        Type::Gauge,
        |host| {
            let at = host.stages.accelerators.get()?.at()?;
            Some(host.stages.now().since(at) as f64 / 1e9)
        },
    ),
    row(
        "plimsoll_accelerator_failures_total",
        "Calls of NVIDIA's library that failed.",
        Type::Counter,
        |host| count(&asked(host)?.meters().failures),
    ),
    Own {
        metric: OwnMetric {
            name: "plimsoll_accelerator_info",
            help: "1 for each accelerator of the machine; instances have the minor of their GPU.",
            kind: Type::Gauge,
            labels: &["acc_id", "make", "minor", "model"],
        },
        value: Value::Each(|host, emit| {
            for gpu in host.stages.accelerators.get().map(Accelerators::gpus).unwrap_or_default() {
                let minor = gpu.minor.map(|minor| minor.to_string()).unwrap_or_default();
                emit.int(&[&gpu.uuid, "nvidia", &minor, &gpu.model], 1);
            }
        }),
    },
    row("plimsoll_accelerator_looks_total", "Looks at all GPUs.", Type::Counter, |host| {
        count(&asked(host)?.meters().looks)
    }),
    row("plimsoll_accelerator_seconds_total", "Time that looks at GPUs took.", Type::Counter, |host| {
        Some(asked(host)?.meters().nanos.load(Relaxed) as f64 / 1e9)
    }),
    row(
        "plimsoll_application_bad_lines_total",
        "Lines of applications' answers that were no metrics.",
        Type::Counter,
        |host| count(&host.stages.poller.as_ref()?.meters().bad_lines),
    ),
    row("plimsoll_application_bytes_total", "Bytes of applications' answers.", Type::Counter, |host| {
        count(&host.stages.poller.as_ref()?.meters().bytes)
    }),
    row(
        "plimsoll_application_failures_total",
        "Times an application gave no metrics, or its configuration could not be read.",
        Type::Counter,
        |host| count(&host.stages.poller.as_ref()?.meters().failures),
    ),
    row(
        "plimsoll_application_polls_total",
        "Times an application gave its metrics.",
        Type::Counter,
        |host| count(&host.stages.poller.as_ref()?.meters().polls),
    ),
    row(
        "plimsoll_application_seconds_total",
        "Time that understanding applications' answers took.",
        Type::Counter,
        |host| Some(host.stages.poller.as_ref()?.meters().nanos.load(Relaxed) as f64 / 1e9),
    ),
    row("plimsoll_containers", "Containers known now, raw cgroups included.", Type::Gauge, |host| {
        Some(host.registry.len() as f64)
    }),
    row("plimsoll_kept_bytes", "Bytes that the samples kept in memory take.", Type::Gauge, |host| {
        Some(kept(host).0 as f64)
    }),
    row("plimsoll_kept_samples", "Samples kept in memory.", Type::Gauge, |host| Some(kept(host).1 as f64)),
    row(
        "plimsoll_kernel_log_lost_total",
        "Records of the kernel's log that were overwritten before they were read.",
        Type::Counter,
        |host| count(&host.stages.meters.kernel_log_lost),
    ),
    row(
        "plimsoll_layer_failures_total",
        "Writable layers and volumes that could not be measured; the number from before stays.",
        Type::Counter,
        |host| count(&host.stages.layers.get()?.meters().failures),
    ),
    row(
        "plimsoll_layer_names_total",
        "Names looked at to measure writable layers and volumes.",
        Type::Counter,
        |host| count(&host.stages.layers.get()?.meters().names),
    ),
    row(
        "plimsoll_layer_oldest_seconds",
        "Age of the oldest size of a writable layer or volume that is shown.",
        Type::Gauge,
        |host| {
            host.stages.layers.get()?;
            let now = host.stages.now();
            let ages = host.registry.all().into_iter().filter_map(|container| container.layer_at());
            ages.map(|at| now.since(at)).max().map(|nanos| nanos as f64 / 1e9)
        },
    ),
    row(
        "plimsoll_layer_seconds_total",
        "Time that the measuring of writable layers and volumes took.",
        Type::Counter,
        |host| Some(host.stages.layers.get()?.meters().nanos.load(Relaxed) as f64 / 1e9),
    ),
    row(
        "plimsoll_layers_accounted_total",
        "Writable layers and volumes measured by what their filesystem counts itself (project quota, qgroup, own filesystem).",
        Type::Counter,
        |host| count(&host.stages.layers.get()?.meters().counted),
    ),
    row("plimsoll_layers_measured_total", "Writable layers and volumes measured.", Type::Counter, |host| {
        count(&host.stages.layers.get()?.meters().walks)
    }),
    row("plimsoll_open_kernel_files", "Descriptors kept open on kernel files.", Type::Gauge, |host| {
        Some(host.stages.measure.budget.in_use() as f64)
    }),
    row("plimsoll_perf_counters", "Descriptors that are open to count perf events.", Type::Gauge, |host| {
        Some(host.stages.perf.get()?.descriptors() as f64)
    }),
    row(
        "plimsoll_perf_rounds_total",
        "Times that the perf events of all containers were read.",
        Type::Counter,
        |host| count(&host.stages.perf.get()?.meters().rounds),
    ),
    row(
        "plimsoll_perf_seconds_total",
        "Time that the opening and reading of perf events took.",
        Type::Counter,
        |host| Some(host.stages.perf.get()?.meters().nanos.load(Relaxed) as f64 / 1e9),
    ),
    row(
        "plimsoll_read_faults_total",
        "Kernel files that were there and could not be read or understood.",
        Type::Counter,
        |host| count(&host.stages.meters.faults),
    ),
    row("plimsoll_read_files_total", "Kernel files read for samples.", Type::Counter, |host| {
        count(&host.stages.meters.files)
    }),
    row(
        "plimsoll_resctrl_seconds_total",
        "Time that the keeping and reading of resctrl's monitoring groups took.",
        Type::Counter,
        |host| Some(host.stages.resctrl.get()?.meters().nanos.load(Relaxed) as f64 / 1e9),
    ),
    Own {
        metric: OwnMetric {
            name: "plimsoll_round_seconds_total",
            help: "Time that measuring in rounds took, by what is measured.",
            kind: Type::Counter,
            labels: &["survey"],
        },
        value: Value::Each(|host, emit| {
            if let Some(surveys) = host.stages.surveys.get() {
                surveys.each(emit, |meters| meters.nanos.load(Relaxed) as f64 / 1e9);
            }
        }),
    },
    Own {
        metric: OwnMetric {
            name: "plimsoll_rounds_total",
            help: "Rounds over all containers, by what is measured.",
            kind: Type::Counter,
            labels: &["survey"],
        },
        value: Value::Each(|host, emit| {
            if let Some(surveys) = host.stages.surveys.get() {
                surveys.each(emit, |meters| meters.rounds.load(Relaxed) as f64);
            }
        }),
    },
    Own {
        metric: OwnMetric {
            name: "plimsoll_runtime_up",
            help: "Whether a container runtime answers; absent for one that never has.",
            kind: Type::Gauge,
            labels: &["runtime"],
        },
        value: Value::Each(|host, emit| {
            for runtime in host.followed.get().into_iter().flatten() {
                if let Some(up) = runtime.is_up() {
                    emit.int(&[runtime.daemon.namespace()], u64::from(up));
                }
            }
        }),
    },
    row("plimsoll_samples_total", "Container samples read.", Type::Counter, |host| {
        count(&host.stages.meters.samples)
    }),
    row(
        "plimsoll_sampling_seconds_total",
        "Time that the sampling threads spent reading.",
        Type::Counter,
        |host| Some(host.stages.meters.sweeping_nanos.load(Relaxed) as f64 / 1e9),
    ),
    row(
        "plimsoll_sampling_wakeups_total",
        "Times a sampling thread woke to read what was due.",
        Type::Counter,
        |host| count(&host.stages.meters.sweeps),
    ),
    Own {
        metric: OwnMetric {
            name: "plimsoll_subject_faults_total",
            help: "Kernel files that were there and could not be read or understood, by what they tell of.",
            kind: Type::Counter,
            labels: &["subject"],
        },
        value: Value::Each(|host, emit| {
            host.stages.measure.meters.spent().for_each(|spent| emit.int(&[spent.subject], spent.faults));
        }),
    },
    Own {
        metric: OwnMetric {
            name: "plimsoll_subject_files_total",
            help: "Kernel files read for samples, by what they tell of.",
            kind: Type::Counter,
            labels: &["subject"],
        },
        value: Value::Each(|host, emit| {
            host.stages.measure.meters.spent().for_each(|spent| emit.int(&[spent.subject], spent.files));
        }),
    },
    Own {
        metric: OwnMetric {
            name: "plimsoll_subject_seconds_total",
            help: "Time that reading them took, estimated from one sample in 64.",
            kind: Type::Counter,
            labels: &["subject"],
        },
        value: Value::Each(|host, emit| {
            let spent = host.stages.measure.meters.spent();
            spent.for_each(|spent| emit.float(&[spent.subject], spent.time.as_secs_f64()));
        }),
    },
    row(
        "plimsoll_watch_overflows_total",
        "Times the kernel dropped notices of cgroups for want of queue space; a full scan mended each.",
        Type::Counter,
        |host| lock(&host.watch).as_ref().map(|watch| watch.health().overflows as f64),
    ),
    row("plimsoll_watches", "inotify watches in use.", Type::Gauge, |host| {
        lock(&host.watch).as_ref().map(|watch| watch.health().watches as f64)
    }),
];

/// Who asks about GPUs, if there were any to ask about.
fn asked(host: &Inner) -> Option<&Accelerators> {
    host.stages.accelerators.get().filter(|accelerators| accelerators.meters().looks.load(Relaxed) > 0)
}

fn kept(host: &Inner) -> (usize, usize) {
    let kept = host.registry.all().into_iter().map(|container| container.kept());
    kept.fold((0, 0), |(bytes, samples), (more, others)| (bytes + more, samples + others))
}

/// Emits every family that has a value.
#[allow(clippy::type_complexity, reason = "the trait's own shape")]
pub(super) fn metrics(host: &Inner, out: &mut dyn FnMut(&OwnMetric, &mut dyn FnMut(&mut dyn Emit))) {
    for own in ROWS {
        match own.value {
            Value::One(value) => {
                if let Some(value) = value(host) {
                    out(&own.metric, &mut |emit| emit.float(&[], value));
                }
            }
            Value::Each(values) => out(&own.metric, &mut |emit| values(host, emit)),
        }
    }
}

/// The host's own families, for the documentation.
pub fn own_families() -> impl Iterator<Item = &'static OwnMetric> {
    ROWS.iter().map(|own| &own.metric)
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_are_sorted_by_name() {
        assert!(super::ROWS.is_sorted_by_key(|own| own.metric.name));
    }
}
