//! Memory that the processes of one container have touched.
//!
//! Reads: /proc/<pid>/smaps_rollup of each process (before 4.14 smaps); writes /proc/<pid>/clear_refs where it is
//!        asked for
//! Gives: bytes of pages whose accessed bit is set, since the process' start or the last reset; a page that two
//!        processes share counts twice, as in cAdvisor
//! Cost:  the kernel walks all pages of a process, a millisecond a gigabyte and more; in rounds of its own
//!        ([`crate::rounds`]), off by default (kind `referenced_memory`). A reset makes the process' next touch of
//!        each page slower

pub mod families;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::dir::Dir;
use plimsoll_kernel::error::{Errno, is_absent, is_gone};
use plimsoll_kernel::format;
use plimsoll_kernel::hierarchy::{Controller, Hierarchy};
use plimsoll_kernel::sys;

use crate::group::{self, Reach};
use crate::host::Host;
use crate::reader::place::below;
use crate::rounds;

/// Whose memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The group's name.
    pub group: Box<str>,
    /// Whether groups below belong to it.
    pub deep: bool,
}

/// What was found of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Referenced {
    /// Bytes.
    pub bytes: u64,
    /// How often it has been read.
    cycles: u64,
}

/// What it may not do, for those who ask why numbers are missing.
#[derive(Debug, Default)]
pub struct Trouble {
    /// Rounds in a row in which a process was refused.
    refused: AtomicU32,
}

impl Trouble {
    /// Whether in each of the last two rounds a process could not be looked into, or not be reset. Once alone is no
    /// lack of a right: the kernel also refuses a process that is just becoming another program.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Relaxed) >= 2
    }
}

/// Measures referenced memory.
pub struct Survey {
    host: Arc<Host>,
    reset_every: u64,
    buffer: Vec<u8>,
    trouble: Arc<Trouble>,
    /// Which file was refused in this round, the first of them.
    refused: Option<(u32, &'static str, Errno)>,
}

impl Survey {
    /// Of this machine; after every so many readings of a group its pages count as untouched again, 0 is never.
    pub fn new(host: &Arc<Host>, reset_every: u64) -> Self {
        Self { host: host.clone(), reset_every, buffer: Vec::new(), trouble: Arc::default(), refused: None }
    }

    /// What it may not do, also later.
    pub fn trouble(&self) -> Arc<Trouble> {
        self.trouble.clone()
    }

    fn processes(&mut self, target: &Target) -> Vec<u32> {
        let (mut pids, reach) = (Vec::new(), Reach::of(target.deep));
        let Some(path) = home(&self.host.hierarchy).and_then(|home| below(home, &target.group)) else {
            return pids;
        };
        group::ids(&path, reach, c"cgroup.procs", &mut self.buffer, &mut pids, &mut 0);
        pids
    }

    /// Bytes of all these processes; `None` when none is there or one may not be looked into: a part of the sum is
    /// not the sum.
    fn bytes(&mut self, pids: &[u32]) -> Option<u64> {
        let mut sum = None;
        for pid in pids {
            match self.of_process(*pid) {
                Ok(bytes) => sum = Some(sum.unwrap_or(0u64).saturating_add(bytes)),
                Err(cause) if is_absent(cause) || is_gone(cause) => {}
                Err(cause) => {
                    self.refused.get_or_insert((*pid, "smaps_rollup", cause));
                    return None;
                }
            }
        }
        sum
    }

    fn of_process(&mut self, pid: u32) -> Result<u64, Errno> {
        let process = Dir::try_open(&self.host.root.proc.join(pid.to_string()))?;
        match process.read(c"smaps_rollup", &mut self.buffer) {
            // also of a process that has just ended: then the next says so too
            Err(Errno::NOENT) => sys::read_to_end(process.file(c"smaps")?, &mut self.buffer)?,
            other => other?,
        }
        Ok(referenced(&self.buffer))
    }

    fn reset(&mut self, pids: &[u32]) {
        for pid in pids {
            let process = Dir::try_open(&self.host.root.proc.join(pid.to_string()));
            match process.and_then(|process| process.write(c"clear_refs", b"1")) {
                Ok(()) => {}
                Err(cause) if is_absent(cause) || is_gone(cause) => {}
                Err(cause) => {
                    self.refused.get_or_insert((*pid, "clear_refs", cause));
                }
            }
        }
    }

