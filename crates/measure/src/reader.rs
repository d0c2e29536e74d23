//! One container's kernel files, read into a sample.
//!
//! Reads: the files of [`plan::Plan`], which the subjects name; see their headers
//! Gives: all of a [`Sample`] but filesystems and what is measured in rounds ([`crate::rounds`])
//! Cost:  about 14 files a container; see benches/container_sample.rs
//!
//! **Thrifty.** The files that move whenever a group does anything are read first: CPU time, memory now,
//! network counters. If none moved since the last read, the group is quiet, and a further file is passed over
//! when the last time it was really read was less than 3 s ago; less than 10 s, if that was in quiet as well and
//! showed no change; after four such checks that found nothing, less than 30 s. Its numbers are still in the sample.
//! Each subject's header says what may be late by that, and why no more.
//!
//! Of a family of groups that are read together, none of which runs, the CPU time is not read one by one, but what
//! their group above used ([`above`]): that number may be a millisecond older than the sample. A read in full, as the
//! last one of a group is, reads its own.
//!
//! What cannot move as the kernel counts ([`plan::Moves`]) is passed over though the group is not quiet. What counts
//! what a limit refused ([`Limits`]) is checked as above while the group has no such limit of its own, and swap while
//! the machine has none, as its root tells. What is part of the CPU time is not checked while that stands, for
//! 5 minutes at most; and of a group that runs, its parts by CPU tell the time in all as well. What an io scheduler
//! counts is not read while the machine's root names no disk of that scheduler. Pressure is checked as above while no
//! task of the machine has to wait, as its root tells, once the averages have faded. So only under a limit that was set
//! without notice, on swap that was switched on meanwhile and by a scheduler that was, something may be late here; and
//! microseconds of waiting that do not make one of the machine's, which weighs them with the time of all CPUs.
//!
//! **In place.** The caller gives the same sample each time, so that lists and names are written over without
//! allocation. One that the reader did not fill last is known by its instant, and filled from the ground up.

pub(crate) mod above;
mod io_families;
mod limits;
mod pass;
pub(crate) mod place;
pub(crate) mod plan;
mod still;

use std::sync::Arc;

use plimsoll_core::kinds::Kind;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::file::HotFile;

use self::above::Above;
pub use self::limits::Limits;
use self::pass::{Pass, subjects};
use self::place::PlaceState;
use self::plan::{Context, Moves, Place, Plan, Subject};
use self::still::{Rest, STILL_FOR_LONG, Stillness, within};
use crate::group::{self, Reach};
pub use crate::host::Host;
use crate::sample::Sample;
use crate::{cpu, io};

/// How long nothing of a group is kept open after its last process' end.
const LET_GO_FOR: i64 = 5_000_000_000;

/// How long a file or directory that is not there is not looked for again.
const LOOK_AGAIN: i64 = 30_000_000_000;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Every file.
    Full,
    /// Of a group that is quiet, only the files that could have moved.
    Thrifty,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// None of its directories is there any more (or was ever); what is in the sample are its last numbers.
    pub gone: bool,
    /// Files that were read.
    pub files: u32,
    /// Files that could not be read or understood; their numbers are absent. Each is logged once.
    pub faults: u32,
    /// Whether no file was passed over.
    pub full: bool,
    /// Whether any number may differ from those of the read before.
    pub moved: bool,
}

/// Reads one container. Owned by the sampling side.
#[derive(Debug)]
pub struct Reader {
    host: Arc<Host>,
    name: Box<str>,
    pid: Option<u32>,
    /// Whether processes in groups below are the container's.
    reach: Reach,
    /// The instant of the last sample.
    last: Option<Timestamp>,
    places: [PlaceState; Place::ALL.len()],
    /// A slot a file of the plan, then those of the v1 io families.
    slots: Box<[Slot]>,
    /// Which v1 io family names disks.
    io_family: Option<usize>,
    io: Stillness,
    more: Stillness,
    sched: Option<Box<cpu::Sched>>,
    /// When its last process ended, lately.
    let_go: Option<Timestamp>,
    limits: Limits,
    /// Whether its CPU time had moved at the last read.
    ran: bool,
    /// The group above, and what it told before this one's CPU time was read last.
    above: Option<Arc<Above>>,
    above_told: Option<u64>,
    /// How long only the leading files need a look while they do not move.
    rest: Rest,
    /// How often the names of disks had changed when it last read.
    disk_names: u64,
}

/// What is known of one file.
#[derive(Debug, Default)]
struct Slot {
    file: HotFile,
    still: Stillness,
    absent: bool,
    warned: bool,
}

