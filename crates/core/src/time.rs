//! Instants, and how they are written in JSON.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What Go prints for a time that was never set; clients send it to mean "open".
pub const GO_ZERO: &str = "0001-01-01T00:00:00Z";

/// An instant: nanoseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds since the Unix epoch.
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Nanoseconds from `earlier` to this instant; negative when the clock was set back.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant moved by `nanos`.
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Reads RFC 3339 (`2026-11-21T10:48:04.8Z`, any offset). `Ok(None)` for Go's zero time, which
    /// clients send for "not set", and for anything before the year 1678, where nanoseconds begin. What is later than
    /// 2262, where they end, is the last instant that they can tell.
    ///
    /// # Errors
    /// The text is not RFC 3339.
    pub fn parse(text: &str) -> Result<Option<Self>, TimeError> {
        let at: jiff::Timestamp = text.parse().map_err(|cause| TimeError { text: text.to_owned(), cause })?;
        let nanos = at.as_nanosecond();
        Ok((nanos >= i128::from(i64::MIN)).then(|| Self(i64::try_from(nanos).unwrap_or(i64::MAX))))
    }
}

/// RFC 3339 with up to nine decimals and no trailing zeros, as Go prints it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => f.write_str(GO_ZERO),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// RFC 3339; an instant that cannot be told in nanoseconds is refused.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(deserializer)?;
        let at = Self::parse(&text).map_err(D::Error::custom)?;
        at.ok_or_else(|| D::Error::custom("expected a time after the year 1677"))
    }
}

/// For `#[serde(serialize_with)]`: an unknown instant is written as Go's zero time.
///
/// # Errors
/// Those of the serializer.
pub fn or_go_zero<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => at.serialize(serializer),
        None => serializer.serialize_str(GO_ZERO),
    }
}

/// A text that is no RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("expected a time such as 2026-11-21T10:48:04Z, got {text:?}")]
pub struct TimeError {
    text: String,
    #[source]
    cause: jiff::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        let f = |nanos, text: &str| assert_eq!(Timestamp(nanos).to_string(), text);
        f(0, "1970-01-01T00:00:00Z");
        f(1_795_258_084_811_751_959, "2026-11-21T10:48:04.811751959Z");
        f(1_795_258_084_800_000_000, "2026-11-21T10:48:04.8Z");
    }

    #[test]
    fn reads_what_clients_send() {
        let f = |text, nanos| assert_eq!(Timestamp::parse(text).unwrap().map(Timestamp::nanos), nanos);
        f("2026-11-21T10:48:04.811751959Z", Some(1_795_258_084_811_751_959));
        f("2026-11-21T12:48:04.8+02:00", Some(1_795_258_084_800_000_000));
        f(GO_ZERO, None);
        // later than nanoseconds can tell, and so later than anything that is known
        f("3000-01-01T00:00:00Z", Some(i64::MAX));
        f("1600-01-01T00:00:00Z", None);
    }

    #[test]
    fn refuses_other_texts() {
        for text in ["", "1795258084", "yesterday", "2026-11-21"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
