//! No bytes that may be cAdvisor's containers panic, and what is read of them is sound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_nodes::decode::container;

mod sound;

fuzz_target!(|bytes: &[u8]| sound::check(bytes, container::decode));