fn plan_of<'a>(host: &'a Host, name: &str) -> &'a Plan {
    if name == "/" { &host.root_plan } else { &host.plan }
}

impl Reader {
    /// Of the group with this name below its hierarchies, `/` for the root, whose process is number 1. Opens
    /// nothing yet.
    pub fn new(host: &Arc<Host>, name: &str) -> Self {
        let slots = plan_of(host, name).slots();
        Self {
            name: name.into(),
            pid: (name == "/").then_some(1),
            reach: Reach::Own,
            last: None,
            places: Default::default(),
            slots: std::iter::repeat_with(Slot::default).take(slots).collect(),
            io_family: None,
            io: Stillness::default(),
            more: Stillness::default(),
            sched: None,
            let_go: None,
            limits: Limits::default(),
            ran: false,
            above: host.family.above(name),
            above_told: None,
            rest: Rest::default(),
            disk_names: 0,
            host: Arc::clone(host),
        }
    }

    /// The group's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether processes in groups below are among its own, as of a container; else they are other containers'.
    pub fn set_deep(&mut self, deep: bool) {
        self.reach = Reach::of(deep);
    }

    /// Whose `/proc/<pid>/net/dev` tells the network numbers. That it is a process of the group is checked; after
    /// its end the network is absent until another one is set.
    pub fn set_pid(&mut self, pid: Option<u32>) {
        self.set_process(pid, PlaceState::default());
    }

    /// The same of a group that has no process: of one in a group beside it, of the same pod.
    pub fn set_pod_pid(&mut self, pid: Option<u32>) {
        self.set_process(pid, PlaceState::beside());
    }

    fn set_process(&mut self, pid: Option<u32>, fresh: PlaceState) {
        if self.pid == pid {
            return;
        }
        self.pid = pid;
        self.rest = Rest::default();
        if let Some(place) = self.places.get_mut(Place::Process as usize) {
            *place = fresh;
        }
        for (file, slot) in plan_of(&self.host, &self.name).files.iter().zip(&mut self.slots) {
            if file.place == Place::Process {
                *slot = Slot::default();
            }
        }
    }

