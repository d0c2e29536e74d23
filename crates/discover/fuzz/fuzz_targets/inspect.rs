//! No answer of an engine panics, and one that is taken has an id.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_discover::docker::inspect;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(inspected) = inspect::parse(bytes, &["A".to_owned()]) {
        assert!(!inspected.identity.id.is_empty());
    }
});
