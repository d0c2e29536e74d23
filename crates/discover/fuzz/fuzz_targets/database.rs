//! No file that calls itself a database of Podman's panics or is read for ever.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_discover::podman::database::{bolt, sqlite};

/// Containers in the databases that are the seeds.
const IN_BOLT: &str = "8efb1747f53a13173ad4d27ecf945aa7d4eabf7fdbf3eefaefb5819c8fc7dc61";
const IN_SQLITE: &str = "76462b4edd055a56a45545d444c7f92529757beaa3ad6b10dfc4083834ed7bd9";

fuzz_target!(|bytes: &[u8]| {
    let _ = bolt::container(&bytes, IN_BOLT);
    let _ = sqlite::container(&bytes, IN_SQLITE);
});
