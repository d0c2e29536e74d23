//! The program's own code: giving back what only its start needed.
//!
//! Reads: `/proc/self/smaps`
//! Calls: `madvise(2)` with `MADV_DONTNEED`
//! Cost:  a look at every mapping, once, and a page fault for each 64 KiB that is used again: about a hundred
//!
//! The kernel maps a page of the file together with its neighbours, and what was touched once stays. A tenth of what
//! an agent has in memory for good was needed in its first second only.

#![allow(unsafe_code, reason = "a call that no crate has as a safe one; it is argued where it stands")]

use std::ffi::c_void;
use std::ops::Range;
use std::{fs, io};

use rustix::mm::{Advice, madvise};

/// Forgets the pages of the program's file that were not written to; who needs one finds it in the file again. Tells how
/// many bytes of address space that was. Any thread may call it while others run.
///
/// # Errors
/// `/proc/self/smaps` cannot be read, or the kernel's word.
pub fn forget() -> io::Result<usize> {
    let mut bytes = 0;
    for pages in unwritten(&fs::read_to_string("/proc/self/smaps")?, forget as *const () as usize) {
        let start = std::ptr::with_exposed_provenance_mut::<c_void>(pages.start);
        // SAFETY: the mapping is of a file, private, and may not be written to, and none of its pages is a copy that was
        // changed before that: each reads the same again from the file, which no one can write to while it is executed.
        // Nothing maps or unmaps parts of the program while it runs.
        unsafe { madvise(start, pages.len(), Advice::LinuxDontNeed) }?;
        bytes += pages.len();
    }
    Ok(bytes)
}

/// The mappings of the file that is mapped at this address, as far as no page of them can differ from the file's.
fn unwritten(smaps: &str, inside: usize) -> Vec<Range<usize>> {
    let all: Vec<Mapping<'_>> = mappings(smaps).collect();
    let Some(own) = all.iter().find(|one| one.pages.contains(&inside)).map(|one| one.file) else {
        return Vec::new();
    };
    let of_file = all.iter().filter(|one| one.file == own && !one.file.1.is_empty());
    let same = of_file.filter(|one| matches!(one.rights, "r-xp" | "r--p") && one.is_unchanged);
    same.map(|one| one.pages.clone()).collect()
}

/// A mapping of `/proc/PID/smaps`.
struct Mapping<'a> {
    pages: Range<usize>,
    rights: &'a str,
    /// Its device and inode; no inode where it is of no file.
    file: (&'a str, &'a str),
    /// No page of it is a copy, nor is one in swap.
    is_unchanged: bool,
}

/// A line `start-end rights offset device inode path` for each, and below it lines `Name: N kB`.
fn mappings(smaps: &str) -> impl Iterator<Item = Mapping<'_>> {
    let mut lines = smaps.lines().peekable();
    std::iter::from_fn(move || {
        loop {
            let Some(mut mapping) = head(lines.next()?) else { continue };
            let mut unchanged = [false; 2];
            while let Some(line) = lines.next_if(|line| head(line).is_none()) {
                for (of, name) in unchanged.iter_mut().zip(["Anonymous:", "Swap:"]) {
                    *of |= line.strip_prefix(name).is_some_and(|rest| rest.trim() == "0 kB");
                }
            }
            mapping.is_unchanged = unchanged == [true; 2];
            return Some(mapping);
        }
    })
}

fn head(line: &str) -> Option<Mapping<'_>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let pages = address(start)?..address(end)?;
    let (rights, _offset) = (words.next()?, words.next()?);
    let file = (words.next()?, words.next().filter(|inode| *inode != "0").unwrap_or_default());
    Some(Mapping { pages, rights, file, is_unchanged: false })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resident_of_files() -> usize {
        let text = fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    #[test]
    fn pages_that_are_forgotten_come_back_when_they_are_needed() {
        let before = resident_of_files();
        let forgotten = forget().unwrap();
        let after = resident_of_files();
        assert!(forgotten > 1 << 20, "{forgotten}");
        // other tests run meanwhile and need theirs
        assert!(after < before - before / 10, "{before} bytes before, {after} after");
        assert_eq!(format!("{:?}", [1.5, 2.25]), "[1.5, 2.25]");
    }

    #[test]
    fn what_was_or_may_be_written_to_stays() {
        let in_swap = |range: &str, rights: &str, inode: u32, anonymous: u32, swap: u32| {
            format!(
                "{range} {rights} 00000000 fe:00 {inode} /usr/bin/a b\nSize: 4 kB\nAnonymous: {anonymous} kB\n\
                 Swap: {swap} kB\nVmFlags: rd ex\n"
            )
        };
        let one = |range: &str, rights: &str, inode, anonymous| in_swap(range, rights, inode, anonymous, 0);
        let smaps = [
            one("1000-2000", "r--p", 7, 0),
            one("2000-4000", "r-xp", 7, 0),
            one("4000-5000", "r--p", 7, 4),
            one("5000-6000", "rw-p", 7, 0),
            one("6000-7000", "r-xs", 7, 0),
            one("7000-8000", "r-xp", 8, 0),
            one("8000-9000", "r--p", 0, 0),
            "9000-a000 r-xp 00000000 fe:00 7\nSize: 4 kB\n".to_owned(),
            in_swap("a000-b000", "r--p", 7, 0, 4),
            "b000-c000 r--p 00000000 fe:00 7\nAnonymous: 0 kB\n".to_owned(),
        ]
        .concat();
        let f = |inside, wanted: &[Range<usize>]| assert_eq!(unwritten(&smaps, inside), wanted);
        f(0x3000, &[0x1000..0x2000, 0x2000..0x4000]);
        f(0x7000, std::slice::from_ref(&(0x7000..0x8000)));
        f(0x8000, &[]);
        f(0xd000, &[]);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail(text in "([0-9a-f]{1,17}-[0-9a-f]{1,17} [rwxsp-]{4} 0 fe:00 [0-9]{0,2}\n|Anonymous: [0-9] kB\n|\\PC*\n){0,8}") {
            for pages in unwritten(&text, 1) {
                let start = format!("{:x}", pages.start);
                prop_assert!(text.contains(&start));
            }
        }
    }
}
