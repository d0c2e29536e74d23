//! No list of hosts panics, and each host of one has a name and an address.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_nodes::round::Host;

fuzz_target!(|text: &str| {
    for host in Host::list(text).unwrap_or_default() {
        assert!(!host.name.is_empty() && !host.address.is_empty());
    }
});
