//! All rows over a container's sample in one list, and the documentation that is made of rows.

use std::fmt::Write as _;
use std::sync::LazyLock;

use plimsoll_core::family::{Emit, Row, Source, Type};
use plimsoll_core::kinds::Kind;

use crate::sample::{PsiLine, Sample};
use crate::{
    accelerator, cpu, cpuset, filesystem, hugetlb, io, load, memory, network, perf, pids, referenced,
    resctrl, sockets,
};

static CONTAINER: LazyLock<Vec<&'static Row<Sample>>> = LazyLock::new(|| {
    let subjects = [
        accelerator::families::ROWS,
        cpu::families::ROWS,
        cpu::families::WITH_QUOTA,
        cpuset::families::ROWS,
        filesystem::families::ROWS,
        hugetlb::families::ROWS,
        io::families::ROWS,
        load::families::ROWS,
        memory::families::ROWS,
        network::families::ROWS,
        perf::families::ROWS,
        pids::families::ROWS,
        referenced::families::ROWS,
        resctrl::families::ROWS,
        sockets::families::ROWS,
    ];
    let mut rows: Vec<_> = subjects.into_iter().flatten().collect();
    rows.sort_unstable_by_key(|row| row.name);
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

/// A row that counts.
pub(crate) const fn counter(
    name: &'static str,
    help: &'static str,
    switch: Kind,
    labels: &'static [&'static str],
    source: Source,
    values: fn(&Sample, &mut dyn Emit),
) -> Row<Sample> {
    Row { name, help, kind: Type::Counter, switch: Some(switch), labels, timestamped: true, source, values }
}

/// A row that goes up and down.
pub(crate) const fn gauge(
    name: &'static str,
    help: &'static str,
    switch: Kind,
    labels: &'static [&'static str],
    source: Source,
    values: fn(&Sample, &mut dyn Emit),
) -> Row<Sample> {
    Row { kind: Type::Gauge, ..counter(name, help, switch, labels, source, values) }
}

/// Emits the seconds of a line of a pressure file, if it is there.
pub(crate) fn stalled(line: Option<PsiLine>, out: &mut dyn Emit) {
    if let Some(line) = line {
        out.float(&[], line.total as f64 / 1e6);
    }
}

/// A number as text behind a word, on the stack.
pub(crate) struct Digits {
    // room for a short word and the 20 digits of the largest number
    bytes: [u8; 24],
    start: usize,
}

impl Digits {
    /// The number with zeros in front up to `width` digits. The word has at most four bytes.
    pub(crate) fn new(word: &str, mut number: u64, width: usize) -> Self {
        let mut text = Self { bytes: [0; 24], start: 24 };
        let mut digits = 0;
        while number > 0 || digits < width.max(1) {
            text.put_before(b'0' + (number % 10) as u8);
            number /= 10;
            digits += 1;
        }
        word.bytes().rev().for_each(|byte| text.put_before(byte));
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        self.bytes.get(self.start..).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn put_before(&mut self, byte: u8) {
        if let Some(place) = self.start.checked_sub(1)
            && let Some(slot) = self.bytes.get_mut(place)
        {
            *slot = byte;
            self.start = place;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Lines<'a> {
        row: &'a Row<Sample>,
        out: String,
    }

    impl Lines<'_> {
        fn line(&mut self, labels: &[&str], value: &str) {
            assert_eq!(labels.len(), self.row.labels.len(), "{}", self.row.name);
            self.out.push_str(self.row.name);
            let pairs: Vec<_> =
                self.row.labels.iter().zip(labels).map(|(name, value)| format!("{name}={value:?}")).collect();
            if !pairs.is_empty() {
                let _ = write!(self.out, "{{{}}}", pairs.join(","));
            }
            let _ = writeln!(self.out, " {value}");
        }
    }

    impl Emit for Lines<'_> {
        fn int(&mut self, labels: &[&str], value: u64) {
            self.line(labels, &value.to_string());
        }

        fn float(&mut self, labels: &[&str], value: f64) {
            self.line(labels, &value.to_string());
        }
    }

    /// The rows' numbers of one sample, about as `/metrics` prints them.
    pub(crate) fn text(rows: &[Row<Sample>], sample: &Sample) -> String {
        let text = |row| {
            let mut lines = Lines { row, out: String::new() };
            (row.values)(sample, &mut lines);
            lines.out
        };
        rows.iter().map(text).collect()
    }

    #[test]
    fn names_are_sorted_and_once_each() {
        assert!(container().is_sorted_by(|a, b| a.name < b.name));
        for row in container() {
            assert!(row.labels.is_sorted(), "{}", row.name);
            assert!(row.timestamped && row.switch.is_some(), "{}", row.name);
        }
    }

