//! What does a name in a writable layer cost?
//!
//! Makes a tree of 100,000 files in 1,000 directories (in the folder named by `TMPDIR`, or `/tmp`), walks it a few
//! times with everything in the kernel's caches, and prints the median.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::time::Instant;

use plimsoll_measure::filesystem::usage::{Buffer, Usage, Walk};

const DIRECTORIES: usize = 1000;
const FILES: usize = 100;
const ROUNDS: usize = 9;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..DIRECTORIES {
        let folder = dir.path().join(format!("folder-{n}"));
        std::fs::create_dir(&folder).unwrap();
        for n in 0..FILES {
            std::fs::write(folder.join(format!("file-{n}")), "x").unwrap();
        }
    }
    let mut rounds: Vec<_> = (0..ROUNDS).map(|_| walk(dir.path())).collect();
    rounds.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let (seconds, cpu, usage) = rounds[ROUNDS / 2];
    let each = |seconds: f64| seconds * 1e9 / usage.inodes as f64;
    println!(
        "{} inodes, {} MiB: {:.1} ms, {:.0} ns a name ({:.0} ns of CPU)",
        usage.inodes,
        usage.bytes >> 20,
        seconds * 1e3,
        each(seconds),
        each(cpu)
    );
}

/// Seconds on the wall, seconds of CPU, and what was found.
fn walk(path: &Path) -> (f64, f64, Usage) {
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let mut walk = Walk::begin(path).unwrap();
    let mut buffer = Buffer::default();
    loop {
        if let Some(usage) = walk.step(&mut buffer).unwrap() {
            return (began.elapsed().as_secs_f64(), cpu_seconds() - cpu, usage);
        }
    }
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
