//! `-event_storage_age_limit` and `-event_storage_event_limit`: `type=value`, comma-separated. A bad
//! item is passed over with a warning, as in cAdvisor; types that are not named keep the default.

use std::time::Duration;

use plimsoll_core::event::EventType;

use super::draft::Draft;
use super::settings::{Memory, PerType};
use super::value;

/// How long events are kept.
pub(super) fn ages(draft: &mut Draft, text: &str) {
    let read = |text: &str| {
        let nanos = value::duration(text).ok()?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    };
    let limits = limits(
        draft,
        "event_storage_age_limit",
        text,
        Memory::default().event_age,
        "a duration such as 24h",
        read,
    );
    draft.settings.memory.event_age = limits;
}

/// How many events are kept.
pub(super) fn counts(draft: &mut Draft, text: &str) {
    let read = |text: &str| text.parse().ok();
    let limits = limits(
        draft,
        "event_storage_event_limit",
        text,
        Memory::default().event_count,
        "a number such as 1000",
        read,
    );
    draft.settings.memory.event_count = limits;
}

fn limits<T: Copy>(
    draft: &mut Draft,
    flag: &str,
    text: &str,
    before: PerType<T>,
    wanted: &str,
    read: impl Fn(&str) -> Option<T>,
) -> PerType<T> {
    let mut default = None;
    let mut named = Vec::new();
    for item in value::list(text) {
        let (word, number) = item.split_once('=').unwrap_or((&item, ""));
        match (Name::find(word.trim()), read(number.trim())) {
            (Some(Name::Default), Some(limit)) => default = Some(limit),
            (Some(Name::Type(kind)), Some(limit)) => named.push((kind, limit)),
            (None, Some(_)) => draft.warn(format!(
                "-{flag}: passed over {item:?}: no such type; \
                 the types are oom, oomKill, containerCreation, containerDeletion, default"
            )),
            (_, None) if item.contains('=') => {
                draft.warn(format!("-{flag}: passed over {item:?}: expected {wanted} behind ="));
            }
            (_, None) => draft.warn(format!("-{flag}: passed over {item:?}: expected type=limit")),
        }
    }
    let mut limits = default.map_or(before, PerType::all);
    for (kind, limit) in named {
        limits.set(kind, limit);
    }
    limits
}

enum Name {
    Default,
    Type(EventType),
}

impl Name {
    /// Besides the types' own words, those that cAdvisor's help text promised and never knew.
    fn find(word: &str) -> Option<Self> {
        match word {
            "default" => Some(Self::Default),
            "creation" => Some(Self::Type(EventType::Creation)),
            "deletion" => Some(Self::Type(EventType::Deletion)),
            _ => EventType::ALL.into_iter().find(|kind| kind.name() == word).map(Self::Type),
        }
    }
}
