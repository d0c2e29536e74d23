//! One number or limit: no panic, and what the standard library reads is read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::limit::Limit;
use plimsoll_kernel::format;

fuzz_target!(|text: &[u8]| {
    let slow = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(format::number(text), slow.and_then(|text| text.parse().ok()));
    if let Some(n) = format::number(text) {
        assert_eq!(format::single_value(text), Ok(n));
        assert_eq!(format::limit(text), Ok(Limit::At(n)));
    }
    let _ = (format::signed_value(text), format::hundredths(text), format::device(text));
});
