//! No bytes panic: the count of a group's tasks, and `smaps_rollup`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_measure::{load, referenced};

fuzz_target!(|bytes: &[u8]| {
    load::parse(bytes);
    assert!(referenced::referenced(bytes) % 1024 == 0 || referenced::referenced(bytes) == u64::MAX);
});
