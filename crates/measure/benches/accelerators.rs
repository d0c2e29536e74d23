//! What do GPUs cost a sample?
//!
//! On a machine without one: the look at a flag that each sample takes. With eight, shared by a hundred containers
//! that use one each: the copy of what the thread found. What a look at the GPUs themselves costs is the driver's
//! matter, and there is a stand-in for it here only.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use plimsoll_core::kinds::Kinds;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;
use plimsoll_measure::accelerator::{Accelerators, Group, Options};
use plimsoll_measure::host::Host;
use plimsoll_nvml::Fake;

const GROUPS: u32 = 100;
const ROUNDS: u32 = 100_000;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let cgroup = dir.path().join("sys/fs/cgroup");
    fs::create_dir_all(&cgroup).unwrap();
    fs::write(cgroup.join("cgroup.controllers"), "").unwrap();
    let without = start(dir.path(), Options::default());
    std::thread::sleep(Duration::from_millis(50));
    println!("a sample on a machine without a GPU: {:.0} ns", fill(&without));

    let lib = tempfile::tempdir().unwrap();
    let fake = Fake::new(lib.path()).unwrap();
    let mut state = String::new();
    (0..8).for_each(|gpu| {
        writeln!(state, "gpu minor={gpu} uuid=GPU-{gpu} model=NVIDIA_A100 total=1000 used=400 busy=50,60")
            .unwrap();
    });
    for group in 0..GROUPS {
        let pid = 1000 + group;
        writeln!(state, "process gpu={} pid={pid} memory=10 sm=1", group % 8).unwrap();
        let process = dir.path().join(format!("proc/{pid}"));
        fs::create_dir_all(&process).unwrap();
        fs::write(process.join("cgroup"), format!("0::/docker/{group}\n")).unwrap();
    }
    fake.says(&state);
    let interval = Duration::from_millis(200);
    let options = Options { interval, library: Some(fake.library()), ..Options::default() };
    let with = start(dir.path(), options);
    let looks = || with.meters().looks.load(Relaxed);
    while looks() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("a sample of a container with a GPU: {:.0} ns", fill(&with));
    let each = with.meters().nanos.load(Relaxed) as f64 / looks() as f64;
    println!("a look at 8 GPUs with {GROUPS} processes, by the stand-in: {:.1} ms", each / 1e6);
}

fn start(root: &std::path::Path, options: Options) -> Accelerators {
    let host = Arc::new(Host::new(Root::at(root), Kinds::default(), 10).unwrap());
    let groups = || {
        let group = |n| Group { name: format!("/docker/{n}").into(), claimed: true, pid: None };
        (0..GROUPS).map(group).collect()
    };
    Accelerators::start(host, options, groups, || Timestamp::from_secs(1_700_000_000)).unwrap()
}

/// Nanoseconds that a sample's part takes.
fn fill(accelerators: &Accelerators) -> f64 {
    let mut out = Vec::new();
    let began = Instant::now();
    for _ in 0..ROUNDS {
        accelerators.fill("/docker/7", &mut out);
    }
    began.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}
