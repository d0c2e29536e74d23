//! What the live tests share: the program under test, a Docker daemon, the kernel's own
//! figures, and the words in which a test waits, skips and compares.
//!
//! Environment: `PLIMSOLL_BIN` (the program; else the one that cargo built),
//! `PLIMSOLL_TEST_IMAGE` (tar of the workload image), `PLIMSOLL_TEST_WORKLOAD` (the static
//! helper), `PLIMSOLL_TEST_DOCKER` (`SOCKET GATEWAY` of a daemon that runs already),
//! `PLIMSOLL_TEST_PATIENCE` (a factor on every time limit, for slow machines), `PLIMSOLL_TEST_KEEP` (a folder for
//! the answers that `live_kube_same` compares). `make e2e`
//! sets them. Without root or Docker a test skips with a line, unless `CI` is set.
#![allow(dead_code, reason = "each test file uses its share")]

pub mod container;
pub mod containerd;
pub mod cri;
pub mod crio;
pub mod docker;
pub mod exposition;
pub mod glob;
pub mod http;
pub mod ill;
pub mod influx;
pub mod keeper;
pub mod kernel;
pub mod kinds;
pub mod kube;
pub mod lxc;
pub mod net;
pub mod podman;
pub mod program;
pub mod rounds;
pub mod workload;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Seconds that a test is willing to wait, stretched where the machine is slow.
pub fn seconds(count: f64) -> Duration {
    static FACTOR: std::sync::OnceLock<f64> = std::sync::OnceLock::new();
    let factor = FACTOR.get_or_init(|| {
        std::env::var("PLIMSOLL_TEST_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0)
    });
    Duration::from_secs_f64(count * factor)
}

/// Asks again and again until there is an answer; the last refusal is the failure's text.
#[track_caller]
pub fn eventually<T>(what: &str, limit: f64, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + seconds(limit);
    loop {
        match ask() {
            Ok(found) => return found,
            Err(last) if Instant::now() > end => panic!("not within {limit} s: {what}; last: {last}"),
            Err(_) => std::thread::sleep(Duration::from_millis(30)),
        }
    }
}

/// A line that the test harness does not swallow.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Whether the test can run; if not, the reason is printed. Under CI it must.
pub fn able(test: &str, needs: &[Need]) -> bool {
    for need in needs {
        if let Err(reason) = need.met() {
            let rare = matches!(need, Need::Rare(_) | Need::ThrownAway | Need::Kube);
            assert!(rare || std::env::var_os("CI").is_none(), "{test} must run under CI: {reason}");
            say(&format!("SKIP {test}: {reason}"));
            return false;
        }
    }
    true
}

pub enum Need {
    Root,
    Docker,
    /// The tar of the workload image.
    Image,
    Workload,
    Program(&'static str),
    /// A host that nobody minds to be changed: the virtual machine, with systemd.
    ThrownAway,
    /// What no registry of packages has; where it is missing, the test is skipped under CI too.
    Rare(&'static str),
    /// A Kubernetes cluster around the test, which takes too long to build for every run.
    Kube,
}

impl Need {
    fn met(&self) -> Result<(), String> {
        match self {
            Self::Root if rustix::process::geteuid().is_root() => Ok(()),
            Self::Root => Err("not root".into()),
            Self::ThrownAway if std::env::var_os("PLIMSOLL_TEST_THROWN_AWAY").is_some() => Ok(()),
            Self::ThrownAway => {
                Err("only in the virtual machine with systemd, whose users it may change".into())
            }
            Self::Workload => workload::path().map(drop),
            Self::Image if std::env::var_os("PLIMSOLL_TEST_IMAGE").is_some() => Ok(()),
            Self::Image => Err("PLIMSOLL_TEST_IMAGE is not set; `make e2e` makes the image".into()),
            Self::Program(name) | Self::Rare(name) => {
                find_program(name).map(drop).ok_or(format!("no {name}"))
            }
            Self::Kube => kube::folder().map(drop),
            Self::Docker => {
                Self::Root.met()?;
                Self::Program("docker").met()?;
                Self::Image.met()?;
                if std::env::var_os("PLIMSOLL_TEST_DOCKER").is_some() {
                    Ok(())
                } else {
                    Self::Program("dockerd").met()
                }
            }
        }
    }
}

/// In PATH, unless its path is given.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Skips the test with a line where it cannot run.
#[macro_export]
macro_rules! require {
    ($($need:expr),+) => {
        if !$crate::common::able(std::thread::current().name().unwrap_or("?"), &[$($need),+]) {
            return;
        }
    };
}

/// A name that no other test and no other process uses.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A folder that goes when the test does.
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("plimsoll-test-").tempdir().unwrap()
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `part` per cent or less between the two.
#[track_caller]
pub fn close(what: &str, told: f64, truth: f64, part: f64) {
    let off = (told - truth).abs();
    assert!(off <= truth.abs() * part / 100.0, "{what}: {told}, but it was {truth} (more than {part} % off)");
}

/// CPU time told against CPU time burnt. Taking the order costs the worker a little too: nothing
/// on a real processor, some per cent on an emulated one, where the kernel's file is the judge.
#[track_caller]
pub fn close_to_burnt(what: &str, told: f64, burnt: f64, part: f64) {
    close(what, told, burnt, part * seconds(1.0).as_secs_f64());
}

/// The number at a JSON pointer.
#[track_caller]
pub fn number(value: &serde_json::Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer);
    found
        .and_then(serde_json::Value::as_f64)
        .unwrap_or_else(|| panic!("no number at {pointer}, but {found:?}, in {value}"))
}

#[track_caller]
pub fn text<'a>(value: &'a serde_json::Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer);
    found
        .and_then(serde_json::Value::as_str)
        .unwrap_or_else(|| panic!("no text at {pointer}, but {found:?}, in {value}"))
}

/// A container's writable layer as version 2 tells it: bytes with the log, bytes alone, inodes.
pub fn layer(program: &program::Plimsoll, kind: &str, name: &str) -> Result<[f64; 3], String> {
    let info = program.fresh(kind, name)?;
    let layer = info.pointer("/stats/0/filesystem").ok_or("no filesystem")?;
    Ok(["/totalUsageBytes", "/baseUsageBytes", "/containter_inode_usage"].map(|key| number(layer, key)))
}

/// What stays the same for a second: a runtime still makes files while a container starts.
#[track_caller]
pub fn settled<T: PartialEq>(what: &str, mut told: impl FnMut() -> Result<T, String>) -> T {
    let mut last = None;
    eventually(what, 30.0, || {
        let now = told()?;
        std::thread::sleep(seconds(1.0));
        if last.as_ref() == Some(&now) && told()? == now {
            return Ok(now);
        }
        last = Some(now);
        Err("it still changes".to_owned())
    })
}
