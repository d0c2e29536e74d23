//! One read of one container: each file opened, read, parsed or passed over, and what follows from how that went.

use std::time::Instant;

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::error::{Error, ParseError};
use plimsoll_kernel::hierarchy::Controller;

use super::above::Above;
use super::limits::Limits;
use super::place::{self, Lost, PlaceState};
use super::plan::{Context, File, Moves, Place, Plan, Subject};
use super::still::{Rest, STILL_FOR, STILL_WITH_CPU, Stillness, within};
use super::{Effort, LOOK_AGAIN, Outcome, Slot, list_processes};
use crate::group::Reach;
use crate::sample::{Psi, Sample};
use crate::{cpu, hugetlb, memory, pids};

/// Which subjects a sample has.
pub(super) fn subjects(sample: &Sample) -> [bool; 6] {
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
pub(super) struct Pass<'a> {
    pub(super) context: Context<'a>,
    pub(super) name: &'a str,
    pub(super) pid: Option<u32>,
    pub(super) reach: Reach,
    pub(super) places: &'a mut [PlaceState; Place::ALL.len()],
    pub(super) buffer: &'a mut Vec<u8>,
    pub(super) sample: &'a mut Sample,
    pub(super) limits: Limits,
    pub(super) effort: Effort,
    /// Whether the sample has what this reader read last; else there is nothing to pass over.
    pub(super) known: bool,
    /// Whether its CPU time is known and has not moved since the last read.
    pub(super) rests: bool,
    /// Whether no leading file has moved since the last read.
    pub(super) calm: bool,
    /// As long as nothing but the leading files is due.
    pub(super) rest: Rest,
    /// Whether the group is the whole machine.
    pub(super) is_machine: bool,
    /// Whether the leading files were read as ever: nothing was opened, nothing found to be gone.
    pub(super) plain: bool,
    /// A bit a subject: whether any of its files is there.
    pub(super) there: u8,
    /// What the sample had before the read.
    pub(super) subjects: [bool; 6],
    /// Nothing is kept open.
    pub(super) brief: bool,
    pub(super) outcome: Outcome,
    /// Whether the clock is asked how long each file takes.
    pub(super) timed: bool,
}

impl Pass<'_> {
    pub(super) fn read_unless_still(&mut self, file: &File, slot: &mut Slot) {
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
    pub(super) fn is_thrifty(&self) -> bool {
        self.effort == Effort::Thrifty && self.calm
    }

    /// What the group above tells of this one's CPU time.
    pub(super) fn ask(&mut self, above: &Above, file: &File) -> Option<u64> {
        // only of one that was read
        self.cpu_time()?;
        above.texts(&self.context, file, self.buffer, &mut self.outcome.files)
    }

    /// Leaves a file's numbers as they are: false, they have not moved.
    pub(super) fn pass_over(&mut self, file: &File, slot: &Slot) -> bool {
        self.outcome.full = false;
        self.note(file, slot);
        false
    }

    /// What tells the leading file's number as well; nothing if it does not.
    pub(super) fn read_parts(&mut self, part: &File, slot: &mut Slot) -> Option<bool> {
        let moved = self.read(part, slot);
        self.cpu_time().filter(|_| !slot.absent).map(|_| moved)
    }

    pub(super) fn cpu_time(&self) -> Option<u64> {
        self.sample.cpu.as_ref()?.usage.total
    }

    /// Reads a file into the sample; says whether any number moved.
    pub(super) fn read(&mut self, file: &File, slot: &mut Slot) -> bool {
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
    pub(super) fn read_more(
        &mut self,
        plan: &Plan,
        still: &mut Stillness,
        sched: &mut Option<Box<cpu::Sched>>,
    ) {
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
    pub(super) fn finish(mut self, plan: &Plan, slots: &mut [Slot]) -> Outcome {
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
