//! Prometheus' text format as applications write it: 0.0.4, and OpenMetrics 1.0.
//!
//! A parser of our own: what is there reads well-formed expositions into maps of maps, and what we need is bounded,
//! passes over single bad lines, and makes the series in the shape in which they are kept.
//! Cost: see `benches/answer.rs`; one allocation a series.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_core::app::{MetricSpec, Series, Value};
use plimsoll_core::time::Timestamp;

use crate::fault::Fault;

/// What is taken of an exposition, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Names of samples or of their families; all, where there are none.
    pub wanted: &'a BTreeSet<String>,
    /// Different names of samples, at most.
    pub metrics: usize,
    /// Series, at most.
    pub series: usize,
    /// Whether the text is OpenMetrics, where times are seconds and the end is marked.
    pub open_metrics: bool,
}

/// What an exposition says.
#[derive(Debug, Default, PartialEq)]
pub struct Exposition {
    /// Sorted, each once.
    pub series: Vec<Series>,
    /// A value each.
    pub values: Vec<Value>,
    /// When each was true, if any tells.
    pub times: Option<Vec<Timestamp>>,
    /// The families, in their order.
    pub specs: Vec<MetricSpec>,
    /// Lines that were not understood.
    pub bad_lines: u64,
    /// The first of them.
    pub first_bad: Option<String>,
}

/// Reads an exposition that was asked for at `at`.
///
/// # Errors
/// There is more than allowed, or nothing but what is no metric.
pub fn parse(text: &[u8], rules: Rules<'_>, at: Timestamp) -> Result<Exposition, Fault> {
    let mut reading =
        Reading { rules, found: Vec::new(), names: Names::default(), any: false, out: Exposition::default() };
    let mut family = Family::default();
    for line in text.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_ascii_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("TYPE"), Some(name), Some(kind)) => family = Family::new(name, kind),
                (Some("EOF"), None, None) if rules.open_metrics => break,
                _ => {}
            }
            continue;
        }
        match sample(line, rules.open_metrics) {
            Some(sample) => reading.take(sample, &mut family)?,
            None => reading.bad(line),
        }
    }
    reading.end(at)
}

/// The family that the last `# TYPE` line began.
#[derive(Default)]
struct Family {
    name: String,
    kind: Cow<'static, str>,
    listed: bool,
    wanted: Option<bool>,
}

impl Family {
    fn new(name: &str, kind: &str) -> Self {
        let kind = match kind {
            "counter" => Cow::Borrowed("cumulative"),
            "gauge" => Cow::Borrowed("gauge"),
            "histogram" => Cow::Borrowed("HISTOGRAM"),
            "summary" => Cow::Borrowed("SUMMARY"),
            "gaugehistogram" => Cow::Borrowed("GAUGE_HISTOGRAM"),
            "untyped" | "unknown" => Cow::Borrowed("UNTYPED"),
            other => Cow::Owned(other.to_ascii_uppercase()),
        };
        Self { name: name.to_owned(), kind, listed: false, wanted: None }
    }

    /// Whether a sample of this name is one of its.
    fn has(&self, sample: &str) -> bool {
        const SUFFIXES: [&str; 8] =
            ["", "_total", "_bucket", "_sum", "_count", "_created", "_gcount", "_gsum"];
        !self.name.is_empty()
            && sample
                .strip_prefix(self.name.as_str())
                .is_some_and(|rest| SUFFIXES.contains(&rest) || rest == "_info")
    }

    fn is_wanted(&mut self, wanted: &BTreeSet<String>) -> bool {
        *self.wanted.get_or_insert_with(|| wanted.contains(&self.name))
    }
}

/// Names that were taken; samples of one name follow each other.
#[derive(Default)]
struct Names {
    all: BTreeSet<Arc<str>>,
    last: Option<Arc<str>>,
}

impl Names {
    fn of(&mut self, name: &str) -> Arc<str> {
        if let Some(last) = self.last.as_ref().filter(|last| &***last == name) {
            return last.clone();
        }
        let known = self.all.get(name).cloned().unwrap_or_else(|| {
            let new: Arc<str> = name.into();
            self.all.insert(new.clone());
            new
        });
        self.last = Some(known.clone());
        known
    }
}

struct Reading<'a> {
    rules: Rules<'a>,
    found: Vec<(Series, f64, Option<Timestamp>)>,
    names: Names,
    /// Whether any line was understood.
    any: bool,
    out: Exposition,
}

