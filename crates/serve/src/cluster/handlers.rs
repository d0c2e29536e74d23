//! How often each route was asked, and how long it took: Heapster's `http_requests_total` and its like.
//!
//! Cost: a lock and two looks at the clock a request.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

/// Counters by route.
#[derive(Debug, Default)]
pub struct Handlers(Mutex<BTreeMap<(&'static str, u16), Count>>);

/// Of one route and status.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Answers.
    pub answers: u64,
    /// Until their heads were there.
    pub took: Duration,
    /// Bytes of those bodies whose length was known when they began.
    pub bytes: u64,
}

impl Handlers {
    /// An answer of this route.
    pub fn answered(&self, handler: &'static str, status: StatusCode, took: Duration, bytes: Option<u64>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((handler, status.as_u16())).or_default();
        count.answers += 1;
        count.took = count.took.saturating_add(took);
        count.bytes = count.bytes.saturating_add(bytes.unwrap_or_default());
    }

    /// All there are, in order.
    pub fn counts(&self) -> Vec<(&'static str, u16, Count)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((handler, status), count)| (*handler, *status, *count)).collect()
    }
}
