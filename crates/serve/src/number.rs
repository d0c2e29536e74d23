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
