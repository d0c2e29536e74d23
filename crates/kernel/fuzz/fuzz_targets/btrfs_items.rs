//! No answer of a btrfs filesystem panics, and there are no more items than heads of 32 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| plimsoll_kernel::accounting::fuzz(bytes));