impl Reading<'_> {
    fn take(&mut self, mut sample: Sample<'_>, family: &mut Family) -> Result<(), Fault> {
        self.any = true;
        if !family.has(sample.name) {
            *family = Family::new(sample.name, "untyped");
        }
        let wanted = self.rules.wanted;
        if !(wanted.is_empty() || wanted.contains(sample.name) || family.is_wanted(wanted)) {
            return Ok(());
        }
        let name = self.names.of(sample.name);
        if self.names.all.len() > self.rules.metrics {
            return Err(Fault::TooMany(self.rules.metrics));
        }
        if self.found.len() >= self.rules.series {
            return Err(Fault::TooManySeries(self.rules.series));
        }
        if !family.listed {
            family.listed = true;
            self.out.specs.push(MetricSpec {
                name: family.name.clone(),
                r#type: family.kind.clone().into_owned(),
                format: "float",
                units: String::new(),
            });
        }
        self.found.push((Series::new(name, &mut sample.labels), sample.value, sample.at));
        Ok(())
    }

    fn bad(&mut self, line: &str) {
        self.out.bad_lines += 1;
        self.out.first_bad.get_or_insert_with(|| line.chars().take(80).collect());
    }

    fn end(mut self, at: Timestamp) -> Result<Exposition, Fault> {
        if let Some(line) = self.out.first_bad.take_if(|_| !self.any) {
            return Err(Fault::NoMetrics(line));
        }
        // stable, so that of two that are the same the first stays
        self.found.sort_by(|a, b| a.0.cmp(&b.0));
        self.found.dedup_by(|later, first| later.0 == first.0);
        let told = self.found.iter().any(|(_, _, time)| time.is_some());
        let times = self.found.iter().map(|(_, _, time)| time.unwrap_or(at)).collect();
        self.out.times = told.then_some(times);
        self.out.values = self.found.iter().map(|(_, value, _)| Value::Float(*value)).collect();
        self.out.series = self.found.into_iter().map(|(series, ..)| series).collect();
        Ok(self.out)
    }
}

/// One line.
#[derive(Debug, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, Cow<'a, str>)>,
    value: f64,
    at: Option<Timestamp>,
}

/// Reads `name{label="value"} 1.5 1395066363000`; `None` for what is no such line.
fn sample(line: &str, open_metrics: bool) -> Option<Sample<'_>> {
    let (name, rest) = name(line, true)?;
    let rest = blank(rest);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        // without braces a blank must follow
        None if rest.len() == line.len() - name.len() => return None,
        None => (Vec::new(), rest),
    };
    // what follows in OpenMetrics is an example
    let rest = if open_metrics { rest.split_once(" # ").map_or(rest, |(sample, _)| sample) } else { rest };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?.parse().ok()?;
    let at = match words.next() {
        None => None,
        Some(text) if open_metrics => Some(seconds(text.parse().ok()?)?),
        Some(text) => Some(Timestamp(text.parse::<i64>().ok()?.checked_mul(1_000_000)?)),
    };
    words.next().is_none().then_some(Sample { name, labels, value, at })
}

