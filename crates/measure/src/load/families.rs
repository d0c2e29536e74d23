//! Outward names of tasks by state.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::gauge;
use crate::load::TaskStats;
use crate::sample::Sample;

/// Rows for every container. They carry the time of their own round.
pub static ROWS: &[Row<Sample>] = &[gauge(
    "container_tasks_state",
    "Number of tasks in given state",
    Kind::CpuLoad,
    &["state"],
    SOURCE,
    |s, out| {
        s.rounds.load.iter().for_each(|at| out.at(*at));
        s.task_stats.iter().for_each(|tasks| states(tasks, out));
    },
)];

/// Where tasks and load come from.
pub(crate) const SOURCE: Source = Source { v1: "taskstats", v2: "/proc/<tid>/task/<tid>/stat" };

fn states(tasks: &TaskStats, out: &mut dyn Emit) {
    let states = [
        ("iowaiting", tasks.nr_io_wait),
        ("running", tasks.nr_running),
        ("sleeping", tasks.nr_sleeping),
        ("stopped", tasks.nr_stopped),
        ("uninterruptible", tasks.nr_uninterruptible),
    ];
    for (state, count) in states {
        if let Some(count) = count {
            out.int(&[state], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::text;

    #[test]
    fn every_state_has_its_line() {
        let tasks = TaskStats {
            nr_sleeping: Some(50),
            nr_running: Some(51),
            nr_stopped: Some(52),
            nr_uninterruptible: Some(53),
            nr_io_wait: Some(54),
        };
        assert_eq!(
            text(ROWS, &Sample { task_stats: Some(tasks), ..Sample::default() }),
            r#"container_tasks_state{state="iowaiting"} 54
container_tasks_state{state="running"} 51
container_tasks_state{state="sleeping"} 50
container_tasks_state{state="stopped"} 52
container_tasks_state{state="uninterruptible"} 53
"#
        );
    }
}
