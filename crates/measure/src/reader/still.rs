//! What stood still, and for how long that is believed.

use plimsoll_core::time::Timestamp;

/// How long a file is not read again after a reading at which it or a leading file moved, if the group is quiet since. The
/// kernel adds up what its CPUs counted every two seconds: what is read sooner may lack a part, and nothing tells of it
/// later.
const SETTLES: i64 = 3_000_000_000;

/// How long a file that stood still in a quiet group is not read again.
pub(super) const STILL_FOR: i64 = 10_000_000_000;

/// The same after [`CHECKS`] such pauses that ended without a change.
pub(super) const STILL_FOR_LONG: i64 = 30_000_000_000;

/// As many as outlast the 30 s after which the kernel writes dirty pages back, so that the last echo of what the
/// group did is over.
const CHECKS: u8 = 4;

/// How long a file that stood still is not read again while the number has not moved without which it cannot. Not for
/// good, since it may have stood still because it could not be read.
pub(super) const STILL_WITH_CPU: i64 = 300_000_000_000;

/// Whether something stood still when it was last really read, and when that was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stillness {
    pub(super) read: Timestamp,
    still: bool,
    /// Pauses of [`STILL_FOR`] and more that ended without a change, one after the other.
    checks: u8,
}

impl Stillness {
    /// Whether it need not be read in a group that is quiet.
    pub(super) fn holds(self, at: Timestamp) -> bool {
        within(self.read, at, self.pause())
    }

    /// Whether it need not be read though the group is not quiet, since it cannot move in all likelihood.
    pub(super) fn holds_while_it_runs(self, at: Timestamp) -> bool {
        self.holds_for(self.pause(), at)
    }

    /// Whether it stood still, less than so long ago.
    pub(super) fn holds_for(self, nanos: i64, at: Timestamp) -> bool {
        self.still && within(self.read, at, nanos)
    }

    fn pause(self) -> i64 {
        match self {
            Self { still: false, .. } => SETTLES,
            Self { checks, .. } if checks < CHECKS => STILL_FOR,
            _ => STILL_FOR_LONG,
        }
    }

    /// Until when [`Self::holds`].
    pub(super) fn until(self) -> Timestamp {
        self.read.plus_nanos(self.pause())
    }

    /// Until when [`Self::holds_for`] so long, if it does at all.
    pub(super) fn until_for(self, nanos: i64) -> Option<Timestamp> {
        self.still.then(|| self.read.plus_nanos(nanos))
    }

    /// It was read.
    pub(super) fn note(&mut self, at: Timestamp, still: bool) {
        let paused = self.still && !within(self.read, at, STILL_FOR);
        let checks = if still { self.checks.saturating_add(u8::from(paused)) } else { 0 };
        *self = Self { read: at, still, checks };
    }
}

/// Whether an instant lies less than `nanos` back; not if the clock was set back.
pub(super) fn within(then: Timestamp, now: Timestamp, nanos: i64) -> bool {
    (0..nanos).contains(&now.since(then))
}

/// How long all that does not lead holds, seen together: so that of a group at rest it need not be asked one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    since: Timestamp,
    until: Timestamp,
}

impl Rest {
    /// For good, as long as nothing ends it.
    pub(super) fn since(at: Timestamp) -> Self {
        Self { since: at, until: Timestamp(i64::MAX) }
    }

    /// Something holds no longer than that, or not at all.
    pub(super) fn end_at(&mut self, until: Option<Timestamp>) {
        self.until = self.until.min(until.unwrap_or(self.since));
    }

    /// Not if the clock was set back.
    pub(super) fn holds(self, at: Timestamp) -> bool {
        (self.since..self.until).contains(&at)
    }
}
