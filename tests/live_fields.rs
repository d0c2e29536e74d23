//! A real machine shows every family and every field that it can have: those of `tests/upstream/live.txt`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;
#[path = "upstream/names.rs"]
mod names;

use std::collections::BTreeSet;

use common::program::Plimsoll;
use common::{Need, eventually, kernel};
use names::Fields;

/// Routes, and how `fields.txt` calls their documents.
const ROUTES: &[(&str, &str)] = &[
    ("machine", "/api/v1.3/machine"),
    ("attributes", "/api/v2.1/attributes"),
    ("storage", "/api/v2.1/storage"),
    ("ps", "/api/v2.1/ps/"),
    ("summary", "/api/v2.1/summary/"),
    ("machinestats", "/api/v2.1/machinestats?count=2"),
    ("events", "/api/v1.3/events?all_events=true"),
    ("containers", "/api/v1.3/containers/"),
    ("subcontainers", "/api/v1.3/subcontainers/?num_stats=1"),
];

#[test]
fn every_field_that_a_machine_can_have_has_a_value() {
    require!(Need::Root);
    if kernel::v2() {
        return common::say("SKIP every_field_that_a_machine_can_have_has_a_value: its list is of cgroup v1");
    }
    // all kinds of numbers of a host without containers
    let program = Plimsoll::start(&[
        "--disable_metrics=",
        "--enable_load_reader",
        "--docker=",
        "--containerd=",
        "--podman=",
    ]);
    let wanted = names::list("live.txt");
    assert!(wanted.len() > 100, "{wanted:?}");
    // the summary of a minute comes after one
    eventually("every field has a value", 150.0, || {
        let mut fields = Fields::default();
        for (name, route) in ROUTES {
            fields.add(name, &program.try_json(route)?);
        }
        let families: BTreeSet<String> = program.metrics().into_iter().map(|sample| sample.name).collect();
        let has = |name: &str| {
            if names::is_family(name) { families.contains(name) } else { fields.has(name) }
        };
        let missing: Vec<&String> = wanted.iter().filter(|name| !has(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        std::thread::sleep(common::seconds(3.0));
        Err(format!("{missing:?}"))
    });
}
