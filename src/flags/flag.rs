//! What one flag is: name, type, default, help, since when, what becomes of it.

use std::time::Duration;

use super::draft::Draft;

/// Flags that belong together.
#[derive(Debug)]
pub struct Section {
    /// Heading.
    pub title: &'static str,
    /// Its flags.
    pub flags: &'static [Flag],
}

/// One flag.
#[derive(Debug)]
pub struct Flag {
    /// Exact name, without dashes.
    pub name: &'static str,
    /// The value when it is not given, as it is printed and as the flag would take it.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// First cAdvisor minor version that has it; empty: it was always there. `ours` for our own.
    pub since: &'static str,
    /// What we do with it.
    pub status: Status,
    /// Type, and where the value goes.
    pub set: Set,
}

/// What becomes of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does what the help says.
    Works,
    /// It is taken, checked, and said once at start to do nothing, with the reason.
    Accepted(&'static str),
}

/// The types, each with the function that puts the value where it belongs. Those that return a
/// result refuse a value with a reason, as `unsupported metric "x" specified`.
#[derive(Clone, Copy, Debug)]
pub enum Set {
    /// Never takes the next word.
    Bool(fn(&mut Draft, bool)),
    /// 64 bits with sign.
    Int(fn(&mut Draft, i64)),
    /// 64 bits without.
    Uint(fn(&mut Draft, u64)),
    /// 64 bits.
    Float(fn(&mut Draft, f64)),
    /// A negative one is taken as zero.
    Duration(fn(&mut Draft, Duration)),
    /// As it stands.
    Text(fn(&mut Draft, String)),
    /// Comma-separated, trimmed.
    List(fn(&mut Draft, Vec<String>)),
    /// A grammar of its own.
    Own(&'static str, fn(&mut Draft, &str) -> Result<(), String>),
}

impl Set {
    /// The word for the type in help and documentation.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Float(_) => "float",
            Self::Duration(_) => "duration",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Own(name, _) => name,
        }
    }

    /// What a right value looks like, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number such as 10",
            Self::Uint(_) => "a whole number such as 10, not negative",
            Self::Float(_) => "a number such as 0.5",
            Self::Duration(_) => "a duration such as 10s or 1m30s",
            Self::Text(_) | Self::List(_) | Self::Own(..) => "",
        }
    }
}

impl Flag {
    pub(super) const fn new(name: &'static str, default: &'static str, set: Set, help: &'static str) -> Self {
        Self { name, default, help, since: "", status: Status::Works, set }
    }

    pub(super) const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }

    pub(super) const fn ours(self) -> Self {
        self.since(OURS)
    }

    pub(super) const fn accepted(mut self, reason: &'static str) -> Self {
        self.status = Status::Accepted(reason);
        self
    }

    /// Whether cAdvisor does not know it.
    pub fn is_ours(&self) -> bool {
        self.since == OURS
    }
}

const OURS: &str = "ours";
