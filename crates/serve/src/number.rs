//! Numbers as Go and Prometheus print them: the shortest digits that read back to the same `f64`.
//!
//! Gives: `0`, `999999`, `1e+06`, `1.34217728e+08`, `1.5e-05`, `NaN`, `+Inf`, `-Inf`.
//! Cost:  no allocation; whole numbers cost their digits, others one run of ryu.

/// Below this, any two whole numbers differ within 15 digits, so a number's own digits are its shortest.
const EXACT: u64 = 1_000_000_000_000_000;

/// From here on the exponent is written.
const LONG: u64 = 1_000_000;

/// Appends a whole number; beyond 2^53 it is rounded to the nearest `f64`, which is what readers keep.
pub fn int(out: &mut Vec<u8>, value: u64) {
    if value < LONG {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    } else if value < EXACT {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        scientific(out, digits, digits.len() as i32 - 1);
    } else {
        shortest(out, value as f64);
    }
}

/// Appends any number.
pub fn float(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value.trunc() == value && value.abs() < EXACT as f64 {
        if value < 0.0 {
            out.push(b'-');
        }
        int(out, value.abs() as u64);
    } else {
        shortest(out, value);
    }
}

/// A finite number through ryu, whose words for it are rearranged where Go has others.
fn shortest(out: &mut Vec<u8>, value: f64) {
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    if (1e-4..LONG as f64).contains(&value.abs()) {
        // both print plain digits here, and a whole number does not come here
        out.extend_from_slice(text);
        return;
    }
    let mut digits = [0u8; 24];
    let mut length = 0;
    // the decimal exponent of the first digit that counts
    let mut exponent = -1;
    let mut point = false;
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            b'-' => out.push(b'-'),
            b'.' => point = true,
            b'e' => {
                exponent += signed(rest.as_slice());
                break;
            }
            _ => {
                if length == 0 && byte == b'0' {
                    exponent -= i32::from(point);
                    continue;
                }
                exponent += i32::from(!point);
                if let Some(slot) = digits.get_mut(length) {
                    *slot = byte;
                    length += 1;
                }
            }
        }
    }
    scientific(out, digits.get(..length).unwrap_or_default(), exponent);
}

/// `d.ddde+XX`, without trailing zeros.
fn scientific(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    let kept = digits.iter().rposition(|d| *d != b'0').map_or(1, |last| last + 1);
    let Some((first, rest)) = digits.get(..kept).and_then(<[u8]>::split_first) else { return };
    out.push(*first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    let exponent = exponent.unsigned_abs();
    if exponent < 10 {
        out.push(b'0');
    }
    out.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
}

/// A small decimal number with an optional minus.
fn signed(text: &[u8]) -> i32 {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    };
    let value = digits.iter().fold(0, |n, d| n * 10 + i32::from(d.wrapping_sub(b'0')));
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reference::reference;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn whole(value: u64) -> String {
        let mut out = Vec::new();
        int(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_as_go_does() {
        let f = |value, expected| assert_eq!(text(value), expected);
        f(0.0, "0");
        f(-0.0, "0");
        f(1.0, "1");
        f(-1.0, "-1");
        f(0.5, "0.5");
        f(999_999.0, "999999");
        f(999_999.5, "999999.5");
        f(1e6, "1e+06");
        f(-1e6, "-1e+06");
        f(1_234_567.25, "1.23456725e+06");
        f(8_388_608.0, "8.388608e+06");
        f(0.0001, "0.0001");
        f(0.00012, "0.00012");
        f(0.000_099, "9.9e-05");
        f(1.5e-5, "1.5e-05");
        f(7e-9, "7e-09");
        f(1e15, "1e+15");
        f(1e21, "1e+21");
        f(1.795_258_086e9, "1.795258086e+09");
        f(-6.213_559_68e10, "-6.21355968e+10");
        f(5e-324, "5e-324");
        f(f64::MAX, "1.7976931348623157e+308");
        f(f64::NAN, "NaN");
        f(f64::INFINITY, "+Inf");
        f(f64::NEG_INFINITY, "-Inf");
    }

    #[test]
    fn whole_numbers_print_as_go_does() {
        let f = |value, expected| assert_eq!(whole(value), expected);
        f(0, "0");
        f(100_000, "100000");
        f(1_000_000, "1e+06");
        f(134_217_728, "1.34217728e+08");
        f(999_999_999_999_999, "9.99999999999999e+14");
        f(1_000_000_000_000_000, "1e+15");
        f(9_007_199_254_740_993, "9.007199254740992e+15");
        f(u64::MAX, "1.8446744073709552e+19");
    }

    #[test]
    fn every_recorded_value_prints_as_it_was() {
        let Some(file) = reference("recorded/cadvisor-0.36-hybrid/metrics.txt") else { return };
        let recorded = std::fs::read_to_string(file).unwrap();
        let mut values = 0;
        for line in recorded.lines().filter(|line| !line.starts_with('#')) {
            let after_name = line.split_once(' ').map(|(_, rest)| rest);
            let value = line.rsplit_once("} ").map(|(_, rest)| rest).or(after_name).unwrap();
            let value = value.split(' ').next().unwrap();
            let parsed: f64 = value.parse().unwrap();
            assert_eq!(text(parsed), value, "{line}");
            if parsed >= 0.0 && parsed.fract() == 0.0 {
                assert_eq!(whole(parsed as u64), value, "{line}");
            }
            values += 1;
        }
        assert!(values > 300, "{values}");
    }

    proptest! {
        #[test]
        fn any_number_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = text(value).parse().unwrap();
            prop_assert!(back == value || back.is_nan() && value.is_nan(), "{}", text(value));
        }

        #[test]
        fn any_seconds_read_back(nanos in 0u64..1 << 60) {
            let value = nanos as f64 / 1e9;
            prop_assert_eq!(text(value).parse::<f64>().unwrap(), value);
        }

        #[test]
        fn whole_numbers_print_alike_either_way(value: u64, shift in 0u32..64) {
            prop_assert_eq!(whole(value >> shift), text((value >> shift) as f64));
        }

        #[test]
        fn exponents_stand_where_go_has_them(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite() && value != 0.0);
            let plain = (1e-4..1e6).contains(&value.abs());
            prop_assert_eq!(!text(value).contains('e'), plain, "{}", text(value));
        }
    }
}
