//! No bytes that may be resource metrics panic, and what is read of them is sound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_nodes::decode::resource;

mod sound;

fuzz_target!(|bytes: &[u8]| sound::check(bytes, resource::decode));
