//! Which limits of its own a group has, as far as they decide what of it can move.

use plimsoll_core::container::Spec;

/// Without a quota nothing is throttled, without a limit none is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A CPU quota.
    pub quota: bool,
    /// A memory limit.
    pub memory: bool,
}

impl Default for Limits {
    /// All that there are, as of a group of which nothing is known.
    fn default() -> Self {
        Self { quota: true, memory: true }
    }
}

/// What v1 prints for no limit is the largest number of bytes in whole pages, v2's is the largest number.
const NO_LIMIT: u64 = 1 << 62;

impl Limits {
    /// Those of a spec. One that could not be read may be there.
    pub fn of(spec: &Spec) -> Self {
        Self {
            quota: !spec.has_cpu || spec.cpu.quota != 0,
            memory: !spec.has_memory || spec.memory.limit < NO_LIMIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_may_be_limited() {
        let mut spec = Spec::default();
        assert_eq!(Limits::of(&spec), Limits::default());
        (spec.has_cpu, spec.has_memory) = (true, true);
        assert_eq!(Limits::of(&spec), Limits { quota: false, memory: true });
        for (limit, limited) in [(9_223_372_036_854_771_712, false), (u64::MAX, false), (1 << 40, true)] {
            spec.memory.limit = limit;
            spec.cpu.quota = 5;
            assert_eq!(Limits::of(&spec), Limits { quota: true, memory: limited });
        }
    }
}