    #[test]
    fn an_empty_sample_has_no_lines() {
        container()
            .iter()
            .for_each(|row| assert_eq!(text(std::slice::from_ref(*row), &Sample::default()), ""));
    }

    #[test]
    fn throttling_needs_a_quota() {
        let f = |name, expected| {
            let row = container().iter().find(|row| row.name == name).unwrap();
            assert_eq!(needs_quota(row), expected, "{name}");
        };
        f("container_cpu_cfs_throttled_seconds_total", true);
        f("container_cpu_usage_seconds_total", false);
    }

    #[test]
    fn digits_are_padded() {
        let f = |word, number, width, text| assert_eq!(Digits::new(word, number, width).as_str(), text);
        f("", 0, 0, "0");
        f("cpu", 0, 2, "cpu00");
        f("cpu", 7, 2, "cpu07");
        f("cpu", 123, 2, "cpu123");
        f("cpu", u64::MAX, 2, "cpu18446744073709551615");
    }

    #[test]
    fn the_document_has_a_line_for_each_row() {
        let other = Row::<u32> {
            name: "plimsoll_x",
            help: "One | two.",
            kind: Type::Gauge,
            switch: None,
            labels: &["a", "b"],
            timestamped: false,
            source: Source::both("-"),
            values: |_, _| {},
        };
        let text = document(&[("Own", entries([&other]))]);
        assert!(text.contains(
            "| `container_memory_rss` | gauge |  | memory | memory.stat total_rss | memory.stat anon | \
             Size of RSS in bytes. |\n"
        ));
        assert!(text.contains("| `container_processes` | gauge |  | process (off) |"));
        assert!(text.ends_with("| `plimsoll_x` | gauge | a, b |  | - | - | One \\| two. |\n"), "{text}");
        assert_eq!(text.matches("| `").count(), container().len() + 1);
    }

    /// Name, type, help and labels as recorded from cAdvisor; skipped where the record is absent.
    #[test]
    fn agrees_with_recorded_metrics() {
        let reference = std::env::var_os("PLIMSOLL_REFERENCE").map(std::path::PathBuf::from).or_else(|| {
            let above = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
            above.map(|folder| folder.join("shared/reference")).find(|folder| folder.is_dir())
        });
        let path = reference.unwrap_or_default().join("cadvisor/data/prometheus/prometheus_metrics");
        let Ok(recorded) = std::fs::read_to_string(&path) else {
            println!("skipped: no {}", path.display());
            return;
        };
        let mut help = BTreeMap::new();
        let mut types = BTreeMap::new();
        let mut labels = BTreeMap::new();
        for line in recorded.lines() {
            if let Some((name, text)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
                help.insert(name, text);
            } else if let Some((name, kind)) =
                line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
            {
                types.insert(name, kind);
            } else if let Some((name, rest)) = line.split_once('{') {
                let names = rest.split("\",").filter_map(|pair| Some(pair.split_once("=\"")?.0));
                let names: Vec<_> = names.map(|name| name.trim_start_matches('}')).collect();
                labels.insert(name, names);
            }
        }
        // ours, and those of GPUs, which the recorded version had no more
        let of_record = |row: &&&Row<Sample>| {
            row.switch != Some(Kind::Accelerator) && !row.name.starts_with("container_volume_")
        };
        for row in container().iter().filter(of_record) {
            let kind = if row.kind == Type::Counter { "counter" } else { "gauge" };
            assert_eq!(help.get(row.name), Some(&row.help), "{}", row.name);
            assert_eq!(types.get(row.name), Some(&kind), "{}", row.name);
            // the container's own labels stand among them
            let own =
                ["container_env_foo_env", "container_label_foo_label", "id", "image", "name", "zone_name"];
            let extra: Vec<_> = labels[row.name].iter().copied().filter(|name| !own.contains(name)).collect();
            assert_eq!(extra, row.labels, "{}", row.name);
        }
        // families that another part gives: the runtime's words, the spec, kinds that are not read (yet)
        let elsewhere = [
            "container_custom_app",
            "container_health_state",
            "container_last_seen",
            "container_network_advance",
            "container_network_tcp",
            "container_network_udp",
            "container_oom_events",
            "container_referenced_",
            "container_scrape_error",
            "container_spec_",
            "container_creation_time",
            "container_start_time",
        ];
        for name in help.keys().filter(|name| name.starts_with("container_")) {
            let known = container().iter().any(|row| row.name == *name);
            assert!(known || elsewhere.iter().any(|prefix| name.starts_with(prefix)), "{name} has no row");
        }
    }
}
