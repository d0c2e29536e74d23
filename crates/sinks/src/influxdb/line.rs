//! InfluxDB's line protocol: `measurement,tag=value field=1i,other=2.5 nanoseconds`.

use plimsoll_core::cluster::batch::Value;

/// Appends a measurement's name.
pub(super) fn measurement(out: &mut Vec<u8>, text: &str) {
    escaped(out, text, false);
}

/// Appends the name of a tag or a field, or a tag's value.
pub(super) fn word(out: &mut Vec<u8>, text: &str) {
    escaped(out, text, true);
}

/// Appends a field's value. `false`, and nothing is appended, for what the protocol has no word for: infinite, not a
/// number.
pub(super) fn value(out: &mut Vec<u8>, value: Value) -> bool {
    match value {
        Value::Int(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            out.push(b'i');
            true
        }
        Value::Float(value) if value.is_finite() => {
            out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
            true
        }
        Value::Float(_) => false,
    }
}

/// Special characters get a backslash. A backslash itself cannot be escaped: before a special character and at the end
/// it would escape what follows it, and becomes a slash. Lines cannot have line ends in them: they become spaces.
fn escaped(out: &mut Vec<u8>, text: &str, equals: bool) {
    // nearly every name; one pass without a branch a byte
    if !text.bytes().fold(false, |odd, byte| odd | matches!(byte, b',' | b' ' | b'=' | b'\\' | b'\n' | b'\r'))
    {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut backslashes = 0;
    for byte in text.bytes() {
        let byte = if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
        if matches!(byte, b',' | b' ') || (equals && byte == b'=') {
            mend(out, backslashes);
            out.push(b'\\');
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        out.push(byte);
    }
    mend(out, backslashes);
}

/// The last bytes, which are backslashes, become slashes.
fn mend(out: &mut [u8], backslashes: usize) {
    out.iter_mut().rev().take(backslashes).for_each(|byte| *byte = b'/');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_escaped() {
        let f = |text: &str, of_measurement: &str, of_word: &str| {
            assert_eq!(written(|out| measurement(out, text)), of_measurement);
            assert_eq!(written(|out| word(out, text)), of_word);
        };
        f("cpu/usage_rate", "cpu/usage_rate", "cpu/usage_rate");
        f("a b,c=d", r"a\ b\,c=d", r"a\ b\,c\=d");
        f("two\nlines\r", r"two\ lines\ ", r"two\ lines\ ");
        f(
            r"system.slice/dev\x2duuid.mount",
            r"system.slice/dev\x2duuid.mount",
            r"system.slice/dev\x2duuid.mount",
        );
        f(r"a\\b\, c\", r"a\\b/\,\ c/", r"a\\b/\,\ c/");
        f("\"quoted\" äöü", "\"quoted\"\\ äöü", "\"quoted\"\\ äöü");
    }

    #[test]
    fn values_say_their_sort() {
        let f = |number, text: Option<&str>| {
            let mut out = Vec::new();
            let there = value(&mut out, number);
            assert_eq!(there.then(|| String::from_utf8(out).unwrap()).as_deref(), text);
        };
        f(Value::Int(12), Some("12i"));
        f(Value::Int(i64::MIN), Some("-9223372036854775808i"));
        f(Value::Float(2.0), Some("2.0"));
        f(Value::Float(-0.1), Some("-0.1"));
        f(Value::Float(1e300), Some("1e300"));
        f(Value::Float(f64::NAN), None);
        f(Value::Float(f64::INFINITY), None);
    }

    /// Splits as the server does: a backslash takes the next byte with it.
    fn split(line: &str, stops: &str) -> Vec<String> {
        let (mut parts, mut chars) = (vec![String::new()], line.chars());
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    parts.last_mut().unwrap().push(c);
                    parts.last_mut().unwrap().extend(chars.next());
                }
                c if stops.contains(c) => parts.push(String::new()),
                c => parts.last_mut().unwrap().push(c),
            }
        }
        parts
    }

    proptest! {
        #[test]
        fn a_name_never_ends_before_its_end(text in r#"[a\\ ,=\n"é/]{0,12}"#, other in r#"[b\\ ,=]{0,6}"#) {
            let line = written(|out| { word(out, &text); out.push(b','); word(out, &other); out.push(b' '); out.push(b'x') });
            let parts = split(&line, ", ");
            prop_assert_eq!(parts.len(), 3, "{}", line);
            let plain = |text: &str| text.replace("\\,", ",").replace("\\ ", " ").replace("\\=", "=");
            // nothing but backslashes and line ends changes
            let same = |got: &str, text: &str| plain(got).chars().zip(text.chars()).all(|(a, b)| a == b
                || (a == '/' && b == '\\') || (a == ' ' && b == '\n'))
                && plain(got).chars().count() == text.chars().count();
            prop_assert!(same(&parts[0], &text), "{:?} {:?}", parts, text);
            prop_assert!(same(&parts[1], &other), "{:?} {:?}", parts, other);
        }
    }
}