    /// Counts the rounds in which something was refused, and says so when it has become a habit.
    fn tell(&mut self) {
        let Some((pid, file, cause)) = self.refused.take() else {
            return self.trouble.refused.store(0, Relaxed);
        };
        if self.trouble.refused.fetch_add(1, Relaxed) == 1 {
            tracing::warn!(
                "/proc/{pid}/{file}: {cause}: the referenced memory of its container is left out; for \
                 processes of other users, and for those with rights that this one lacks, it takes CAP_SYS_PTRACE"
            );
        }
    }
}

/// The hierarchy whose groups are asked for processes.
fn home(hierarchy: &Hierarchy) -> Option<&std::path::Path> {
    let of = |controller| hierarchy.controller(controller).map(|(_, path)| path);
    of(Controller::Cpu).or_else(|| of(Controller::Memory)).or_else(|| hierarchy.unified())
}

/// The sum of the lines `Referenced:      4096 kB`.
pub fn referenced(text: &[u8]) -> u64 {
    let kilobytes = format::lines(text).filter_map(|(_, line)| {
        let rest = line.strip_prefix(b"Referenced:")?;
        format::words(rest).next().and_then(format::number)
    });
    kilobytes.fold(0u64, u64::saturating_add).saturating_mul(1024)
}

impl rounds::Survey for Survey {
    type Target = Target;
    type Value = Referenced;

    fn measure(&mut self, members: &[Arc<rounds::Member<Self>>], now: &dyn Fn() -> Timestamp) {
        if !self.host.sees_processes {
            return;
        }
        for member in members {
            let at = now();
            let pids = self.processes(&member.target);
            let cycles = member.last(|(_, found)| found.cycles).unwrap_or(0) + 1;
            member.put(self.bytes(&pids).map(|bytes| (at, Referenced { bytes, cycles })));
            if self.reset_every > 0 && cycles.is_multiple_of(self.reset_every) {
                self.reset(&pids);
            }
        }
        self.tell();
        // smaps of a large process is long
        self.buffer.shrink_to(64 << 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::reference;
    use crate::rounds::Survey as _;
    use crate::rounds::tests::member;

    #[test]
    fn all_mappings_are_summed() {
        let text = "55d0-55e0 r--p 00000000 08:01 1 /bin/x\nSize: 8 kB\nReferenced:            4 kB\nAnonymous: 4 kB\n\
                    55e0-55f0 r--p 00000000 08:01 1 /bin/x\nReferenced:           12 kB\n";
        assert_eq!(referenced(text.as_bytes()), 16 << 10);
        assert_eq!(referenced(b"Referenced: x kB\nReferenced:\n"), 0);
    }

    #[test]
    fn cadvisors_own_examples_give_its_own_sums() {
        // 4, 6 and 8 are the processes of its test, 416 KiB in all
        let Some(folder) = reference::path("cadvisor/data/proc") else { return };
        let texts: Vec<_> = ["smaps4", "smaps6", "smaps8"]
            .iter()
            .filter_map(|name| std::fs::read(folder.join(name)).ok())
            .collect();
        if texts.len() == 3 {
            assert_eq!(texts.iter().map(|text| referenced(text)).sum::<u64>(), 416 << 10);
        }
    }

    #[test]
    fn every_second_reading_resets_and_one_that_may_not_be_read_makes_the_sum_absent() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        write("sys/fs/cgroup/a/cgroup.procs", "7\n8\n");
        write("sys/fs/cgroup/a/container/cgroup.procs", "9\n");
        write("proc/7/smaps_rollup", "Referenced: 4 kB\n");
        write("proc/7/clear_refs", "");
        write("proc/9/smaps", "Referenced: 1 kB\nReferenced: 1 kB\n");
        write("proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
        write("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        let root = plimsoll_kernel::root::Root::at(folder.path());
        let host = Arc::new(Host::new(root, plimsoll_core::kinds::Kinds::all(), 0).unwrap());
        let mut survey = Survey::new(&host, 2);
        let trouble = survey.trouble();
        let deep = member(Target { group: "/a".into(), deep: true });
        let own = member(Target { group: "/a".into(), deep: false });
        let mut measure = |member: &Arc<rounds::Member<Survey>>| {
            survey.measure(std::slice::from_ref(member), &|| Timestamp(1));
            member.last(|(_, found)| found.bytes)
        };
        let cleared = || std::fs::read(folder.path().join("proc/7/clear_refs")).unwrap();
        assert_eq!(measure(&deep), Some(6 << 10), "a process that has ended is left out");
        assert_eq!(measure(&own), Some(4 << 10));
        assert_eq!(cleared(), b"");
        assert_eq!(measure(&own), Some(4 << 10));
        assert_eq!(cleared(), b"1");
        // a folder cannot be read as a file
        std::fs::create_dir_all(folder.path().join("proc/8/smaps_rollup")).unwrap();
        assert_eq!(measure(&own), None);
        assert!(!trouble.is_refused(), "it may have been about to become another program");
        assert_eq!(measure(&own), None);
        assert!(trouble.is_refused());
        std::fs::remove_dir(folder.path().join("proc/8/smaps_rollup")).unwrap();
        assert_eq!(measure(&own), Some(4 << 10));
        assert!(!trouble.is_refused());
    }
}
