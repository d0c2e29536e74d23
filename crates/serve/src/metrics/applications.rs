//! Application metrics (kind `app`): a family for each name that any container's application gives.
//!
//! Gives: gauges under the application's own names, with the container's labels and `app_<label>` for each of the
//!        application's
//! Cost:  a look-up a metric and container when a scrape begins; then a line a series

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::app::{Poll, Series, Value};
use plimsoll_core::family::Type;

use super::families::Scraped;
use crate::labels::{self, escape};
use crate::number;
use crate::text::{Format, Head, Stamp};

/// Before the name of each of an application's labels.
const APP: &[u8] = b"app_";
const HELP: &str = "Custom application metric.";

/// One family over all containers.
pub(super) struct Family {
    name: String,
    pieces: Vec<Piece>,
}

/// The series of that name in one answer.
struct Piece {
    /// Place of the container.
    container: usize,
    poll: Arc<Poll>,
    from: usize,
    to: usize,
    /// Whether the container's own labels have some that begin as the application's do.
    clash: bool,
}

/// How far a family is rendered: piece, and series in it.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    piece: usize,
    series: usize,
    headed: bool,
}

/// All of them, sorted by name.
pub(super) fn families(containers: &[(Scraped, Stamp)]) -> impl Iterator<Item = Family> + use<> {
    let mut all: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
    for (container, (scraped, _)) in containers.iter().enumerate() {
        let clash = labels::any(&scraped.view.labels, |name| name.starts_with(APP));
        for poll in scraped.view.app.iter().flat_map(|app| &app.newest) {
            let mut from = 0;
            // sorted, so that those of one name follow each other
            for chunk in poll.series.chunk_by(|a, b| a.name == b.name) {
                let (Some(first), to) = (chunk.first(), from + chunk.len()) else { continue };
                let piece = Piece { container, poll: poll.clone(), from, to, clash };
                match all.get_mut(&*first.name) {
                    Some(pieces) if is_name(&first.name) => pieces.push(piece),
                    _ => all.entry(named(&first.name)).or_default().push(piece),
                }
                from = to;
            }
        }
    }
    all.into_iter().map(|(name, pieces)| Family { name, pieces })
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    name.bytes().all(plain) && !name.starts_with(|first: char| first.is_ascii_digit()) && !name.is_empty()
}

/// What a metric of this name is called: every character that no name can have becomes an underscore.
fn named(name: &str) -> String {
    if is_name(name) {
        return name.to_owned();
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' };
    let start =
        if name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() { "_" } else { "" };
    start.chars().chain(name.chars().map(plain)).collect()
}

impl Family {
    /// Its name on `/metrics`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many lines it has.
    pub(super) fn lines(&self) -> u64 {
        self.pieces.iter().map(|piece| (piece.to - piece.from) as u64).sum()
    }

    /// Appends lines from a place on until `out` is `part` long. Gives the place of the next one, if any is left, and
    /// how many were there already.
    pub(super) fn render(
        &self,
        mut at: Place,
        containers: &[(Scraped, Stamp)],
        format: Format,
        part: usize,
        out: &mut Vec<u8>,
    ) -> (Option<Place>, u64) {
        let mut repeated = 0;
        if !at.headed {
            at.headed = true;
            out.extend_from_slice(&Head::once(&self.name, HELP, Type::Gauge, format));
        }
        while let Some(piece) = self.pieces.get(at.piece) {
            let Some((container, _)) = containers.get(piece.container) else { break };
            let nth = piece.from + at.series;
            if nth >= piece.to {
                at.piece += 1;
                at.series = 0;
                continue;
            }
            if out.len() >= part {
                return (Some(at), repeated);
            }
            let (Some(series), Some(value)) = (piece.poll.series.get(nth), piece.poll.values.get(nth)) else {
                break;
            };
            at.series += 1;
            if self.is_there(at.piece, piece.container, series) {
                repeated += 1;
            } else {
                line(&self.name, &container.view.labels, piece.clash, series, *value, out);
            }
        }
        (None, repeated)
    }

    /// Whether another collector of the same container gave this very series.
    fn is_there(&self, before: usize, container: usize, series: &Series) -> bool {
        let others = self.pieces.get(..before).into_iter().flatten().rev();
        others.take_while(|piece| piece.container == container).any(|piece| {
            let of = piece.poll.series.get(piece.from..piece.to).unwrap_or_default();
            of.binary_search_by(|other| other.cmp_labels(series)).is_ok()
        })
    }
}

fn line(name: &str, block: &[u8], clash: bool, series: &Series, value: Value, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b'{');
    out.extend_from_slice(block);
    let mut comma = !block.is_empty();
    for (name, value) in series.labels() {
        let is_there = |label: &[u8]| label.strip_prefix(APP) == Some(name.as_bytes());
        if clash && labels::any(block, is_there) {
            continue;
        }
        if comma {
            out.push(b',');
        }
        comma = true;
        out.extend_from_slice(APP);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        escape(out, value);
        out.push(b'"');
    }
    out.extend_from_slice(b"} ");
    match value {
        Value::Int(value) => {
            if value < 0 {
                out.push(b'-');
            }
            number::int(out, value.unsigned_abs());
        }
        Value::Float(value) => number::float(out, value),
    }
    out.push(b'\n');
}
