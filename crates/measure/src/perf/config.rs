//! The configuration: which events are counted, in cAdvisor's JSON.
//!
//! ```json
//! {"core":   {"events": ["context-switches", ["cycles", "instructions"], "retired"],
//!             "custom_events": [{"type": 4, "config": ["0x5300c0"], "name": "retired"}]},
//!  "uncore": {"events": ["uncore_imc/cas_count_read"]}}
//! ```

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

/// Which events are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// On the CPUs, for each container.
    pub core: Events,
    /// Beside the CPUs, for the machine.
    pub uncore: Events,
}

/// Events of one sort.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Names; those of one group are counted together or not at all.
    pub groups: Vec<Vec<String>>,
    /// Events that have a number instead of a name that the kernel knows.
    pub custom: Vec<Custom>,
}

/// An event by its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Custom {
    /// What the groups call it.
    pub name: String,
    /// `perf_event_attr.type`; 0 where the prefix of an uncore event chooses the PMU.
    pub kind: u32,
    /// `config`, `config1`, `config2`.
    pub config: [u64; 3],
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is no JSON, or not of this shape.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// It is JSON of another sort.
    #[error("expected an object with \"core\" or \"uncore\"")]
    NoObject,
    /// A number of a custom event.
    #[error("custom event {name:?}: {what}")]
    Custom {
        /// The event.
        name: String,
        /// What would be right.
        what: String,
    },
    /// A list without a name in it.
    #[error("an empty group among the events; a group is a list of names")]
    EmptyGroup,
    /// Nothing to count.
    #[error("no events: expected names in \"events\" of \"core\" or \"uncore\"")]
    Nothing,
}

impl Config {
    /// Takes cAdvisor's JSON.
    ///
    /// # Errors
    /// It is something else, a number is none, or it has no events.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        // to serde a list of values is as good as an object of them
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(ConfigError::NoObject);
        }
        let raw: RawConfig = serde_json::from_slice(text)?;
        let config = Self { core: events(raw.core)?, uncore: events(raw.uncore)? };
        if config.core.groups.is_empty() && config.uncore.groups.is_empty() {
            return Err(ConfigError::Nothing);
        }
        Ok(config)
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object with \"core\" or \"uncore\"")]
struct RawConfig {
    #[serde(default)]
    core: Option<RawEvents>,
    #[serde(default)]
    uncore: Option<RawEvents>,
}

#[derive(Default, Deserialize)]
#[serde(expecting = "an object with \"events\"")]
struct RawEvents {
    #[serde(default)]
    events: Option<Vec<Group>>,
    #[serde(default)]
    custom_events: Option<Vec<RawCustom>>,
}

#[derive(Deserialize)]
#[serde(expecting = "a custom event: an object with \"type\", \"config\" and \"name\"")]
struct RawCustom {
    #[serde(default, rename = "type")]
    kind: u32,
    config: Vec<String>,
    name: String,
}

