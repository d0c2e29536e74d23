//! What does a sample of one container cost, beside the system calls alone?
//!
//! Makes groups of its own (`plimsoll-bench-<pid>`) in every mounted hierarchy, with a sleeping process in each,
//! and reads them in turns by
//! - `minimal`: the same files kept open, one `pread` each into a buffer, nothing parsed;
//! - `full`, `thrifty`: the reader, with one sample a group.
//!
//! Prints median and best over the rounds of the microseconds a group, and the ratio of the medians to `minimal`. Needs root. Removes
//! what it made. `CONTAINERS=100 ROUNDS=300 cargo bench -p plimsoll-measure --bench container_sample`

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, clippy::indexing_slicing)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Instant;

use plimsoll_core::kinds::Kinds;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::hierarchy::{Controller, Hierarchy, Version};
use plimsoll_kernel::root::Root;
use plimsoll_measure::reader::{Effort, Host, Limits, Reader};
use plimsoll_measure::sample::Sample;

const SECOND: i64 = 1_000_000_000;

fn main() {
    let env = |name: &str, usual: usize| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (count, rounds) = (env("CONTAINERS", 100), env("ROUNDS", 300));
    let host = Arc::new(Host::new(Root::detect(), Kinds::default(), 1_000_000).unwrap());
    let groups = match Groups::new(&host, count) {
        Ok(groups) => groups,
        Err(error) => {
            println!("skipped: cannot make groups here: {error}");
            return;
        }
    };
    let minimal: Vec<Vec<File>> = groups
        .names
        .iter()
        .zip(&groups.tasks)
        .map(|(name, task)| minimal_files(&host, name, task.id()))
        .collect();
    let mut full = watchers(&host, &groups);
    let mut thrifty = watchers(&host, &groups);
    let mut buffer = Vec::with_capacity(64 << 10);
    let mut scratch = vec![0; 64 << 10];
    println!("{count} groups, {rounds} rounds, {} files a group for minimal", minimal[0].len());

    let mut took = [const { Vec::new() }; 3];
    let mut files = [0, 0];
    // as if a second passed between two rounds
    for round in 0..rounds as i64 + 20 {
        let at = Timestamp(1_700_000_000 * SECOND + round * SECOND);
        let begin = Instant::now();
        for files in &minimal {
            for file in files {
                let _ = std::hint::black_box(file.read_at(&mut scratch, 0));
            }
        }
        let first = begin.elapsed();
        let begin = Instant::now();
        for (reader, sample) in &mut full {
            files[0] = reader.read(at, Effort::Full, &mut buffer, sample).files;
        }
        let second = begin.elapsed();
        let begin = Instant::now();
        for (reader, sample) in &mut thrifty {
            files[1] = reader.read(at, Effort::Thrifty, &mut buffer, sample).files;
        }
        let third = begin.elapsed();
        // the first rounds open files and settle
        if round >= 20 {
            for (list, time) in took.iter_mut().zip([first, second, third]) {
                list.push(time.as_secs_f64() * 1e6 / count as f64);
            }
        }
    }
    // the check every 10 s is in the mean, and so is what else the machine did
    let mean = took[2].iter().sum::<f64>() / took[2].len() as f64;
    let (best, median): (Vec<f64>, Vec<f64>) = took
        .into_iter()
        .map(|mut list| {
            list.sort_by(f64::total_cmp);
            (list[0], list[list.len() / 2])
        })
        .unzip();
    let line = |name, index: usize| {
        let (best, median, ratio) = (best[index], median[index], median[index] / median[0]);
        println!("{name:8} median {median:7.2} µs a group, best {best:7.2}, {ratio:.2} x minimal");
    };
    line("minimal", 0);
    line("full", 1);
    line("thrifty", 2);
    println!(
        "thrifty with its check every 10 s: mean {mean:.2} µs; files: full {}, thrifty {}",
        files[0], files[1]
    );
    println!("descriptors kept: {}", host.budget.in_use());
}

