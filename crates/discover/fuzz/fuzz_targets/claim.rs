//! No name of a cgroup panics, and an id that is claimed stands in the name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_discover::raw::claim::Raw;
use plimsoll_discover::runtime::{Claim, Owner, Runtimes};

fuzz_target!(|name: &str| {
    let runtimes = Runtimes::new(Raw::default());
    let Owner { namespace, claim } = runtimes.owner(name);
    match claim {
        Claim::Mine { id } | Claim::Perhaps { id } => {
            assert!(name.contains(&id));
            assert!(id.len() == 64 || namespace.is_empty());
        }
        Claim::Ignored => assert!(name.ends_with(".mount")),
        Claim::NotMine => panic!("raw is last and takes all"),
    }
});
