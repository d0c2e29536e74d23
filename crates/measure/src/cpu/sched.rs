//! Scheduler statistics: sums over the processes of a group and of the groups below it.
//!
//! What a process had when it was last seen stays in the sum after its end, so that the sums never fall.

use std::collections::HashMap;
use std::path::Path;

use plimsoll_kernel::dir::read_path;
use plimsoll_kernel::format;

use super::Schedstat;
use crate::group::{self, Reach};

type Times = [u64; 3];

/// What is remembered between reads.
#[derive(Debug, Default)]
pub(crate) struct Sched {
    ended: Times,
    live: HashMap<u32, Times>,
}

impl Sched {
    /// Reads all processes below the group's directory; counts the files into `files`.
    pub(crate) fn read(
        &mut self,
        proc: &Path,
        group_path: &Path,
        buffer: &mut Vec<u8>,
        files: &mut u32,
    ) -> Schedstat {
        let mut pids = Vec::new();
        group::ids(group_path, Reach::Below, c"cgroup.procs", buffer, &mut pids, files);
        let mut live = HashMap::with_capacity(pids.len());
        for pid in pids {
            *files += 1;
            if read_path(&proc.join(format!("{pid}/schedstat")), buffer).is_ok()
                && let Some(times) = parse(buffer)
            {
                live.insert(pid, times);
            }
        }
        for (pid, before) in &self.live {
            // one that ended, or whose number was given to another since
            if live.get(pid).is_none_or(|now| now[0] < before[0]) {
                add(&mut self.ended, before);
            }
        }
        self.live = live;
        let mut sum = self.ended;
        self.live.values().for_each(|times| add(&mut sum, times));
        let [run_time, runqueue_time, run_periods] = sum.map(Some);
        Schedstat { run_time, runqueue_time, run_periods }
    }
}

fn add(sum: &mut Times, times: &Times) {
    sum.iter_mut().zip(times).for_each(|(sum, n)| *sum = sum.saturating_add(*n));
}

/// `1382000000 7000000 559`: nanoseconds on a CPU, nanoseconds waiting, time slices.
fn parse(text: &[u8]) -> Option<Times> {
    let mut numbers = format::values(text).map_while(Result::ok);
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn what_ended_stays_in_the_sum() {
        let folder = tempfile::tempdir().unwrap();
        let (proc, group) = (folder.path().join("proc"), folder.path().join("group"));
        write(&group.join("cgroup.procs"), "1\n");
        write(&group.join("below/cgroup.procs"), "2\n");
        write(&proc.join("1/schedstat"), "100 10 1\n");
        write(&proc.join("2/schedstat"), "200 20 2\n");
        let (mut sched, mut buffer) = (Sched::default(), Vec::new());
        let mut read = || sched.read(&proc, &group, &mut buffer, &mut 0);
        let sum = |a, b, c| Schedstat { run_time: Some(a), runqueue_time: Some(b), run_periods: Some(c) };
        assert_eq!(read(), sum(300, 30, 3));
        write(&group.join("below/cgroup.procs"), "");
        assert_eq!(read(), sum(300, 30, 3));
        write(&proc.join("1/schedstat"), "150 10 1\n");
        assert_eq!(read(), sum(350, 30, 3));
    }
}
