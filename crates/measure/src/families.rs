//! All rows over a container's sample in one list, and the documentation that is made of rows.

use std::fmt::Write as _;
use std::sync::LazyLock;

use plimsoll_core::family::{Row, Source, Type};
use plimsoll_core::kinds::Kind;

use crate::sample::Sample;
use crate::{cpu, cpuset, filesystem, hugetlb, io, load, memory, network, pids};

static CONTAINER: LazyLock<Vec<&'static Row<Sample>>> = LazyLock::new(|| {
    let subjects = [
        cpu::families::ROWS,
        cpu::families::WITH_QUOTA,
        cpuset::families::ROWS,
        filesystem::families::ROWS,
        hugetlb::families::ROWS,
        io::families::ROWS,
        load::families::ROWS,
        memory::families::ROWS,
        network::families::ROWS,
        pids::families::ROWS,
    ];
    let mut rows: Vec<_> = subjects.into_iter().flatten().collect();
    rows.sort_by_key(|row| row.name);
    rows
});

/// Every row over a container's sample, sorted by name: the order of `/metrics`.
pub fn container() -> &'static [&'static Row<Sample>] {
    &CONTAINER
}

/// Whether the row is only for containers that have a CPU quota, which a sample does not tell.
pub fn needs_quota(row: &Row<Sample>) -> bool {
    cpu::families::WITH_QUOTA.iter().any(|with_quota| with_quota.name == row.name)
}

/// What the documentation says of one family.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The Prometheus name.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: Type,
    /// Extra label names.
    pub labels: &'static [&'static str],
    /// Which kind of metric switches it.
    pub switch: Option<Kind>,
    /// Where the number comes from.
    pub source: Source,
    /// The help text.
    pub help: &'static str,
}

impl<T: ?Sized> From<&Row<T>> for Entry {
    fn from(row: &Row<T>) -> Self {
        Self {
            name: row.name,
            kind: row.kind,
            labels: row.labels,
            switch: row.switch,
            source: row.source,
            help: row.help,
        }
    }
}

/// The entries of some rows.
pub fn entries<'a, T: ?Sized + 'a>(rows: impl IntoIterator<Item = &'a Row<T>>) -> Vec<Entry> {
    rows.into_iter().map(Entry::from).collect()
}

/// `docs/metrics.md`: the containers' families, then the other lists, each under its title.
pub fn document(others: &[(&str, Vec<Entry>)]) -> String {
    let mut out = String::new();
    out.push_str(HEAD);
    section(&mut out, "Containers", &entries(container().iter().copied()));
    for (title, entries) in others {
        section(&mut out, title, entries);
    }
    out
}

const HEAD: &str = "# Metrics

Made from the rows in the source; do not edit.

*Switch* is the word of `--disable_metrics` and `--enable_metrics` that turns the family off and on; \
*(off)* stands where it is off unless enabled. A family whose source is `-` on a hierarchy has no samples \
there.
";

fn section(out: &mut String, title: &str, entries: &[Entry]) {
    // writing to a `String` cannot fail
    let _ =
        write!(out, "\n## {title}\n\n| Name | Type | Labels | Switch | cgroup v1 | cgroup v2 | Meaning |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for entry in entries {
        let kind = match entry.kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
        };
        let switch = match entry.switch {
            Some(kind) if kind.on_by_default() => kind.name().to_owned(),
            Some(kind) => format!("{kind} (off)"),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "| `{}` | {kind} | {} | {switch} | {} | {} | {} |",
            entry.name,
            cell(&entry.labels.join(", ")),
            cell(entry.source.v1),
            cell(entry.source.v2),
            cell(entry.help),
        );
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
