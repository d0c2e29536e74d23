//! Numbers in any text, found by expressions.

use std::sync::Arc;

use plimsoll_core::app::{MetricSpec, Series, Value};
use regex_lite::{Regex, RegexBuilder};

/// Bytes of a compiled expression, at most: bounds the time that a byte of text takes.
const EXPRESSION_LIMIT: usize = 64 << 10;
/// Characters of an expression, at most.
const LONGEST: usize = 1000;

/// One number in the text.
#[derive(Debug)]
pub struct Metric {
    /// What it is.
    pub spec: MetricSpec,
    series: Series,
    whole: bool,
    regex: Regex,
}

impl Metric {
    /// A whole number or not.
    pub fn new(name: &str, kind: &str, units: &str, whole: bool, regex: Regex) -> Self {
        let none: &mut [(&str, &str)] = &mut [];
        Self {
            spec: MetricSpec {
                name: name.to_owned(),
                r#type: kind.to_owned(),
                format: if whole { "int" } else { "float" },
                units: units.to_owned(),
            },
            series: Series::new(Arc::from(name), none),
            whole,
            regex,
        }
    }

    /// Its name, as of a value.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// What the first group of the first match says; absent without a match, or when it is no such number.
    pub fn find(&self, text: &str) -> Option<Value> {
        let found = self.regex.captures(text)?.get(1)?.as_str().trim();
        if self.whole { found.parse().ok().map(Value::Int) } else { found.parse().ok().map(Value::Float) }
    }
}

/// Compiles an expression.
///
/// # Errors
/// It is none, too long, or has no group.
pub fn expression(text: &str) -> Result<Regex, String> {
    if text.len() > LONGEST {
        return Err(format!("expected a regex of at most {LONGEST} characters"));
    }
    // \d, \w and \s are ASCII's, as in Go
    let regex = RegexBuilder::new(text)
        .size_limit(EXPRESSION_LIMIT)
        .nest_limit(50)
        .build()
        .map_err(|cause| format!("regex: {cause}"))?;
    if regex.captures_len() < 2 {
        return Err("expected a regex with a group around the number".to_owned());
    }
    Ok(regex)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = include_str!("testdata/nginx-status.txt");

    fn find(regex: &str, whole: bool, text: &str) -> Option<Value> {
        Metric::new("m", "gauge", "", whole, expression(regex).unwrap()).find(text)
    }

    #[test]
    fn numbers_of_a_status_page() {
        let f =
            |regex, expected| assert_eq!(find(regex, true, STATUS), Some(Value::Int(expected)), "{regex}");
        f("Active connections: ([0-9]+)", 1);
        f("Reading: ([0-9]+) .*", 0);
        f(".*Writing: ([0-9]+).*", 1);
        f(".*Waiting: ([0-9]+)", 0);
        f(r"(?m)^\s(\d+) \d+ \d+", 2);
    }

    #[test]
    fn what_is_no_number_is_absent() {
        let f = |regex, whole, text, expected| assert_eq!(find(regex, whole, text), expected, "{regex}");
        f("x=(.*)", true, "x= -7 \n", Some(Value::Int(-7)));
        f("x=(.*)", true, "x=1.5", None);
        f("x=(.*)", true, "x=9223372036854775808", None);
        f("x=(.*)", false, "x=1.5e3", Some(Value::Float(1500.0)));
        f("x=(.*)", false, "x=", None);
        f("x=(.*)", false, "y=1", None);
        f("x=(.*)", false, "x=\u{fffd}", None);
        f("(a)?x", true, "x", None);
        f("größe=(.*)", true, "größe=3", Some(Value::Int(3)));
        f("gr[äöü]ße=([[:digit:]]+)", true, "größe=3", Some(Value::Int(3)));
        f(r"(?i)X=\d(\d)", true, "x=\u{663}3 x=12", Some(Value::Int(2)));
    }

    #[test]
    fn expressions_that_are_refused() {
        for text in [
            "",
            "x",
            "(",
            "(?:x)",
            r"(\pL)",
            r"(\Qx\E)",
            r"(\C)",
            "((((x{99}){99}){99}))",
            &"(x)".repeat(500),
        ] {
            assert!(expression(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_expression_panics(text: String, body: String) {
            if let Ok(regex) = expression(&format!("({text})")) {
                let _ = Metric::new("m", "", "", false, regex).find(&body);
            }
        }
    }
}
