//! Derived statistics: what a container used over the last minute, hour and day.

use serde::Serialize;

use crate::time::Timestamp;

/// `/api/v2.x/summary` of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DerivedStats {
    /// When this was computed: of the newest sample, or when a minute ended.
    pub timestamp: Timestamp,
    /// Now.
    pub latest_usage: InstantUsage,
    /// The last whole minute.
    pub minute_usage: Usage,
    /// The last hour.
    pub hour_usage: Usage,
    /// The last day.
    pub day_usage: Usage,
}

/// Use at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InstantUsage {
    /// Thousandths of a core.
    pub cpu: u64,
    /// Working set in bytes.
    pub memory: u64,
}

/// Use over a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// How much of the span is covered.
    pub percent_complete: i32,
    /// Thousandths of a core.
    pub cpu: Percentiles,
    /// Working set in bytes.
    pub memory: Percentiles,
}

/// How a number was spread over a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Whether there is anything.
    pub present: bool,
    /// Mean.
    pub mean: u64,
    /// Sample standard deviation.
    pub std: u64,
    /// Largest.
    pub max: u64,
    /// Median.
    pub fifty: u64,
    /// 90th percentile.
    pub ninety: u64,
    /// 95th percentile.
    pub ninetyfive: u64,
    /// Values that went in.
    pub count: u64,
}
