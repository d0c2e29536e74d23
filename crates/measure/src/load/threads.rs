//! Threads by state, one by one, where the kernel does not count them.

use std::ffi::CString;

use plimsoll_kernel::dir::Dir;

use super::TaskStats;

/// Counts these threads. One that has ended meanwhile is left out. `None` if none can be looked at.
pub(super) fn count(proc: &Dir, threads: &[u32], buffer: &mut Vec<u8>) -> Option<TaskStats> {
    let (mut sleeping, mut running, mut stopped, mut uninterruptible) = (0, 0, 0, 0);
    let mut seen = threads.is_empty();
    for thread in threads {
        // the thread's own, which costs less than the sums over its process that stand one level up
        let Ok(path) = CString::new(format!("{thread}/task/{thread}/stat")) else { continue };
        if proc.read(&path, buffer).is_err() {
            continue;
        }
        seen = true;
        match state(buffer) {
            Some(b'R') => running += 1,
            Some(b'S') => sleeping += 1,
            Some(b'D') => uninterruptible += 1,
            Some(b'T') => stopped += 1,
            _ => {}
        }
    }
    seen.then_some(TaskStats {
        nr_sleeping: Some(sleeping),
        nr_running: Some(running),
        nr_stopped: Some(stopped),
        nr_uninterruptible: Some(uninterruptible),
        nr_io_wait: None,
    })
}

/// The letter behind the name, which stands in parentheses and may have some itself.
fn state(stat: &[u8]) -> Option<u8> {
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(close + 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_counted_by_the_letter_of_their_state() {
        let folder = tempfile::tempdir().unwrap();
        let write = |id: u32, stat: &str| {
            let dir = folder.path().join(format!("{id}/task/{id}"));
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("stat"), stat).unwrap();
        };
        write(1, "1 (a) S 0");
        write(2, "2 (R) R) R 1");
        write(3, "3 (c) D 1");
        write(4, "4 (d) T 1");
        write(5, "5 (e) t 1");
        write(6, "6 (f) Z 1");
        write(7, "");
        let proc = Dir::open(folder.path()).unwrap();
        let count = |ids: &[u32]| count(&proc, ids, &mut Vec::new());
        let found = count(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!((found.nr_sleeping, found.nr_running), (Some(1), Some(1)));
        assert_eq!((found.nr_uninterruptible, found.nr_stopped), (Some(1), Some(1)));
        assert_eq!(found.nr_io_wait, None, "the files do not tell");
        assert_eq!(count(&[8]), None, "nobody can be looked at");
        assert_eq!(count(&[]).and_then(|none| none.nr_running), Some(0));
    }
}
