//! Values as Go's `flag` package reads and prints them: numbers, truth, durations.

use std::time::Duration;

/// Why a text is no value; the words are Go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not the grammar.
    #[error("parse error")]
    Syntax,
    /// The grammar, but too large or too small.
    #[error("value out of range")]
    Range,
}

/// `1 0 t f T F true false TRUE FALSE True False`.
///
/// # Errors
/// Any other word.
pub fn boolean(text: &str) -> Result<bool, ValueError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(ValueError::Syntax),
    }
}

/// A Go integer literal with an optional sign: `10`, `-0x1f`, `0b1`, `0o17`, `017`, `1_000`.
///
/// # Errors
/// No literal, or outside 64 bits.
pub fn integer(text: &str) -> Result<i64, ValueError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let size = unsigned(digits)?;
    let signed = i64::try_from(i128::from(size) * if negative { -1 } else { 1 });
    signed.map_err(|_| ValueError::Range)
}

/// A Go integer literal without a sign.
///
/// # Errors
/// No literal, a sign, or more than 64 bits.
pub fn unsigned(text: &str) -> Result<u64, ValueError> {
    let bytes = text.as_bytes();
    let (base, digits): (u64, &[u8]) = match bytes {
        [] => return Err(ValueError::Syntax),
        [b'0', b'b' | b'B', rest @ ..] if !rest.is_empty() => (2, rest),
        [b'0', b'o' | b'O', rest @ ..] if !rest.is_empty() => (8, rest),
        [b'0', b'x' | b'X', rest @ ..] if !rest.is_empty() => (16, rest),
        [b'0', rest @ ..] => (8, rest),
        _ => (10, bytes),
    };
    let mut sum: u64 = 0;
    for &byte in digits {
        if byte == b'_' {
            continue;
        }
        let digit = char::from(byte).to_digit(16).map(u64::from).filter(|&d| d < base);
        let digit = digit.ok_or(ValueError::Syntax)?;
        sum = sum.checked_mul(base).and_then(|s| s.checked_add(digit)).ok_or(ValueError::Range)?;
    }
    if underscores_separate(bytes) { Ok(sum) } else { Err(ValueError::Syntax) }
}

/// `1`, `.5`, `1e3`, `1_000.5`, `inf`, `nan`. Hexadecimal floats are refused: nobody writes them.
///
/// # Errors
/// No number, or larger than 64 bits can say.
pub fn float(text: &str) -> Result<f64, ValueError> {
    let bytes = text.as_bytes();
    if bytes.contains(&b'_') && !underscores_separate(bytes.strip_prefix(b"-").unwrap_or(bytes)) {
        return Err(ValueError::Syntax);
    }
    let number: f64 = text.replace('_', "").parse().map_err(|_| ValueError::Syntax)?;
    let says_inf = text.bytes().any(|b| b.eq_ignore_ascii_case(&b'i'));
    if number.is_infinite() && !says_inf { Err(ValueError::Range) } else { Ok(number) }
}

/// Go allows `_` between digits and after a base prefix, nowhere else.
fn underscores_separate(bytes: &[u8]) -> bool {
    let digits = match bytes {
        [b'0', b'b' | b'B' | b'o' | b'O' | b'x' | b'X', rest @ ..] => rest,
        _ => bytes,
    };
    let mut after_digit = digits.len() < bytes.len();
    let mut after_underscore = false;
    for byte in digits {
        let underscore = *byte == b'_';
        let digit = byte.is_ascii_hexdigit();
        if (underscore && !after_digit) || (after_underscore && !digit) {
            return false;
        }
        (after_digit, after_underscore) = (digit, underscore);
    }
    !after_underscore
}

