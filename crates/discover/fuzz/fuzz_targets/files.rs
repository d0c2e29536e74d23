//! No file and no answer of a runtime without a daemon of its own panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_discover::lxc::config;
use plimsoll_discover::mesos::answers;
use plimsoll_discover::systemd::machine;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = config::parse(&text);
    assert!(machine::parse(&text).aliases().iter().all(|alias| !alias.is_empty()));
    if let Ok(Some(container)) = answers::container(bytes, "8f26097e-759a-49ec-bf97-ea8c4ce682da") {
        let _ = answers::labels(bytes, &container);
    }
});
