//! Lists of numbers: no panic, and as many as a split at blanks gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_kernel::format;

fuzz_target!(|text: &[u8]| {
    if let Ok(ascii) = std::str::from_utf8(text)
        && ascii.is_ascii()
    {
        assert_eq!(format::values(text).count(), ascii.split_ascii_whitespace().count());
    }
    format::values(text).for_each(|n| _ = n);
});
