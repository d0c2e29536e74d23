//! CPU for `metrics.k8s.io`: billionths of a core with the time over which they were used.
//!
//! As metrics-server: two samples of one life; or, for a container between ten seconds and a round old, all that it
//! used since its start, so that autoscalers see new pods a round earlier. Better: a sample that came again keeps its
//! rate and window.

use plimsoll_core::cluster::batch::{CpuRate, Set};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;

use super::{Step, added};

/// A container younger than this has used too little to tell.
const SETTLED: i64 = 10_000_000_000;

/// The rate of this set. `before` is a sample of the same life.
pub(super) fn rate(set: &Set, before: Option<&Set>, step: Option<Step>, resolution: i64) -> Option<CpuRate> {
    let used = set.values.int(Metric::CpuUsage)?;
    let (added, window_nanos) = match (before, step) {
        (Some(before), Some(Step::Again)) => return before.cpu_rate,
        (Some(before), Some(Step::Later(passed))) => {
            (added(before.values.int(Metric::CpuUsage)?, used)?, passed)
        }
        // compared with nothing: not even with a sample of the same life that is too old
        (Some(_), None) => return None,
        (None, _) => (added(0, used)?, young(set, resolution)?),
    };
    let nanocores =
        u128::from(added.unsigned_abs()) * 1_000_000_000 / u128::from(window_nanos.unsigned_abs());
    Some(CpuRate { nanocores: u64::try_from(nanocores).ok()?, window_nanos })
}

/// The age of a container that came after the last round.
fn young(set: &Set, resolution: i64) -> Option<i64> {
    let age = set.scraped?.since(set.started?);
    (matches!(set.key, Key::Container { .. }) && (SETTLED..resolution).contains(&age)).then_some(age)
}
