//! No text panics where a quantity should be, and what is written is read as the same number.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::cluster::quantity::{format_binary, format_nanocores, parse_milli, parse_value};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(parse_milli(text).is_ok(), parse_value(text).is_ok());
    }
    if let Some(number) = bytes.first_chunk().map(|eight| u64::from_le_bytes(*eight)) {
        let whole = i64::try_from(number).unwrap_or(i64::MAX);
        assert_eq!(parse_value(&format_binary(number)), Ok(whole));
        let rounded = i64::try_from(number.div_ceil(1_000_000)).unwrap_or(i64::MAX);
        assert_eq!(parse_milli(&format_nanocores(number)), Ok(rounded));
    }
});
