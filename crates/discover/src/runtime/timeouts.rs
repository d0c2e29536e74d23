//! How long a daemon's answers are waited for.

use std::time::Duration;

/// How long a daemon's answers are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// An inspect, a list, an info.
    pub answer: Duration,
    /// A ping, or a connection.
    pub ping: Duration,
    /// Between two pings.
    pub ping_every: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            ping: Duration::from_secs(3),
            ping_every: Duration::from_secs(3),
        }
    }
}
