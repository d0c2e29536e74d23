//! `memory.stat` and its like: no panic, and the keys that a split of lines gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_kernel::format;

fuzz_target!(|text: &[u8]| {
    let slow = text.split(|&byte| byte == b'\n').filter(|line| line.contains(&b' '));
    let slow: Vec<_> = slow.map(|line| line.split(|&byte| byte == b' ').next()).collect();
    let fast: Vec<_> = format::flat_keyed(text).map(|entry| Some(entry.key)).collect();
    assert_eq!(fast, slow);
    format::flat_keyed(text).for_each(|entry| _ = (entry.number(), entry.hundredths()));
});
