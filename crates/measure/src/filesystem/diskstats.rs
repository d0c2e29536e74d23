//! What each block device has done: `/proc/diskstats`.

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

/// The devices of the file with their names, in its order. Lines of another shape (the four fields of
/// partitions before 2.6.25) are passed over.
///
/// ```text
///  254       0 vda 70101 10215 6532154 109793 15391 46555 4266360 18465 0 26316 129181 5093 86 522904 831 1637 91
/// ```
pub fn parse(bytes: &[u8]) -> impl Iterator<Item = (&str, DiskStats)> {
    bytes.split(|b| *b == b'\n').filter_map(line)
}

fn line(line: &[u8]) -> Option<(&str, DiskStats)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let major = words.next()?.parse().ok()?;
    let minor = words.next()?.parse().ok()?;
    let name = words.next()?;
    let mut counters = [0; 11];
    for counter in &mut counters {
        *counter = words.next()?.parse().ok()?;
    }
    Some((name, DiskStats { major, minor, counters }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_block_device_counts() {
        for name in ["sda1", "nvme0n1p2", "mmcblk0p1", "md127", "loop3", "dm-0", "xvda"] {
            let text = format!(" 259 7 {name} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n");
            let all: Vec<_> = parse(text.as_bytes()).collect();
            let stats = DiskStats { major: 259, minor: 7, counters: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] };
            assert_eq!(all, [(name, stats)]);
        }
    }

    #[test]
    fn lines_of_another_shape_are_passed_over() {
        let text = b"8 1 sda1 1 2 3 4\n8 2 sda2 1 2 3 4 5 6 7 8 9 10 x\n\n8 3 sda3 0 0 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(parse(text).map(|(name, _)| name).collect::<Vec<_>>(), ["sda3"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            parse(&bytes).count();
        }

        #[test]
        fn counters_come_back(counters in any::<[u64; 11]>(), major in 0u32..4096, minor in 0u32..1 << 20) {
            let text = counters.iter().fold(format!("{major:4} {minor:7} sda"), |s, n| format!("{s} {n}"));
            let (_, stats) = parse(text.as_bytes()).next().unwrap();
            prop_assert_eq!(stats, DiskStats { major, minor, counters });
        }
    }
}
