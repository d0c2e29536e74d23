//! `/proc/<pid>/status`.

/// The lines that are used; 0 where there is none, as for the memory of kernel threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// Effective user.
    pub(super) euid: u32,
    /// VmSize.
    pub(super) size_kib: u64,
    /// VmRSS.
    pub(super) rss_kib: u64,
    /// VmLck.
    pub(super) locked_kib: u64,
}

/// Lines of `Key:\tvalues`. Unknown keys are passed over.
pub(super) fn parse(text: &str) -> Status {
    let mut status = Status::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let word = |n| value.split_ascii_whitespace().nth(n);
        let kib = || word(0).and_then(|word| word.parse().ok()).unwrap_or(0);
        match key {
            // real, effective, saved, of the filesystem
            "Uid" => status.euid = word(1).and_then(|word| word.parse().ok()).unwrap_or(0),
            "VmSize" => status.size_kib = kib(),
            "VmRSS" => status.rss_kib = kib(),
            "VmLck" => status.locked_kib = kib(),
            _ => {}
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_user_counts() {
        let text = "Name:\tx\nUid:\t1\t2\t3\t4\nVmSize:\t    2268 kB\nVmLck:\t 8 kB\nVmRSS:\t  1264 kB\n";
        assert_eq!(parse(text), Status { euid: 2, size_kib: 2268, rss_kib: 1264, locked_kib: 8 });
        assert_eq!(parse("Name:\tkthreadd\nUid:\t0\t0\t0\t0\n"), Status::default());
    }
}
