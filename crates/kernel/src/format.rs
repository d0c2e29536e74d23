//! The few shapes that the kernel's files have, under the kernel manual's names for them.
//!
//! All parsers work on bytes in place: no allocation, no `String`, no UTF-8 check. Readers take the keys that
//! they know and pass over the rest, so a newer kernel is no fault.

use plimsoll_core::limit::Limit;

use crate::error::ParseError;

/// A decimal number and nothing else; `None` for an empty text, another character or more than 64 bits.
#[inline]
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    // up to 19 digits cannot overflow
    let safe = text.len() <= 19;
    let mut sum: u64 = 0;
    for &byte in text {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        sum = if safe { sum * 10 + digit } else { sum.checked_mul(10)?.checked_add(digit)? };
    }
    Some(sum)
}

/// A decimal number with an optional `-` before it.
pub fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(digits) => 0i64.checked_sub_unsigned(number(digits)?),
        None => i64::try_from(number(text)?).ok(),
    }
}

/// A number with exactly two decimals, in hundredths: `73.88` is 7388. Pressure averages are printed so.
#[inline]
pub fn hundredths(text: &[u8]) -> Option<u64> {
    let (whole, decimals) = text.split_at_checked(text.len().checked_sub(3)?)?;
    let decimals = decimals.strip_prefix(b".")?;
    number(whole)?.checked_mul(100)?.checked_add(number(decimals)?)
}

/// A file of one number: `memory.current`
/// ```text
/// 4194304
/// ```
/// # Errors
/// It is something else.
pub fn single_value(text: &[u8]) -> Result<u64, ParseError> {
    let text = text.trim_ascii();
    number(text).ok_or_else(|| ParseError::new(1, "a number", text))
}

/// A file of one number that may be below zero: `cpu.cfs_quota_us`
/// ```text
/// -1
/// ```
/// # Errors
/// It is something else.
pub fn signed_value(text: &[u8]) -> Result<i64, ParseError> {
    let text = text.trim_ascii();
    signed(text).ok_or_else(|| ParseError::new(1, "a number", text))
}

/// A file of one limit: `pids.max`
/// ```text
/// max
/// ```
/// `-1` is no limit either.
/// # Errors
/// It is something else.
pub fn limit(text: &[u8]) -> Result<Limit, ParseError> {
    let text = text.trim_ascii();
    match text {
        b"max" | b"-1" => Ok(Limit::Max),
        digits => number(digits).map(Limit::At).ok_or_else(|| ParseError::new(1, "a number or max", text)),
    }
}

/// The words of a text, separated by blanks or line ends: `cpuacct.usage_percpu`
/// ```text
/// 13891473775 0
/// ```
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (word, tail) = word(rest)?;
        rest = tail;
        Some(word)
    })
}

/// The first word, and what comes after it.
#[inline]
pub fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}

/// The numbers of such a file.
pub fn values(text: &[u8]) -> impl Iterator<Item = Result<u64, ParseError>> {
    words(text).map(|word| number(word).ok_or_else(|| ParseError::new(1, "numbers", word)))
}

/// The lines of a text with their numbers from 1; empty ones are left out.
pub fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text, line: 0 }
}

/// See [`lines`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    line: u32,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (u32, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (line, rest) = split_once(self.rest, b'\n').unwrap_or((self.rest, &[]));
            self.rest = rest;
            self.line = self.line.saturating_add(1);
            if !line.is_empty() {
                return Some((self.line, line));
            }
        }
        None
    }
}

/// The text before and after the first such byte.
#[inline]
pub fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let (before, after) = text.split_at_checked(position(text, at)?)?;
    Some((before, after.get(1..)?))
}

