//! Reads the Prometheus text format, without mercy: what is not understood fails the test.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    pub at_millis: Option<i64>,
}

impl Sample {
    pub fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }
}

#[track_caller]
pub fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(sample).collect()
}

#[track_caller]
fn sample(line: &str) -> Sample {
    let bad = |why: &str| -> ! { panic!("{why}: {line}") };
    let name_ends = line.find(['{', ' ']).unwrap_or_else(|| bad("no value"));
    let (name, mut rest) = line.split_at(name_ends);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (key, after) = rest.split_once("=\"").unwrap_or_else(|| bad("no label value"));
            let (value, after) = quoted(after).unwrap_or_else(|| bad("no closing quote"));
            if labels.insert(key.to_owned(), value).is_some() {
                bad("a label twice");
            }
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let mut words = rest.split_whitespace();
    let value = words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| bad("no number"));
    let at_millis = words.next().map(|word| word.parse().unwrap_or_else(|_| bad("no timestamp")));
    Sample { name: name.to_owned(), labels, value, at_millis }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

/// Help and type of each family.
pub type Heads = BTreeMap<String, (String, String)>;

/// The comments of a text.
#[track_caller]
pub fn heads(text: &str) -> Heads {
    let mut heads = Heads::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some("#"), Some(kind), Some(family)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let own = heads.entry(family.to_owned()).or_default();
        let slot = match kind {
            "HELP" => &mut own.0,
            "TYPE" => &mut own.1,
            _ => continue,
        };
        assert!(slot.is_empty(), "{kind} of {family} stands twice");
        slot.push_str(words.next().unwrap_or_default());
    }
    heads
}
