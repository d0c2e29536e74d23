//! No name of a cgroup panics, and an id that is claimed stands in the name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_discover::raw::claim::Raw;
use plimsoll_discover::runtime::Runtimes;

fuzz_target!(|name: &str| {
    let verdict = Runtimes::new(Raw::default()).verdict(name);
    assert!(name.contains(&verdict.id));
    assert_eq!(verdict.by.is_empty(), verdict.id.is_empty());
    // what has no id of 64 digits is known by its whole path
    let path = name.strip_prefix('/');
    assert!(verdict.id.is_empty() || verdict.id.len() == 64 || path.is_none_or(|path| path == verdict.id));
});
