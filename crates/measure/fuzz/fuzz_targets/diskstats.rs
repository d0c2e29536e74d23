//! No bytes panic, and what is understood is understood again when it is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_measure::filesystem::diskstats::parse;

fuzz_target!(|bytes: &[u8]| {
    for (name, disk) in parse(bytes) {
        let head = format!("{} {} {name}", disk.major, disk.minor);
        let line = disk.counters.iter().fold(head, |line, n| format!("{line} {n}"));
        assert_eq!(parse(line.as_bytes()).next(), Some((name, disk)));
    }
});
