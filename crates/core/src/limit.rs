//! A limit: a number, or none.

/// What a limit file of the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At most this much, in the unit of the file.
    At(u64),
    /// `max` on v2, `-1` or the largest page-aligned number on v1.
    Max,
}

impl Limit {
    /// The number, or `max` for none: what cAdvisor's JSON shows.
    pub fn or(self, max: u64) -> u64 {
        match self {
            Self::At(n) => n,
            Self::Max => max,
        }
    }

    /// The number, absent for none.
    pub fn at(self) -> Option<u64> {
        match self {
            Self::At(n) => Some(n),
            Self::Max => None,
        }
    }
}
