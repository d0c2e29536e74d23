//! Names in units' names, where systemd writes what may not stand there as `\xNN`.

/// The name that was escaped. `-` stands for `/` in units of paths only, and stays here.
pub fn unescape(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match tail.first_chunk::<3>().filter(|_| byte == b'\\').and_then(hex) {
            Some(value) => {
                out.push(value);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex([x, high, low]: &[u8; 3]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if *x == b'x' { Some(digit(*high)? << 4 | digit(*low)?) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_the_rest_stays() {
        for (escaped, name) in [
            (r"qemu\x2d1\x2dweb", "qemu-1-web"),
            ("a-b", "a-b"),
            (r"a\x2", r"a\x2"),
            (r"\xzz\", r"\xzz\"),
            (r"\xc3\xa9", "é"),
            ("", ""),
        ] {
            assert_eq!(unescape(escaped), name);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_is_read_back(name in "\\PC*") {
            let escaped: String = name.bytes().map(|byte| format!(r"\x{byte:02x}")).collect();
            proptest::prop_assert_eq!(unescape(&escaped), name.clone());
            let _ = unescape(&name);
        }
    }
}
