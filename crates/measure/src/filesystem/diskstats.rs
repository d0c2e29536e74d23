//! What each block device has done: `/proc/diskstats`.

use plimsoll_kernel::format;

/// One device's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Device number.
    pub major: u32,
    /// Device number.
    pub minor: u32,
    /// Fields 1 to 11 of the kernel's `iostats.txt`: reads completed, reads merged, sectors read, ms reading;
    /// the same four of writes; in flight, ms doing io, weighted ms.
    pub counters: [u64; 11],
}

/// A device's line, of which most are nobody's: the counters are read on demand.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Device number.
    pub major: u32,
    /// Device number.
    pub minor: u32,
    /// `vda`
    pub name: &'a [u8],
    counters: &'a [u8],
}

/// The devices of the file, in its order. What does not begin like a device's line is passed over.
///
/// ```text
///  254       0 vda 70101 10215 6532154 109793 15391 46555 4266360 18465 0 26316 129181 5093 86 522904 831 1637 91
/// ```
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    format::lines(bytes).filter_map(|(_, line)| {
        let (major, rest) = format::word(line)?;
        let (minor, rest) = format::word(rest)?;
        let (name, counters) = format::word(rest)?;
        let small = |text| u32::try_from(format::number(text)?).ok();
        Some(Line { major: small(major)?, minor: small(minor)?, name, counters })
    })
}

impl Line<'_> {
    /// The counters. `None` for a line of another shape (the four fields of partitions before 2.6.25).
    pub fn stats(&self) -> Option<DiskStats> {
        let mut words = format::words(self.counters);
        let mut counters = [0; 11];
        for counter in &mut counters {
            *counter = format::number(words.next()?)?;
        }
        Some(DiskStats { major: self.major, minor: self.minor, counters })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8]) -> Vec<(&str, DiskStats)> {
        fn named(line: Line<'_>) -> Option<(&str, DiskStats)> {
            Some((std::str::from_utf8(line.name).ok()?, line.stats()?))
        }
        lines(bytes).filter_map(named).collect()
    }

    #[test]
    fn every_block_device_counts() {
        for name in ["sda1", "nvme0n1p2", "mmcblk0p1", "md127", "loop3", "dm-0", "xvda"] {
            let text = format!(" 259 7 {name} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n");
            let all = parse(text.as_bytes());
            let stats = DiskStats { major: 259, minor: 7, counters: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] };
            assert_eq!(all, [(name, stats)]);
        }
    }

    #[test]
    fn lines_of_another_shape_are_passed_over() {
        let text = b"8 1 sda1 1 2 3 4\n8 2 sda2 1 2 3 4 5 6 7 8 9 10 x\n\n8 3 sda3 0 0 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(parse(text).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["sda3"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            parse(&bytes);
        }

        #[test]
        fn counters_come_back(counters in any::<[u64; 11]>(), major in 0u32..4096, minor in 0u32..1 << 20) {
            let text = counters.iter().fold(format!("{major:4} {minor:7} sda"), |s, n| format!("{s} {n}"));
            let (_, stats) = parse(text.as_bytes())[0];
            prop_assert_eq!(stats, DiskStats { major, minor, counters });
        }
    }
}
