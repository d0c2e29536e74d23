//! Prometheus' text format as nodes write it, line by line and without a copy.
//!
//! A reader of our own, beside that of application metrics: here nothing but a few families of a known exporter is
//! wanted, from thousands of answers a minute, and what is not wanted should cost no more than its length.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use plimsoll_core::time::Timestamp;

/// A line with a sample, of which only the name has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The series' name.
    pub(crate) name: &'a str,
    /// What follows it: labels, value, time.
    rest: &'a str,
}

/// What a line says beside its labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The number; may be NaN or infinite.
    pub(crate) value: f64,
    /// When it was true, if the line tells; exporters write a time that was never set as a negative one.
    pub(crate) at: Option<Timestamp>,
}

/// The lines of a text, without comments and blank ones.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut left = text;
    std::iter::from_fn(move || {
        while !left.is_empty() {
            let end = memchr(b'\n', left.as_bytes()).unwrap_or(left.len());
            let (line, rest) = left.split_at_checked(end)?;
            left = rest.get(1..).unwrap_or_default();
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let end = line.bytes().position(|byte| matches!(byte, b'{' | b' ' | b'\t')).unwrap_or(line.len());
            let (name, rest) = line.split_at_checked(end)?;
            return Some(Line { name, rest });
        }
        None
    })
}

impl<'a> Line<'a> {
    /// Reads the rest and hands out each label. `None` for what is no such line; labels may have been handed out.
    pub(crate) fn read(&self, mut label: impl FnMut(&'a str, Cow<'a, str>)) -> Option<Sample> {
        let mut rest = blank(self.rest);
        if let Some(after) = rest.strip_prefix('{') {
            rest = blank(after);
            while !rest.starts_with('}') {
                let (name, after) = rest.split_at_checked(memchr(b'=', rest.as_bytes())?)?;
                let after = blank(after.get(1..)?).strip_prefix('"')?;
                let (value, after) = quoted(after)?;
                label(name.trim_end_matches([' ', '\t']), value);
                rest = blank(after);
                match rest.strip_prefix(',') {
                    Some(after) => rest = blank(after),
                    None if rest.starts_with('}') => {}
                    None => return None,
                }
            }
            rest = rest.get(1..)?;
        }
        let mut words = rest.split_ascii_whitespace();
        let value = words.next()?.parse().ok()?;
        let at = match words.next() {
            None => None,
            Some(millis) => Some(Timestamp(millis.parse::<i64>().ok()?.saturating_mul(1_000_000))),
        };
        let at = at.filter(|at| at.nanos() > 0);
        words.next().is_none().then_some(Sample { value, at })
    }
}

impl Sample {
    /// The value in units of which `times` make one, as a counter of nanoseconds from seconds. `None` for what no such
    /// counter can be: not a number, infinite, negative, or beyond 2^63.
    pub(crate) fn whole(&self, times: f64) -> Option<u64> {
        let value = (self.value * times).round();
        (0.0..9.2e18).contains(&value).then_some(value as u64)
    }

    /// The value as seconds since the Unix epoch, to the microsecond: more does not fit into such a fraction. `None` for
    /// a time that was never set.
    pub(crate) fn instant(&self) -> Option<Timestamp> {
        let micros = self.whole(1e6).filter(|micros| *micros > 0)?;
        Some(Timestamp(i64::try_from(micros).ok()?.checked_mul(1000)?))
    }
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// A text up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = memchr2(b'"', b'\\', text.as_bytes())?;
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
    use proptest::prelude::*;

    use super::*;

    type Read = (String, Vec<(String, String)>, f64, Option<i64>);

    fn read(text: &str) -> Vec<Option<Read>> {
        lines(text)
            .map(|line| {
                let mut labels = Vec::new();
                let sample = line.read(|name, value| labels.push((name.to_owned(), value.into_owned())))?;
                Some((line.name.to_owned(), labels, sample.value, sample.at.map(Timestamp::millis)))
            })
            .collect()
    }

    fn one(text: &str) -> Option<Read> {
        let mut all = read(text);
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    fn labels(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn lines_are_taken_apart() {
        let f = |text, wanted: (&str, &[(&str, &str)], f64, Option<i64>)| {
            let (name, pairs, value, at) = wanted;
            assert_eq!(one(text), Some((name.to_owned(), labels(pairs), value, at)), "{text}");
        };
        f("a 1", ("a", &[], 1.0, None));
        f("# HELP a\n\n  a{} 1.5e3 1395066363000 \r\n", ("a", &[], 1500.0, Some(1_395_066_363_000)));
        f(r#"a{b="c",d="e"} +Inf"#, ("a", &[("b", "c"), ("d", "e")], f64::INFINITY, None));
        f(r#"a { b = "c" , } 2 -62135596800000"#, ("a", &[("b", "c")], 2.0, None));
        f(r#"a{b="x\"y}\\ z\n,",c=""} 0"#, ("a", &[("b", "x\"y}\\ z\n,"), ("c", "")], 0.0, None));
        f(
            r#"a{xcontainer="1",container="2"} 0"#,
            ("a", &[("xcontainer", "1"), ("container", "2")], 0.0, None),
        );
    }

    #[test]
    fn what_is_no_line_is_passed_over_alone() {
        let bad = [
            "a",
            "a{",
            "a{b}",
            r#"a{b="c"#,
            r#"a{b="c" d="e"} 1"#,
            r#"a{b="\x"} 1"#,
            "a{} x",
            "a 1 x",
            "a 1 2 3",
            r#"a{b=c} 1"#,
            "a 1 1.5",
            "{",
        ];
        for text in bad {
            assert_eq!(one(text), None, "{text}");
        }
        let all = read("a{ 1\nb 2\n");
        assert_eq!(all.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn counters_are_whole_and_times_are_set_or_not() {
        let whole = |value, times| Sample { value, at: None }.whole(times);
        assert_eq!(whole(4.710169, 1e9), Some(4_710_169_000));
        assert_eq!(whole(71.744474408, 1e9), Some(71_744_474_408));
        assert_eq!(whole(1.616273408e9, 1.0), Some(1_616_273_408));
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e30] {
            assert_eq!(whole(value, 1.0), None, "{value}");
        }
        let instant = |value| Sample { value, at: None }.instant().map(Timestamp::millis);
        assert_eq!(instant(1.633252712e9), Some(1_633_252_712_000));
        assert_eq!((instant(0.0), instant(-6.7953645788713455e+09)), (None, None));
    }

    proptest! {
        #[test]
        fn labels_come_back_as_they_were_written(pairs in prop::collection::vec(("[a-z_]{1,9}", any::<String>()), 0..5)) {
            let escaped = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let written: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let text = format!("name{{{}}} 3 5", written.join(","));
            prop_assert_eq!(one(&text), Some(("name".to_owned(), pairs, 3.0, Some(5))));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            read(&text);
        }
    }
}