/// A name or a list of names.
struct Group(Vec<String>);

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Group;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of an event, or a list of names that are counted together")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Group, E> {
                Ok(Group(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Group, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(Group(names))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

fn events(raw: Option<RawEvents>) -> Result<Events, ConfigError> {
    let raw = raw.unwrap_or_default();
    let groups: Vec<_> = raw.events.unwrap_or_default().into_iter().map(|group| group.0).collect();
    if groups.iter().any(Vec::is_empty) {
        return Err(ConfigError::EmptyGroup);
    }
    let custom = raw.custom_events.unwrap_or_default().into_iter().map(custom).collect::<Result<_, _>>()?;
    Ok(Events { groups, custom })
}

fn custom(raw: RawCustom) -> Result<Custom, ConfigError> {
    let wrong = |what: String| ConfigError::Custom { name: raw.name.clone(), what };
    if !(1..=3).contains(&raw.config.len()) {
        return Err(wrong(format!(
            "expected 1 to 3 numbers in \"config\" (config, config1, config2), found {}",
            raw.config.len()
        )));
    }
    let mut config = [0; 3];
    for (word, text) in config.iter_mut().zip(&raw.config) {
        *word = number(text)
            .ok_or_else(|| wrong(format!("expected a number such as \"0x5300c0\", found {text:?}")))?;
    }
    Ok(Custom { kind: raw.kind, config, name: raw.name })
}

/// A number as Go reads it when the text says the base: `0x1f`, `0b11`, `0o17`, `017`, `1_000`.
pub(super) fn number(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, base) = match lower.as_bytes() {
        [b'0', b'x', ..] => (lower.get(2..)?, 16),
        [b'0', b'b', ..] => (lower.get(2..)?, 2),
        [b'0', b'o', ..] => (lower.get(2..)?, 8),
        [b'0', _, ..] => (lower.get(1..)?, 8),
        _ => (lower.as_str(), 10),
    };
    // a `_` stands between digits, or after the base
    if digits.starts_with('+') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    if base == 10 && digits.starts_with('_') {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), base).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    /// The configuration of cAdvisor's documentation for a machine with hardware counters.
    const HARDWARE: &str = r#"{
        "core": {
            "events": [["instructions", "instructions_retired"], "cycles"],
            "custom_events": [{"type": 4, "config": ["0x5300c0"], "name": "instructions_retired"}]
        },
        "uncore": {
            "events": ["cas_count_write", "uncore_imc_0/UNC_M_CAS_COUNT:RD"],
            "custom_events": [{"type": 18, "config": ["0x5300", "0b11", "7"], "name": "cas_count_write"}]
        }
    }"#;

    #[test]
    fn cadvisors_own_configuration_is_taken() {
        let config = parse(HARDWARE).unwrap();
        assert_eq!(config.core.groups, [vec!["instructions", "instructions_retired"], vec!["cycles"]]);
        let retired = Custom { name: "instructions_retired".into(), kind: 4, config: [0x53_00c0, 0, 0] };
        assert_eq!(config.core.custom, [retired]);
        assert_eq!(config.uncore.groups.len(), 2);
        assert_eq!(config.uncore.custom[0].config, [0x5300, 3, 7]);
    }

    #[test]
    fn a_part_may_be_left_out() {
        for text in [
            r#"{"core":{"events":["cs"]}}"#,
            r#"{"core":{"events":["cs"],"custom_events":null},"uncore":null,"more":1}"#,
        ] {
            let config = parse(text).unwrap();
            assert_eq!(config.core.groups, [["cs"]]);
            assert_eq!((config.core.custom.len(), config.uncore.groups.len()), (0, 0));
        }
    }

    #[test]
    fn a_fault_says_what_would_be_right() {
        let f = |text, said: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        };
        f("[]", "expected an object");
        f("7", "expected an object");
        f("", "EOF");
        f("{}", "no events");
        f(r#"{"core":{"events":[],"custom_events":[]}}"#, "no events");
        f(r#"{"core":{"events":[[]]}}"#, "an empty group");
        f(r#"{"core":{"events":[7]}}"#, "the name of an event, or a list of names");
        f(r#"{"core":{"events":[["a",["b"]]]}}"#, "expected a string");
        f(
            r#"{"core":{"events":["a"],"custom_events":[{"name":"a","config":["0x"]}]}}"#,
            "custom event \"a\": expected a number such as",
        );
        f(r#"{"core":{"events":["a"],"custom_events":[{"name":"a","config":[]}]}}"#, "1 to 3 numbers");
        f(
            r#"{"core":{"events":["a"],"custom_events":[{"name":"a","config":["1","1","1","1"]}]}}"#,
            "found 4",
        );
    }

    #[test]
    fn numbers_have_gos_bases() {
        let f = |text, value| assert_eq!(number(text), value, "{text}");
        f("0", Some(0));
        f("0x5300C0", Some(0x53_00c0));
        f("0B101", Some(5));
        f("0o17", Some(15));
        f("017", Some(15));
        f("1_000", Some(1000));
        f("0x_ff", Some(255));
        f("18446744073709551615", Some(u64::MAX));
        f("18446744073709551616", None);
        f("", None);
        f("0x", None);
        f("08", None);
        f("_1", None);
        f("1__0", None);
        f("1_", None);
        f("+1", None);
        f("-1", None);
        f("ü", None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<Vec<u8>>()) {
            let _ = Config::parse(&text);
        }

        #[test]
        fn printed_numbers_are_read_back(value in any::<u64>()) {
            for text in [format!("{value}"), format!("{value:#x}"), format!("{value:#b}"), format!("{value:#o}")] {
                prop_assert_eq!(number(&text), Some(value));
            }
        }

        #[test]
        fn names_come_through(groups in prop::collection::vec(prop::collection::vec("\\PC{1,12}", 1..4), 1..5)) {
            let text = serde_json::json!({"core": {"events": groups}}).to_string();
            prop_assert_eq!(parse(&text).unwrap().core.groups, groups);
        }
    }
}
