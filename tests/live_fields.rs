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
use std::io::{Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

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
    ("events", "/api/v1.3/events?all_events=true&subcontainers=true"),
    ("containers", "/api/v1.3/containers/"),
    ("subcontainers", "/api/v1.3/subcontainers/?num_stats=1"),
];

/// What a machine at rest may not have, until this is dropped: somebody who waits for the disk, and a connection.
struct Work {
    ends: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
    _connection: (TcpListener, TcpStream, TcpStream),
}

impl Work {
    fn start() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ends);
        let writer = std::thread::spawn(move || {
            let mut file = tempfile::tempfile_in("/var/tmp").unwrap();
            while !end.load(Relaxed) {
                file.rewind().unwrap();
                file.write_all(&[1; 256 << 10]).unwrap();
                file.sync_all().unwrap();
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let far = listener.accept().unwrap().0;
        Self { ends, writer: Some(writer), _connection: (listener, near, far) }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.ends.store(true, Relaxed);
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

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
    let _work = Work::start();
    // of a machine that runs for longer than a day no event of what was there before is left
    let _group = kernel::Group::new(&format!("/plimsoll-fields-{}", std::process::id()));
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
