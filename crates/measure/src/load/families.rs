//! Outward names of tasks by state.

use plimsoll_core::family::{Emit, Row, Source};
use plimsoll_core::kinds::Kind;

use crate::families::gauge;
use crate::load::TaskStats;
use crate::sample::Sample;

/// Rows for every container.
pub static ROWS: &[Row<Sample>] = &[gauge(
    "container_tasks_state",
    "Number of tasks in given state",
    Kind::CpuLoad,
    &["state"],
    Source { v1: "taskstats", v2: "-" },
    |s, out| s.task_stats.iter().for_each(|tasks| states(tasks, out)),
)];

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
