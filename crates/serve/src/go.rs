//! Go's grammar of numbers, truth and durations, which clients write in queries.

use std::time::Duration;

/// `strconv.ParseBool`: one of a dozen words.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `strconv.Atoi`: decimal digits with an optional sign.
pub fn parse_int(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// `time.ParseDuration`: `1h2m3.5s`, `-5ms`, `0`. A negative duration is given as zero: an age below
/// zero asks for the same as one of zero.
///
/// # Errors
/// Go's sentence about what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("time: invalid duration {}", quote(text));
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut nanos: u128 = 0;
    let mut rest = rest;
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let (digits, after) = rest.split_at(rest.len() - number.len());
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(bad());
        }
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let scale: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text))),
        };
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
        // more than eighteen decimals are below a nanosecond of an hour
        let fraction = fraction.get(..fraction.len().min(18)).unwrap_or_default();
        let part = match fraction.parse::<u128>() {
            Ok(n) => n * scale / 10_u128.pow(fraction.len() as u32),
            Err(_) => 0,
        };
        nanos = whole
            .checked_mul(scale)
            .and_then(|w| w.checked_add(part))
            .and_then(|n| n.checked_add(nanos))
            .filter(|n| i64::try_from(*n).is_ok())
            .ok_or_else(bad)?;
        rest = after;
    }
    let nanos = if negative { 0 } else { nanos };
    Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// `time.Duration.String`: `15.023s`, `1m0s`, `1.5ms`, `0s`.
pub fn append_duration(out: &mut Vec<u8>, nanos: i64) {
    if nanos < 0 {
        out.push(b'-');
    }
    let nanos = nanos.unsigned_abs();
    let seconds = nanos / 1_000_000_000;
    if seconds == 0 {
        let (scale, unit): (u64, &str) = match nanos {
            0 => return out.extend_from_slice(b"0s"),
            1..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        append_fraction(out, nanos / scale, nanos % scale, scale / 10);
        return out.extend_from_slice(unit.as_bytes());
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    if hours > 0 {
        int(out, hours);
        out.push(b'h');
    }
    if hours > 0 || minutes > 0 {
        int(out, minutes);
        out.push(b'm');
    }
    append_fraction(out, seconds % 60, nanos % 1_000_000_000, 100_000_000);
    out.push(b's');
}

/// The whole, and the fraction without zeros at its end; `tenth` is the worth of its first digit.
fn append_fraction(out: &mut Vec<u8>, whole: u64, mut fraction: u64, mut tenth: u64) {
    int(out, whole);
    if fraction > 0 {
        out.push(b'.');
    }
    while fraction > 0 && tenth > 0 {
        out.push(b'0' + u8::try_from(fraction / tenth).unwrap_or_default());
        fraction %= tenth;
        tenth /= 10;
    }
}

fn int(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// `%q`: between double quotes, with what cannot be printed escaped.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `path.Join("/", parts...)`: rooted and clean, without a slash at the end.
pub fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    let mut out = String::with_capacity(path.len() + 1);
    for part in &kept {
        out.push('/');
        out.push_str(part);
    }
    if out.is_empty() {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_that_go_reads() {
        let f = |text, nanos| assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        f("0", 0);
        f("0s", 0);
        f("10s", 10_000_000_000);
        f("1h2m3.5s", 3_723_500_000_000);
        f(".5s", 500_000_000);
        f("1.s", 1_000_000_000);
        f("3us", 3_000);
        f("3µs", 3_000);
        f("-5s", 0);
        f("+5ns", 5);
    }

    #[test]
    fn durations_that_go_refuses() {
        let f = |text: &str, want: &str| assert_eq!(parse_duration(text), Err(want.to_owned()));
        f("", r#"time: invalid duration """#);
        f("x", r#"time: invalid duration "x""#);
        f("-", r#"time: invalid duration "-""#);
        f("10", r#"time: missing unit in duration "10""#);
        f("1y", r#"time: unknown unit "y" in duration "1y""#);
        f("1.2.3s", r#"time: invalid duration "1.2.3s""#);
        f("999999999999h", r#"time: invalid duration "999999999999h""#);
    }

    #[test]
    fn durations_are_written_as_go_does() {
        let f = |nanos, want: &str| {
            let mut out = Vec::new();
            append_duration(&mut out, nanos);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        };
        f(0, "0s");
        f(1, "1ns");
        f(1_100, "1.1µs");
        f(2_200_000, "2.2ms");
        f(500_000_000, "500ms");
        f(15_023_000_000, "15.023s");
        f(15_000_000_001, "15.000000001s");
        f(60_000_000_000, "1m0s");
        f(245_000_000_000, "4m5s");
        f(3_600_000_000_000, "1h0m0s");
        f(18_367_001_000_000, "5h6m7.001s");
        f(-1_500_000_000, "-1.5s");
        f(i64::MIN, "-2562047h47m16.854775808s");
    }

    #[test]
    fn names_are_clean() {
        let f = |path, want: &str| assert_eq!(clean(path), want);
        f("", "/");
        f("/", "/");
        f("/a/b/", "/a/b");
        f("a//b/./c/../d", "/a/b/d");
        f("/../../a", "/a");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (parse_duration(&text), quote(&text), clean(&text));
        }

        #[test]
        fn durations_read_back(nanos in 0..i64::MAX) {
            let mut out = Vec::new();
            append_duration(&mut out, nanos);
            let read = parse_duration(std::str::from_utf8(&out).unwrap()).unwrap();
            prop_assert_eq!(read.as_nanos(), u128::try_from(nanos).unwrap());
        }
    }
}
