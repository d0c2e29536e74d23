//! No table panics, and a module is at least its fields long.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|table: &[u8]| {
    let modules = plimsoll_measure::machine::nvm::modules(table);
    assert!(modules.count <= table.len() as u64 / 0x29);
});
