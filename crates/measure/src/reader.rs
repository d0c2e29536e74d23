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
pub(crate) mod place;
pub(crate) mod plan;
mod still;

use std::sync::Arc;
use std::time::Instant;

use plimsoll_core::kinds::Kind;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::error::{Error, ParseError};
use plimsoll_kernel::file::HotFile;
use plimsoll_kernel::hierarchy::Controller;

use self::above::Above;
pub use self::limits::Limits;
use self::place::{Lost, PlaceState};
use self::plan::{Context, File, Moves, Place, Plan, Subject};
use self::still::{Rest, STILL_FOR, STILL_FOR_LONG, STILL_WITH_CPU, Stillness, within};
use crate::group::{self, Reach};
pub use crate::host::Host;
use crate::sample::{Psi, Sample};
use crate::{cpu, hugetlb, io, memory, pids};

/// How long nothing of a group is kept open after its last process' end.
const LET_GO_FOR: i64 = 5_000_000_000;

/// How long a file or directory that is not there is not looked for again.
const LOOK_AGAIN: i64 = 30_000_000_000;

/// How long the last numbers stay of a hierarchy that a group is gone from while it is still there in another: one that
/// is removed leaves them one after the other, and its last numbers are true for good. One that lives on has none there.
const LEFT_AFTER: i64 = 5_000_000_000;

/// How often it is asked whether the process still lives whose network is read. The question costs as much as
/// three files; the price of asking seldom is that a dead process' namespace may live so much longer.
const ALIVE_FOR: i64 = 5_000_000_000;

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

/// Which subjects a sample has.
fn subjects(sample: &Sample) -> [bool; 6] {
    [
        sample.cpu.is_some(),
        sample.diskio.is_some(),
        sample.memory.is_some(),
        sample.network.is_some(),
        sample.processes.is_some(),
        sample.cpuset.is_some(),
    ]
}

/// One read of one container.
struct Pass<'a> {
    context: Context<'a>,
    name: &'a str,
    pid: Option<u32>,
    reach: Reach,
    places: &'a mut [PlaceState; Place::ALL.len()],
    buffer: &'a mut Vec<u8>,
    sample: &'a mut Sample,
    limits: Limits,
    effort: Effort,
    /// Whether the sample has what this reader read last; else there is nothing to pass over.
    known: bool,
    /// Whether its CPU time is known and has not moved since the last read.
    rests: bool,
    /// Whether no leading file has moved since the last read.
    calm: bool,
    /// As long as nothing but the leading files is due.
    rest: Rest,
    /// Whether the group is the whole machine.
    is_machine: bool,
    /// Whether the leading files were read as ever: nothing was opened, nothing found to be gone.
    plain: bool,
    /// A bit a subject: whether any of its files is there.
    there: u8,
    /// What the sample had before the read.
    subjects: [bool; 6],
    /// Nothing is kept open.
    brief: bool,
    outcome: Outcome,
    /// Whether the clock is asked how long each file takes.
    timed: bool,
}

