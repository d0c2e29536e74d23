//! What the decoders' tests share, and what must hold for all of them.

use std::fmt::Write as _;
use std::path::PathBuf;

use plimsoll_core::cluster::batch::Value;
use proptest::prelude::*;

use super::*;

/// A node that answers, and where its names go.
pub(super) struct Desk {
    node: Arc<Node>,
    names: Names,
}

impl Desk {
    pub(super) fn of(name: &str) -> Self {
        let node = Arc::new(Node { name: name.into(), hostname: name.into(), ..Node::default() });
        Self { node, names: Names::default() }
    }

    pub(super) fn at(&self, at: &str) -> Reading<'_> {
        let at = Timestamp::parse(at).unwrap().unwrap();
        Reading { node: &self.node, names: &self.names, at }
    }
}

/// A set in a line: `key start time cpu/usage=1 filesystem/usage{/}=2 custom/x=3 image=i`; `-` for no time.
pub(super) fn shown(set: &Set) -> String {
    let time = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| at.to_string());
    let number = |value: Value| match value {
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
    };
    let mut line = format!("{} {} {}", set.key, time(set.started), time(set.scraped));
    for (metric, value) in set.values.iter() {
        write!(line, " {}={}", metric.name(), number(value)).unwrap();
    }
    for labeled in set.labeled() {
        let labels: Vec<_> = labeled.resource.labels().map(|(_, value)| value).collect();
        write!(line, " {}{{{}}}={}", labeled.metric.name(), labels.join(","), number(labeled.value)).unwrap();
    }
    for custom in set.custom() {
        write!(line, " {}={} {}", custom.name, number(custom.value), custom.kind.word()).unwrap();
    }
    if let Some(image) = &set.image {
        write!(line, " image={image}").unwrap();
    }
    line
}

pub(super) fn all_shown(sets: &[Set]) -> Vec<String> {
    sets.iter().map(shown).collect()
}

/// A file of the reference data beside the repository; says so and gives none where that is not there.
pub(super) fn reference(test: &str, file: &str) -> Option<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/cluster/data");
    let read = std::fs::read(folder.join(file)).ok();
    if read.is_none() {
        println!("SKIP {test}: {file} of the reference data is not beside the repository");
    }
    read
}

type Decode = fn(&[u8], &Reading<'_>) -> Result<Vec<Set>, DecodeError>;
const DECODERS: [Decode; 4] = [resource::decode, summary::decode, container::decode, cadvisor::decode];

const ANSWERS: [&[u8]; 4] = [
    include_bytes!("../testdata/resource.prom"),
    include_bytes!("../testdata/summary.json"),
    include_bytes!("../testdata/subcontainers.json"),
    include_bytes!("../testdata/cadvisor.prom"),
];

/// What every set must be.
fn check(sets: &[Set], reading: &Reading<'_>) {
    assert!(sets.len() <= ENTITIES + 1);
    let mut keys: Vec<_> = sets.iter().map(|set| &set.key).collect();
    keys.sort();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "a key twice");
    for set in sets {
        assert!(Arc::ptr_eq(set.node.as_ref().unwrap(), reading.node));
        assert!(set.values.int(Metric::Uptime).is_none_or(|uptime| uptime >= 0), "{}", shown(set));
        for at in [set.started, set.scraped].into_iter().flatten() {
            assert!(at.nanos() > 0, "{}", shown(set));
        }
    }
}

#[test]
fn other_answers_are_told_from_the_right_ones() {
    let desk = Desk::of("n");
    let reading = desk.at("2026-11-21T10:30:00Z");
    for (place, decode) in DECODERS.iter().enumerate() {
        for text in
            ["", "404 page not found\n", "{}", "[]", "null", "\"x\"", "{\"kind\":\"Status\"}", "\u{0}\u{ff}"]
        {
            let error = decode(text.as_bytes(), &reading).unwrap_err().to_string();
            assert!(error.starts_with("expected "), "{place} {text}: {error}");
        }
        assert!(decode(ANSWERS[place], &reading).unwrap().len() > 3);
    }
    let error = resource::decode(b"<html>\n<body>", &reading).unwrap_err().to_string();
    assert_eq!(error, r#"expected the kubelet's resource metrics, got "<html>""#);
}

#[test]
fn deep_and_long_answers_end() {
    let desk = Desk::of("n");
    let reading = desk.at("2026-11-21T10:30:00Z");
    for decode in [summary::decode, container::decode] {
        let deep = format!(r#"{{"node":{}"#, r#"{"x":["#.repeat(100_000));
        assert!(decode(deep.as_bytes(), &reading).is_err());
    }
    let many = |one: fn(usize) -> String| (0..ENTITIES + 2).map(one).collect::<Vec<_>>();
    let pods = many(|n| format!(r#"{{"podRef":{{"name":"p{n}","namespace":"a"}}}}"#));
    let text = format!(r#"{{"pods":[{}]}}"#, pods.join(","));
    assert_eq!(summary::decode(text.as_bytes(), &reading).unwrap_err(), DecodeError::TooMany);
    let containers = many(|n| format!(r#"{{"name":"/c{n}","stats":[{{}}]}}"#));
    let text = format!("[{}]", containers.join(","));
    assert_eq!(container::decode(text.as_bytes(), &reading).unwrap_err(), DecodeError::TooMany);
    let lines = many(|n| {
        format!(r#"container_memory_working_set_bytes{{container="c",namespace="a",pod="p{n}"}} 1"#)
    });
    assert_eq!(resource::decode(lines.join("\n").as_bytes(), &reading).unwrap_err(), DecodeError::TooMany);
    let lines = many(|n| format!(r#"container_memory_rss{{id="/{n}"}} 1"#));
    assert_eq!(cadvisor::decode(lines.join("\n").as_bytes(), &reading).unwrap_err(), DecodeError::TooMany);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let desk = Desk::of("n");
        let reading = desk.at("2026-11-21T10:30:00Z");
        for decode in DECODERS {
            if let Ok(sets) = decode(&bytes, &reading) {
                check(&sets, &reading);
            }
        }
    }

    /// Real answers with bytes changed, taken out and put in.
    #[test]
    fn no_broken_answer_panics(
        which in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<Option<u8>>(), any::<bool>()), 1..12),
    ) {
        let mut bytes = ANSWERS[which].to_vec();
        for (place, byte, insert) in changes {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match (byte, insert) {
                (Some(byte), true) => bytes.insert(place, byte),
                (Some(byte), false) => bytes[place] = byte,
                (None, true) => drop(bytes.remove(place)),
                (None, false) => bytes.truncate(place.max(1)),
            }
        }
        let desk = Desk::of("n");
        let reading = desk.at("2026-11-21T10:30:00Z");
        if let Ok(sets) = DECODERS[which](&bytes, &reading) {
            check(&sets, &reading);
        }
    }
}