fn seconds(seconds: f64) -> Option<Timestamp> {
    let nanos = seconds * 1e9;
    // a number's range of whole nanoseconds ends in the year 2262
    (nanos.abs() < 9.2e18).then_some(Timestamp(nanos as i64))
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// A name at the beginning, and what follows it.
fn name(text: &str, colons: bool) -> Option<(&str, &str)> {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (colons && byte == b':');
    let bytes = text.as_bytes();
    let end =
        bytes.iter().position(|byte| !(is_first(*byte) || byte.is_ascii_digit())).unwrap_or(bytes.len());
    bytes.first().copied().filter(|byte| is_first(*byte))?;
    text.split_at_checked(end)
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels: Labels<'_> = Vec::new();
    loop {
        rest = blank(rest);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (label, after) = name(rest, false)?;
        let after = blank(blank(after).strip_prefix('=')?).strip_prefix('"')?;
        let (value, after) = quoted(after)?;
        // a name twice, or the one that is the metric's, would be two labels of one name to whoever reads it
        if label == "__name__" || labels.iter().any(|(known, _)| *known == label) {
            return None;
        }
        labels.push((label, value));
        rest = blank(after);
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// A text up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    let (plain, rest) = text.split_at_checked(end)?;
    if let Some(rest) = rest.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), rest));
    }
    let mut value = plain.to_owned();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(value), chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                special @ ('\\' | '"') => value.push(special),
                _ => return None,
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1000);

    fn rules(wanted: &BTreeSet<String>) -> Rules<'_> {
        Rules { wanted, metrics: 100, series: 1000, open_metrics: false }
    }

    fn of(text: &str) -> Exposition {
        parse(text.as_bytes(), rules(&BTreeSet::new()), AT).unwrap()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// As `name a=b,c=d value`, a line each.
    fn told(exposition: &Exposition) -> Vec<String> {
        let labels = |series: &Series| {
            let value = |value: &str| value.replace('\n', "\\n");
            series
                .labels()
                .map(|(name, text)| format!("{name}={}", value(text)))
                .collect::<Vec<_>>()
                .join(",")
        };
        let value = |value: &Value| match value {
            Value::Float(value) => value.to_string(),
            Value::Int(_) => panic!("int"),
        };
        exposition
            .series
            .iter()
            .zip(&exposition.values)
            .map(|(series, number)| format!("{} {} {}", series.name, labels(series), value(number)))
            .collect()
    }

    #[test]
    fn the_formats_own_example_is_read_whole() {
        let text = include_str!("testdata/example.prom");
        let exposition = of(text);
        assert_eq!(exposition.bad_lines, 0, "{:?}", exposition.first_bad);
        assert_eq!(told(&exposition), include_str!("testdata/example.expected").lines().collect::<Vec<_>>());
        let kinds: Vec<_> = exposition.specs.iter().map(|spec| (&*spec.name, &*spec.r#type)).collect();
        assert_eq!(
            kinds,
            [
                ("http_requests_total", "cumulative"),
                ("msdos_file_access_time_seconds", "UNTYPED"),
                ("metric_without_timestamp_and_labels", "UNTYPED"),
                ("something_weird", "UNTYPED"),
                ("http_request_duration_seconds", "HISTOGRAM"),
                ("rpc_duration_seconds", "SUMMARY"),
            ]
        );
        // the first of the sorted has a time of its own, the buckets have that of the poll
        let at = |name: &str| {
            let nth = exposition.series.iter().position(|series| &*series.name == name).unwrap();
            exposition.times.as_ref().unwrap()[nth]
        };
        assert_eq!(at("http_requests_total"), Timestamp(1_395_066_363_000_000_000));
        assert_eq!(at("http_request_duration_seconds_bucket"), AT);
        assert_eq!(at("something_weird"), Timestamp(-3_982_045_000_000));
    }

    #[test]
    fn a_real_exporters_answer_is_read_whole() {
        let text = include_bytes!("testdata/prometheus.prom");
        let wanted = BTreeSet::new();
        let all = parse(text, Rules { metrics: 1000, ..rules(&wanted) }, AT).unwrap();
        assert_eq!(all.bad_lines, 0, "{:?}", all.first_bad);
        let lines = String::from_utf8_lossy(text).lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all.series.len(), lines);
        assert!(all.series.is_sorted() && all.times.is_none());
        assert!(matches!(parse(text, rules(&wanted), AT), Err(Fault::TooMany(100))));
        let few = Rules { metrics: 1000, series: 10, ..rules(&wanted) };
        assert!(matches!(parse(text, few, AT), Err(Fault::TooManySeries(10))));
    }

    #[test]
    fn wanted_are_samples_by_their_own_or_their_familys_name() {
        let text =
            "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 2\nh_count 1\n# TYPE g gauge\ng 5\nother 6\n";
        let f = |names: &[&str], expected: &[&str], families: &[&str]| {
            let names = set(names);
            let got = parse(text.as_bytes(), rules(&names), AT).unwrap();
            assert_eq!(told(&got), expected);
            assert_eq!(got.specs.iter().map(|spec| &*spec.name).collect::<Vec<_>>(), families);
        };
        f(&["h"], &["h_bucket le=1 1", "h_count  1", "h_sum  2"], &["h"]);
        f(&["h_sum", "g"], &["g  5", "h_sum  2"], &["h", "g"]);
        f(&["other", "nothing"], &["other  6"], &["other"]);
        f(&["nothing"], &[], &[]);
    }

    #[test]
    fn a_bad_line_costs_itself_alone() {
        let bad = [
            "a",
            "a 1 2 3",
            "a x",
            "a{",
            "a{b} 1",
            "a{b=\"} 1",
            "a{b=\"c\" d=\"e\"} 1",
            "a{b=\"\\x\"} 1",
            "1a 1",
            "a-b 1",
            "a{b=\"1\",b=\"2\"} 1",
            "a{__name__=\"b\"} 1",
            "a{b:c=\"1\"} 1",
            "a 1 1.5",
            "{b=\"c\"} 1",
            "a{,} 1",
            "a 1 9223372036854775807",
            "a{\"b\"=\"c\"} 1",
            "a\u{a0}1",
        ];
        let text = format!("good 1\n{}\nbetter 2\n", bad.join("\n"));
        let got = of(&text);
        assert_eq!(told(&got), ["better  2", "good  1"]);
        assert_eq!((got.bad_lines, got.first_bad.as_deref()), (bad.len() as u64, Some("a")));
    }

    #[test]
    fn odd_but_right_lines() {
        let f = |line: &str, expected: &str| assert_eq!(told(&of(line)), [expected], "{line}");
        f("a 1", "a  1");
        f("a:b\t+1.5e2", "a:b  150");
        f("a{} 1\r", "a  1");
        f("  a { x = \"1\" , y=\"2\", } 3 ", "a x=1,y=2 3");
        f("a{x=\"1\"}2", "a x=1 2");
        f(r#"a{x="q\"b\\n\n}"} 3"#, "a x=q\"b\\n\\n} 3");
        f("a NaN", "a  NaN");
        f("a +Inf", "a  inf");
        f("a -inf", "a  -inf");
        f("a{x=\"ü\"} 1", "a x=ü 1");
    }

    #[test]
    fn of_two_lines_of_one_series_the_first_stays() {
        assert_eq!(told(&of("a{x=\"1\",y=\"2\"} 1\nb 3\na{y=\"2\",x=\"1\"} 2\n")), ["a x=1,y=2 1", "b  3"]);
    }

    #[test]
    fn open_metrics_has_seconds_examples_and_an_end() {
        let text = "# TYPE a counter\na_total 1 1395066363.5\na_created 2\n\
            # TYPE h histogram\nh_bucket{le=\"+Inf\"} 3 # {trace=\"x y\"} 0.5 1.5\n# EOF\nafter 1\n";
        let wanted = BTreeSet::new();
        let open = Rules { open_metrics: true, ..rules(&wanted) };
        let got = parse(text.as_bytes(), open, AT).unwrap();
        assert_eq!(told(&got), ["a_created  2", "a_total  1", "h_bucket le=+Inf 3"]);
        assert_eq!(got.times.unwrap()[1], Timestamp(1_395_066_363_500_000_000));
        assert_eq!(got.specs.len(), 2);
        assert_eq!(parse(b"a 1 1e300\nb 1\n", open, AT).unwrap().bad_lines, 1);
    }

    #[test]
    fn a_page_that_is_no_exposition_is_refused_with_its_beginning() {
        let refused = parse(b"<html>\n<p>x 1", rules(&BTreeSet::new()), AT).unwrap_err();
        assert!(refused.to_string().contains("\"<html>\""), "{refused}");
        assert_eq!(of(""), Exposition::default());
        assert_eq!(of("# nothing\n").series.len(), 0);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(bytes: Vec<u8>, cut: proptest::sample::Index, byte: u8) {
            let wanted = BTreeSet::new();
            let _ = parse(&bytes, rules(&wanted), AT);
            let mut broken = include_bytes!("testdata/example.prom").to_vec();
            let at = cut.index(broken.len());
            broken[at] = byte;
            for open_metrics in [false, true] {
                if let Ok(got) = parse(&broken, Rules { open_metrics, ..rules(&wanted) }, AT) {
                    proptest::prop_assert_eq!(got.series.len(), got.values.len());
                    proptest::prop_assert!(got.series.windows(2).all(|two| two[0] < two[1]));
                }
            }
        }

        #[test]
        fn what_was_written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,9}",
            labels in proptest::collection::btree_map("[a-zA-Z][a-zA-Z0-9_]{0,5}", "[^\u{fffd}]*", 0..4),
            value: f64,
        ) {
            let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let pairs: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
            let got = of(&format!("{name}{{{}}} {value}\n", pairs.join(",")));
            let expected: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (&**n, &**v)).collect();
            proptest::prop_assert_eq!(got.series[0].labels().collect::<Vec<_>>(), expected);
            let Value::Float(read) = got.values[0] else { panic!("int") };
            proptest::prop_assert!(read == value || (read.is_nan() && value.is_nan()));
        }
    }
}
