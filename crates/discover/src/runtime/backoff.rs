//! How long to wait before the next try.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;

/// The pause after `failures` failures: doubling from `base` to `most`, then shortened by up to a half at
/// random, so that those who failed together do not come back together.
pub(crate) fn pause(base: Duration, most: Duration, failures: u32) -> Duration {
    let whole = base.saturating_mul(1 << failures.min(16)).min(most);
    let random = RandomState::new().build_hasher().finish() % 1024;
    whole.mul_f64(1.0 - random as f64 / 2048.0)
}

/// The pause until the next of the beats that all who wait for something local share, `every` apart: one waking
/// serves them all, where each on its own clock would wake the program a dozen times.
pub(crate) fn until_beat(every: Duration) -> Duration {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    after_beat(FIRST.elapsed(), every)
}

fn after_beat(elapsed: Duration, every: Duration) -> Duration {
    let nanos = every.as_nanos().max(1);
    let past = u64::try_from(elapsed.as_nanos() % nanos).unwrap_or_default();
    every.saturating_sub(Duration::from_nanos(past))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_are_shared() {
        let every = Duration::from_secs(2);
        for (elapsed, wait) in [(0, 2000), (1, 1999), (1999, 1), (2000, 2000), (7500, 500)] {
            assert_eq!(after_beat(Duration::from_millis(elapsed), every), Duration::from_millis(wait));
        }
        assert!(until_beat(every) <= every);
        assert_eq!(until_beat(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn pauses_double_up_to_the_most_and_lose_at_most_half() {
        let (base, most) = (Duration::from_millis(100), Duration::from_secs(2));
        for (failures, whole) in [(0, 100), (1, 200), (2, 400), (10, 2000), (u32::MAX, 2000)] {
            let pause = pause(base, most, failures);
            let whole = Duration::from_millis(whole);
            assert!(pause <= whole && pause >= whole / 2, "{failures}: {pause:?}");
        }
    }
}
