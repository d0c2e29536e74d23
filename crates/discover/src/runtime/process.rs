//! Processes of a container whose runtime does not tell which is its first.
//!
//! Reads: `/proc/<pid>/cgroup`, `status`, `ns/net`, `task/<pid>/children`.
//! Cost:  two small files a process that is looked at, at a container's start.

use std::path::{Path, PathBuf};

/// All processes.
pub(crate) fn all(proc: &Path) -> impl Iterator<Item = u32> + use<> {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whose process it is: the user who started it, whatever it became since.
pub(crate) fn user(proc: &Path, pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(proc.join(pid.to_string()).join("status")).ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().next()?.parse().ok()
}

/// The groups of the process with this folder, one a hierarchy. Where we are in a cgroup namespace, groups beside
/// ours begin with `/..`, which is taken away.
pub(crate) fn groups(process: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    let path = |line: &str| Some(line.splitn(3, ':').nth(2)?.trim_start_matches("/..").to_owned());
    text.lines().filter_map(path).collect()
}

/// The first process of the container in this group or in one below it: the one that is number 1 to itself. It
/// is looked for among the children of `parent` where that is known and the kernel lists them.
pub(crate) fn first(proc: &Path, group: &str, parent: Option<u32>) -> Option<u32> {
    let children = parent.and_then(|parent| {
        std::fs::read_to_string(proc.join(format!("{parent}/task/{parent}/children"))).ok()
    });
    match children {
        Some(children) => {
            first_of(proc, group, children.split_whitespace().filter_map(|word| word.parse().ok()))
        }
        None => first_of(proc, group, all(proc)),
    }
}

fn first_of(proc: &Path, group: &str, pids: impl Iterator<Item = u32>) -> Option<u32> {
    let inside =
        |of: &String| of.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    pids.filter_map(|pid| {
        let at = proc.join(pid.to_string());
        if !groups(&at).iter().any(inside) {
            return None;
        }
        let status = std::fs::read_to_string(at.join("status")).ok()?;
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        let depth = numbers.split_whitespace().count();
        // one more namespace deep is another container's, inside this one
        (numbers.split_whitespace().next_back() == Some("1")).then_some((depth, pid))
    })
    .min()
    .map(|(_, pid)| pid)
}

/// Whether a process has another network than the host; than ours, where we may not look at the host's first process.
/// No, where that cannot be seen.
pub(crate) fn has_own_network(proc: &Path, pid: u32) -> bool {
    its_and_the_hosts(proc, pid).is_some_and(|(its, host)| its != host)
}

/// Whether the process has the host's network. No, where that cannot be seen.
pub(crate) fn has_host_network(proc: &Path, pid: u32) -> bool {
    its_and_the_hosts(proc, pid).is_some_and(|(its, host)| its == host)
}

/// The network namespaces of a process and of the host. Where the first process may not be looked into, our own is
/// taken for the host's.
fn its_and_the_hosts(proc: &Path, pid: u32) -> Option<(PathBuf, PathBuf)> {
    let network = |pid: &str| std::fs::read_link(proc.join(pid).join("ns/net")).ok();
    Some((network(&pid.to_string())?, network("1").or_else(|| network("self"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_is_number_one_of_the_outermost_namespace() {
        let proc = tempfile::tempdir().unwrap();
        let process = |pid: u32, group: &str, numbers: &str| {
            let at = proc.path().join(pid.to_string());
            std::fs::create_dir_all(&at).unwrap();
            std::fs::write(at.join("cgroup"), format!("1:name=systemd:/\n0::{group}\n")).unwrap();
            std::fs::write(at.join("status"), format!("Name:\tx\nNSpid:\t{numbers}\n")).unwrap();
        };
        std::fs::create_dir(proc.path().join("sys")).unwrap();
        process(3, "/a/deeper", "3\t7\t1");
        process(5, "/a/init.scope", "5\t1");
        process(6, "/a", "6\t2");
        process(7, "/ab", "7\t1");
        process(8, "/../b", "8\t1");
        assert_eq!(first(proc.path(), "/a", None), Some(5));
        assert_eq!(first(proc.path(), "/b", None), Some(8));
        assert_eq!(first(proc.path(), "/c", None), None);
    }

    #[test]
    fn a_network_is_the_hosts_or_another_where_it_can_be_seen() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, network) in [("1", "net:[1]"), ("5", "net:[1]"), ("6", "net:[2]")] {
            let at = proc.path().join(pid).join("ns");
            std::fs::create_dir_all(&at).unwrap();
            std::os::unix::fs::symlink(network, at.join("net")).unwrap();
        }
        let f = |pid, own, host| {
            assert_eq!(
                (has_own_network(proc.path(), pid), has_host_network(proc.path(), pid)),
                (own, host),
                "{pid}"
            );
        };
        f(5, false, true);
        f(6, true, false);
        f(7, false, false);
    }
}
