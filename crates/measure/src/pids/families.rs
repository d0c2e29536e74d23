//! Outward names of processes and threads.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::gauge;
use crate::pids::Processes;
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[
    count(
        "container_file_descriptors",
        "Number of open file descriptors for the container.",
        Source::both("/proc/<pid>/fd"),
        |s, out| out.maybe(processes(s).and_then(|p| p.fd_count)),
    ),
    count(
        "container_processes",
        "Number of processes running inside the container.",
        Source::both("cgroup.procs"),
        |s, out| out.maybe(processes(s).and_then(|p| p.process_count)),
    ),
    count(
        "container_sockets",
        "Number of open sockets for the container.",
        Source::both("/proc/<pid>/fd"),
        |s, out| out.maybe(processes(s).and_then(|p| p.socket_count)),
    ),
    count(
        "container_threads",
        "Number of threads running inside the container",
        Source::both("pids.current"),
        |s, out| out.maybe(processes(s).and_then(|p| p.threads_current)),
    ),
    count(
        "container_threads_max",
        "Maximum number of threads allowed inside the container, infinity if value is zero",
        Source::both("pids.max"),
        |s, out| out.maybe(processes(s).and_then(|p| p.threads_max)),
    ),
    gauge(
        "container_ulimits_soft",
        "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice",
        Kind::Process,
        &["ulimit"],
        Source::both("/proc/<pid>/limits"),
        |s, out| processes(s).into_iter().for_each(|p| ulimits(p, out)),
    ),
];

const fn count(
    name: &'static str,
    help: &'static str,
    source: Source,
    values: fn(&Sample, &mut dyn Emit),
) -> Row<Sample> {
    gauge(name, help, Kind::Process, &[], source, values)
}

fn processes(s: &Sample) -> Option<&Processes> {
    s.processes.as_ref()
}

fn ulimits(processes: &Processes, out: &mut dyn Emit) {
    for ulimit in &processes.ulimits {
        match u64::try_from(ulimit.soft_limit) {
            Ok(limit) => out.int(&[&ulimit.name], limit),
            Err(_) => out.float(&[&ulimit.name], ulimit.soft_limit as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;
    use crate::pids::Ulimit;

    #[test]
    fn every_number_has_its_line() {
        let ulimit = |name: &str, soft_limit| Ulimit { name: name.into(), soft_limit, hard_limit: 7 };
        let processes = Processes {
            process_count: Some(1),
            fd_count: Some(5),
            socket_count: Some(3),
            threads_current: Some(6),
            threads_max: Some(100),
            ulimits: vec![ulimit("max_open_files", 16384), ulimit("max_core", -1)],
        };
        assert_eq!(
            text(ROWS, &Sample { processes: Some(processes), ..Sample::default() }),
            r#"container_file_descriptors 5
container_processes 1
container_sockets 3
container_threads 6
container_threads_max 100
container_ulimits_soft{ulimit="max_open_files"} 16384
container_ulimits_soft{ulimit="max_core"} -1
"#
        );
    }
}
