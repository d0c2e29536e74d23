//! Small files of the kernel, read whole, for things that are read seldom.
//!
//! What is missing is `None`. A file that is there but cannot be used is told once, with path and reason.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use plimsoll_kernel::dir::read_path;

/// Paths of which a fault was told already.
static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// So many paths are remembered; then all are forgotten, and may be told again.
const MOST_TOLD: usize = 1024;

/// Tells a fault of a file, once for each path.
pub(crate) fn tell(path: &Path, reason: &dyn Display) {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if !told.contains(path) {
        if told.len() >= MOST_TOLD {
            told.clear();
        }
        told.insert(path.to_owned());
        tracing::warn!(path = %path.display(), "{reason}");
    }
}

/// The file's bytes; `None` without it.
pub(crate) fn bytes(path: &Path) -> Option<Vec<u8>> {
    // std's reading starts with pieces of 32 bytes, since these files say that they are empty
    let mut bytes = Vec::new();
    match read_path(path, &mut bytes) {
        Ok(()) => Some(bytes),
        Err(error) if error.is_absent() => None,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tell(path, &cause.unwrap_or_else(|| error.to_string()));
            None
        }
    }
}

/// The file's text without NULs and spaces at its ends; `None` without it or when nothing is left.
pub(crate) fn text(path: &Path) -> Option<String> {
    let bytes = bytes(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!text.is_empty()).then(|| text.to_owned())
}

/// The number that the file holds.
pub(crate) fn number<N: FromStr>(path: &Path) -> Option<N> {
    let text = text(path)?;
    let number = text.parse().ok();
    if number.is_none() {
        tell(path, &format_args!("expected a number, found {text:?}"));
    }
    number
}

/// The entries of a folder, sorted by name; `None` without it.
pub(crate) fn names(dir: &Path) -> Option<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                tell(dir, &error);
            }
            return None;
        }
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Some(names)
}

/// The entries named by a prefix and a number, sorted by name (so 10 stands before 2, as in cAdvisor's lists).
pub(crate) fn numbered(dir: &Path, prefix: &str) -> Vec<(u64, PathBuf)> {
    names(dir)
        .unwrap_or_default()
        .iter()
        .filter_map(|name| Some((digits(name.strip_prefix(prefix)?)?, dir.join(name))))
        .collect()
}

/// A number of digits only: no sign, no spaces.
pub(crate) fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Where a path of the host is: below its `/`, with `/proc` and `/sys` where the root says they are.
pub(crate) fn on_host(root: &plimsoll_kernel::root::Root, path: &Path) -> PathBuf {
    for (tree, place) in [("/proc", &root.proc), ("/sys", &root.sys)] {
        if let Ok(rest) = path.strip_prefix(tree) {
            return place.join(rest);
        }
    }
    root.rootfs.join(path.strip_prefix("/").unwrap_or(path))
}
