//! What a bench that was ended leaves behind: groups, and in them programs, perhaps stopped ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Result;
use crate::groups::{CONTAINERS, HOMES, hierarchies};
use crate::subject::signal;

/// Removes what earlier ones left; and when a signal ends this one, what it made itself.
pub(crate) fn arrange() -> Result<()> {
    let gone = |pid: u32| !Path::new("/proc").join(pid.to_string()).exists();
    let left = of(gone)?;
    if !left.is_empty() {
        eprintln!("plimsoll-bench: removes what an earlier one left: {} groups", left.len());
        remove(&left);
    }
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        if let Some(number) = signals.forever().next() {
            if let Ok(made) = of(|pid| pid == std::process::id()) {
                remove(&made);
            }
            std::process::exit(128 + number);
        }
    });
    Ok(())
}

/// The groups of such benches, in all hierarchies.
fn of(whose: impl Fn(u32) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for root in hierarchies()? {
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            let name = entry.file_name();
            let pid = maker(&name.to_string_lossy());
            if pid.is_some_and(&whose) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

/// The process that made a group of this name: `plimsoll-bench-17`, `plimsoll-home-17-0-minimal`.
fn maker(name: &str) -> Option<u32> {
    let rest = [CONTAINERS, HOMES].iter().find_map(|prefix| name.strip_prefix(prefix))?;
    rest.split('-').next()?.parse().ok()
}

/// Ends what runs in these groups and below, and removes them, for two seconds at most.
fn remove(groups: &[PathBuf]) {
    for _ in 0..100 {
        let left = groups.iter().filter(|group| group.exists()).map(|group| empty(group)).count();
        if left == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    eprintln!("plimsoll-bench: groups that could not be removed: {}", paths(groups));
}

fn paths(groups: &[PathBuf]) -> String {
    let left = groups.iter().filter(|group| group.exists()).map(|group| group.display().to_string());
    left.collect::<Vec<_>>().join(" ")
}

/// One try; a task's exit takes a moment.
fn empty(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            empty(&entry.path());
        }
    }
    let tasks = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in tasks.lines().filter_map(|line| line.parse().ok()) {
        signal(pid, Signal::KILL);
    }
    let _ = fs::remove_dir(group);
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_groups_name_tells_who_made_it() {
        assert_eq!(super::maker("plimsoll-bench-17"), Some(17));
        assert_eq!(super::maker("plimsoll-home-18-0-minimal"), Some(18));
        assert_eq!(super::maker("plimsoll-machine-18-0"), None);
        assert_eq!(super::maker("docker"), None);
    }
}
