//! No text panics; what a list of devices gives is sorted, once each, and in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_measure::accelerator::{driver, given};

fuzz_target!(|bytes: &[u8]| {
    let all = given::of_list(bytes, Some(237));
    for list in [&all.gpus, &all.capabilities] {
        assert!(list.is_sorted_by(|a, b| a < b));
    }
    let text = String::from_utf8_lossy(bytes);
    assert!(all.gpus.iter().all(|minor| *minor < 128 && text.contains(&format!("{minor}"))));
    given::bounding_set(bytes);
    given::caps_major(bytes);
    assert!(!driver::information(&text).uuid.contains('?'));
    driver::access(&text);
});
