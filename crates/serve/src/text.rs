//! The exposition format: the only place that writes it.
//!
//! Gives: Prometheus text 0.0.4 and OpenMetrics 1.0, line by line, appended to a buffer.
//! Cost:  a copy of the name, the container's label block and the digits a line; no sorting or allocation, and hashing
//!        only of lines that do not come sorted.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use plimsoll_core::family::{Emit, Type};
use plimsoll_core::time::Timestamp;

use crate::labels::escape;
use crate::number;

/// Which of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What stands after the last family.
    pub const fn end(self) -> &'static [u8] {
        match self {
            Self::Text => b"",
            Self::OpenMetrics => b"# EOF\n",
        }
    }
}

/// The `# HELP` and `# TYPE` lines of a family, in both formats.
#[derive(Debug)]
pub struct Head {
    text: Box<[u8]>,
    open_metrics: Box<[u8]>,
}

impl Head {
    /// Renders the lines.
    pub fn new(name: &str, help: &str, kind: Type) -> Self {
        Self { text: text_head(name, help, kind), open_metrics: open_metrics_head(name, help, kind) }
    }

    /// The lines of a summary, whose samples end in `_sum` and `_count`.
    pub fn summary(name: &str, help: &str) -> Self {
        let (text, open_metrics) =
            (text_lines(name, help, "summary"), open_metrics_lines(name, help, "summary"));
        Self { text, open_metrics }
    }

    /// The lines in one format alone, for a family that is told once.
    pub fn once(name: &str, help: &str, kind: Type, format: Format) -> Box<[u8]> {
        match format {
            Format::Text => text_head(name, help, kind),
            Format::OpenMetrics => open_metrics_head(name, help, kind),
        }
    }

    /// The lines in this format.
    pub fn bytes(&self, format: Format) -> &[u8] {
        match format {
            Format::Text => &self.text,
            Format::OpenMetrics => &self.open_metrics,
        }
    }
}

fn text_head(name: &str, help: &str, kind: Type) -> Box<[u8]> {
    let kind = match kind {
        Type::Counter => "counter",
        Type::Gauge => "gauge",
    };
    text_lines(name, help, kind)
}

fn text_lines(name: &str, help: &str, kind: &str) -> Box<[u8]> {
    let escaped = help.contains(['\\', '\n']).then(|| help.replace('\\', "\\\\").replace('\n', "\\n"));
    let help = escaped.as_deref().unwrap_or(help);
    ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"].concat().into_bytes().into()
}

fn open_metrics_head(name: &str, help: &str, kind: Type) -> Box<[u8]> {
    // a counter's samples must end in _total, its family must not; one that is called otherwise keeps its
    // name and tells no type
    let (family, kind) = match (kind, name.strip_suffix("_total")) {
        (Type::Counter, Some(family)) => (family, "counter"),
        (Type::Counter, None) => (name, "unknown"),
        (Type::Gauge, _) => (name, "gauge"),
    };
    open_metrics_lines(family, help, kind)
}

fn open_metrics_lines(family: &str, help: &str, kind: &str) -> Box<[u8]> {
    let mut escaped = Vec::new();
    escape(&mut escaped, help);
    let help = String::from_utf8_lossy(&escaped);
    let unit = ["seconds", "bytes"]
        .into_iter()
        .find(|unit| family.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
        .map(|unit| format!("# UNIT {family} {unit}\n"))
        .unwrap_or_default();
    format!("# HELP {family} {help}\n# TYPE {family} {kind}\n{unit}").into_bytes().into()
}

/// The end of a line: its time, if it has one, and the line break.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    bytes: [u8; 32],
    length: usize,
    format: Format,
}

impl Stamp {
    /// No time.
    pub const NONE: Self = {
        let mut bytes = [0; 32];
        bytes[0] = b'\n';
        Self { bytes, length: 1, format: Format::Text }
    };

    /// Milliseconds in text, seconds in OpenMetrics.
    pub fn at(time: Timestamp, format: Format) -> Self {
        let millis = time.millis();
        let text = match format {
            Format::Text => format!(" {millis}\n"),
            Format::OpenMetrics => {
                let sign = if millis < 0 { "-" } else { "" };
                let millis = millis.unsigned_abs();
                format!(" {sign}{}.{:03}\n", millis / 1000, millis % 1000)
            }
        };
        let mut stamp = Self { format, ..Self::NONE };
        if let Some(slot) = stamp.bytes.get_mut(..text.len()) {
            slot.copy_from_slice(text.as_bytes());
            stamp.length = text.len();
        }
        stamp
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(b"\n")
    }

    /// Another time in the same form; a line without a time keeps none.
    fn other(&self, time: Timestamp) -> Self {
        if self.length > 1 { Self::at(time, self.format) } else { *self }
    }
}

/// Where the extra labels of each line of one family and record stand, to find a line that is there twice.
#[derive(Debug, Default)]
pub struct Seen {
    lines: Vec<(usize, usize)>,
    /// The same lines by their bytes, once they do not come sorted: `cpu100` comes after `cpu99`.
    by_bytes: HashTable<(usize, usize)>,
    mixed: bool,
    hasher: RandomState,
    /// What ends a line from now on, if that is not the record's own time.
    stamp: Option<Stamp>,
}