impl Pass<'_> {
    fn read_unless_still(&mut self, file: &File, slot: &mut Slot) {
        let at = self.context.at;
        let still = match file.moves {
            Moves::WithCpu => !slot.absent && slot.still.holds_for(STILL_WITH_CPU, at),
            _ if self.calm => slot.still.holds(at),
            _ => slot.still.holds_while_it_runs(at),
        };
        if still && self.known && self.effort == Effort::Thrifty && self.stands(file, slot.still.read) {
            self.pass_over(file, slot);
        } else {
            self.read(file, slot);
        }
        self.rest.end_at(match file.moves {
            // it is not looked for
            _ if slot.absent => Some(slot.still.read.plus_nanos(LOOK_AGAIN)),
            Moves::WithCpu => slot.still.until_for(STILL_WITH_CPU),
            _ => Some(slot.still.until()),
        });
    }

    /// Whether a file cannot have moved since it was read, or has not in all likelihood: see [`STILL_FOR`].
    fn stands(&self, file: &File, read: Timestamp) -> bool {
        match file.moves {
            Moves::Always => self.calm,
            Moves::WithCpu => self.rests,
            Moves::UnderQuota => self.calm || !self.limits.quota,
            Moves::UnderLimit => self.calm || !self.limits.memory,
            Moves::WithSwap => {
                let Context { host, at } = self.context;
                self.calm || host.swapless.lately(at, STILL_FOR.unsigned_abs())
            }
            Moves::WithStalls(resource) => {
                let Context { host, at } = self.context;
                let stalls = host.stalls.get(resource as usize).filter(|_| !self.is_machine);
                self.calm
                    || resource.of(self.sample).is_some_and(Psi::has_faded)
                        && stalls.is_some_and(|stalls| stalls.stand_since(read, at))
            }
        }
    }

    /// Whether files that stand still may be passed over, whatever moves them.
    fn is_thrifty(&self) -> bool {
        self.effort == Effort::Thrifty && self.calm
    }

    /// What the group above tells of this one's CPU time.
    fn ask(&mut self, above: &Above, file: &File) -> Option<u64> {
        // only of one that was read
        self.cpu_time()?;
        above.texts(&self.context, file, self.buffer, &mut self.outcome.files)
    }

    /// Leaves a file's numbers as they are: false, they have not moved.
    fn pass_over(&mut self, file: &File, slot: &Slot) -> bool {
        self.outcome.full = false;
        self.note(file, slot);
        false
    }

    /// What tells the leading file's number as well; nothing if it does not.
    fn read_parts(&mut self, part: &File, slot: &mut Slot) -> Option<bool> {
        let moved = self.read(part, slot);
        self.cpu_time().filter(|_| !slot.absent).map(|_| moved)
    }

    fn cpu_time(&self) -> Option<u64> {
        self.sample.cpu.as_ref()?.usage.total
    }

    /// Reads a file into the sample; says whether any number moved.
    fn read(&mut self, file: &File, slot: &mut Slot) -> bool {
        let begin = self.timed.then(Instant::now);
        let moved = self.read_file(file, slot);
        if let Some(begin) = begin {
            self.context.host.meters.took(Some(file.subject), begin);
        }
        moved
    }

    fn read_file(&mut self, file: &File, slot: &mut Slot) -> bool {
        let result = match self.fetch(file, slot) {
            Ok(()) => {
                slot.absent = false;
                self.outcome.files += 1;
                self.context.host.meters.file(file.subject);
                (file.parse)(&self.context, Some(self.buffer), self.sample)
                    .map_err(|cause: ParseError| self.fault(file, slot, |path| Error::parse(path, cause)))
            }
            Err(Lost::Gone) if file.place.is_group() && !self.has_left(file.place) => {
                // the last numbers of a group that ended are true for good
                self.plain = false;
                self.note(file, slot);
                return false;
            }
            // its numbers are out of the sample since it was looked for
            Err(Lost::Known) => return false,
            Err(Lost::Absent | Lost::Gone) => {
                self.plain = false;
                slot.absent = true;
                Err(())
            }
            Err(Lost::Refused(cause)) => {
                self.plain = false;
                self.fault(file, slot, |path| Error::read(path, cause));
                Err(())
            }
        };
        let moved = match result {
            Ok(moved) => moved,
            Err(()) => (file.parse)(&self.context, None, self.sample).unwrap_or(true),
        };
        self.note(file, slot);
        slot.still.note(self.context.at, self.stands(file, self.context.at) && !moved);
        self.tell_stalls(file);
        self.outcome.moved |= moved;
        moved
    }

    /// Has the machine's root tell of waits.
    fn tell_stalls(&self, file: &File) {
        let Moves::WithStalls(resource) = file.moves else { return };
        if let Some(stalls) = self.context.host.stalls.get(resource as usize).filter(|_| self.is_machine)
            && let Some(psi) = resource.of(self.sample)
        {
            stalls.note(self.context.at, psi.some.total);
        }
    }

    /// The file's text, into the buffer.
    fn fetch(&mut self, file: &File, slot: &mut Slot) -> Result<(), Lost> {
        let Some(place) = self.places.get_mut(file.place as usize) else { return Err(Lost::Absent) };
        let at = self.context.at;
        if let Some(result) = slot.file.read(self.buffer, file.enough) {
            let result = result.map_err(Lost::from);
            if result == Err(Lost::Gone) {
                if file.place.is_group() {
                    // a directory that is no longer there is gone by that
                    let _ = place.dir(file.place, self.context.host, self.name, self.pid, at);
                }
                place.lost_file(file.place, at);
            } else if file.place == Place::Process && place.has_ended_lately(file.place, at) {
                // what its namespace counted until the end is in this text; holding it open would hold all of it
                slot.file.close();
            }
            return result;
        }
        if slot.absent && within(slot.still.read, at, LOOK_AGAIN) && !place.is_gone() {
            return Err(Lost::Known);
        }
        self.plain = false;
        let dir = place.dir(file.place, self.context.host, self.name, self.pid, at)?;
        let budget = &self.context.host.budget;
        let result = slot.file.open_and_read(dir, file.name, budget, self.buffer, file.enough);
        if self.brief {
            slot.file.close();
        }
        match result.map_err(Lost::from) {
            Err(Lost::Gone) => {
                place.lost_file(file.place, at);
                Err(Lost::Gone)
            }
            Err(Lost::Absent) if place.has_ended(file.place, at) => Err(Lost::Gone),
            other => other,
        }
    }

    /// Whether the group lives on, but no longer in this hierarchy.
    fn has_left(&mut self, place: Place) -> bool {
        let mut others = Place::ALL.into_iter().zip(&*self.places).filter(|(other, _)| *other != place);
        let lives = others.any(|(other, state)| other.is_group() && state.is_there());
        lives && self.places.get_mut(place as usize).is_some_and(|state| state.has_left(self.context.at))
    }

    /// Notes that the subject has something.
    fn note(&mut self, file: &File, slot: &Slot) {
        if !slot.absent {
            self.there |= 1 << file.subject as u8;
        }
    }

    fn fault(&mut self, file: &File, slot: &mut Slot, error: impl FnOnce(std::path::PathBuf) -> Error) {
        self.outcome.faults += 1;
        self.context.host.meters.fault(file.subject);
        if !std::mem::replace(&mut slot.warned, true) {
            let place = place::path(file.place, self.context.host, self.name, self.pid).unwrap_or_default();
            let error = error(place.join(file.name.to_string_lossy().as_ref()));
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(container = self.name, cause, "{error}; its numbers are left out");
        }
    }

    /// What is read of many files that are opened each time; all of it is off by default.
    fn read_more(&mut self, plan: &Plan, still: &mut Stillness, sched: &mut Option<Box<cpu::Sched>>) {
        if plan.process {
            self.there |= 1 << Subject::Processes as u8;
        }
        if self.is_thrifty() && still.holds(self.context.at) {
            self.outcome.full = false;
            return;
        }
        // a copy to compare with is dear, but so is all that is read here
        let state = |sample: &Sample| {
            let schedstat = sample.cpu.as_ref().map(|cpu| cpu.schedstat.clone());
            (sample.hugetlb.clone(), sample.processes.clone(), schedstat)
        };
        let before = state(self.sample);
        let begin = self.timed.then(Instant::now);
        self.read_hugetlb(plan);
        if plan.process {
            self.read_processes(plan);
        }
        if plan.sched {
            self.read_sched(plan, sched.get_or_insert_default());
        }
        if let Some(begin) = begin {
            self.context.host.meters.took(None, begin);
        }
        let moved = before != state(self.sample);
        self.outcome.moved |= moved;
        still.note(self.context.at, self.calm && !moved);
    }

    fn read_hugetlb(&mut self, plan: &Plan) {
        let host = self.context.host;
        let Some((version, _)) = host.hierarchy.controller(Controller::HugeTlb) else { return };
        let place = Place::of(Controller::HugeTlb, version);
        // then it is absent below
        self.has_left(place);
        let Some(state) = self.places.get_mut(place as usize).filter(|_| !plan.page_sizes.is_empty()) else {
            return;
        };
        match state.dir(place, host, self.name, self.pid, self.context.at) {
            Ok(dir) => {
                let (files, out) = (&mut self.outcome.files, &mut self.sample.hugetlb);
                hugetlb::read(dir, version, &plan.page_sizes, self.buffer, files, out);
            }
            Err(Lost::Gone) => {}
            Err(_) => self.sample.hugetlb.clear(),
        }
    }

    fn read_processes(&mut self, plan: &Plan) {
        let proc = &self.context.host.root.proc;
        let (pids, files) = list_processes(self.context.host, plan, self.name, self.reach, self.buffer);
        let processes = self.sample.processes.get_or_insert_default();
        if self.context.host.sees_processes {
            pids::read(proc, &pids, self.buffer, processes);
        } else {
            // v2 lists those of other namespaces as 0, v1 leaves them out
            processes.process_count = (!pids.is_empty()).then_some(pids.len() as u64);
        }
        self.outcome.files += files;
    }

    fn read_sched(&mut self, plan: &Plan, sched: &mut cpu::Sched) {
        let host = self.context.host;
        if !host.sees_processes {
            return;
        }
        let mut groups = plan.procs.iter().filter_map(|&place| place::path(place, host, self.name, None));
        if let Some(group) = groups.find(|group| group.is_dir())
            && let Some(cpu) = &mut self.sample.cpu
        {
            cpu.schedstat = sched.read(&host.root.proc, &group, self.buffer, &mut self.outcome.files);
        }
    }

    /// Takes out what is not there, adds what follows, and closes what need not stay open.
    fn finish(mut self, plan: &Plan, slots: &mut [Slot]) -> Outcome {
        let there = |subject| self.there & 1 << subject as u8 != 0;
        if !there(Subject::Cpu) {
            self.sample.cpu = None;
        }
        if !there(Subject::DiskIo) {
            self.sample.diskio = None;
        }
        if !there(Subject::Processes) {
            self.sample.processes = None;
        }
        if !there(Subject::CpuSet) {
            self.sample.cpuset = None;
        }
        match &mut self.sample.memory {
            Some(memory) if there(Subject::Memory) => memory::derive(memory),
            memory => *memory = None,
        }
        // a subject may come or go without a number: a namespace without interfaces
        self.outcome.moved |= self.subjects != subjects(self.sample);
        self.settle(plan, slots);
        self.outcome.gone = self.is_gone();
        self.outcome
    }

    fn settle(&mut self, plan: &Plan, slots: &mut [Slot]) {
        // nothing was opened, as in most reads: nothing is to be decided
        if !self.places.iter().any(PlaceState::is_open_for_now) {
            return;
        }
        let budget = &self.context.host.budget;
        let mut wanted = 0u16;
        for (file, slot) in plan.all_files().zip(&mut *slots) {
            let through_dir = !slot.absent && !slot.file.is_kept() && slot.still.read != Timestamp::default();
            let keeps_alive = file.place == Place::Process && slot.file.is_kept();
            wanted |= u16::from(through_dir || keeps_alive) << file.place as u8;
        }
        for (place, state) in Place::ALL.into_iter().zip(&mut *self.places) {
            state.settle(wanted & 1 << place as u8 != 0, budget);
        }
        // without the process' directory its end would not be seen
        let watched = self.places.get(Place::Process as usize).is_some_and(PlaceState::is_kept);
        if !watched {
            let files = plan.files.iter().zip(slots).filter(|(file, _)| file.place == Place::Process);
            files.for_each(|(_, slot)| slot.file.close());
        }
    }

    /// Whether the group has ended in every hierarchy. A look at those that seem to be there is only taken when
    /// one has ended.
    fn is_gone(&mut self) -> bool {
        let groups = |places: &[PlaceState]| {
            Place::ALL.into_iter().zip(places).any(|(p, s)| p.is_group() && s.is_there())
        };
        let ended = Place::ALL.into_iter().zip(&*self.places).any(|(p, s)| p.is_group() && s.is_gone());
        if ended {
            for (place, state) in Place::ALL.into_iter().zip(&mut *self.places) {
                if place.is_group() && state.is_there() {
                    let opened =
                        state.dir(place, self.context.host, self.name, None, self.context.at).is_ok();
                    if !opened || !state.has_ended(place, self.context.at) {
                        state.settle(false, &self.context.host.budget);
                    }
                }
            }
        }
        let looked = Place::ALL.into_iter().zip(&*self.places).any(|(p, s)| p.is_group() && !s.is_unknown());
        looked && !groups(self.places)
    }
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