    /// Which limits of its own it has; as long as nobody says, any. Somebody may have written one of its files: what
    /// they bound is read anew.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.rest = Rest::default();
        for (file, slot) in plan_of(&self.host, &self.name).files.iter().zip(&mut self.slots) {
            if matches!(file.moves, Moves::UnderQuota | Moves::UnderLimit) {
                slot.still = Stillness::default();
            }
        }
    }

    /// Its last process has ended, and the group will probably be removed in a moment. What is open then would stay in
    /// the kernel's cache of names and inodes, some 11 KiB a group, until memory is short; so it is closed, and for
    /// a while nothing is kept open.
    pub fn let_go(&mut self, at: Timestamp) {
        self.let_go = Some(at);
        self.rest = Rest::default();
        self.slots.iter_mut().for_each(|slot| slot.file.close());
    }

    /// A directory of the group has appeared in a further hierarchy: what was missing is looked for again.
    pub fn rescan(&mut self) {
        self.rest = Rest::default();
        let lives = Place::ALL
            .into_iter()
            .zip(&self.places)
            .any(|(place, state)| place.is_group() && state.is_there());
        let mut again = 0u16;
        for (place, state) in Place::ALL.into_iter().zip(&mut self.places) {
            again |= u16::from(state.rescan(lives && place.is_group())) << place as u8;
        }
        let plan = plan_of(&self.host, &self.name);
        for (file, slot) in plan.all_files().zip(&mut self.slots) {
            if slot.absent || again & 1 << file.place as u8 != 0 {
                (slot.absent, slot.still) = (false, Stillness::default());
            }
        }
    }

    /// Reads into the sample, in place; `at` is its instant.
    pub fn read(
        &mut self,
        at: Timestamp,
        effort: Effort,
        buffer: &mut Vec<u8>,
        sample: &mut Sample,
    ) -> Outcome {
        let known = self.last == Some(sample.at);
        if !known {
            forget(sample);
        }
        self.last = Some(at);
        sample.at = at;
        self.let_go = self.let_go.filter(|since| within(*since, at, LET_GO_FOR));

        let host = &*self.host;
        let plan = plan_of(host, &self.name);
        let disk_names = if host.kinds.has(Kind::DiskIo) { host.disks.changes(at) } else { 0 };
        if std::mem::replace(&mut self.disk_names, disk_names) != disk_names {
            sample.diskio.iter_mut().for_each(io::DiskIo::forget_names);
            (self.io, self.rest) = Default::default();
            for (_, slot) in
                plan.all_files().zip(&mut self.slots).filter(|(file, _)| file.subject == Subject::DiskIo)
            {
                slot.still = Stillness::default();
            }
        }
        let mut pass = Pass {
            context: Context { host, at },
            name: &self.name,
            pid: self.pid,
            reach: self.reach,
            places: &mut self.places,
            buffer,
            subjects: subjects(sample),
            sample,
            limits: self.limits,
            effort,
            known,
            rests: known,
            calm: known,
            rest: Rest::since(at),
            is_machine: plan.is_machine,
            plain: true,
            there: 0,
            brief: self.let_go.is_some(),
            outcome: Outcome { full: true, moved: !known, ..Outcome::default() },
            timed: host.meters.is_timed(),
        };

        let (files, io_slots) = self.slots.split_at_mut(plan.files.len());
        let ((leads, others), (lead_slots, other_slots)) =
            (plan.files.split_at(plan.leads), files.split_at_mut(plan.leads));
        let asked = self.above.as_deref().filter(|_| !self.ran && pass.is_thrifty() && !pass.brief);
        let told_before = self.above_told.take();
        let mut parts = plan.cpu_parts.as_ref().filter(|_| self.ran);
        for (file, slot) in leads.iter().zip(lead_slots) {
            let is_cpu = file.subject == Subject::Cpu;
            let by_parts = parts.filter(|_| is_cpu);
            let by_parts = by_parts.and_then(|(at, part)| pass.read_parts(part, other_slots.get_mut(*at)?));
            let moved = by_parts.unwrap_or_else(|| {
                if let Some(above) = asked.filter(|_| is_cpu) {
                    self.above_told = pass.ask(above, file);
                    // of a quota's periods the kernel may count two more after the last work
                    let lately = within(slot.still.read, at, STILL_FOR_LONG);
                    if self.above_told.is_some() && self.above_told == told_before && lately {
                        return pass.pass_over(file, slot);
                    }
                }
                pass.read(file, slot)
            });
            if is_cpu {
                parts = parts.filter(|_| by_parts.is_some());
                self.ran = moved;
                pass.rests &= !moved && pass.cpu_time().is_some();
            }
            pass.calm &= !moved;
        }
        if pass.is_thrifty() && pass.plain && pass.rests && self.rest.holds(at) {
            // nothing below would read anything, nor find anything else than at the last read
            pass.outcome.full = others.is_empty();
            return pass.outcome;
        }
        for (index, (file, slot)) in others.iter().zip(other_slots).enumerate() {
            if parts.is_none_or(|(read, _)| *read != index) {
                pass.read_unless_still(file, slot);
            }
        }
        pass.read_io(plan, io_slots, &mut self.io_family, &mut self.io);
        if !plan.io_families.is_empty() {
            pass.rest.end_at(Some(self.io.until()));
        }
        if plan.has_more() {
            pass.read_more(plan, &mut self.more, &mut self.sched);
            pass.rest.end_at(Some(self.more.until()));
        }
        self.rest = if pass.calm && pass.rests { pass.rest } else { Rest::default() };
        pass.finish(plan, &mut self.slots)
    }

    /// Its processes, in the kernel's order; none if it is gone.
    pub fn processes(&mut self, buffer: &mut Vec<u8>) -> Vec<u32> {
        list_processes(&self.host, plan_of(&self.host, &self.name), &self.name, self.reach, buffer).0
    }

    /// The first process in the group.
    pub fn first_pid(&mut self, buffer: &mut Vec<u8>) -> Option<u32> {
        self.processes(buffer).first().copied()
    }
}

/// Takes out what a reader fills.
fn forget(sample: &mut Sample) {
    sample.cpu = None;
    sample.diskio = None;
    sample.memory = None;
    sample.hugetlb.clear();
    sample.network = None;
    sample.processes = None;
    sample.cpuset = None;
}

/// Processes of the group, from the first place that has them, and how many files that took.
fn list_processes(
    host: &Host,
    plan: &Plan,
    name: &str,
    reach: Reach,
    buffer: &mut Vec<u8>,
) -> (Vec<u32>, u32) {
    let (mut pids, mut files) = (Vec::new(), 0);
    for path in plan.procs.iter().filter_map(|&place| place::path(place, host, name, None)) {
        if group::ids(&path, reach, c"cgroup.procs", buffer, &mut pids, &mut files) {
            return (pids, files);
        }
    }
    (Vec::new(), files)
}

#[cfg(test)]
pub(crate) mod tests;