/// Writes the lines of one family and one record.
pub struct Lines<'a> {
    /// Where they go.
    pub out: &'a mut Vec<u8>,
    /// The family's name.
    pub name: &'a str,
    /// The record's own labels, without braces.
    pub block: &'a [u8],
    /// Names of the extra labels.
    pub labels: &'a [&'a str],
    /// The end of each line.
    pub stamp: &'a Stamp,
    /// Scratch.
    pub seen: &'a mut Seen,
    /// Lines left out because one with the same labels is there already.
    pub repeated: u64,
}

impl Lines<'_> {
    /// Starts with the scratch as it should be.
    pub fn begin(self) -> Self {
        self.seen.lines.clear();
        self.seen.by_bytes.clear();
        self.seen.mixed = false;
        self.seen.stamp = None;
        self
    }

    /// Name and labels; false where that line is there already.
    fn open(&mut self, values: &[&str]) -> bool {
        let start = self.out.len();
        self.out.reserve(self.name.len() + self.block.len() + 128);
        self.out.extend_from_slice(self.name.as_bytes());
        let bare = self.block.is_empty() && self.labels.is_empty();
        if !bare {
            self.out.push(b'{');
        }
        self.out.extend_from_slice(self.block);
        let extra = self.out.len();
        let mut comma = !self.block.is_empty();
        for (name, value) in self.labels.iter().zip(values) {
            if comma {
                self.out.push(b',');
            }
            comma = true;
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape(self.out, value);
            self.out.push(b'"');
        }
        let end = self.out.len();
        self.out.extend_from_slice(if bare { b" " } else { b"} " });
        if self.is_new(extra, end) {
            return true;
        }
        self.out.truncate(start);
        self.repeated += 1;
        false
    }

    /// Lines mostly come sorted: then one comparison with the last shows that there is no such line yet.
    fn is_new(&mut self, start: usize, end: usize) -> bool {
        let this = self.out.get(start..end);
        let is_sorted = self.seen.lines.last().is_none_or(|(from, to)| this > self.out.get(*from..*to));
        if self.seen.mixed || !is_sorted {
            return self.is_new_among_mixed((start, end));
        }
        self.seen.lines.push((start, end));
        true
    }

    /// Apart, so that lines that come sorted do not pay for it.
    #[inline(never)]
    fn is_new_among_mixed(&mut self, this: (usize, usize)) -> bool {
        let Seen { lines, by_bytes, mixed, hasher, .. } = &mut *self.seen;
        let bytes = |&(from, to): &(usize, usize)| self.out.get(from..to).unwrap_or_default();
        let hash = |line: &(usize, usize)| hasher.hash_one(bytes(line));
        *mixed = true;
        for line in lines.drain(..) {
            by_bytes.insert_unique(hash(&line), line, hash);
        }
        match by_bytes.entry(hash(&this), |line| bytes(line) == bytes(&this), hash) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(this);
                true
            }
        }
    }

    fn close(&mut self) {
        let stamp = self.seen.stamp.as_ref().unwrap_or(self.stamp);
        self.out.extend_from_slice(stamp.bytes());
    }
}

