//! Go's `flag` grammar over the list of flags.
//!
//! Scripts that start cAdvisor rely on it: one or two dashes, `-x=v`, `-x v`, a bool that never takes
//! the next word, `--` or the first other word ending it all. No parser that we know of speaks it.

use std::ffi::OsString;
use std::time::Duration;

use super::draft::Draft;
use super::flag::{Flag, Section, Set, Status};
use super::value::{self, print_duration};
use super::{UsageError, suggest};

/// The flags that a command knows.
pub(super) struct Book {
    sections: Vec<&'static Section>,
    // pflag's habit: `-` and `_` in a name are the same
    alike: bool,
}

impl Book {
    /// Where sections share a name, the first has it.
    pub(super) fn new(sections: impl IntoIterator<Item = &'static Section>) -> Self {
        Self { sections: sections.into_iter().collect(), alike: false }
    }

    /// One whose names may be written with `-` or `_`.
    pub(super) fn alike(sections: &'static [Section]) -> Self {
        Self { alike: true, ..Self::new(sections) }
    }

    fn flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.sections.iter().flat_map(|section| section.flags)
    }

    fn find(&self, name: &str) -> Option<&'static Flag> {
        let plain = |name: &str| name.replace('_', "-");
        self.flags().find(|flag| flag.name == name || (self.alike && plain(flag.name) == plain(name)))
    }
}

/// How the walk over the words ended.
pub(super) enum End {
    /// All flags are taken; these words are left, and the flag before them if it was a bare bool.
    Rest(Vec<String>, Option<&'static Flag>),
    /// `-h`, `-help`.
    Help,
}

/// Sets every flag in `words` on the draft. Stops at the first fault, as Go does.
pub(super) fn walk(
    draft: &mut Draft,
    book: &Book,
    words: impl Iterator<Item = OsString>,
) -> Result<End, UsageError> {
    let mut words = words.fuse();
    let mut given: Vec<(&'static Flag, String)> = Vec::new();
    let mut bare_bool = None;
    let rest = loop {
        let Some(word) = words.next() else { break None };
        let Some(word) = word.to_str() else { break Some(word) };
        let name = match word.as_bytes() {
            b"--" => break None,
            [b'-', b'-', ..] => word.get(2..).unwrap_or_default(),
            [b'-', _, ..] => word.get(1..).unwrap_or_default(),
            _ => break Some(word.into()),
        };
        if name.starts_with(['-', '=']) {
            return Err(UsageError::new(format!("bad flag syntax: {word}")));
        }
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let flag = match book.find(name) {
            Some(flag) => flag,
            None if name == "h" || name == "help" => return Ok(End::Help),
            None => return Err(unknown(name, book)),
        };
        bare_bool = (value.is_none() && matches!(flag.set, Set::Bool(_))).then_some(flag);
        let value = match (flag.set, value) {
            (_, Some(value)) => value,
            (Set::Bool(_), None) => "true".to_owned(),
            (_, None) => {
                let value = words.next().ok_or_else(|| missing(flag))?;
                value.into_string().map_err(|value| not_text(flag, &value))?
            }
        };
        set_value(draft, flag, &value)?;
        given.retain(|(known, _)| known.name != flag.name);
        given.push((flag, value));
    };
    tell_idle(draft, &given);
    let rest = rest.into_iter().chain(words).map(|word| word.to_string_lossy().into_owned()).collect();
    Ok(End::Rest(rest, bare_bool))
}

fn set_value(draft: &mut Draft, flag: &Flag, text: &str) -> Result<(), UsageError> {
    put(draft, flag, text).map_err(|reason| {
        let expected = flag.set.expected();
        let hint = if expected.is_empty() { String::new() } else { format!("\nexpected {expected}") };
        let (kind, of) = match flag.set {
            Set::Bool(_) => ("boolean value", "for"),
            _ => ("value", "for flag"),
        };
        UsageError::new(format!("invalid {kind} {text:?} {of} -{}: {reason}{hint}", flag.name))
    })
}

fn put(draft: &mut Draft, flag: &Flag, text: &str) -> Result<(), String> {
    match flag.set {
        Set::Bool(set) => set(draft, value::boolean(text).map_err(|e| e.to_string())?),
        Set::Int(set) => set(draft, value::integer(text).map_err(|e| e.to_string())?),
        Set::Uint(set) => set(draft, value::unsigned(text).map_err(|e| e.to_string())?),
        Set::Float(set) => set(draft, value::float(text).map_err(|e| e.to_string())?),
        Set::Duration(set) => {
            let nanos = value::duration(text).map_err(|e| e.to_string())?;
            let duration = u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos);
            if nanos < 0 {
                draft.warn(format!("-{}: {text} is taken as {}", flag.name, print_duration(duration)));
            }
            set(draft, duration);
        }
        Set::Text(set) => set(draft, text.to_owned()),
        Set::List(set) => set(draft, value::list(text)),
        Set::Own(_, set) => set(draft, text)?,
    }
    Ok(())
}

fn unknown(name: &str, book: &Book) -> UsageError {
    let mut message = format!("flag provided but not defined: -{name}");
    if let Some(near) = suggest::nearest(name, book.flags().map(|flag| flag.name)) {
        message.push_str(&format!("\ndid you mean -{near}?"));
    }
    UsageError::new(message)
}

fn missing(flag: &Flag) -> UsageError {
    UsageError::new(format!("flag needs an argument: -{}", flag.name))
}

fn not_text(flag: &Flag, value: &std::ffi::OsStr) -> UsageError {
    UsageError::new(format!("invalid value {value:?} for flag -{}: not UTF-8", flag.name))
}

/// One notice a reason, and not one a flag: `-a, -b: no effect: why`. A flag that asks for what is so
/// anyway (`-logtostderr`, which every old script has) needs none.
fn tell_idle(draft: &mut Draft, given: &[(&'static Flag, String)]) {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for (flag, value) in given {
        let Status::Accepted(reason) = flag.status else { continue };
        if asks_for_default(flag, value) {
            continue;
        }
        let name = format!("-{}", flag.name);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    for (reason, names) in reasons {
        draft.warn(format!("{}: no effect: {reason}", names.join(", ")));
    }
}

fn asks_for_default(flag: &Flag, value: &str) -> bool {
    match flag.set {
        Set::Bool(_) => value::boolean(value) == value::boolean(flag.default),
        Set::Duration(_) => value::duration(value) == value::duration(flag.default),
        _ => value == flag.default,
    }
}
