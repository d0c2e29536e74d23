//! No bytes panic, and there are no more mounts than lines.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mounts = plimsoll_measure::filesystem::mountinfo::parse(bytes).count();
    plimsoll_measure::filesystem::fuzz_layer(bytes);
    assert!(mounts <= bytes.split(|b| *b == b'\n').count());
});