/// Nanoseconds of a Go duration: a sign and a sequence of numbers with units (`ns us µs ms s m h`),
/// as `1m30s`, `1.5h`, `-.5s`; or `0`.
///
/// # Errors
/// Anything else (a bare `10` too), or beyond 292 years.
pub fn duration(text: &str) -> Result<i64, ValueError> {
    let (negative, mut rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    match rest {
        b"0" => return Ok(0),
        [] => return Err(ValueError::Syntax),
        _ => {}
    }
    let mut sum: i128 = 0;
    while !rest.is_empty() {
        let (nanos, after) = duration_part(rest).ok_or(ValueError::Syntax)?;
        rest = after;
        sum += nanos;
        if sum > 1 << 63 {
            return Err(ValueError::Syntax); // Go says "parse error" here as well
        }
    }
    i64::try_from(if negative { -sum } else { sum }).map_err(|_| ValueError::Syntax)
}

/// One `number unit` of a duration and what follows it.
fn duration_part(text: &[u8]) -> Option<(i128, &[u8])> {
    let (whole, text) = split_digits(text);
    let (fraction, text) = match text {
        [b'.', after @ ..] => split_digits(after),
        _ => (&[][..], text),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let length = text.iter().position(|b| *b == b'.' || b.is_ascii_digit()).unwrap_or(text.len());
    let (unit, text) = text.split_at_checked(length)?;
    let unit: i128 = match unit {
        b"ns" => 1,
        b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => 1_000, // both letters that look like µ
        b"ms" => 1_000_000,
        b"s" => 1_000_000_000,
        b"m" => 60_000_000_000,
        b"h" => 3_600_000_000_000,
        _ => return None,
    };
    let mut nanos: i128 = 0;
    for digit in whole {
        nanos = nanos * 10 + i128::from(digit - b'0');
        if nanos > 1 << 63 {
            return None;
        }
    }
    nanos *= unit;
    // digits past the eighteenth are worth less than a nanosecond of any unit that is allowed
    let (mut part, mut scale): (i128, i128) = (0, 1);
    for digit in fraction.iter().take(18) {
        part = part * 10 + i128::from(digit - b'0');
        scale *= 10;
    }
    Some((nanos + part * unit / scale, text))
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(length).unwrap_or((text, &[]))
}

/// A duration as Go prints it: `1m0s`, `1.5s`, `10ms`, `0s`.
pub fn print_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => decimal(nanos, 1_000, "µs"),
        1_000_000..1_000_000_000 => decimal(nanos, 1_000_000, "ms"),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

/// `nanos / unit` without trailing zeros.
fn decimal(nanos: u128, unit: u128, name: &str) -> String {
    let (whole, part) = (nanos / unit, nanos % unit);
    if part == 0 {
        return format!("{whole}{name}");
    }
    let width = unit.ilog10() as usize;
    let part = format!("{part:0width$}");
    format!("{whole}.{}{name}", part.trim_end_matches('0'))
}

/// The items of a comma-separated list, trimmed, without the empty ones.
pub fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_go_literals() {
        let f = |text, number| assert_eq!(integer(text), Ok(number), "{text}");
        f("10", 10);
        f("-10", -10);
        f("+10", 10);
        f("0", 0);
        f("0x1f", 31);
        f("0X1F", 31);
        f("0b101", 5);
        f("0o17", 15);
        f("017", 15);
        f("0_17", 15);
        f("1_000", 1000);
        f("0x_ff", 255);
        f("-9223372036854775808", i64::MIN);
    }

    #[test]
    fn other_texts_are_no_integers() {
        for text in ["", "-", "0x", "08", "1__0", "_1", "1_", "1.0", "1e3", " 1", "ten", "0b2", "--1"] {
            assert_eq!(integer(text), Err(ValueError::Syntax), "{text}");
        }
        for text in ["9223372036854775808", "99999999999999999999999"] {
            assert_eq!(integer(text), Err(ValueError::Range), "{text}");
        }
        assert_eq!(unsigned("-1"), Err(ValueError::Syntax));
        assert_eq!(unsigned("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(unsigned("18446744073709551616"), Err(ValueError::Range));
    }

    #[test]
    fn floats_are_go_floats() {
        let f = |text, number| assert_eq!(float(text), Ok(number), "{text}");
        f("1", 1.0);
        f(".5", 0.5);
        f("5.", 5.0);
        f("1e3", 1000.0);
        f("-1.0", -1.0);
        f("1_000.5", 1000.5);
        f("inf", f64::INFINITY);
        f("-Inf", f64::NEG_INFINITY);
        assert!(float("NaN").is_ok_and(f64::is_nan));
        for text in ["", ".", "e5", "1,5", "_1", "one"] {
            assert_eq!(float(text), Err(ValueError::Syntax), "{text}");
        }
        assert_eq!(float("1e400"), Err(ValueError::Range));
    }

    #[test]
    fn durations_are_go_durations() {
        let f = |text, nanos| assert_eq!(duration(text), Ok(nanos), "{text}");
        f("0", 0);
        f("-0", 0);
        f("0s", 0);
        f("1s", 1_000_000_000);
        f("1m30s", 90_000_000_000);
        f("1.5h", 5_400_000_000_000);
        f(".5s", 500_000_000);
        f("5.s", 5_000_000_000);
        f("-1s", -1_000_000_000);
        f("+1s", 1_000_000_000);
        f("10us", 10_000);
        f("10µs", 10_000);
        f("10μs", 10_000);
        f("1h1m1s1ms1us1ns", 3_661_001_001_001);
        f("0.1000000000000000000000001s", 100_000_000);
        f("2562047h47m16.854775807s", i64::MAX);
    }

    #[test]
    fn other_texts_are_no_durations() {
        for text in [
            "",
            "10",
            "-",
            "s",
            ".s",
            "1",
            "1 s",
            "1S",
            "1d",
            "1s ",
            "s1",
            "1s2",
            "--1s",
            "9999999999h",
            "-.",
            "1.2.3s",
        ] {
            assert_eq!(duration(text), Err(ValueError::Syntax), "{text}");
        }
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        let f = |nanos, text| assert_eq!(print_duration(Duration::from_nanos(nanos)), text);
        f(0, "0s");
        f(1, "1ns");
        f(1_100, "1.1µs");
        f(2_200_000, "2.2ms");
        f(3_300_000_000, "3.3s");
        f(60_000_000_000, "1m0s");
        f(86_400_000_000_000, "24h0m0s");
        f(3_661_000_000_001, "1h1m1.000000001s");
    }

    #[test]
    fn booleans_are_gos_words() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(boolean(text), Ok(true));
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(boolean(text), Ok(false));
        }
        for text in ["", "yes", "tRUE", "on", " true"] {
            assert_eq!(boolean(text), Err(ValueError::Syntax));
        }
    }

    #[test]
    fn lists_forgive_spaces_and_empty_items() {
        assert_eq!(list(" a, b,,c "), ["a", "b", "c"]);
        assert!(list("").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(nanos in 0..=i64::MAX) {
            let printed = print_duration(Duration::from_nanos(nanos.unsigned_abs()));
            prop_assert_eq!(duration(&printed), Ok(nanos));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[-+0-9._xbonusmhµ]{0,30}") {
            let _ = (integer(&text), unsigned(&text), float(&text), duration(&text), boolean(&text));
        }

        #[test]
        fn decimal_integers_read_back(number: i64) {
            prop_assert_eq!(integer(&number.to_string()), Ok(number));
        }
    }
}
