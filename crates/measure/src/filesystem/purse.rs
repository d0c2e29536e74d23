//! Time that may be spent on walks: a little all the time, and some of it saved up.

use std::time::{Duration, Instant};

/// Share of a core that walks may take in the long run.
pub(super) const SHARE: f64 = 0.05;
/// So much may be saved up, so that small layers are measured at once.
const SAVED: Duration = Duration::from_secs(1);
/// A single step that took longer waited for a disk or for the CPU, and is not held against the others.
const LONGEST: Duration = Duration::from_secs(1);

/// What is left to spend, in seconds; negative is a debt.
pub(super) struct Purse {
    left: f64,
    filled: Instant,
}

impl Purse {
    pub(super) fn full(now: Instant) -> Self {
        Self { left: SAVED.as_secs_f64(), filled: now }
    }

    /// Pays for work that ended now; gives how long to rest before the next.
    pub(super) fn pay(&mut self, took: Duration, now: Instant) -> Duration {
        let earned = now.saturating_duration_since(self.filled).as_secs_f64() * SHARE;
        self.filled = now;
        self.left = (self.left + earned).min(SAVED.as_secs_f64()) - took.min(LONGEST).as_secs_f64();
        Duration::from_secs_f64((-self.left / SHARE).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_waits() {
        let start = Instant::now();
        let mut purse = Purse::full(start);
        assert_eq!(purse.pay(Duration::from_millis(900), start), Duration::ZERO);
        let rest = purse.pay(Duration::from_millis(200), start);
        assert!(rest.abs_diff(Duration::from_secs(2)) < Duration::from_millis(1), "{rest:?}");
    }

    #[test]
    fn in_the_long_run_it_is_a_twentieth() {
        let start = Instant::now();
        let (mut now, mut purse, mut spent) = (start, Purse::full(start), Duration::ZERO);
        while now < start + Duration::from_secs(1000) {
            let took = Duration::from_millis(5);
            now += took;
            spent += took;
            now += purse.pay(took, now);
        }
        // and the second that was saved up
        assert!((50.0..52.0).contains(&spent.as_secs_f64()), "{spent:?}");
    }

    #[test]
    fn a_disk_that_hung_is_not_paid_for_in_full() {
        let start = Instant::now();
        let mut purse = Purse::full(start);
        let rest = purse.pay(Duration::from_secs(600), start + Duration::from_secs(600));
        assert_eq!(rest, Duration::ZERO);
        assert!(purse.pay(Duration::from_secs(600), start) <= Duration::from_secs(20));
    }
}
