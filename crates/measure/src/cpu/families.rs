//! Outward names of CPU time, scheduler statistics and CPU pressure.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::cpu::{Cfs, Cpu, Schedstat};
use crate::families::{Digits, counter, gauge, stalled};
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    gauge(
        "container_cpu_load_average_10s",
        "Value of container cpu load average over the last 10 seconds.",
        Kind::CpuLoad,
        &[],
        Source { v1: "taskstats nr_running, smoothed, x1000", v2: "the same of /proc/<tid>/task/<tid>/stat" },
        |s, out| {
            s.rounds.load.iter().for_each(|at| out.at(*at));
            out.maybe(s.cpu.as_ref().and_then(|cpu| cpu.load_average));
        },
    ),
    gauge(
        "container_cpu_load_d_average_10s",
        "Value of container cpu load.d average over the last 10 seconds.",
        Kind::CpuLoad,
        &[],
        Source {
            v1: "taskstats nr_uninterruptible, smoothed, x1000",
            v2: "the same of /proc/<tid>/task/<tid>/stat",
        },
        |s, out| {
            s.rounds.load.iter().for_each(|at| out.at(*at));
            out.maybe(s.cpu.as_ref().and_then(|cpu| cpu.load_d_average));
        },
    ),
    counter(
        "container_cpu_schedstat_run_periods_total",
        "Number of times processes of the cgroup have run on the cpu",
        Kind::Sched,
        &[],
        Source::both("/proc/<pid>/schedstat"),
        |s, out| out.maybe(schedstat(s).and_then(|sched| sched.run_periods)),
    ),
    counter(
        "container_cpu_schedstat_run_seconds_total",
        "Time duration the processes of the container have run on the CPU.",
        Kind::Sched,
        &[],
        Source::both("/proc/<pid>/schedstat"),
        |s, out| out.seconds(schedstat(s).and_then(|sched| sched.run_time)),
    ),
    counter(
        "container_cpu_schedstat_runqueue_seconds_total",
        "Time duration processes of the container have been waiting on a runqueue.",
        Kind::Sched,
        &[],
        Source::both("/proc/<pid>/schedstat"),
        |s, out| out.seconds(schedstat(s).and_then(|sched| sched.runqueue_time)),
    ),
    counter(
        "container_cpu_system_seconds_total",
        "Cumulative system cpu time consumed in seconds.",
        Kind::Cpu,
        &[],
        Source { v1: "cpuacct.stat system", v2: "cpu.stat system_usec" },
        |s, out| out.seconds(s.cpu.as_ref().and_then(|cpu| cpu.usage.system)),
    ),
    counter(
        "container_cpu_usage_seconds_total",
        "Cumulative cpu time consumed in seconds.",
        Kind::Cpu,
        &["cpu"],
        Source { v1: "cpuacct.usage_percpu, else cpuacct.usage", v2: "cpu.stat usage_usec" },
        |s, out| s.cpu.iter().for_each(|cpu| usage(cpu, out)),
    ),
    counter(
        "container_cpu_user_seconds_total",
        "Cumulative user cpu time consumed in seconds.",
        Kind::Cpu,
        &[],
        Source { v1: "cpuacct.stat user", v2: "cpu.stat user_usec" },
        |s, out| out.seconds(s.cpu.as_ref().and_then(|cpu| cpu.usage.user)),
    ),
    counter(
        "container_pressure_cpu_stalled_seconds_total",
        "Total time duration no tasks in the container could make progress due to CPU congestion.",
        Kind::Pressure,
        &[],
        Source { v1: "-", v2: "cpu.pressure full total" },
        |s, out| stalled(s.cpu.as_ref().and_then(|cpu| cpu.psi).map(|psi| psi.full), out),
    ),
    counter(
        "container_pressure_cpu_waiting_seconds_total",
        "Total time duration tasks in the container have waited due to CPU congestion.",
        Kind::Pressure,
        &[],
        Source { v1: "-", v2: "cpu.pressure some total" },
        |s, out| stalled(s.cpu.as_ref().and_then(|cpu| cpu.psi).map(|psi| psi.some), out),
    ),
];

/// Rows for containers that have a CPU quota; a sample does not tell whether there is one.
pub static WITH_QUOTA: &[Row<Sample>] = &[
    throttling(
        "container_cpu_cfs_burst_periods_total",
        "Number of periods when burst occurs.",
        "cpu.stat nr_bursts",
        |s, out| out.maybe(cfs(s).and_then(|cfs| cfs.bursts_periods)),
    ),
    counter(
        "container_cpu_cfs_burst_seconds_total",
        "Total time duration the container has been bursted.",
        Kind::Cpu,
        &[],
        Source { v1: "cpu.stat burst_time", v2: "cpu.stat burst_usec" },
        |s, out| out.seconds(cfs(s).and_then(|cfs| cfs.burst_time)),
    ),
    throttling(
        "container_cpu_cfs_periods_total",
        "Number of elapsed enforcement period intervals.",
        "cpu.stat nr_periods",
        |s, out| out.maybe(cfs(s).and_then(|cfs| cfs.periods)),
    ),
    throttling(
        "container_cpu_cfs_throttled_periods_total",
        "Number of throttled period intervals.",
        "cpu.stat nr_throttled",
        |s, out| out.maybe(cfs(s).and_then(|cfs| cfs.throttled_periods)),
    ),
    counter(
        "container_cpu_cfs_throttled_seconds_total",
        "Total time duration the container has been throttled.",
        Kind::Cpu,
        &[],
        Source { v1: "cpu.stat throttled_time", v2: "cpu.stat throttled_usec" },
        |s, out| out.seconds(cfs(s).and_then(|cfs| cfs.throttled_time)),
    ),
];

