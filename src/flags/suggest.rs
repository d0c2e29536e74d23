//! "Did you mean": the known word that is nearest to a mistyped one.

/// The candidate with the fewest changes, if they are few for its length. Case and the choice between
/// `-` and `_` count nothing.
pub(super) fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = plain(typed);
    let limit = (1 + typed.len() / 4).min(typed.len().saturating_sub(1));
    let scored = candidates.map(|name| (distance(&typed, &plain(name)), name));
    scored.filter(|(changes, _)| *changes <= limit).min_by_key(|(changes, _)| *changes).map(|(_, name)| name)
}

/// Only so much as the longest name is looked at.
fn plain(name: &str) -> Vec<u8> {
    name.bytes().take(64).map(|b| if b == b'_' { b'-' } else { b.to_ascii_lowercase() }).collect()
}

/// Levenshtein's distance.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other) {
            let above = *cell;
            *cell = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            (diagonal, left) = (above, *cell);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_changes() {
        let f = |one: &str, other: &str, n| assert_eq!(distance(one.as_bytes(), other.as_bytes()), n);
        f("", "", 0);
        f("port", "port", 0);
        f("prot", "port", 2);
        f("ports", "port", 1);
        f("", "abc", 3);
        f("kitten", "sitting", 3);
    }

    #[test]
    fn near_names_are_suggested() {
        let flag = |typed| nearest(typed, super::super::list::all().map(|flag| flag.name));
        assert_eq!(flag("housekeeping-interval"), Some("housekeeping_interval"));
        assert_eq!(flag("house_keeping_interval"), Some("housekeeping_interval"));
        assert_eq!(flag("Port"), Some("port"));
        assert_eq!(flag("docker_tls"), Some("docker-tls"));
        assert_eq!(flag("prot"), Some("port"));
        assert_eq!(flag("xyzzy"), None);
        assert_eq!(flag("x"), None);
        assert_eq!(flag(""), None);
    }
}
