//! The program on captured machines: every answer, held against the machine's own files and against the
//! answers beside it. `BLESS=1` rewrites those; what the files say is checked all the same.
//!
//! `tests/hosts/NAME/host.txt` is the machine (`tests/hosts/pack` makes it); `metrics.txt` and `api/` are what we
//! answer there. The use of filesystems is left out: the captured machine's disks are not here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

#[path = "replay/archive.rs"]
mod archive;
#[path = "replay/conformance.rs"]
mod conformance;
#[path = "replay/engine.rs"]
mod engine;
#[path = "replay/golden.rs"]
mod golden;
#[path = "replay/machine.rs"]
mod machine;
#[path = "../crates/serve/src/tests/shape.rs"]
mod shape;
#[path = "replay/truth.rs"]
mod truth;

use machine::Machine;

async fn replay(name: &str) {
    let machine = Machine::start(name).await;
    truth::check(&machine).await;
    machine.compare().await;
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hybrid_host_with_cgroupfs_driver() {
    replay("debian12-hybrid").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v2_host_with_systemd_driver() {
    replay("debian12-v2-systemd").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v2_host_with_cgroupfs_driver() {
    replay("debian12-v2-cgroupfs").await;
}