const fn throttling(
    name: &'static str,
    help: &'static str,
    file: &'static str,
    values: fn(&Sample, &mut dyn Emit),
) -> Row<Sample> {
    counter(name, help, Kind::Cpu, &[], Source::both(file), values)
}

fn cfs(s: &Sample) -> Option<&Cfs> {
    s.cpu.as_ref().map(|cpu| &cpu.cfs)
}

fn schedstat(s: &Sample) -> Option<&Schedstat> {
    s.cpu.as_ref().map(|cpu| &cpu.schedstat)
}

/// By CPU where that is known, CPUs that were never used left out, else the total, be it zero.
fn usage(cpu: &Cpu, out: &mut dyn Emit) {
    if cpu.usage.per_cpu_usage.is_empty() {
        if let Some(total) = cpu.usage.total {
            out.float(&["total"], total as f64 / 1e9);
        }
        return;
    }
    for (number, nanos) in cpu.usage.per_cpu_usage.iter().enumerate().filter(|(_, nanos)| **nanos > 0) {
        out.float(&[Digits::new("cpu", number as u64, 2).as_str()], *nanos as f64 / 1e9);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuUsage;
    use crate::families::tests::text;
    use crate::sample::{Psi, PsiLine};

    fn with_usage(usage: CpuUsage) -> Sample {
        Sample { cpu: Some(Cpu { usage, ..Cpu::default() }), ..Sample::default() }
    }

    #[test]
    fn every_number_has_its_line() {
        let some = PsiLine { total: 2_500_000, ..PsiLine::default() };
        let full = PsiLine { total: 1_250_000, ..PsiLine::default() };
        let cpu = Cpu {
            usage: CpuUsage {
                total: Some(1_500_000_000),
                per_cpu_usage: vec![],
                user: Some(1_000_000_000),
                system: Some(500_000_000),
            },
            cfs: Cfs {
                periods: Some(723),
                throttled_periods: Some(18),
                throttled_time: Some(1_724_314_000),
                bursts_periods: Some(25),
                burst_time: Some(500_000_000),
            },
            schedstat: Schedstat {
                run_time: Some(53_643_567),
                runqueue_time: Some(479_424_566_378),
                run_periods: Some(984_285),
            },
            load_average: Some(2),
            load_d_average: Some(3),
            psi: Some(Psi { full, some }),
        };
        let sample = Sample { cpu: Some(cpu), ..Sample::default() };
        assert_eq!(
            text(ROWS, &sample),
            r#"container_cpu_load_average_10s 2
container_cpu_load_d_average_10s 3
container_cpu_schedstat_run_periods_total 984285
container_cpu_schedstat_run_seconds_total 0.053643567
container_cpu_schedstat_runqueue_seconds_total 479.424566378
container_cpu_system_seconds_total 0.5
container_cpu_usage_seconds_total{cpu="total"} 1.5
container_cpu_user_seconds_total 1
container_pressure_cpu_stalled_seconds_total 1.25
container_pressure_cpu_waiting_seconds_total 2.5
"#
        );
        assert_eq!(
            text(WITH_QUOTA, &sample),
            r#"container_cpu_cfs_burst_periods_total 25
container_cpu_cfs_burst_seconds_total 0.5
container_cpu_cfs_periods_total 723
container_cpu_cfs_throttled_periods_total 18
container_cpu_cfs_throttled_seconds_total 1.724314
"#
        );
    }

    #[test]
    fn cpus_that_were_never_used_have_no_line() {
        let mut per_cpu_usage = vec![0; 101];
        (per_cpu_usage[1], per_cpu_usage[100]) = (2_000_000_000, 3);
        let sample = with_usage(CpuUsage { total: Some(5), per_cpu_usage, ..CpuUsage::default() });
        assert_eq!(
            text(ROWS, &sample),
            r#"container_cpu_usage_seconds_total{cpu="cpu01"} 2
container_cpu_usage_seconds_total{cpu="cpu100"} 0.000000003
"#
        );
    }

    #[test]
    fn a_total_of_zero_has_a_line() {
        let sample = with_usage(CpuUsage { total: Some(0), ..CpuUsage::default() });
        assert_eq!(text(ROWS, &sample), "container_cpu_usage_seconds_total{cpu=\"total\"} 0\n");
    }

    #[test]
    fn what_was_not_read_has_no_line() {
        assert_eq!(text(ROWS, &with_usage(CpuUsage::default())), "");
        assert_eq!(text(WITH_QUOTA, &with_usage(CpuUsage::default())), "");
    }
}
