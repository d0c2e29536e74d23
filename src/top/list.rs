//! Which rows are shown, and in which order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll::flags::Order;
use plimsoll_serve::overview::{Overview, Row};

/// What the user chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) order: Order,
    pub(crate) reverse: bool,
    pub(crate) filter: String,
    /// As the cgroups lie in each other.
    pub(crate) tree: bool,
    /// Without cgroups that no runtime knows.
    pub(crate) containers_only: bool,
}

/// A row and how deep it stands.
pub(crate) type Line<'a> = (&'a Row, usize);

impl Choice {
    /// The rows that are shown, in their order. The machine is no row: it has the head.
    pub(crate) fn lines<'a>(&self, overview: &'a Overview) -> Vec<Line<'a>> {
        let rows = overview.rows.iter().filter(|row| row.name() != "/");
        let wanted: Vec<&Row> = rows.filter(|row| self.wants(row)).collect();
        if self.tree { self.as_tree(overview, &wanted) } else { self.as_list(wanted) }
    }

    fn as_list<'a>(&self, mut rows: Vec<&'a Row>) -> Vec<Line<'a>> {
        rows.sort_by(|a, b| self.compare(a, b));
        rows.into_iter().map(|row| (row, 0)).collect()
    }

    /// Rows below those that they lie in; what lies above one that is wanted is shown as well.
    fn as_tree<'a>(&self, overview: &'a Overview, wanted: &[&'a Row]) -> Vec<Line<'a>> {
        let by_name: BTreeMap<&str, &Row> = overview.rows.iter().map(|row| (row.name(), row)).collect();
        let above = |row: &Row| {
            let mut name = row.who.parent.as_str();
            while !name.is_empty() && name != "/" {
                if let Some(found) = by_name.get(name) {
                    return Some(*found);
                }
                name = name.rsplit_once('/').map_or("", |(above, _)| above);
            }
            None
        };
        let mut shown = BTreeSet::new();
        let mut below: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in wanted {
            let mut next = Some(*row);
            while let Some(row) = next.filter(|row| shown.insert(row.name())) {
                next = above(row);
                below.entry(next.map_or("/", Row::name)).or_default().push(row);
            }
        }
        below.values_mut().for_each(|rows| rows.sort_by(|a, b| self.compare(a, b)));
        let mut lines = Vec::new();
        // not by recursion: groups may lie in each other as deep as their maker likes
        let mut todo: Vec<Line<'a>> =
            below.remove("/").into_iter().flatten().rev().map(|row| (row, 0)).collect();
        while let Some((row, depth)) = todo.pop() {
            lines.push((row, depth));
            todo.extend(below.remove(row.name()).into_iter().flatten().rev().map(|row| (row, depth + 1)));
        }
        lines
    }

    fn wants(&self, row: &Row) -> bool {
        if self.containers_only && row.who.runtime.is_empty() {
            return false;
        }
        let wanted = self.filter.to_lowercase();
        let who = &row.who;
        let texts = [&who.title, &who.name, &who.image, &who.pod, &who.compose, &who.namespace];
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        wanted.is_empty()
            || texts.into_iter().any(|text| has(text))
            || has(&who.runtime)
            || row.breaches.iter().any(|breach| has(&breach.text))
    }

    fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let most = |of: fn(&Row) -> f64| of(b).total_cmp(&of(a));
        let line = |row: &Row| row.load_line.unwrap_or(-1.0);
        let cpu = |row: &Row| row.cpu.unwrap_or(-1.0);
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (None, None) => -1.0,
            (one, other) => one.unwrap_or(0) as f64 + other.unwrap_or(0) as f64,
        };
        let order = match self.order {
            Order::Severity => b.severity.cmp(&a.severity).then(most(line)).then(most(cpu)),
            Order::Line => most(line).then(most(cpu)),
            Order::Cpu => most(cpu),
            Order::Memory => b.memory.cmp(&a.memory),
            Order::Network => sum(b.rx, b.tx).total_cmp(&sum(a.rx, a.tx)),
            Order::Disk => sum(b.read, b.write).total_cmp(&sum(a.read, a.write)),
            Order::Name => a.who.title.to_lowercase().cmp(&b.who.title.to_lowercase()),
        };
        let order = order.then_with(|| a.name().cmp(b.name()));
        if self.reverse { order.reverse() } else { order }
    }
}
