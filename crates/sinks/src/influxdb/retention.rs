//! How long a database keeps points.

use std::fmt;

/// A time to keep; 0 is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retention {
    nanos: u64,
}

const HOUR: u64 = 3_600_000_000_000;

const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("u", 1_000),
    ("µs", 1_000),
    ("µ", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", HOUR),
    ("d", 24 * HOUR),
];

impl Retention {
    pub(super) const FOR_EVER: Self = Self { nanos: 0 };

    /// InfluxQL's form (`30d`, `4w`, `INF`) and the one in which servers answer (`168h0m0s`).
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("inf") {
            return Some(Self::FOR_EVER);
        }
        let (mut rest, mut nanos) = (text, 0_u64);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (count, after) = rest.split_at(digits);
            let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(letters);
            let size = match unit {
                "w" => 7 * 24 * HOUR,
                _ => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size)?,
            };
            nanos = nanos.checked_add(count.parse::<u64>().ok()?.checked_mul(size)?)?;
            rest = after;
        }
        (!text.is_empty()).then_some(Self { nanos })
    }

    /// Servers keep for an hour at least.
    pub(super) fn is_long_enough(self) -> bool {
        self.nanos == 0 || self.nanos >= HOUR
    }

    /// Whether this is a longer time.
    pub(super) fn is_longer_than(self, other: Self) -> bool {
        let key = |one: Self| one.nanos.wrapping_sub(1);
        key(self) > key(other)
    }
}

/// As InfluxQL has it.
impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nanos {
            0 => f.write_str("INF"),
            nanos if nanos.is_multiple_of(24 * HOUR) => write!(f, "{}d", nanos / (24 * HOUR)),
            nanos if nanos.is_multiple_of(HOUR) => write!(f, "{}h", nanos / HOUR),
            nanos => write!(f, "{}s", nanos.div_ceil(1_000_000_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        let f = |text, written: Option<&str>| {
            assert_eq!(Retention::parse(text).map(|one| one.to_string()).as_deref(), written, "{text}");
        };
        f("30d", Some("30d"));
        f("4w", Some("28d"));
        f("168h0m0s", Some("7d"));
        f("1h30m", Some("5400s"));
        f("90m0s", Some("5400s"));
        f("25h", Some("25h"));
        f("inf", Some("INF"));
        f("0s", Some("INF"));
        for bad in ["", "d", "30", "30x", "30d;DROP", "-1h", "99999999999999999w", "1h 2m"] {
            f(bad, None);
        }
    }

    #[test]
    fn for_ever_is_the_longest() {
        let parse = |text| Retention::parse(text).unwrap();
        assert!(parse("8d").is_longer_than(parse("168h0m0s")) && !parse("7d").is_longer_than(parse("168h")));
        assert!(parse("INF").is_longer_than(parse("9999d")) && !parse("9999d").is_longer_than(parse("0s")));
        assert!(
            parse("1h").is_long_enough() && parse("INF").is_long_enough() && !parse("59m").is_long_enough()
        );
    }
}
