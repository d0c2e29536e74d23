//! The container id in the name of a cgroup.

/// How other runtimes than Docker begin the names of their groups.
pub const OTHERS: [&str; 6] = ["cri-containerd", "containerd", "nerdctl", "crio", "libpod", "conmon"];

/// Characters of an id.
const LEN: usize = 64;

/// The last part of a name, split around the first 64 hexadecimal digits that stand alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The name of the group above: `/docker` in `/docker/ID`.
    pub parent: &'a str,
    /// What stands before the id: `docker-` in `docker-ID.scope`.
    pub before: &'a str,
    /// The id.
    pub id: &'a str,
    /// What stands behind it: `.scope`.
    pub behind: &'a str,
}

/// Finds the id in the last part of a name.
pub fn split(name: &str) -> Option<Parts<'_>> {
    let (parent, base) = name.rsplit_once('/')?;
    let (at, end) = find(base.as_bytes())?;
    Some(Parts { parent, before: base.get(..at)?, id: base.get(at..end)?, behind: base.get(end..)? })
}

/// Whether a part of the name has an id in it.
pub fn has_id(part: &str) -> bool {
    find(part.as_bytes()).is_some()
}

/// Whether a text is an id and nothing else.
pub fn is_id(text: &str) -> bool {
    find(text.as_bytes()) == Some((0, text.len()))
}

/// Whether the text before an id begins with one of these words, also in runc's `slice:prefix:id`.
pub fn begins(before: &str, words: &[&str]) -> bool {
    let word = before.trim_end_matches(['-', ':']);
    let word = word.rsplit(':').next().unwrap_or(word);
    words
        .iter()
        .any(|other| word.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

/// A run of exactly 64 lower-case hexadecimal digits, bounded by other characters.
fn find(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut start = 0;
    for run in bytes.split(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        let bounded = start == 0 || bytes.get(start - 1).is_none_or(|b| !b.is_ascii_alphanumeric());
        let end = start + run.len();
        let closed = bytes.get(end).is_none_or(|b| !b.is_ascii_alphanumeric());
        if run.len() == LEN && bounded && closed {
            return Some((start, end));
        }
        start = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1a6f0c7d5b0e6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7";

    #[test]
    fn an_id_is_split_off() {
        let f = |name: &str, parent, before, behind| {
            assert_eq!(split(name), Some(Parts { parent, before, id: ID, behind }), "{name}");
        };
        f(&format!("/docker/{ID}"), "/docker", "", "");
        f(&format!("/system.slice/docker-{ID}.scope"), "/system.slice", "docker-", ".scope");
        f(&format!("/{ID}"), "", "", "");
        f(&format!("/x/kubepods.slice:cri-containerd:{ID}"), "/x", "kubepods.slice:cri-containerd:", "");
    }

    #[test]
    fn other_names_have_none() {
        let long = format!("/docker/{ID}0");
        let letter = format!("/docker/{ID}z");
        let above = format!("/docker/{ID}/init.scope");
        let upper = format!("/docker/{}", ID.to_uppercase());
        for name in ["", "/", "/docker", "docker", &long, &letter, &above, &upper, &long[..70]] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
