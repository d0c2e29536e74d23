//! No bytes panic, and what is understood is understood again when it is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_measure::filesystem::diskstats::lines;

fuzz_target!(|bytes: &[u8]| {
    for line in lines(bytes) {
        let Some(disk) = line.stats() else { continue };
        let mut text = format!("{} {} ", disk.major, disk.minor).into_bytes();
        text.extend_from_slice(line.name);
        for counter in disk.counters {
            text.extend_from_slice(format!(" {counter}").as_bytes());
        }
        let again = lines(&text).next().unwrap();
        assert_eq!((again.name, again.stats()), (line.name, Some(disk)));
    }
});
