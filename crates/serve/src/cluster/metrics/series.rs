//! The newest round for Prometheus: a family for each sort of entity and metric, with the time of the sample.
//!
//! Cost: written piece by piece as the client takes it; a label block and the digits a line.

use std::sync::Arc;

use bytes::Bytes;
use plimsoll_core::cluster::batch::{Batch, Set};
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::family::{Emit, Type};

use super::rows::{self, Level, Shown};
use crate::labels::pair;
use crate::text::{Format, Head, Lines, Seen, Stamp};

/// A piece is at least so long.
const PIECE: usize = 32 * 1024;

/// The pieces.
pub(super) struct Series {
    round: Arc<Batch>,
    /// The places of the sets of each level.
    levels: Vec<(Level, Vec<usize>)>,
    /// The level under way, its family, and the next of its sets.
    at: (usize, usize, usize),
    /// Whether the family's head is written.
    headed: bool,
}

/// What stands behind the metrics of the list.
const FAMILIES: usize = Metric::ALL.len() + 1;

impl Series {
    pub(super) fn new(round: Arc<Batch>) -> Self {
        let mut levels: Vec<_> = Level::ALL.into_iter().map(|level| (level, Vec::new())).collect();
        for (place, set) in round.iter().enumerate() {
            let level = Level::of(&set.key);
            if let Some((_, places)) = levels.iter_mut().find(|(one, _)| *one == level) {
                places.push(place);
            }
        }
        Self { round, levels, at: (0, 0, 0), headed: false }
    }

    /// Appends one family from the set at `self.at` on, until the piece is long enough; whether it ended.
    fn family(&mut self, level: Level, out: &mut Vec<u8>) -> bool {
        let metric = Metric::ALL.get(self.at.1).copied();
        let shown = match metric.map(rows::shown) {
            Some(Some(shown)) => Some(shown),
            Some(None) => return true,
            // behind the list: applications' own
            None => None,
        };
        let name = format!("{}{}", level.prefix(), shown.map_or("custom", |shown| shown.name));
        let help = metric.map_or("A metric of an application", |metric| metric.row().help);
        let head = Head::new(&name, help, shown.map_or(Type::Gauge, |shown| shown.kind));
        let mut block = Vec::new();
        let places = self.levels.get(self.at.0).map_or(&[][..], |(_, places)| places);
        for place in places.iter().skip(self.at.2) {
            if out.len() >= PIECE {
                return false;
            }
            self.at.2 += 1;
            let Some(set) = self.round.iter().nth(*place) else { continue };
            if !has(set, metric) {
                continue;
            }
            block.clear();
            rows::labels(set).into_iter().for_each(|(name, value)| pair(&mut block, name, value));
            let stamp = Stamp::at(set.scraped.unwrap_or(self.round.at), Format::Text);
            let before = out.len();
            if !self.headed {
                out.extend_from_slice(head.bytes(Format::Text));
            }
            let empty = out.len();
            match (metric, shown) {
                (Some(metric), Some(shown)) => values(out, &name, &block, &stamp, set, metric, shown),
                _ => custom(out, &name, &block, &stamp, set),
            }
            if out.len() == empty {
                out.truncate(before);
            } else {
                self.headed = true;
            }
        }
        true
    }
}

/// Whether a set may have lines of a family; a quick look before anything is made.
fn has(set: &Set, metric: Option<Metric>) -> bool {
    match metric {
        None => !set.custom().is_empty(),
        Some(metric) if metric.is_plain() => set.values.get(metric).is_some(),
        Some(metric) => set.labeled().iter().any(|labeled| labeled.metric == metric),
    }
}

fn values(
    out: &mut Vec<u8>,
    name: &str,
    block: &[u8],
    stamp: &Stamp,
    set: &Set,
    metric: Metric,
    shown: Shown,
) {
    let seen = &mut Seen::default();
    if metric.is_plain() {
        let value = set.values.get(metric).and_then(|value| shown.value(value));
        let mut lines = Lines { out, name, block, labels: &[], stamp, seen, repeated: 0 }.begin();
        value.into_iter().for_each(|value| lines.float(&[], value));
        return;
    }
    let mut labeled = set.labeled().iter().filter(|labeled| labeled.metric == metric).peekable();
    let labels: Vec<&str> = labeled
        .peek()
        .map(|first| first.resource.labels().map(|(name, _)| name).collect())
        .unwrap_or_default();
    let mut lines = Lines { out, name, block, labels: &labels, stamp, seen, repeated: 0 }.begin();
    for one in labeled {
        let values: Vec<&str> = one.resource.labels().map(|(_, value)| value).collect();
        if let Some(value) = shown.value(one.value).filter(|_| values.len() == labels.len()) {
            lines.float(&values, value);
        }
    }
}

fn custom(out: &mut Vec<u8>, name: &str, block: &[u8], stamp: &Stamp, set: &Set) {
    let seen = &mut Seen::default();
    let mut lines = Lines { out, name, block, labels: &["metric"], stamp, seen, repeated: 0 }.begin();
    for custom in set.custom() {
        lines.float(&[custom.name.strip_prefix("custom/").unwrap_or(&custom.name)], custom.value.as_f64());
    }
}

impl Iterator for Series {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(PIECE + PIECE / 8);
        while let Some((level, _)) = self.levels.get(self.at.0) {
            if !self.family(*level, &mut out) {
                return Some(out.into());
            }
            self.headed = false;
            self.at =
                if self.at.1 + 1 < FAMILIES { (self.at.0, self.at.1 + 1, 0) } else { (self.at.0 + 1, 0, 0) };
        }
        (!out.is_empty()).then(|| out.into())
    }
}
