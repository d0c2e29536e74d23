//! Which processes and threads a group has.
//!
//! A runtime may put its container's processes into a group below the container's own (crun does, as `container`),
//! and so does who runs groups inside; on cgroup v2 a group with others below has no processes of its own.

use std::ffi::CStr;
use std::path::Path;

use plimsoll_kernel::dir::Dir;
use plimsoll_kernel::format;

/// Groups may lie so deep; the kernel's own limit is a matter of names.
const DEEPEST: u32 = 64;

/// What of a group is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The group itself.
    Own,
    /// Also those below it.
    Below,
}

impl Reach {
    pub(crate) fn of(deep: bool) -> Self {
        if deep { Self::Below } else { Self::Own }
    }
}

/// Shows the group's directory and, as far as is wanted, those below it. False if the group is not there.
pub(crate) fn each(path: &Path, reach: Reach, show: &mut dyn FnMut(&Dir)) -> bool {
    let Ok(dir) = Dir::try_open(path) else { return false };
    walk(path, &dir, if reach == Reach::Below { DEEPEST } else { 0 }, show);
    true
}

fn walk(path: &Path, dir: &Dir, depth: u32, show: &mut dyn FnMut(&Dir)) {
    show(dir);
    if depth == 0 || !dir.may_have_children() {
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let below = entry.path();
            if let Ok(dir) = Dir::try_open(&below) {
                walk(&below, &dir, depth - 1, show);
            }
        }
    }
}

/// Appends the numbers in one file of each directory (`cgroup.procs`); counts the files. False if the group is not
/// there or its own file cannot be read.
pub(crate) fn ids(
    path: &Path,
    reach: Reach,
    file: &CStr,
    buffer: &mut Vec<u8>,
    ids: &mut Vec<u32>,
    files: &mut u32,
) -> bool {
    let mut own = None;
    each(path, reach, &mut |dir| {
        *files += 1;
        let read = dir.read(file, buffer).is_ok();
        own.get_or_insert(read);
        if read {
            // those of other PID namespaces are told as 0
            ids.extend(format::values(buffer).filter_map(|id| u32::try_from(id.ok()?).ok()));
        }
    });
    own.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_below_count_where_they_are_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name).join("cgroup.procs");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("", "1\n0\n");
        write("container", "2\n");
        write("container/init.scope", "3\n");
        let list = |path: &Path, reach| {
            let (mut found, mut files) = (Vec::new(), 0);
            let there = ids(path, reach, c"cgroup.procs", &mut Vec::new(), &mut found, &mut files);
            found.sort_unstable();
            (there, found, files)
        };
        assert_eq!(list(folder.path(), Reach::Own), (true, vec![0, 1], 1));
        assert_eq!(list(folder.path(), Reach::Below), (true, vec![0, 1, 2, 3], 3));
        assert_eq!(list(&folder.path().join("none"), Reach::Below), (false, vec![], 0));
    }
}
