//! Documents that are made from the code: stale ones fail, `BLESS=1` rewrites them.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use plimsoll::host::own_families;
use plimsoll_measure::{families, machine};
use plimsoll_serve::metrics;

#[test]
fn metrics_page_is_as_generated() {
    let mut sections = metrics::documented();
    sections.insert(1, ("The machine", families::entries(machine::families::FAMILIES)));
    sections.push(("The host agent", own_families().map(metrics::told).collect()));
    let page = families::document(&sections);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == page, "docs/metrics.md is stale: make bless rewrites it");
}
