//! Outward names of accelerators.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use super::Accelerator;
use crate::families::gauge;
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    row(
        "container_accelerator_duty_cycle",
        "Percent of time over the past sample period during which the accelerator was actively processing.",
        "nvmlDeviceGetSamples, of 10 s",
        |s, out| each(s, out, |a| a.duty_cycle),
    ),
    row(
        "container_accelerator_memory_total_bytes",
        "Total accelerator memory.",
        "nvmlDeviceGetMemoryInfo",
        |s, out| each(s, out, |a| a.memory_total),
    ),
    row(
        "container_accelerator_memory_used_bytes",
        "Total accelerator memory allocated.",
        "nvmlDeviceGetMemoryInfo",
        |s, out| each(s, out, |a| a.memory_used),
    ),
    row(
        "plimsoll_container_accelerator_info",
        "1 for each accelerator that the container was given or uses.",
        "devices.list, /proc/<pid>/root/dev, nvmlDeviceGet*RunningProcesses",
        |s, out| each(s, out, |_| Some(1)),
    ),
    row(
        "plimsoll_container_accelerator_memory_used_bytes",
        "Accelerator memory allocated by the container's own processes.",
        "nvmlDeviceGet*RunningProcesses",
        |s, out| each(s, out, Accelerator::own_memory),
    ),
    row(
        "plimsoll_container_accelerator_processes",
        "The container's own processes on the accelerator.",
        "nvmlDeviceGet*RunningProcesses",
        |s, out| each(s, out, |a| a.processes.as_ref().map(|processes| processes.len() as u64)),
    ),
    row(
        "plimsoll_container_accelerator_utilization_ratio",
        "Share of the accelerator's time that the container's own processes took lately.",
        "nvmlDeviceGetProcessUtilization",
        |s, out| {
            for a in &s.accelerators {
                if let Some(percent) = a.own_utilization() {
                    out.float(&labels(a), percent as f64 / 100.0);
                }
            }
        },
    ),
];

const fn row(
    name: &'static str,
    help: &'static str,
    source: &'static str,
    values: fn(&Sample, &mut dyn Emit),
) -> Row<Sample> {
    gauge(name, help, Kind::Accelerator, &["acc_id", "make", "model"], Source::both(source), values)
}

fn labels(a: &Accelerator) -> [&str; 3] {
    [&a.id, &a.make, &a.model]
}

fn each(s: &Sample, out: &mut dyn Emit, number: impl Fn(&Accelerator) -> Option<u64>) {
    for a in &s.accelerators {
        if let Some(number) = number(a) {
            out.int(&labels(a), number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator::Process;
    use crate::families::tests::text;

    #[test]
    fn an_accelerator_shows_what_is_known_of_it() {
        let named = |id: &str| Accelerator {
            make: "nvidia".to_owned(),
            model: "NVIDIA A100".to_owned(),
            id: id.to_owned(),
            ..Accelerator::default()
        };
        let process = |pid, memory_used, utilization| Process { pid, memory_used, utilization };
        let accelerators = vec![
            Accelerator {
                memory_total: Some(40),
                memory_used: Some(9),
                duty_cycle: Some(0),
                processes: Some(vec![process(1, Some(5), Some(25)), process(2, Some(2), None)]),
                ..named("GPU-1")
            },
            // given and not used
            Accelerator {
                memory_total: Some(8),
                memory_used: Some(1),
                processes: Some(Vec::new()),
                ..named("MIG-2")
            },
            // memory of its process is not told
            Accelerator { processes: Some(vec![process(3, None, None)]), ..named("GPU-3") },
            // no library
            named("GPU-4"),
        ];
        assert_eq!(
            text(ROWS, &Sample { accelerators, ..Sample::default() }),
            r#"container_accelerator_duty_cycle{acc_id="GPU-1",make="nvidia",model="NVIDIA A100"} 0
container_accelerator_memory_total_bytes{acc_id="GPU-1",make="nvidia",model="NVIDIA A100"} 40
container_accelerator_memory_total_bytes{acc_id="MIG-2",make="nvidia",model="NVIDIA A100"} 8
container_accelerator_memory_used_bytes{acc_id="GPU-1",make="nvidia",model="NVIDIA A100"} 9
container_accelerator_memory_used_bytes{acc_id="MIG-2",make="nvidia",model="NVIDIA A100"} 1
plimsoll_container_accelerator_info{acc_id="GPU-1",make="nvidia",model="NVIDIA A100"} 1
plimsoll_container_accelerator_info{acc_id="MIG-2",make="nvidia",model="NVIDIA A100"} 1
plimsoll_container_accelerator_info{acc_id="GPU-3",make="nvidia",model="NVIDIA A100"} 1
plimsoll_container_accelerator_info{acc_id="GPU-4",make="nvidia",model="NVIDIA A100"} 1
plimsoll_container_accelerator_memory_used_bytes{acc_id="GPU-1",make="nvidia",model="NVIDIA A100"} 7
plimsoll_container_accelerator_memory_used_bytes{acc_id="MIG-2",make="nvidia",model="NVIDIA A100"} 0
plimsoll_container_accelerator_processes{acc_id="GPU-1",make="nvidia",model="NVIDIA A100"} 2
plimsoll_container_accelerator_processes{acc_id="MIG-2",make="nvidia",model="NVIDIA A100"} 0
plimsoll_container_accelerator_processes{acc_id="GPU-3",make="nvidia",model="NVIDIA A100"} 1
plimsoll_container_accelerator_utilization_ratio{acc_id="GPU-1",make="nvidia",model="NVIDIA A100"} 0.25
plimsoll_container_accelerator_utilization_ratio{acc_id="MIG-2",make="nvidia",model="NVIDIA A100"} 0
"#
        );
    }
}
