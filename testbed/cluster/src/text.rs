//! Appending text: pieces, numbers as Go's clients print them, times as the API writes them.

use std::cell::Cell;

/// What can be appended.
pub(crate) trait Put {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
}

impl Put for str {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl Put for String {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl<T: Put + ?Sized> Put for &T {
    fn put(&self, out: &mut Vec<u8>) {
        (*self).put(out);
    }
}

macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl Put for $kind {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        }
    )*};
}

whole!(i64, u64, u32, u16, usize);

/// Appends its arguments one after the other.
macro_rules! put {
    ($out:expr; $($part:expr),+ $(,)?) => {{
        let out: &mut Vec<u8> = $out;
        $($crate::text::Put::put(&$part, out);)+
    }};
}
pub(crate) use put;

/// A time as the API writes it: whole seconds in quotes, `null` when it was never set.
#[derive(Clone, Copy)]
pub(crate) struct Time(pub(crate) i64);

thread_local! {
    /// The day that was written last, since nearly all times of an answer are of one.
    static DAY: Cell<(i64, [u8; 10])> = const { Cell::new((i64::MIN, [0; 10])) };
}

/// The date of a day since 1970: `2026-11-21`.
fn date(day: i64) -> [u8; 10] {
    let (known, text) = DAY.get();
    if known == day {
        return text;
    }
    let at = jiff::Timestamp::from_second(day.saturating_mul(86_400)).map(|at| at.to_string());
    let text = at.ok().and_then(|text| text.as_bytes().first_chunk().copied()).unwrap_or(*b"0001-01-01");
    DAY.set((day, text));
    text
}

impl Put for Time {
    fn put(&self, out: &mut Vec<u8>) {
        if self.0 == 0 {
            out.extend_from_slice(b"null");
            return;
        }
        let seconds = self.0.div_euclid(1000);
        let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u32);
        let two = |number: u32| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        out.push(b'"');
        out.extend_from_slice(&date(day));
        for (before, number) in [(b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)] {
            out.push(before);
            out.extend_from_slice(&two(number));
        }
        out.extend_from_slice(b"Z\"");
    }
}

/// A number of so many decimal places as Go's `%g` prints it, which all of Prometheus' text has: `1.060864e+06`.
#[derive(Clone, Copy)]
pub(crate) struct Float {
    /// The digits, without a point.
    pub(crate) digits: u64,
    /// How many of them stand behind the point.
    pub(crate) places: u32,
}

/// A whole number, as [`Float`].
pub(crate) fn float(value: u64) -> Float {
    Float { digits: value, places: 0 }
}

impl Put for Float {
    fn put(&self, out: &mut Vec<u8>) {
        if self.digits == 0 {
            out.push(b'0');
            return;
        }
        let mut buffer = itoa::Buffer::new();
        let all = buffer.format(self.digits).as_bytes();
        // the exponent of the first digit
        let exponent = all.len() as i64 - 1 - i64::from(self.places);
        let kept = all.iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
        let (digits, _) = all.split_at(kept);
        let (first, rest) = digits.split_at(1);
        if (-4..6).contains(&exponent) {
            if exponent < 0 {
                out.extend_from_slice(b"0.");
                out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
                out.extend_from_slice(digits);
            } else {
                let whole = exponent as usize + 1;
                let (before, after) = digits.split_at(whole.min(digits.len()));
                out.extend_from_slice(before);
                out.extend(std::iter::repeat_n(b'0', whole.saturating_sub(digits.len())));
                if !after.is_empty() {
                    out.push(b'.');
                    out.extend_from_slice(after);
                }
            }
            return;
        }
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        let sign = if exponent < 0 { "e-" } else { "e+" };
        let pad = if exponent.abs() < 10 { "0" } else { "" };
        put!(out; sign, pad, exponent.abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(part: impl Put) -> String {
        let mut out = Vec::new();
        part.put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_printed_as_a_kubelet_prints_them() {
        let f = |digits, places, expected: &str| assert_eq!(text(Float { digits, places }), expected);
        f(0, 6, "0");
        f(4_656_256, 6, "4.656256");
        f(84_024_000, 6, "84.024");
        f(225_280, 0, "225280");
        f(1_060_864, 0, "1.060864e+06");
        f(172_216_320, 0, "1.7221632e+08");
        f(1_795_256_353_388_876, 6, "1.795256353388876e+09");
        f(264_515, 6, "0.264515");
        f(1_000, 6, "0.001");
        f(15, 6, "1.5e-05");
        f(100_000, 0, "100000");
        f(1_000_000, 0, "1e+06");
    }

    #[test]
    fn times_have_whole_seconds_and_none_is_null() {
        assert_eq!(text(Time(1_795_256_432_101)), "\"2026-11-21T10:20:32Z\"");
        assert_eq!(text(Time(1_795_256_432_101 + 86_400_000)), "\"2026-11-22T10:20:32Z\"");
        assert_eq!(text(Time(-3_600_000)), "\"1969-12-31T23:00:00Z\"");
        assert_eq!(text(Time(0)), "null");
    }
}
