//! How long to wait before the next try.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The pause after `failures` failures: doubling from `base` to `most`, then shortened by up to a half at
/// random, so that those who failed together do not come back together.
pub(crate) fn pause(base: Duration, most: Duration, failures: u32) -> Duration {
    let whole = base.saturating_mul(1 << failures.min(16)).min(most);
    let random = RandomState::new().build_hasher().finish() % 1024;
    whole.mul_f64(1.0 - random as f64 / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;

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
