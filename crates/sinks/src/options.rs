//! A sink's options: read once each, by who knows them.

use plimsoll_client::TlsError;
use plimsoll_core::cluster::uri::Uri;

/// Why a sink cannot be made. Values of options are only shown where they are no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Heapster's sink in memory.
    #[error("sink metric: the newest rounds are always kept in memory; leave it out")]
    Kept,
    /// One for events.
    #[error("sink {key} ships events, not metrics")]
    Events {
        /// Its key.
        key: String,
    },
    /// One of Heapster's that is not there yet.
    #[error("sink {key} comes later; there are {known}")]
    Later {
        /// Its key.
        key: String,
        /// Those that are there.
        known: String,
    },
    /// None of a sink.
    #[error("no sink {key}{}here are {known}", match meant { Some(meant) => format!(": did you mean {meant}? T"), None => "; t".to_owned() })]
    Unknown {
        /// The key.
        key: String,
        /// A key that is like it.
        meant: Option<&'static str>,
        /// Those that are there.
        known: String,
    },
    /// An option, or where the sink is, cannot be used.
    #[error("sink {key}: {what}: expected {wanted}, got {got:?}")]
    Value {
        /// The sink.
        key: String,
        /// The option's name.
        what: &'static str,
        /// What would be right.
        wanted: String,
        /// What was there.
        got: String,
    },
    /// An option that must be there is not.
    #[error("sink {key}: option {what} is missing: {why}")]
    Missing {
        /// The sink.
        key: String,
        /// The option's name.
        what: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// TLS cannot be set up.
    #[error("sink {key}: {cause}")]
    Tls {
        /// The sink.
        key: String,
        /// What is wrong.
        cause: TlsError,
    },
}

/// The options of a word, with the account of who asked for which.
pub(crate) struct Options<'a> {
    uri: &'a Uri,
    known: Vec<&'static str>,
    notices: Vec<String>,
}

impl<'a> Options<'a> {
    pub(crate) fn new(uri: &'a Uri) -> Self {
        Self { uri, known: Vec::new(), notices: Vec::new() }
    }

    pub(crate) fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// A text, as it stands there.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<&'a str> {
        self.known.push(name);
        self.uri.option(name)
    }

    /// A name that must not be empty.
    pub(crate) fn name(&mut self, name: &'static str) -> Result<Option<&'a str>, BuildError> {
        match self.text(name) {
            Some("") => Err(self.wrong(name, "a name", "")),
            found => Ok(found),
        }
    }

    /// Yes or no, in the words that Go takes.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, BuildError> {
        match self.text(name) {
            None => Ok(None),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
            Some(other) => Err(self.wrong(name, "true or false", other)),
        }
    }

    /// A whole number from 1 to `most`.
    pub(crate) fn count(&mut self, name: &'static str, most: usize) -> Result<Option<usize>, BuildError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(Some(count)),
            _ => Err(self.wrong(name, format!("a number from 1 to {most}"), text)),
        }
    }

    /// An error about this option or the place.
    pub(crate) fn wrong(&self, what: &'static str, wanted: impl Into<String>, got: &str) -> BuildError {
        BuildError::Value { key: self.uri.key.clone(), what, wanted: wanted.into(), got: got.to_owned() }
    }

    /// An error about an option that is not there.
    pub(crate) fn missing(&self, what: &'static str, why: &'static str) -> BuildError {
        BuildError::Missing { key: self.uri.key.clone(), what, why }
    }

    /// Something that the user should know.
    pub(crate) fn notice(&mut self, text: impl std::fmt::Display) {
        self.notices.push(format!("sink {}: {text}", self.uri.key));
    }

    /// Says of each of these options, where it is given, that it does nothing.
    pub(crate) fn without_effect(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            if self.text(name).is_some() {
                self.notice(format_args!("option {name} has no effect {why}"));
            }
        }
    }

    /// What the user should know, options that nobody asked for included.
    pub(crate) fn notices(mut self) -> Vec<String> {
        let mut seen: Vec<&str> = self.known.clone();
        for (name, _) in &self.uri.query {
            if seen.contains(&name.as_str()) {
                continue;
            }
            seen.push(name);
            let meant = nearest(name, self.known.iter().copied());
            let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
            let text = format!("sink {}: option {name} is not known and has no effect{meant}", self.uri.key);
            self.notices.push(text);
        }
        self.notices
    }
}

/// The name that was probably meant: few changes for its length, or the beginning of it.
pub(crate) fn nearest(typed: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let typed = typed.to_lowercase();
    let changes = |name: &'static str| {
        let lower = name.to_lowercase();
        let shortened = typed.len() > 2 && (lower.starts_with(&typed) || typed.starts_with(&lower));
        (if shortened { 1 } else { strsim::levenshtein(&typed, &lower) }, name)
    };
    let near =
        names.map(changes).filter(|(changes, _)| *changes <= 1 + typed.len() / 4 && *changes < typed.len());
    near.min_by_key(|(changes, _)| *changes).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_by_their_sort() {
        let uri = Uri::parse("s:?a=true&b=nope&n=3&m=0&e=", |_| None).unwrap();
        let mut options = Options::new(&uri);
        assert_eq!(options.flag("a"), Ok(Some(true)));
        assert_eq!(options.flag("none"), Ok(None));
        assert_eq!(options.count("n", 9), Ok(Some(3)));
        let text = |error: BuildError| error.to_string();
        let error = options.flag("b").map_err(text);
        assert_eq!(error, Err("sink s: b: expected true or false, got \"nope\"".to_owned()));
        let error = options.count("m", 9).map_err(text);
        assert_eq!(error, Err("sink s: m: expected a number from 1 to 9, got \"0\"".to_owned()));
        assert!(options.count("n", 2).is_err() && options.name("e").is_err());
        options.without_effect(&["a", "none2"], "here");
        assert_eq!(options.notices(), ["sink s: option a has no effect here"]);
    }
}
