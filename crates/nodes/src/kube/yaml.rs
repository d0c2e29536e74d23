//! YAML as a tree, for files that people write: scalars stay texts, and what they mean is said by who reads them.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Bytes of a file.
pub(super) const LARGEST: usize = 16 << 20;
/// Bytes of a tree, some for each node, with those that aliases repeat.
const MOST: usize = 64 << 20;
/// Bytes of a node without its text.
const BARE: usize = 48;
/// Nodes above one another.
const DEEPEST: usize = 100;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// Nothing, `null` or `~`.
    Nothing,
    /// A scalar.
    Text {
        /// What it is without its quotes.
        text: String,
        /// Whether there were none, so that it may be a number.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Self>),
    /// A mapping, in the file's order.
    Fields(Vec<(String, Self)>),
}

/// A list or mapping whose end has not come.
enum Open {
    List(Vec<Node>),
    Fields { fields: Vec<(String, Node)>, key: Option<String> },
}

impl Node {
    /// The first document of a text; nothing where there is none.
    ///
    /// # Errors
    /// It is no YAML, a key comes twice or is no text, or it is too large; in words, with the place.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::default();
        for next in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
            let (event, span) = next.map_err(|error| error.to_string())?;
            let done = reader.take(event).map_err(|error| {
                format!("{error} at line {} column {}", span.start.line(), span.start.col() + 1)
            })?;
            if done {
                break;
            }
        }
        Ok(reader.root.unwrap_or(Self::Nothing))
    }

    /// A field of a mapping.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Fields(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What JSON has for it: plain scalars may be numbers, true and false.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text { text, plain: false } => Value::String(text.clone()),
            Self::Text { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Value::Bool(true),
                "false" | "False" | "FALSE" => Value::Bool(false),
                text => serde_json::from_str::<Number>(text)
                    .map_or_else(|_| Value::String(text.to_owned()), Value::Number),
            },
            Self::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Self::Fields(fields) => {
                let fields = fields.iter().map(|(key, value)| (key.clone(), value.json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// Bytes, some for each node.
    fn size(&self) -> usize {
        BARE + match self {
            Self::Nothing => 0,
            Self::Text { text, .. } => text.len(),
            Self::List(items) => items.iter().map(Self::size).sum(),
            Self::Fields(fields) => fields.iter().map(|(key, value)| key.len() + value.size()).sum(),
        }
    }
}

#[derive(Default)]
struct Reader {
    /// Each with the number of its anchor, zero without one.
    open: Vec<(Open, usize)>,
    /// With their sizes.
    anchors: HashMap<usize, (Node, usize)>,
    size: usize,
    root: Option<Node>,
}

impl Reader {
    /// Takes an event; true at the document's end.
    fn take(&mut self, event: Event<'_>) -> Result<bool, String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // a tag says what it is: a text, as far as it matters here
                let plain = matches!(style, ScalarStyle::Plain) && tag.is_none();
                let nothing = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                self.counted(BARE + text.len())?;
                let key = self.waits_for_key();
                let node = match nothing && !key {
                    true => Node::Nothing,
                    false => Node::Text { text: text.into_owned(), plain },
                };
                self.put(node, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => self.begin(Open::List(Vec::new()), anchor)?,
            Event::MappingStart(_, anchor, _) => {
                self.begin(Open::Fields { fields: Vec::new(), key: None }, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((Open::List(items), anchor)) => self.put(Node::List(items), anchor)?,
                Some((Open::Fields { fields, .. }, anchor)) => self.put(Node::Fields(fields), anchor)?,
                None => {}
            },
            Event::Alias(anchor) => {
                // one that is still open is in nothing yet
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err("an alias inside of what it stands for".to_owned());
                };
                let size = *size;
                let node = if self.size + size > MOST { Node::Nothing } else { node.clone() };
                self.counted(size)?;
                self.put(node, 0)?;
            }
            Event::DocumentEnd => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    fn waits_for_key(&self) -> bool {
        matches!(self.open.last(), Some((Open::Fields { key: None, .. }, _)))
    }

    fn counted(&mut self, more: usize) -> Result<(), String> {
        self.size += more;
        if self.size > MOST { Err(format!("more than {MOST} bytes with its aliases")) } else { Ok(()) }
    }

    fn begin(&mut self, open: Open, anchor: usize) -> Result<(), String> {
        if self.waits_for_key() {
            return Err("a key is no text".to_owned());
        }
        if self.open.len() >= DEEPEST {
            return Err(format!("more than {DEEPEST} lists and mappings in one another"));
        }
        self.open.push((open, anchor));
        self.counted(BARE)
    }

    /// Puts a whole node where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            let size = node.size();
            self.counted(size)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Open::List(items), _)) => items.push(node),
            Some((Open::Fields { fields, key }, _)) => match key.take() {
                Some(key) => fields.push((key, node)),
                None => {
                    let Node::Text { text, .. } = node else { return Err("a key is no text".to_owned()) };
                    if fields.iter().any(|(known, _)| *known == text) {
                        return Err(format!("the key {text:?} comes twice"));
                    }
                    *key = Some(text);
                }
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn json(text: &str) -> Value {
        Node::parse(text).unwrap().json()
    }

    #[test]
    fn what_people_write_is_read() {
        let text = "# a comment\n%YAML 1.2\n---\nplain: a b\nquoted: '12'\nnumber: 12\nwide: -1.5e3\nyes: True\n\
            none: ~\nempty:\nodd: 0123\nlist: [1, \"a\\n\", {b: null}]\nblock: |\n  one\n  two\nsame: &x {k: v}\n\
            again: *x\n\"\": e\nnull: n\n...\nsecond\n";
        let wanted = json!({"plain": "a b", "quoted": "12", "number": 12, "wide": -1500.0, "yes": true, "none": null,
            "empty": null, "odd": "0123", "list": [1, "a\n", {"b": null}], "block": "one\ntwo\n", "same": {"k": "v"},
            "again": {"k": "v"}, "": "e", "null": "n"});
        assert_eq!(json(text.strip_prefix("# a comment\n").unwrap()), wanted);
        assert_eq!(json("[!!str 1, ! true, !x 2]"), json!(["1", "true", "2"]));
        assert_eq!(json(""), Value::Null);
        assert_eq!(json("\u{feff}{\"a\":\n\t[true]}"), json!({"a": [true]}));
        let node = Node::parse("a: {b: c}").unwrap();
        assert_eq!(node.field("a").and_then(|a| a.field("b")).map(Node::json), Some(json!("c")));
        assert_eq!(node.field("b").or(Node::Nothing.field("a")), None);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let wrong = |text: &str| Node::parse(text).unwrap_err();
        assert_eq!(wrong("a: 1\nb: 2\na: 3\n"), "the key \"a\" comes twice at line 3 column 1");
        assert_eq!(wrong("? [a]\n: b\n"), "a key is no text at line 1 column 3");
        assert_eq!(wrong("- &x [*x]"), "an alias inside of what it stands for at line 1 column 7");
        assert!(wrong("a: [1").contains("line"), "{}", wrong("a: [1"));
        assert!(wrong("a: *none").contains("unknown anchor"), "{}", wrong("a: *none"));
        let deep = format!("{}1{}", "[".repeat(DEEPEST + 1), "]".repeat(DEEPEST + 1));
        assert!(wrong(&deep).starts_with("more than 100 lists and mappings in one another"));
    }

    #[test]
    fn aliases_of_aliases_are_bounded() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..9 {
            let below = vec![format!("*a{}", at - 1); 10].join(", ");
            text.push_str(&format!("a{at}: &a{at} [{below}]\n"));
        }
        assert!(Node::parse(&text).unwrap_err().starts_with("more than 67108864 bytes with its aliases"));
    }

    /// JSON without numbers of a point, whose text may differ.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,20}|[ -~\n\t]{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{0,12}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_is_yaml(value in values()) {
            prop_assert_eq!(Node::parse(&value.to_string()).unwrap().json(), value);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}|[a-c:\\-?\\[\\]{}&*!|>'\" \n]{0,60}") {
            let _ = Node::parse(&text).map(|node| node.json());
        }
    }
}