impl Emit for Lines<'_> {
    fn int(&mut self, labels: &[&str], value: u64) {
        if self.open(labels) {
            number::int(self.out, value);
            self.close();
        }
    }

    fn float(&mut self, labels: &[&str], value: f64) {
        if self.open(labels) {
            number::float(self.out, value);
            self.close();
        }
    }

    fn at(&mut self, at: Timestamp) {
        self.seen.stamp = Some(self.stamp.other(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: &str, help: &str, kind: Type, format: Format) -> String {
        String::from_utf8(Head::new(name, help, kind).bytes(format).to_vec()).unwrap()
    }

    fn lines(block: &str, labels: &[&str], values: &[(&[&str], u64)], stamp: Stamp) -> (String, u64) {
        let (mut out, mut seen) = (Vec::new(), Seen::default());
        let block = block.as_bytes();
        let mut lines =
            Lines { out: &mut out, name: "n", block, labels, stamp: &stamp, seen: &mut seen, repeated: 0 }
                .begin();
        for (labels, value) in values {
            lines.int(labels, *value);
        }
        let repeated = lines.repeated;
        (String::from_utf8(out).unwrap(), repeated)
    }

    #[test]
    fn a_summary_has_a_head_of_its_own() {
        let head = Head::summary("a_seconds", "Time.");
        let text = "# HELP a_seconds Time.\n# TYPE a_seconds summary\n";
        assert_eq!(head.bytes(Format::Text), text.as_bytes());
        assert_eq!(head.bytes(Format::OpenMetrics), format!("{text}# UNIT a_seconds seconds\n").as_bytes());
    }

    #[test]
    fn heads_in_both_formats() {
        let f = |name, help, kind, text: &str, open: &str| {
            assert_eq!(head(name, help, kind, Format::Text), text);
            assert_eq!(head(name, help, kind, Format::OpenMetrics), open);
        };
        f(
            "a_seconds_total",
            "Back\\slash\nand \"quote\".",
            Type::Counter,
            "# HELP a_seconds_total Back\\\\slash\\nand \"quote\".\n# TYPE a_seconds_total counter\n",
            "# HELP a_seconds Back\\\\slash\\nand \\\"quote\\\".\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n",
        );
        f(
            "a_failcnt",
            "x",
            Type::Counter,
            "# HELP a_failcnt x\n# TYPE a_failcnt counter\n",
            "# HELP a_failcnt x\n# TYPE a_failcnt unknown\n",
        );
        f(
            "a_bytes",
            "x",
            Type::Gauge,
            "# HELP a_bytes x\n# TYPE a_bytes gauge\n",
            "# HELP a_bytes x\n# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n",
        );
    }

    #[test]
    fn times_in_both_formats() {
        let f = |nanos, format, expected: &str| {
            assert_eq!(lines("", &[], &[(&[], 1)], Stamp::at(Timestamp(nanos), format)).0, expected);
        };
        f(1_395_066_363_000_999_999, Format::Text, "n 1 1395066363000\n");
        f(1_395_066_363_000_999_999, Format::OpenMetrics, "n 1 1395066363.000\n");
        f(1_795_258_086_055_000_000, Format::OpenMetrics, "n 1 1795258086.055\n");
        f(-1_000_000, Format::Text, "n 1 -1\n");
        f(-1_000_000, Format::OpenMetrics, "n 1 -0.001\n");
        f(i64::MIN, Format::OpenMetrics, "n 1 -9223372036.855\n");
        f(i64::MAX, Format::OpenMetrics, "n 1 9223372036.854\n");
    }

    #[test]
    fn labels_in_braces_if_there_are_any() {
        let f = |block, labels: &[&str], values: &[&str], expected: &str| {
            assert_eq!(lines(block, labels, &[(values, 7)], Stamp::NONE).0, expected);
        };
        f("", &[], &[], "n 7\n");
        f("a=\"b\"", &[], &[], "n{a=\"b\"} 7\n");
        f("", &["x", "y"], &["1", "2\"\\\n"], "n{x=\"1\",y=\"2\\\"\\\\\\n\"} 7\n");
        f("a=\"b\"", &["x"], &["1"], "n{a=\"b\",x=\"1\"} 7\n");
    }

    #[test]
    fn a_series_stands_once() {
        let f = |labels: &[&str], values: &[(&[&str], u64)], expected: &str, repeated| {
            assert_eq!(lines("", labels, values, Stamp::NONE), (expected.to_owned(), repeated));
        };
        f(&[], &[(&[], 1), (&[], 2)], "n 1\n", 1);
        let sorted: [(&[&str], u64); 3] = [(&["a"], 1), (&["b"], 2), (&["b"], 3)];
        f(&["x"], &sorted, "n{x=\"a\"} 1\nn{x=\"b\"} 2\n", 1);
        let mixed: [(&[&str], u64); 4] = [(&["b"], 1), (&["a"], 2), (&["b"], 3), (&["c"], 4)];
        f(&["x"], &mixed, "n{x=\"b\"} 1\nn{x=\"a\"} 2\nn{x=\"c\"} 4\n", 1);
    }

    #[test]
    fn many_lines_that_do_not_come_sorted_stand_once_each() {
        let names: Vec<String> = (0..150).map(|cpu| format!("cpu{cpu}")).collect();
        let twice: Vec<[&str; 1]> = names.iter().chain(&names).map(|name| [name.as_str()]).collect();
        let values: Vec<(&[&str], u64)> = twice.iter().map(|label| (label.as_slice(), 7)).collect();
        let once: String = names.iter().map(|name| format!("n{{cpu=\"{name}\"}} 7\n")).collect();
        assert_eq!(lines("", &["cpu"], &values, Stamp::NONE), (once, 150));
    }

    /// For docs/benchmarks.md.
    #[test]
    #[ignore = "a measurement"]
    fn how_long_the_lines_of_many_cpus() {
        for (cpus, events) in [(2, 1), (64, 1), (256, 1), (256, 10)] {
            let names: Vec<String> = (0..cpus).map(|cpu| format!("cpu{cpu:02}")).collect();
            let (mut out, mut seen) = (Vec::new(), Seen::default());
            let mut times: Vec<_> = (0..200)
                .map(|_| {
                    out.clear();
                    let begin = std::time::Instant::now();
                    let (name, block, stamp) = ("container_perf_events_total", &[b'x'; 80], &Stamp::NONE);
                    let (out, seen) = (&mut out, &mut seen);
                    let labels = &["cpu", "event"];
                    let mut lines = Lines { out, name, block, labels, stamp, seen, repeated: 0 }.begin();
                    for event in (0..events).map(|event| event.to_string()) {
                        names.iter().for_each(|cpu| lines.int(&[cpu, &event], 7));
                    }
                    begin.elapsed()
                })
                .collect();
            times.sort();
            println!("{events} events on {cpus} CPUs: median {:?}", times[100]);
        }
    }
}
