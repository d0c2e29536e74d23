//! Where the program may differ from a kubelet, and the row of `docs/compatibility.md` that says so.

use crate::common::glob;

/// A kind of difference.
pub struct Allowed {
    /// The beginning of its line; `*` is any text.
    pub what: &'static str,
    /// Words of the page.
    pub row: &'static str,
    /// Whether it must be there in every run: one that is not any more is to be taken out.
    pub always: bool,
}

impl Allowed {
    pub fn is(&self, difference: &str) -> bool {
        glob::is(self.what, difference)
    }
}

const CADVISOR: &[Allowed] = &[];
const RESOURCE: &[Allowed] = &[];
const SUMMARY: &[Allowed] = &[];
const SHORT: &[Allowed] = &[];

/// Those of a route.
pub fn of(path: &str) -> &'static [Allowed] {
    match path {
        "/metrics/cadvisor" => CADVISOR,
        "/metrics/resource" => RESOURCE,
        "/stats/summary" => SUMMARY,
        _ => SHORT,
    }
}

/// All.
pub fn all() -> impl Iterator<Item = &'static Allowed> {
    [CADVISOR, RESOURCE, SUMMARY, SHORT].into_iter().flatten()
}
