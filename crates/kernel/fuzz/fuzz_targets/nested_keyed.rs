//! `io.stat` and pressure files: no panic, and a line for each line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_kernel::format;

fuzz_target!(|text: &[u8]| {
    let slow = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!(format::nested_keyed(text).count(), slow);
    for line in format::nested_keyed(text) {
        let _ = line.device();
        line.pairs().for_each(|pair| _ = (pair.number(), pair.hundredths()));
    }
});
