//! The limits that a container had in its kept past: a chart shows each over its own time.

use plimsoll_core::container::Limits;
use plimsoll_core::time::Timestamp;
use plimsoll_serve::past::FormerLimits;

/// So many are kept: who moves a limit every second shall not fill the memory.
const MOST: usize = 100;

/// Limits that are no more, oldest first.
#[derive(Default)]
pub(crate) struct Former(Vec<FormerLimits>);

impl Former {
    /// Keeps limits that ended at `until`, and forgets those whose samples are forgotten.
    pub(crate) fn push(&mut self, limits: Limits, until: Timestamp, max_age_nanos: i64) {
        self.0.retain(|former| until.since(former.until) <= max_age_nanos);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(FormerLimits { until, limits });
    }

    /// All that are kept.
    pub(crate) fn all(&self) -> Vec<FormerLimits> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(former: &Former) -> Vec<(i64, u64)> {
        former.0.iter().map(|one| (one.until.nanos(), one.limits.memory)).collect()
    }

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_secs(0).plus_nanos(nanos)
    }

    #[test]
    fn what_is_older_than_the_samples_is_forgotten() {
        let mut former = Former::default();
        for n in [10, 20, 35] {
            let memory = u64::try_from(n).unwrap();
            former.push(Limits { memory, ..Limits::default() }, at(n), 15);
        }
        assert_eq!(kept(&former), [(20, 20), (35, 35)]);
    }

    #[test]
    fn many_changes_are_bounded() {
        let mut former = Former::default();
        for n in 0..250 {
            former.push(Limits::default(), at(n), i64::MAX);
        }
        assert_eq!((former.0.len(), kept(&former)[0].0, kept(&former)[MOST - 1].0), (MOST, 150, 249));
    }
}
