//! The program's own heap: giving back what is free in it, and keeping it in one place.
//!
//! Calls: `malloc_trim(3)`, `mallopt(3)` of the GNU C library; with another C library nothing is done
//! Cost:  a look at every free piece, and a page fault for each page that is used again
//!
//! Freed memory stays with the program, for what it will ask for next. Who needs much for a short time and then less for
//! long gives it back: other programs on the machine can use it meanwhile.

#![allow(
    unsafe_code,
    reason = "calls of the C library that no crate of ours has; they are argued where they stand"
)]

/// From now on all threads that begin share one heap, rather than each having one of its own at first: what one has freed
/// another can use. For a program whose threads seldom allocate at the same time. Tells whether the library took it.
#[cfg(target_env = "gnu")]
pub fn share() -> bool {
    // SAFETY: it sets a number that the library reads when a thread allocates for the first time; any thread may call it.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) == 1 }
}

/// Shares nothing: this C library has no call for it.
#[cfg(not(target_env = "gnu"))]
pub fn share() -> bool {
    false
}

/// Gives whole pages that are free in the heap back to the kernel; tells whether there were any. Other threads that
/// allocate meanwhile may wait.
#[cfg(target_env = "gnu")]
pub fn trim() -> bool {
    // SAFETY: it takes a number of bytes to be kept at the end and touches free memory alone; any thread may call it.
    unsafe { libc::malloc_trim(0) == 1 }
}

/// Gives nothing back: this C library has no call for it.
#[cfg(not(target_env = "gnu"))]
pub fn trim() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident() -> usize {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * rustix::param::page_size()
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn what_is_free_between_what_is_used_is_given_back() {
        const EACH: usize = 64 * 1024;
        // too small for a mapping of their own; the last one keeps the heap from shrinking by itself
        let mut pieces: Vec<Vec<u8>> = (0..1024).map(|_| vec![1; EACH]).collect();
        let full = resident();
        let last = pieces.pop();
        drop(pieces);
        trim();
        let freed = full.saturating_sub(resident());
        assert!(freed > 512 * EACH, "{freed} bytes of {}", 1024 * EACH);
        drop(last);
    }
}