fn watchers(host: &Arc<Host>, groups: &Groups) -> Vec<(Reader, Sample)> {
    let new = |(name, task): (&String, &Child)| {
        let mut reader = Reader::new(host, name);
        reader.set_pid(Some(task.id()));
        reader.set_limits(Limits { quota: false, memory: false });
        (reader, Sample::default())
    };
    groups.names.iter().zip(&groups.tasks).map(new).collect()
}

/// The files that the reader reads by default of a group without io.
fn minimal_files(host: &Host, name: &str, pid: u32) -> Vec<File> {
    let v1 = [
        (Controller::CpuAcct, "cpuacct.usage"),
        (Controller::CpuAcct, "cpuacct.stat"),
        (Controller::CpuAcct, "cpuacct.usage_percpu"),
        (Controller::Cpu, "cpu.stat"),
        (Controller::Memory, "memory.usage_in_bytes"),
        (Controller::Memory, "memory.max_usage_in_bytes"),
        (Controller::Memory, "memory.failcnt"),
        (Controller::Memory, "memory.kmem.usage_in_bytes"),
        (Controller::Memory, "memory.stat"),
        (Controller::Io, "blkio.bfq.io_service_bytes_recursive"),
        (Controller::Io, "blkio.throttle.io_service_bytes_recursive"),
        (Controller::Io, "blkio.throttle.io_service_bytes"),
    ];
    let v2 = [
        "cpu.stat",
        "memory.current",
        "memory.stat",
        "memory.peak",
        "memory.swap.current",
        "memory.events",
        "io.stat",
    ];
    let mut paths: Vec<PathBuf> = Vec::new();
    for (controller, file) in v1 {
        if let Some((Version::V1, root)) = host.hierarchy.controller(controller) {
            paths.push(root.join(&name[1..]).join(file));
        }
    }
    if let Some(root) = host.hierarchy.unified() {
        let dir = root.join(&name[1..]);
        if paths.is_empty() {
            paths.extend(v2.map(|file| dir.join(file)));
        }
        paths.extend(["cpu.pressure", "memory.pressure", "io.pressure"].map(|file| dir.join(file)));
    }
    paths.push(host.root.proc.join(format!("{pid}/net/dev")));
    paths.iter().filter_map(|path| File::open(path).ok()).collect()
}

/// Groups of our own, removed in the end.
struct Groups {
    names: Vec<String>,
    dirs: Vec<PathBuf>,
    tasks: Vec<Child>,
}

impl Groups {
    fn new(host: &Host, count: usize) -> std::io::Result<Self> {
        let parent = format!("/plimsoll-bench-{}", std::process::id());
        let mut groups = Self { names: Vec::new(), dirs: Vec::new(), tasks: Vec::new() };
        let roots = roots(&host.hierarchy);
        for root in &roots {
            groups.make(root.join(&parent[1..]))?;
            enable(root);
            enable(&root.join(&parent[1..]));
        }
        for index in 0..count {
            let name = format!("{parent}/{index}");
            let task = Command::new("sleep").arg("100000").spawn()?;
            for root in &roots {
                let dir = root.join(&name[1..]);
                groups.make(dir.clone())?;
                // cpuset wants its CPUs first, and is not read
                let _ = fs::write(dir.join("cgroup.procs"), task.id().to_string());
            }
            groups.names.push(name);
            groups.tasks.push(task);
        }
        Ok(groups)
    }

    fn make(&mut self, dir: PathBuf) -> std::io::Result<()> {
        fs::create_dir(&dir)?;
        self.dirs.push(dir);
        Ok(())
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for task in &mut self.tasks {
            let _ = task.kill();
            let _ = task.wait();
        }
        for dir in self.dirs.iter().rev() {
            for _ in 0..100 {
                if fs::remove_dir(dir).is_ok() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
    }
}

/// On v2 the controllers of a group are switched on in the one above.
fn enable(dir: &std::path::Path) {
    for controller in ["+cpu", "+memory", "+io", "+pids"] {
        let _ = fs::write(dir.join("cgroup.subtree_control"), controller);
    }
}

fn roots(hierarchy: &Hierarchy) -> Vec<PathBuf> {
    hierarchy.watch_dirs(&Kinds::default())
}
