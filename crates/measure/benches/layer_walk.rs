//! What does a name in a writable layer cost, and what does a container?
//!
//! Makes a tree of 100,000 files in 1,000 directories (in the folder named by `TMPDIR`, or `/tmp`), walks it a few
//! times with everything in the kernel's caches, and prints the median. Then has it measured as the layers of 100
//! containers with 1,000 files each, and their newest numbers copied as samples do.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plimsoll_core::time::Timestamp;
use plimsoll_measure::filesystem::usage::{Buffer, Usage, Walk};
use plimsoll_measure::filesystem::{Layer, Table, Tracker};

const DIRECTORIES: usize = 1000;
const FILES: usize = 100;
const ROUNDS: usize = 9;
const CONTAINERS: usize = 100;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..DIRECTORIES {
        let folder = dir.path().join(format!("layer-{}/folder-{n}", n % CONTAINERS));
        std::fs::create_dir_all(&folder).unwrap();
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
    containers(dir.path());
}

/// The layers of containers, measured by the thread that does so in the program.
fn containers(dir: &Path) {
    let root = plimsoll_kernel::root::Root::detect();
    let table = Arc::new(Mutex::new(Table::read(&root)));
    let minute = Duration::from_secs(60);
    let mut rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let tracker = Tracker::start(root.clone(), table.clone(), minute, || Timestamp(1)).unwrap();
            let layer = |n| Layer { upper: Some(dir.join(format!("layer-{n}"))), ..Layer::default() };
            let tracked: Vec<_> = (0..CONTAINERS).map(|n| tracker.track(layer(n))).collect();
            let meters = tracker.meters();
            while meters.walks.load(Relaxed) + meters.failures.load(Relaxed) < CONTAINERS as u64 {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(meters.failures.load(Relaxed), 0);
            let mut filesystem = vec![Vec::new(); CONTAINERS];
            let copy = |filesystem: &mut Vec<Vec<_>>| {
                filesystem.iter_mut().zip(&tracked).for_each(|(filesystem, tracked)| {
                    tracked.fill(filesystem);
                });
            };
            copy(&mut filesystem);
            let began = Instant::now();
            (0..100).for_each(|_| copy(&mut filesystem));
            let sample = began.elapsed().as_secs_f64() / (100 * CONTAINERS) as f64;
            (meters.nanos.load(Relaxed) as f64 / 1e9 / CONTAINERS as f64, sample)
        })
        .collect();
    rounds.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let (measured, sample) = rounds[ROUNDS / 2];
    println!(
        "{CONTAINERS} containers of 1,000 files: {:.0} us a container and measurement (every minute: {:.1} us a \
         second), {:.0} ns a container and sample",
        measured * 1e6,
        measured * 1e6 / minute.as_secs_f64(),
        sample * 1e9
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
