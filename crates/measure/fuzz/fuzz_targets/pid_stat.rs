//! No bytes panic, and the name lies between the parentheses.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(stat) = plimsoll_measure::processes::stat::parse(bytes) {
        assert!(stat.name.len() + 2 <= bytes.len());
    }
});
