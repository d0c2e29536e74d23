//! Containers of Docker and of containerd that come and go, some hundreds: nothing stays behind. Minutes long, so `make soak` runs it, and
//! neither `make test` nor CI; `live_faults` does the same with fewer, plain groups.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use common::containerd::{Containerd, IMAGE};
use common::docker;
use common::program::Plimsoll;
use common::{Need, eventually, kernel, unique};

const CYCLES: usize = 300;
/// Of those that ended so many are kept, so that memory has its end.
const KEPT: usize = 50;

/// Descriptors, containers and KiB resident.
#[track_caller]
fn held(program: &Plimsoll) -> (usize, f64, f64) {
    let pid = program.child.id();
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let status = kernel::read(std::path::Path::new(&format!("/proc/{pid}/status")));
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.split_whitespace().next().unwrap().parse().unwrap();
    let all = program.metrics();
    let containers = all.iter().find(|one| one.name == "plimsoll_containers").unwrap();
    (descriptors, containers.value, resident)
}

/// Makes and removes containers, whose names have the prefix.
#[track_caller]
fn leave_nothing_behind(program: &Plimsoll, prefix: &str, cycle: impl Fn(&str)) {
    let cycle = |n: usize| cycle(&format!("{prefix}-{n}"));
    let settled = || {
        eventually("none is left", 30.0, || {
            let left = program.get("/api/v1.3/subcontainers/").text().matches(&format!("{prefix}-")).count();
            if left == 0 { Ok(()) } else { Err(format!("{left} left")) }
        });
        std::thread::sleep(common::seconds(3.0));
        held(program)
    };
    (0..2 * KEPT).for_each(cycle);
    let before = settled();
    (2 * KEPT..2 * KEPT + CYCLES).for_each(cycle);
    let after = settled();
    common::say(&format!(
        "descriptors, containers, KiB: {before:?} after {}, {after:?} {CYCLES} later",
        2 * KEPT
    ));
    assert!(after.0 <= before.0 + 4, "{} descriptors, {} before", after.0, before.0);
    assert_eq!(after.1, before.1, "containers");
    assert!(after.2 <= before.2 + 1024.0, "{} KiB resident, {} before", after.2, before.2);
    let ended = program.json("/api/plimsoll/v1/ended");
    let ended = ended.as_array().unwrap();
    assert_eq!(ended.len(), KEPT);
    let known = ended.iter().filter(|one| one["aliases"].to_string().contains(prefix)).count();
    assert_eq!(known, KEPT, "each was known by its name: {ended:?}");
}

fn flags(own: &str) -> [String; 3] {
    [own.to_owned(), format!("--ended_containers={KEPT}"), "--allow_dynamic_housekeeping=false".to_owned()]
}

#[test]
#[ignore = "minutes long: make soak"]
fn hundreds_of_docker_containers_leave_nothing_behind() {
    require!(Need::Docker);
    let docker = docker::shared();
    let program = Plimsoll::start(&flags(&docker.flag()).each_ref().map(String::as_str));
    leave_nothing_behind(&program, &unique("soak"), |name| {
        let (_, done) = docker.job(name, &["--network", "none"], &["workload", "do", "sleep 5"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        docker.remove(name);
    });
}

#[test]
#[ignore = "minutes long: make soak"]
fn hundreds_of_containerd_containers_leave_nothing_behind() {
    require!(Need::Root, Need::Workload, Need::Image, Need::Program("containerd"), Need::Program("ctr"));
    let containerd = Containerd::start();
    let namespace = containerd.namespace("soak");
    let program = Plimsoll::start(&flags(&containerd.flag()).each_ref().map(String::as_str));
    leave_nothing_behind(&program, &unique("soak"), |name| {
        let words = ["run", "--rm", "--snapshotter", "native", IMAGE, name, "workload", "do", "sleep 5"];
        containerd.ctr(&namespace, &words);
    });
}
