//! What `/proc` tells of the processes of a group.

use std::fs::ReadDir;
use std::io::ErrorKind;
use std::path::Path;

use plimsoll_kernel::dir::read_path;
use plimsoll_kernel::format;

use super::{Processes, Ulimit};

/// Counts processes, their descriptors and sockets, and reads the first one's limits. A process that has just ended
/// counts with none; one that may not be looked at makes the sum absent.
pub(crate) fn read(proc: &Path, pids: &[u32], buffer: &mut Vec<u8>, processes: &mut Processes) {
    let (mut fds, mut sockets) = (Some(0), Some(0));
    for pid in pids {
        let folder = proc.join(format!("{pid}/fd"));
        match std::fs::read_dir(folder) {
            Ok(entries) => count(entries, &mut fds, &mut sockets),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => (fds, sockets) = (None, None),
            Err(_) => {}
        }
    }
    processes.process_count = Some(pids.len() as u64);
    processes.fd_count = fds;
    processes.socket_count = sockets;
    processes.ulimits.clear();
    if let Some(first) = pids.first()
        && read_path(&proc.join(format!("{first}/limits")), buffer).is_ok()
    {
        processes.ulimits.extend(parse_limits(buffer));
    }
}

fn count(entries: ReadDir, fds: &mut Option<u64>, sockets: &mut Option<u64>) {
    for entry in entries.flatten() {
        *fds = fds.map(|fds| fds + 1);
        if sockets.is_none() {
            continue;
        }
        match std::fs::read_link(entry.path()) {
            Ok(to) if to.as_os_str().as_encoded_bytes().starts_with(b"socket") => {
                *sockets = sockets.map(|sockets| sockets + 1);
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => *sockets = None,
            _ => {}
        }
    }
}

/// ```text
/// Limit                     Soft Limit           Hard Limit           Units
/// Max open files            256                  512                  files
/// ```
fn parse_limits(text: &[u8]) -> Option<Ulimit> {
    let (_, line) = format::lines(text).find(|(_, line)| line.starts_with(b"Max open files"))?;
    let mut words = format::words(line.get(b"Max open files".len()..)?);
    let mut limit = || match words.next()? {
        b"unlimited" => Some(-1),
        digits => format::signed(digits),
    };
    Some(Ulimit { name: "max_open_files".to_owned(), soft_limit: limit()?, hard_limit: limit()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_limit_of_open_files() {
        let f = |text: &str, want: Option<(i64, i64)>| {
            let got = parse_limits(text.as_bytes()).map(|limit| (limit.soft_limit, limit.hard_limit));
            assert_eq!(got, want, "{text}");
        };
        f(
            "Max cpu time  1 2 seconds\nMax open files            256      512       files     \n",
            Some((256, 512)),
        );
        f("Max open files            unlimited      unlimited  files\n", Some((-1, -1)));
        f("Max open files            256\n", None);
        f("", None);
    }

    #[test]
    fn counts_descriptors_and_sockets() {
        let folder = tempfile::tempdir().unwrap();
        let fd = folder.path().join("7/fd");
        std::fs::create_dir_all(&fd).unwrap();
        std::os::unix::fs::symlink("socket:[1]", fd.join("3")).unwrap();
        std::os::unix::fs::symlink("/dev/null", fd.join("0")).unwrap();
        let mut processes = Processes::default();
        read(folder.path(), &[7, 8], &mut Vec::new(), &mut processes);
        assert_eq!(
            (processes.process_count, processes.fd_count, processes.socket_count),
            (Some(2), Some(2), Some(1))
        );
    }
}
