//! When the rounds were, by their number.

use std::collections::VecDeque;

use plimsoll_core::time::Timestamp;

/// The instants of the rounds that may be asked for, in the order in which they came. That is the order of their
/// time, unless the clock is set back: then those from before stay as long as they are near the newest on either side.
#[derive(Default)]
pub(super) struct Rounds {
    instants: VecDeque<Timestamp>,
    // the number of the first
    first: u32,
}

impl Rounds {
    /// Adds the newest and drops those in front that are `age` nanoseconds away from it, or more.
    pub(super) fn push(&mut self, at: Timestamp, age: i64) {
        self.instants.push_back(at);
        while self.instants.front().is_some_and(|front| !near(*front, at, age)) {
            self.instants.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    /// The number of the newest.
    pub(super) fn newest(&self) -> u32 {
        let count = u32::try_from(self.instants.len()).unwrap_or(u32::MAX);
        self.first.wrapping_add(count).wrapping_sub(1)
    }

    /// When a round was; absent if it is too old.
    pub(super) fn at(&self, round: u32) -> Option<Timestamp> {
        self.instants.get(self.place(round)).copied()
    }

    /// How many rounds there are behind the first that is near the newest, itself included: so many of the newest
    /// rounds are worth keeping.
    pub(super) fn near(&self, age: i64) -> u32 {
        let Some(newest) = self.instants.back() else { return 0 };
        let too_old = self.instants.iter().take_while(|at| !near(**at, *newest, age)).count();
        u32::try_from(self.instants.len() - too_old).unwrap_or(u32::MAX)
    }

    /// How many rounds a round lies behind the newest.
    pub(super) fn behind(&self, round: u32) -> u32 {
        self.newest().wrapping_sub(round)
    }

    fn place(&self, round: u32) -> usize {
        round.wrapping_sub(self.first) as usize
    }
}

fn near(at: Timestamp, newest: Timestamp, age: i64) -> bool {
    newest.since(at).saturating_abs() <= age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_kept_as_long_as_they_are_near() {
        let mut rounds = Rounds::default();
        for at in [0, 10, 20, 30, 40] {
            rounds.push(Timestamp(at), 30);
        }
        assert_eq!((rounds.newest(), rounds.at(0), rounds.at(1)), (4, None, Some(Timestamp(10))));
        assert_eq!((rounds.at(4), rounds.at(5)), (Some(Timestamp(40)), None));
        assert_eq!((rounds.near(30), rounds.near(20), rounds.near(0), rounds.behind(1)), (4, 3, 1, 3));
        // the clock was set back, a little and then far
        rounds.push(Timestamp(15), 30);
        assert_eq!((rounds.near(30), rounds.near(5)), (5, 5));
        rounds.push(Timestamp(-1000), 30);
        assert_eq!((rounds.near(30), rounds.newest(), rounds.at(5)), (1, 6, None));
    }
}
