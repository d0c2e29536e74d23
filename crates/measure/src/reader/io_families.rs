//! The v1 io families: which one of them a group is read by.

use super::plan::{Plan, Subject};
use super::still::{STILL_FOR, Stillness};
use super::{Effort, Pass, Slot};
use crate::io::DiskIo;

/// How old what the root told may be when it is told again: well before others stop believing it.
const TELL_AGAIN: u64 = STILL_FOR.unsigned_abs() / 2;

impl Pass<'_> {
    /// The one that named disks last time, else the first that does.
    pub(super) fn read_io(
        &mut self,
        plan: &Plan,
        slots: &mut [Slot],
        known: &mut Option<usize>,
        still: &mut Stillness,
    ) {
        let Some(last) = plan.io_families.len().checked_sub(1) else { return };
        if self.is_thrifty() && still.holds(self.context.at) {
            self.outcome.full = false;
            self.there |= 1 << Subject::DiskIo as u8;
            return;
        }
        let mut moved = false;
        if let Some(family) = *known {
            self.tell_diskless(plan, slots, family, &mut moved);
            if !self.read_family(plan, slots, family, &mut moved) {
                *known = None;
                // the next family may not have all lists of this one
                self.outcome.moved = true;
                if let Some(io) = &mut self.sample.diskio {
                    *io = DiskIo { psi: io.psi, ..DiskIo::default() };
                }
            }
        }
        if known.is_none() {
            // of the last, the throttle's, the group has its lists though they are empty
            *known = (0..=last).find(|&family| {
                (family == last || !self.is_diskless(plan, slots, family))
                    && self.read_family(plan, slots, family, &mut moved)
            });
        }
        still.note(self.context.at, self.calm && !moved);
    }

    /// Whether no group can have disks in a family, as the root lately told: every disk of a group is one of the
    /// root's, whose files name it whether it was used or not.
    fn is_diskless(&mut self, plan: &Plan, slots: &mut [Slot], family: usize) -> bool {
        let seen = self.context.host.diskless.get(family).filter(|_| !plan.is_machine);
        let told = self.effort == Effort::Thrifty
            && seen.is_some_and(|seen| seen.lately(self.context.at, STILL_FOR.unsigned_abs()));
        if told {
            self.outcome.full = false;
            // it may have been read before the root told
            if let Some(slot) = slots.get_mut(plan.start_of_family(family)) {
                slot.file.close();
                slot.still = Stillness::default();
            }
        }
        told
    }

    /// Has the root, which is read by another family, tell of those before it now and then.
    fn tell_diskless(&mut self, plan: &Plan, slots: &mut [Slot], known: usize, moved: &mut bool) {
        if !plan.is_machine {
            return;
        }
        let (host, at) = (self.context.host, self.context.at);
        let old =
            |family: &usize| host.diskless.get(*family).is_some_and(|seen| !seen.lately(at, TELL_AGAIN));
        for family in (0..known).filter(old) {
            // the known family writes over what this puts into the sample
            self.read_files(plan, slots, family, 1, moved);
        }
    }

    /// Reads a family; says whether it names a disk. Of one that does not, only the first file is read.
    fn read_family(&mut self, plan: &Plan, slots: &mut [Slot], family: usize, moved: &mut bool) -> bool {
        self.read_files(plan, slots, family, usize::MAX, moved)
    }

    /// The same of so many of its files at most.
    fn read_files(
        &mut self,
        plan: &Plan,
        slots: &mut [Slot],
        family: usize,
        most: usize,
        moved: &mut bool,
    ) -> bool {
        let start = plan.start_of_family(family);
        let files = plan.io_families.get(family).into_iter().flatten().take(most);
        for (file, slot) in files.zip(slots.iter_mut().skip(start)) {
            let before = (self.outcome.files + 1, self.outcome.faults);
            *moved |= self.read(file, slot);
            if self.sample.diskio.as_ref().is_none_or(|io| io.io_service_bytes.is_empty()) {
                let was_read = before == (self.outcome.files, self.outcome.faults);
                if let Some(seen) =
                    self.context.host.diskless.get(family).filter(|_| plan.is_machine && was_read)
                {
                    seen.note(self.context.at);
                }
                return false;
            }
        }
        true
    }
}
