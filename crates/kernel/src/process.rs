//! Whose a process is.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::dir::Dir;
use crate::error::Errno;
use crate::format;

/// Whether a process, whose open directory in `/proc` this is, is in the group or below it, so that a number that was
/// given to another process since, or that somebody made up, is not taken for it. Paths that are told relative to another
/// cgroup namespace cannot be judged.
///
/// # Errors
/// The kernel's; `ESRCH` or `ENOENT` when it has ended.
pub fn is_of_group(process: &Dir, group: &str) -> Result<bool, Errno> {
    let mut text = Vec::new();
    process.read(c"cgroup", &mut text)?;
    let group = Path::new(group).as_os_str().as_bytes();
    let group = group.strip_suffix(b"/").unwrap_or(group);
    Ok(format::lines(&text).any(|(_, line)| {
        let path = line.splitn(3, |&byte| byte == b':').nth(2).unwrap_or_default();
        path.starts_with(b"/..") || names(path, group)
    }))
}

/// Whether the path has the group's name in it, ending at a `/` or the end.
fn names(path: &[u8], group: &[u8]) -> bool {
    path.windows(group.len().max(1))
        .enumerate()
        .any(|(start, window)| window == group && matches!(path.get(start + group.len()), None | Some(b'/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_of_a_group_by_whole_names() {
        let f = |path: &str, group: &str, is| {
            assert_eq!(names(path.as_bytes(), group.as_bytes()), is, "{path} {group}");
        };
        f("/docker/1", "/docker/1", true);
        f("/docker/1/init.scope", "/docker/1", true);
        f("/kind/docker/1", "/docker/1", true);
        f("/docker/12", "/docker/1", false);
        f("/other", "/docker/1", false);
        f("", "/docker/1", false);
    }

    #[test]
    fn this_process_is_in_no_group_that_is_not_there() {
        let own = Dir::open(Path::new("/proc/self")).unwrap();
        assert_eq!(is_of_group(&own, "/no-such-group"), Ok(false));
    }
}