/// Where such a byte is first. Eight are looked at together: the kernel's lines are too short for a function that would
/// look at more.
#[inline]
fn position(text: &[u8], wanted: u8) -> Option<usize> {
    const LOWEST: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = LOWEST << 7;
    let (eights, rest) = text.as_chunks::<8>();
    for (number, &eight) in eights.iter().enumerate() {
        // zero where the byte is; the lowest of the bits that are left is that of the first zero
        let differ = u64::from_le_bytes(eight) ^ (LOWEST * u64::from(wanted));
        let zeros = differ.wrapping_sub(LOWEST) & !differ & HIGHEST;
        if zeros != 0 {
            return Some(number * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let within = rest.iter().position(|&byte| byte == wanted)?;
    Some(text.len() - rest.len() + within)
}

/// A file of a key and a value a line: `memory.stat`
/// ```text
/// anon 294912
/// file 77824
/// ```
/// Lines without a value are passed over. Whether a value is a number is asked by who knows the key:
/// [`Entry::number`].
pub fn flat_keyed(text: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    lines(text).filter_map(|(line, text)| {
        let (key, value) = split_once(text, b' ')?;
        Some(Entry { line, key, value })
    })
}

/// A key with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Counted from 1.
    pub line: u32,
    /// The word before the blank or `=`.
    pub key: &'a [u8],
    /// All after it.
    pub value: &'a [u8],
}

impl Entry<'_> {
    /// The value as a number.
    ///
    /// # Errors
    /// It is none.
    #[inline]
    pub fn number(&self) -> Result<u64, ParseError> {
        match number(self.value) {
            Some(n) => Ok(n),
            // a blank at the end is seen in some files
            None => number(self.value.trim_ascii())
                .ok_or_else(|| ParseError::new(self.line, "a number", self.value)),
        }
    }

    /// The value as hundredths.
    ///
    /// # Errors
    /// It is no number with two decimals.
    #[inline]
    pub fn hundredths(&self) -> Result<u64, ParseError> {
        hundredths(self.value)
            .ok_or_else(|| ParseError::new(self.line, "a number with two decimals", self.value))
    }
}

/// A file of a name and `key=value` pairs a line: `io.stat`, and a pressure file is no other
/// ```text
/// 254:0 rbytes=339738624 wbytes=339742720 rios=5184 wios=5185 dbytes=0 dios=0
/// some avg10=73.88 avg60=44.03 avg300=12.56 total=41948995
/// ```
pub fn nested_keyed(text: &[u8]) -> impl Iterator<Item = Nested<'_>> {
    lines(text).map(|(line, text)| {
        let (name, pairs) = split_once(text, b' ').unwrap_or((text, &[]));
        Nested { line, name, pairs }
    })
}

/// One line of a nested keyed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested<'a> {
    /// Counted from 1.
    pub line: u32,
    /// The first word.
    pub name: &'a [u8],
    pairs: &'a [u8],
}

impl<'a> Nested<'a> {
    /// Its pairs; words without `=` are passed over.
    pub fn pairs(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let (line, mut rest) = (self.line, self.pairs);
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (word, tail) = split_once(rest, b' ').unwrap_or((rest, &[]));
                rest = tail;
                if let Some((key, value)) = split_once(word, b'=') {
                    return Some(Entry { line, key, value });
                }
            }
            None
        })
    }

    /// All its words after the name, pairs or not.
    pub fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.pairs)
    }

    /// The name as a device number, `254:0`.
    pub fn device(&self) -> Option<(u32, u32)> {
        device(self.name)
    }
}

/// A device number: `254:0`.
pub fn device(text: &[u8]) -> Option<(u32, u32)> {
    let (major, minor) = split_once(text, b':')?;
    Some((number(major)?.try_into().ok()?, number(minor)?.try_into().ok()?))
}

/// Undoes `\ooo`, as which the kernel writes space, tab, newline, backslash and `#` in lists of mounts.
pub fn unescape_octal(text: &[u8]) -> Vec<u8> {
    unescape(text, |digits| {
        digits.iter().try_fold(0u8, |value, digit| match digit {
            b'0'..=b'7' => value.checked_mul(8)?.checked_add(digit - b'0'),
            _ => None,
        })
    })
}

/// Undoes `\xNN`, as which the kernel's log writes what is not printable, and systemd what may not stand in the name
/// of a unit. (`-` stands for `/` in units of paths only, and stays.)
pub fn unescape_hex(text: &[u8]) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    unescape(text, |[x, high, low]| (*x == b'x').then_some(digit(*high)? << 4 | digit(*low)?))
}

/// Bytes that are written as a backslash and three characters; what is none such stays.
fn unescape(text: &[u8], code: impl Fn(&[u8; 3]) -> Option<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match tail.first_chunk::<3>().filter(|_| byte == b'\\').and_then(&code) {
            Some(value) => {
                out.push(value);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests;
