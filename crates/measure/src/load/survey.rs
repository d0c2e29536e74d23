//! The load of all containers.

use std::sync::Arc;

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::dir::Dir;
use plimsoll_kernel::hierarchy::{Controller, Version};

use super::netlink::CgroupStats;
use super::{TaskStats, threads};
use crate::group::{self, Reach};
use crate::host::Host;
use crate::reader::place::below;
use crate::rounds;

/// Over how many seconds the averages are taken.
const SECONDS: f64 = 10.0;

/// Whose load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The group's name.
    pub group: Box<str>,
    /// Whether groups below belong to it.
    pub deep: bool,
}

/// What is known of a group's load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Tasks by state.
    pub tasks: TaskStats,
    /// Runnable tasks, averaged.
    pub running: f64,
    /// Tasks that cannot be interrupted, averaged.
    pub uninterruptible: f64,
}

impl Load {
    /// Goes on from what was known `seconds` before. The first is its own average.
    fn next(before: Option<(f64, &Self)>, tasks: TaskStats) -> Self {
        let average = |before: Option<(f64, f64)>, count: Option<u64>| {
            let now = count.unwrap_or(0) as f64;
            match before {
                Some((seconds, before)) if seconds >= 0.0 => {
                    let decay = (-seconds / SECONDS).exp();
                    before * decay + now * (1.0 - decay)
                }
                _ => now,
            }
        };
        Self {
            tasks,
            running: average(before.map(|(s, load)| (s, load.running)), tasks.nr_running),
            uninterruptible: average(
                before.map(|(s, load)| (s, load.uninterruptible)),
                tasks.nr_uninterruptible,
            ),
        }
    }
}

/// Measures load.
pub struct Survey {
    host: Arc<Host>,
    kernel: Option<CgroupStats>,
    buffer: Vec<u8>,
    ids: Vec<u32>,
}

impl Survey {
    /// Of this machine.
    pub fn new(host: &Arc<Host>) -> Self {
        let mut buffer = Vec::new();
        let is_v1 = matches!(host.hierarchy.controller(Controller::Cpu), Some((Version::V1, _)));
        let kernel = is_v1.then(|| CgroupStats::open(&mut buffer));
        let kernel = kernel.and_then(|opened| {
            opened
                .inspect_err(|cause| tracing::info!(%cause, "no taskstats: threads are counted one by one"))
                .ok()
        });
        Self { host: host.clone(), kernel, buffer, ids: Vec::new() }
    }

    /// The same without the kernel's own count.
    #[doc(hidden)]
    #[must_use]
    pub fn one_by_one(self) -> Self {
        Self { kernel: None, ..self }
    }

    fn tasks(&mut self, target: &Target) -> Option<TaskStats> {
        let (version, hierarchy) = self.host.hierarchy.controller(Controller::Cpu)?;
        let path = below(hierarchy, &target.group)?;
        let reach = Reach::of(target.deep);
        if let Some(kernel) = &mut self.kernel {
            let (mut sum, buffer) = (None::<TaskStats>, &mut self.buffer);
            group::each(&path, reach, &mut |dir| {
                if let Ok(tasks) = kernel.read(dir, buffer) {
                    sum.get_or_insert_with(TaskStats::none).add(&tasks);
                }
            });
            return sum;
        }
        if !self.host.sees_processes {
            return None;
        }
        self.ids.clear();
        let file = if version == Version::V1 { c"tasks" } else { c"cgroup.threads" };
        if !group::ids(&path, reach, file, &mut self.buffer, &mut self.ids, &mut 0) {
            return None;
        }
        let proc = Dir::try_open(&self.host.root.proc).ok()?;
        threads::count(&proc, &self.ids, &mut self.buffer)
    }
}

impl TaskStats {
    fn none() -> Self {
        let none = Some(0);
        Self {
            nr_sleeping: none,
            nr_running: none,
            nr_stopped: none,
            nr_uninterruptible: none,
            nr_io_wait: none,
        }
    }
}

impl rounds::Survey for Survey {
    type Target = Target;
    type Value = Load;

    fn measure(&mut self, members: &[Arc<rounds::Member<Self>>], now: &dyn Fn() -> Timestamp) {
        for member in members {
            let at = now();
            let load = self.tasks(&member.target).map(|tasks| {
                let next = |(before, load): &(Timestamp, Load)| {
                    Load::next(Some((at.since(*before) as f64 / 1e9, load)), tasks)
                };
                (at, member.last(next).unwrap_or_else(|| Load::next(None, tasks)))
            });
            member.put(load);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_fade_by_the_time_that_passed() {
        let tasks = |running| TaskStats { nr_running: Some(running), ..TaskStats::default() };
        let first = Load::next(None, tasks(4));
        assert_eq!(first.running, 4.0, "the first is its own average");
        let later = Load::next(Some((10.0, &first)), tasks(0));
        assert!((later.running - 4.0 / std::f64::consts::E).abs() < 1e-9, "{later:?}");
        // one step of two seconds fades as two of one
        let two = Load::next(Some((2.0, &first)), tasks(0)).running;
        let one = Load::next(Some((1.0, &first)), tasks(0));
        assert!((Load::next(Some((1.0, &one)), tasks(0)).running - two).abs() < 1e-9);
        let back = Load::next(Some((-3600.0, &first)), tasks(1));
        assert_eq!(back.running, 1.0, "a clock that was set back");
    }
}
