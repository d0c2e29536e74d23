//! What a container uses at an instant: straight lines, so that any rate and sum can be told beforehand.
//!
//! A container of R millicores that began at S has used `R * (t - S)` microseconds of CPU at t, both in milliseconds:
//! a whole number, so its rate between any two samples is R exactly. A pod of N thousand bytes a second has
//! received `N * (t - S)` bytes. Memory is a fixed amount and, unless it is to stand still, a slow wave upon it.

use crate::seed::mix;

/// How long one wave of memory takes, in milliseconds.
const WAVE: i64 = 600_000;

/// The line of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Thousandths of a core.
    pub(crate) millicores: u64,
    /// Bytes of the working set in the middle of the wave; a multiple of a page.
    pub(crate) memory: u64,
    /// How high the wave is, in bytes.
    pub(crate) wave: u64,
    /// Page faults a second.
    pub(crate) faults: u64,
}

/// Memory of a container, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) usage: u64,
    pub(crate) working_set: u64,
    pub(crate) rss: u64,
    pub(crate) cache: u64,
}

impl Load {
    /// That of the container with this number.
    pub(crate) fn of(number: u64, still: bool) -> Self {
        // most containers do little, a few a lot
        let millicores =
            [1, 2, 3, 5, 8, 12, 20, 35, 60, 120].get(mix(number, 10) as usize % 10).copied().unwrap_or(1);
        let memory = (8 + mix(number, 11) % 120) * 1024 * 1024 + (mix(number, 12) % 256) * 4096;
        let wave = if still { 0 } else { memory / 16 };
        Self { millicores, memory, wave, faults: mix(number, 13) % 50 }
    }

    /// Microseconds of CPU since its beginning.
    pub(crate) fn cpu(&self, since: i64) -> u64 {
        self.millicores * since.max(0) as u64
    }

    /// Page faults since its beginning; a hundredth of them are major.
    pub(crate) fn page_faults(&self, since: i64) -> u64 {
        500 + self.faults * since.max(0) as u64 / 1000
    }

    /// Memory at an instant.
    pub(crate) fn memory(&self, at: i64) -> Memory {
        let phase = at.rem_euclid(WAVE);
        // up, then down
        let height = if phase < WAVE / 2 { phase } else { WAVE - phase } as u64;
        let above = self.wave * height / (WAVE as u64 / 2) / 4096 * 4096;
        let working_set = self.memory + above;
        let cache = self.memory / 8 / 4096 * 4096;
        Memory { usage: working_set + cache / 2, working_set, rss: working_set - cache / 2, cache }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_between_any_two_samples_is_the_loads() {
        let load = Load { millicores: 35, memory: 4096, wave: 0, faults: 10 };
        let (from, to) = (12_345, 27_391);
        assert_eq!((load.cpu(to) - load.cpu(from)) * 1000, 35 * 1000 * (to - from) as u64);
        assert_eq!(load.cpu(-1), 0);
        assert_eq!(load.page_faults(1_000), 510);
    }

    #[test]
    fn memory_waves_within_bounds_and_stands_still_if_told() {
        let moving = Load::of(5, false);
        for at in (0..WAVE).step_by(10_000) {
            let memory = moving.memory(at);
            assert!((moving.memory..=moving.memory + moving.wave).contains(&memory.working_set));
            assert!(memory.rss <= memory.working_set && memory.working_set <= memory.usage);
        }
        assert_ne!(moving.memory(0), moving.memory(WAVE / 4));
        let still = Load::of(5, true);
        assert_eq!(still.memory(0), still.memory(WAVE / 4));
    }
}
