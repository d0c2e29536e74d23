//! JSON as Go's `encoding/json` writes it, so that answers are the same byte for byte.
//!
//! Cost: no allocation beside the bytes that are written.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

/// Appends a value. Values of ours always can be written; one that cannot leaves `null`.
pub fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let before = out.len();
    if let Err(error) = value.serialize(&mut Serializer::with_formatter(&mut *out, Go)) {
        tracing::error!(%error, "a value could not be written as JSON");
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

/// The bytes of a value.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    append(&mut out, value);
    out
}

/// Go's habits: `<`, `>`, `&` and the two separators that JavaScript takes for line ends are escaped;
/// floats are written without exponent between 1e-6 and 1e21.
struct Go;

impl Formatter for Go {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let bytes = fragment.as_bytes();
        let mut kept = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let (length, escape) = match byte {
                b'<' => (1, "\\u003c"),
                b'>' => (1, "\\u003e"),
                b'&' => (1, "\\u0026"),
                0xe2 if bytes.get(at + 1..at + 3) == Some(&[0x80, 0xa8]) => (3, "\\u2028"),
                0xe2 if bytes.get(at + 1..at + 3) == Some(&[0x80, 0xa9]) => (3, "\\u2029"),
                _ => {
                    at += 1;
                    continue;
                }
            };
            out.write_all(bytes.get(kept..at).unwrap_or_default())?;
            out.write_all(escape.as_bytes())?;
            at += length;
            kept = at;
        }
        out.write_all(bytes.get(kept..).unwrap_or_default())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, out: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Quote => out.write_all(b"\\\""),
            CharEscape::ReverseSolidus => out.write_all(b"\\\\"),
            CharEscape::Solidus => out.write_all(b"/"),
            CharEscape::Backspace => out.write_all(b"\\b"),
            CharEscape::FormFeed => out.write_all(b"\\f"),
            CharEscape::LineFeed => out.write_all(b"\\n"),
            CharEscape::CarriageReturn => out.write_all(b"\\r"),
            CharEscape::Tab => out.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(out, "\\u{byte:04x}"),
        }
    }

    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && size < 1e-6 {
            write!(out, "{value:e}")
        } else if size >= 1e21 {
            plus_exponent(out, &format!("{value:e}"))
        } else {
            write!(out, "{value}")
        }
    }

    fn write_f32<W: ?Sized + Write>(&mut self, out: &mut W, value: f32) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && size < 1e-6 {
            write!(out, "{value:e}")
        } else if size >= 1e21 {
            plus_exponent(out, &format!("{value:e}"))
        } else {
            write!(out, "{value}")
        }
    }
}

/// `1e21` as Go writes it: `1e+21`.
fn plus_exponent<W: ?Sized + Write>(out: &mut W, number: &str) -> io::Result<()> {
    match number.split_once('e') {
        Some((mantissa, exponent)) => write!(out, "{mantissa}e+{exponent}"),
        None => out.write_all(number.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn text<T: Serialize>(value: T) -> String {
        String::from_utf8(to_vec(&value)).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        let f = |value: &str, want: &str| assert_eq!(text(value), want);
        f("a<b>&c", r#""a\u003cb\u003e\u0026c""#);
        f("\u{2028}\u{2029}\u{2027}", "\"\\u2028\\u2029\u{2027}\"");
        f("\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\"");
        f("\"\\/", r#""\"\\/""#);
        f("é\u{e2}", "\"é\u{e2}\"");
    }

    #[test]
    fn floats_are_written_as_go_does() {
        let f = |value: f64, want: &str| assert_eq!(text(value), want);
        f(0.0, "0");
        f(1.0, "1");
        f(-2.5, "-2.5");
        f(0.1, "0.1");
        f(1e-6, "0.000001");
        f(1e-7, "1e-7");
        f(1.5e-10, "1.5e-10");
        f(1e20, "100000000000000000000");
        f(1e21, "1e+21");
        f(-1.25e22, "-1.25e+22");
        f(f64::NAN, "null");
    }

    #[test]
    fn short_floats_stay_short() {
        let f = |value: f32, want: &str| assert_eq!(text(value), want);
        f(0.1, "0.1");
        f(16.7, "16.7");
        f(0.0, "0");
        f(1e-7, "1e-7");
        f(1e21, "1e+21");
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[<>&\u{2028}\u{2029}\u{0}-\u{20}a\\\\\"]*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in values()) {
            prop_assert_eq!(serde_json::from_slice::<Value>(&to_vec(&value)).unwrap(), value);
        }

        #[test]
        fn floats_read_back(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            let text = text(value);
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
            prop_assert!(!text.ends_with(".0"));
        }
    }
}
