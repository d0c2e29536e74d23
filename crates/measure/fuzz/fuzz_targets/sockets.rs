//! No answer of the kernel and no file about sockets panics. The first byte says which it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_measure::sockets::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    if which % 2 == 0 { fuzz::answer(rest) } else { fuzz::files(rest) }
});
