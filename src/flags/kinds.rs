//! `-disable_metrics` and `-enable_metrics`: words to a set of kinds.

use plimsoll_core::kinds::{Kind, Kinds};

/// What one of the flags says.
pub(super) struct Words {
    /// The kinds.
    pub(super) set: Kinds,
    /// Whether any kind was named.
    pub(super) any: bool,
}

/// Reads a list of kinds; each flag replaces what an earlier one of the same name said.
pub(super) fn parse(text: &str) -> Result<Words, String> {
    let mut words = Words { set: Kinds::NONE, any: false };
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let kind = Kind::ALL.iter().copied().find(|kind| kind.name() == word).ok_or_else(|| unknown(word))?;
        words = Words { set: words.set.with(kind), any: true };
    }
    Ok(words)
}

fn unknown(word: &str) -> String {
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    format!("unsupported metric {word:?} specified\nthe metrics are: {}", known.join(" "))
}

/// The kinds that are on: those enabled, else all but those disabled, else the default.
pub(super) fn resolve(enable: Option<Kinds>, disable: Option<Kinds>) -> Kinds {
    match (enable, disable) {
        (Some(enabled), _) => enabled,
        (None, Some(disabled)) => Kind::ALL.iter().copied().filter(|kind| !disabled.has(*kind)).collect(),
        (None, None) => Kinds::default(),
    }
}
