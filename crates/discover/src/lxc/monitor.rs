//! The monitor: the process that LXC leaves beside each container. Its command line says in which folder the
//! container's own is and how the container is called; the container's first process is its child.
//!
//! Reads: `/proc/<pid>/cmdline` of all processes, `cgroup` of monitors.
//! Gives: [`Monitor`]. Cost: one look through `/proc`.

use std::path::{Path, PathBuf};

use crate::runtime::process;

/// A monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Monitor {
    pub(super) pid: u32,
    /// The folder in which the container's folder is, as the monitor sees it: `/var/lib/lxc`.
    pub(super) folder: PathBuf,
    /// The container's name; in LXD `PROJECT_NAME` outside the default project.
    pub(super) name: String,
}

/// LXC's own folder, where a command line names none.
const FOLDER: &str = "/var/lib/lxc";

/// Looks for the monitor of the container whose group is `group`, with `called` at its path's end.
pub(super) fn find(proc: &Path, group: &str, called: &str) -> Option<Monitor> {
    let mut alike = None;
    for pid in process::all(proc) {
        let at = proc.join(pid.to_string());
        let Some((folder, name)) = std::fs::read(at.join("cmdline")).ok().and_then(|line| read(&line)) else {
            continue;
        };
        if !called.starts_with(&name) {
            continue;
        }
        let groups = process::groups(&at);
        let monitor = Monitor { pid, folder, name };
        // the monitor's group is called like its container's, also where LXC has numbered both
        if let Some(wanted) = group.strip_suffix(called).and_then(|before| sibling(before, called))
            && groups.contains(&wanted)
        {
            return Some(monitor);
        }
        // LXC before 4 left it where it was started; and a user may say where groups go
        let numbered = groups.iter().any(|group| group.contains("lxc.monitor"));
        if monitor.name == called && !numbered {
            alike.get_or_insert(monitor);
        }
    }
    alike
}

/// The group of the monitor beside that of the payload.
fn sibling(before: &str, called: &str) -> Option<String> {
    let above = before.strip_suffix("lxc.payload.").map(|above| format!("{above}lxc.monitor."));
    let above = above.or_else(|| Some(format!("{}lxc.monitor/", before.strip_suffix("lxc.payload/")?)))?;
    Some(above + called)
}

/// Folder and name in a command line: a monitor's title, or of an `lxc-start` that stays in the foreground.
fn read(cmdline: &[u8]) -> Option<(PathBuf, String)> {
    let line = String::from_utf8_lossy(cmdline);
    let mut words = line.split('\0').filter(|word| !word.is_empty());
    let first = words.next()?;
    if let Some(title) = first.strip_prefix("[lxc monitor] ") {
        let (folder, name) = title.trim_end().rsplit_once(' ')?;
        return Some((folder.into(), name.to_owned()));
    }
    if !matches!(first.rsplit('/').next(), Some("lxc-start" | "lxc-execute")) {
        return None;
    }
    let (mut folder, mut name) = (FOLDER.to_owned(), None);
    while let Some(word) = words.next() {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) if key.starts_with("--") => (key, Some(value)),
            _ => (word, None),
        };
        match key {
            "--" => break,
            "-P" | "--lxcpath" => folder = value.or_else(|| words.next())?.to_owned(),
            "-n" | "--name" => name = Some(value.or_else(|| words.next())?.to_owned()),
            // those with a value of their own
            "-f" | "-l" | "-o" | "-s" | "-p" | "-u" | "-g" | "-L" | "-c" => drop(words.next()),
            _ if !key.starts_with('-') && name.is_none() => name = Some(key.to_owned()),
            _ => {}
        }
    }
    Some((folder.into(), name?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Option<(String, String)> {
        let (folder, name) = read(text.replace('|', "\0").as_bytes())?;
        Some((folder.display().to_string(), name))
    }

    #[test]
    fn titles_and_command_lines_are_read() {
        let f = |text, folder: &str, name: &str| {
            assert_eq!(line(text), Some((folder.to_owned(), name.to_owned())), "{text}");
        };
        f("[lxc monitor] /var/lib/lxc one|", "/var/lib/lxc", "one");
        f("[lxc monitor] /a b/c two", "/a b/c", "two");
        f("[lxc monitor] /var/lib/incus/containers dev_web|", "/var/lib/incus/containers", "dev_web");
        f("lxc-start|-P|/tmp/x|-n|one|-F|", "/tmp/x", "one");
        f("/usr/bin/lxc-start|--lxcpath=/y|--name=one|-F", "/y", "one");
        f("lxc-start|-F|-l|debug|one", "/var/lib/lxc", "one");
        for other in ["", "bash|-n|one", "[lxc monitor]", "[lxc monitor] x", "lxc-start|-F", "lxc-start|-n"] {
            assert_eq!(line(other), None, "{other}");
        }
    }

    struct Proc(tempfile::TempDir);

    impl Proc {
        fn process(&self, pid: u32, cmdline: &str, group: &str) {
            let at = self.0.path().join(pid.to_string());
            std::fs::create_dir_all(&at).unwrap();
            std::fs::write(at.join("cmdline"), cmdline).unwrap();
            std::fs::write(at.join("cgroup"), format!("3:memory:{group}\n0::{group}\n")).unwrap();
        }

        fn find(&self, group: &str, called: &str) -> Option<(u32, String)> {
            let found = find(self.0.path(), group, called)?;
            Some((found.pid, found.folder.display().to_string()))
        }
    }

    #[test]
    fn of_two_containers_with_one_name_each_has_its_own_monitor() {
        let proc = Proc(tempfile::tempdir().unwrap());
        proc.process(2, "bash", "/");
        proc.process(7, "[lxc monitor] /a one\0", "/lxc.monitor.one");
        proc.process(8, "[lxc monitor] /b one\0", "/../lxc.monitor.one-1");
        proc.process(9, "[lxc monitor] /c one\0", "/user.slice/lxc.monitor.one");
        assert_eq!(proc.find("/lxc.payload.one", "one"), Some((7, "/a".to_owned())));
        assert_eq!(proc.find("/lxc.payload.one-1", "one-1"), Some((8, "/b".to_owned())));
        assert_eq!(proc.find("/user.slice/lxc.payload.one", "one"), Some((9, "/c".to_owned())));
        assert_eq!(proc.find("/lxc.payload.two", "two"), None);
        assert_eq!(proc.find("/lxc.payload.on", "on"), None);
    }

    #[test]
    fn an_old_ones_monitor_is_known_by_its_name() {
        let proc = Proc(tempfile::tempdir().unwrap());
        proc.process(7, "[lxc monitor] /a one\0", "/user.slice");
        assert_eq!(proc.find("/lxc/one", "one"), Some((7, "/a".to_owned())));
        assert_eq!(proc.find("/lxc/one-1", "one-1"), None);
    }
}
