//! No record panics the parser of kills, whatever stood before it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::oom::{Parser, record};

fuzz_target!(|bytes: &[u8]| {
    let mut parser = Parser::default();
    for line in bytes.split(|b| *b == b'\n') {
        if let Some(record) = record::parse(line) {
            parser.line(&record.text, Timestamp::default());
        }
        parser.line(&String::from_utf8_lossy(line), Timestamp::default());
    }
});
