//! JSON with lines and indents of two spaces, from JSON without, piece by piece.

/// Where in a text it is.
#[derive(Default)]
pub(in super::super) struct Indenter {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// A bracket was opened and nothing has followed.
    opened: bool,
}

impl Indenter {
    /// Appends a piece of compact JSON.
    pub(in super::super) fn push(&mut self, compact: &[u8], out: &mut Vec<u8>) {
        for &byte in compact {
            if self.in_string {
                out.push(byte);
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            let closes = matches!(byte, b'}' | b']');
            if std::mem::take(&mut self.opened) {
                // an empty object or list stays in its line
                if closes {
                    self.depth = self.depth.saturating_sub(1);
                    out.push(byte);
                    continue;
                }
                self.line(out);
            } else if closes {
                self.depth = self.depth.saturating_sub(1);
                self.line(out);
            }
            out.push(byte);
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    self.opened = true;
                }
                b',' => self.line(out),
                b':' => out.push(b' '),
                _ => {}
            }
        }
    }

    fn line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
        (0..self.depth).for_each(|_| out.extend_from_slice(b"  "));
    }
}

/// The whole of it.
pub(in super::super) fn indented(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    Indenter::default().push(compact, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn it_is_what_the_api_server_writes() {
        let compact = r#"{"a":{},"b":[],"c":[1,{"d":"x,:{}[]\"\\"}],"e":null}"#;
        let wanted = "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": [\n    1,\n    {\n      \"d\": \"x,:{}[]\\\"\\\\\"\n    }\n  ],\n  \"e\": null\n}";
        assert_eq!(String::from_utf8(indented(compact.as_bytes())).unwrap(), wanted);
    }

    proptest! {
        #[test]
        fn it_is_serdes_whatever_the_pieces(
            keys in prop::collection::btree_map("\\PC{0,6}", prop::collection::vec("[\\PC\"\\\\]{0,8}", 0..4), 0..5),
            cut in 0_usize..200,
        ) {
            let value = serde_json::json!({ "all": keys, "none": {}, "n": [1.5, [[]], true] });
            let compact = serde_json::to_vec(&value).unwrap();
            let (first, second) = compact.split_at(cut.min(compact.len()));
            let (mut indenter, mut out) = (Indenter::default(), Vec::new());
            indenter.push(first, &mut out);
            indenter.push(second, &mut out);
            prop_assert_eq!(&out, &serde_json::to_vec_pretty(&value).unwrap());
            prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), value);
        }
    }
}
