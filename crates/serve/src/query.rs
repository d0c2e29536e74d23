//! Paths and queries as Go's `net/url` reads them.

use std::fmt::Write as _;

/// Turns percent escapes back into text. `None` where an escape is broken; bytes that are no UTF-8 become
/// the replacement character.
pub fn unescape(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' if plus_is_space => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// Appends a path so that it can stand in a URL: the other way round.
pub fn escape_path(out: &mut String, path: &str) {
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// A query string; of a repeated name the first value counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// The part of a URI behind the question mark.
    pub fn new(text: Option<&'a str>) -> Self {
        Self(text.unwrap_or_default())
    }

    /// The first value of this name; a pair that is broken is passed over, as Go does.
    pub fn first(self, name: &str) -> Option<String> {
        self.0.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')).find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = unescape(value, true)?;
            (unescape(key, true)? == name).then_some(value)
        })
    }

    /// The same, but an empty value is none.
    pub fn given(self, name: &str) -> Option<String> {
        self.first(name).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_repeated_counts() {
        let f = |query, want: Option<&str>| {
            assert_eq!(Query::new(Some(query)).first("a").as_deref(), want, "{query}");
        };
        f("a=1&a=2", Some("1"));
        f("b=1", None);
        f("a", Some(""));
        f("a=%zz&a=2", Some("2"));
        f("a=1;b=2&a=3", Some("3"));
        f("%61=x+y%20z", Some("x y z"));
        assert_eq!(Query::new(None).first("a"), None);
    }

    #[test]
    fn broken_escapes_are_none() {
        assert_eq!(unescape("%", false), None);
        assert_eq!(unescape("%4", false), None);
        assert_eq!(unescape("%zz", false), None);
        assert_eq!(unescape("a+b%5Cc", false).as_deref(), Some("a+b\\c"));
        assert_eq!(unescape("%ff", false).as_deref(), Some("\u{fffd}"));
    }
}
