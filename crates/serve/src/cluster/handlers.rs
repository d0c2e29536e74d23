//! How often each route was asked, and how long it took: Heapster's `http_requests_total` and its like.
//!
//! Cost: a lock and two looks at the clock a request.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};

/// Counters by route.
#[derive(Debug, Default)]
pub struct Handlers(Mutex<BTreeMap<Which, Count>>);

/// Route, method, status.
pub type Which = (&'static str, &'static str, u16);

/// Of one route, method and status.
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
    /// An answer of this route: how long it took, and how many bytes it has if that is known.
    pub fn answered(
        &self,
        handler: &'static str,
        method: &Method,
        status: StatusCode,
        took: Duration,
        bytes: Option<u64>,
    ) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((handler, word(method), status.as_u16())).or_default();
        count.answers += 1;
        count.took = count.took.saturating_add(took);
        count.bytes = count.bytes.saturating_add(bytes.unwrap_or_default());
    }

    /// All there are, in order.
    pub fn counts(&self) -> Vec<(Which, Count)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(which, count)| (*which, *count)).collect()
    }
}

/// The label of a method; a client that makes methods up makes no labels.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "other",
    }
}
