//! No text panics, and there are no more cores or sockets than lines.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let counts = plimsoll_measure::machine::cpuinfo::parse(text).counts();
    let lines = text.lines().count() as u64;
    assert!(counts.cores <= lines && counts.sockets <= lines);
});
