//! What reading costs, by subject: `plimsoll_subject_*` on `/metrics`.
//!
//! Cost: one addition a file; the clock is asked in one pass of [`TIMED`] only, which stands for the others.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::reader::plan::Subject;

/// One pass in so many is timed.
const TIMED: u64 = 64;

/// What the subjects cost so far.
#[derive(Debug, Default)]
pub struct Meters {
    subjects: [Meter; Subject::ALL.len()],
    /// What is read of many files at once: kinds that are off by default.
    more: Meter,
    passes: AtomicU64,
}

#[derive(Debug, Default)]
struct Meter {
    files: AtomicU64,
    faults: AtomicU64,
    nanos: AtomicU64,
}

/// What one subject cost so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    /// Its name.
    pub subject: &'static str,
    /// Files read.
    pub files: u64,
    /// Files that could not be read or understood.
    pub faults: u64,
    /// Time, estimated.
    pub time: Duration,
}

impl Meters {
    /// Whether the pass that begins is timed.
    pub(crate) fn is_timed(&self) -> bool {
        self.passes.fetch_add(1, Relaxed).is_multiple_of(TIMED)
    }

    pub(crate) fn file(&self, subject: Subject) {
        if let Some(meter) = self.subjects.get(subject as usize) {
            meter.files.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn fault(&self, subject: Subject) {
        if let Some(meter) = self.subjects.get(subject as usize) {
            meter.faults.fetch_add(1, Relaxed);
        }
    }

    /// A timed pass has been at a subject since then; at all that is read of many files where there is none.
    pub(crate) fn took(&self, subject: Option<Subject>, since: Instant) {
        let meter = subject.and_then(|subject| self.subjects.get(subject as usize)).unwrap_or(&self.more);
        let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        meter.nanos.fetch_add(nanos.saturating_mul(TIMED), Relaxed);
    }

    /// Each subject that was read.
    pub fn spent(&self) -> impl Iterator<Item = Spent> + '_ {
        let of = |subject, meter: &Meter| Spent {
            subject,
            files: meter.files.load(Relaxed),
            faults: meter.faults.load(Relaxed),
            time: Duration::from_nanos(meter.nanos.load(Relaxed)),
        };
        let subjects =
            Subject::ALL.iter().zip(&self.subjects).map(move |(subject, meter)| of(subject.name(), meter));
        let all = subjects.chain(std::iter::once(of("other", &self.more)));
        all.filter(|spent| spent.files + spent.faults > 0 || !spent.time.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_in_64_stands_for_the_others() {
        let meters = Meters::default();
        assert_eq!(meters.spent().count(), 0);
        assert_eq!((0..640).filter(|_| meters.is_timed()).count(), 10);
        meters.file(Subject::Memory);
        meters.fault(Subject::Memory);
        let since = Instant::now();
        std::thread::sleep(Duration::from_millis(2));
        meters.took(Some(Subject::Memory), since);
        meters.took(None, since);
        let all: Vec<Spent> = meters.spent().collect();
        assert_eq!((all[0].subject, all[0].files, all[0].faults), ("memory", 1, 1));
        assert!(all[0].time >= Duration::from_millis(128), "{all:?}");
        assert_eq!((all[1].subject, all.len()), ("other", 2));
    }

    #[test]
    fn subjects_stand_in_the_order_of_their_numbers() {
        assert!(Subject::ALL.iter().enumerate().all(|(nth, subject)| *subject as usize == nth));
    }
}
