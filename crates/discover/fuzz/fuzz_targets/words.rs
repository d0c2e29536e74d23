//! No event, list or description of an engine panics; what has an id has one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_discover::docker::fuzz;

fuzz_target!(|bytes: &[u8]| fuzz::words(bytes));
