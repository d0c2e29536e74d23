//! How long a failed question waits before it is asked again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// Waits that double from one failure to the next, and begin anew after a time without.
pub(super) struct Pace {
    first: Duration,
    most: Duration,
    failures: u32,
    last: Option<Instant>,
}

impl Pace {
    /// After this long without a failure, the waits begin anew.
    const FORGOTTEN: Duration = Duration::from_secs(120);

    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0, last: None }
    }

    /// The wait after a failure that happens now.
    pub(super) fn next(&mut self, now: Instant) -> Duration {
        let before = self.last.replace(now);
        if before.is_none_or(|before| now.saturating_duration_since(before) > Self::FORGOTTEN + self.most) {
            self.failures = 0;
        }
        let wait = self.first.saturating_mul(1 << self.failures.min(16)).min(self.most);
        self.failures += 1;
        jittered(wait)
    }
}

/// Between half of it and one and a half: so that many askers do not come at once.
pub(super) fn jittered(wait: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    wait.mul_f64(0.5 + (random >> 11) as f64 / (1_u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_begin_anew() {
        let (second, start) = (Duration::from_secs(1), Instant::now());
        let mut pace = Pace::new(second, 8 * second);
        let mut about = |at: Duration, wanted: u32| {
            let wait = pace.next(start + at);
            assert!(
                wait >= second * wanted / 2 && wait <= second * wanted * 3 / 2,
                "{wait:?}, not {wanted} s"
            );
        };
        for (after, wanted) in [(0, 1), (1, 2), (3, 4), (7, 8), (15, 8), (100, 8), (300, 1), (301, 2)] {
            about(after * second, wanted);
        }
    }

    #[test]
    fn waits_differ() {
        let waits: std::collections::HashSet<_> = (0..20).map(|_| jittered(Duration::from_secs(1))).collect();
        assert!(waits.len() > 10);
    }
}
