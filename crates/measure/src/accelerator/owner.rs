//! Whose a process is: from its group to the container that it counts for.
//!
//! Reads: `/proc/<pid>/cgroup`
//! Gives: a name among the known groups
//! Cost:  a file a process on a GPU and poll

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::processes::cgroup;

/// The groups that are known, by name: whether a runtime claims them.
pub(super) type Known = HashMap<Arc<str>, bool>;

/// The group that a process counts for; none if it ended, or is in none that is known.
pub(super) fn of_process(proc: &Path, pid: u32, known: &Known) -> Option<Arc<str>> {
    let text = std::fs::read_to_string(proc.join(pid.to_string()).join("cgroup")).ok()?;
    of_group(cgroup::choose(&text), known)
}

/// The innermost container around a group, else the innermost group that is known; never the root.
pub(super) fn of_group(path: &str, known: &Known) -> Option<Arc<str>> {
    let around = || upwards(path).filter_map(|name| known.get_key_value(name));
    let container = around().find(|(_, claimed)| **claimed);
    container.or_else(|| around().next()).map(|(name, _)| name.clone())
}

/// Whether a group lies inside a container, whose it is then.
pub(super) fn is_inside(path: &str, known: &Known) -> bool {
    upwards(path).skip(1).any(|name| known.get(name).is_some_and(|claimed| *claimed))
}

/// The group and those around it, without the root.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.strip_suffix(" (deleted)").unwrap_or(path);
    std::iter::successors(Some(inner), |path| Some(path.rsplit_once('/')?.0))
        .take_while(|path| !path.is_empty() && *path != "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        [
            ("/", false),
            ("/docker", false),
            ("/docker/ab", true),
            ("/docker/ab/init.scope", false),
            ("/docker/ab/docker/cd", true),
            ("/system.slice", false),
            ("/system.slice/x.service", false),
        ]
        .map(|(name, claimed)| (Arc::from(name), claimed))
        .into()
    }

    #[test]
    fn a_process_counts_once_for_its_container() {
        let f = |path: &str, owner: Option<&str>| {
            assert_eq!(of_group(path, &known()).as_deref(), owner, "{path}")
        };
        f("/docker/ab", Some("/docker/ab"));
        f("/docker/ab/init.scope", Some("/docker/ab"));
        f("/docker/ab/unknown/below", Some("/docker/ab"));
        f("/docker/ab/docker/cd/x", Some("/docker/ab/docker/cd"));
        f("/system.slice/x.service", Some("/system.slice/x.service"));
        f("/system.slice/x.service/sub", Some("/system.slice/x.service"));
        f("/system.slice/x.service (deleted)", Some("/system.slice/x.service"));
        f("/docker/unknown", Some("/docker"));
        for nobody in ["/", "", "/user.slice/a", "relative", "/../x"] {
            f(nobody, None);
        }
    }

    #[test]
    fn a_group_inside_a_container_is_the_containers() {
        assert!(is_inside("/docker/ab/init.scope", &known()));
        assert!(is_inside("/docker/ab/docker/cd", &known()));
        assert!(!is_inside("/docker/ab", &known()));
        assert!(!is_inside("/system.slice/x.service", &known()));
    }
}
