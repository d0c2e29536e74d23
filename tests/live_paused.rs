//! Containers that a runtime or the kernel has stopped for a while: shown as paused at once, and as running afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::path::PathBuf;

use common::containerd::Containerd;
use common::kernel::{self, Group};
use common::podman::Podman;
use common::program::Plimsoll;
use common::{Need, docker, eventually, number, unique};

/// A program that takes no sample by itself: the state waits for none.
fn program(flags: &[&str]) -> Plimsoll {
    let rare = ["--housekeeping_interval=1h", "--max_housekeeping_interval=1h"];
    Plimsoll::start(&[flags, &rare].concat())
}

/// Waits until the overview shows the group in this state.
#[track_caller]
fn shown(program: &Plimsoll, group: &str, state: &str) {
    eventually(&format!("{group} is shown as {state:?}"), 10.0, || {
        let all = program.try_json("/api/plimsoll/v1/overview")?;
        let rows = all["rows"].as_array().cloned().unwrap_or_default();
        let row = rows.into_iter().find(|row| row["name"] == group).ok_or("no such row")?;
        let told = row["state"].as_str().unwrap_or_default();
        if told == state { Ok(()) } else { Err(format!("{told:?}")) }
    });
}

/// Where the freezer of this host has a group, and the words that stop it and have it go on.
fn freezer(group: &str) -> (PathBuf, [&'static str; 2]) {
    let name = group.trim_start_matches('/');
    if kernel::v2() {
        (PathBuf::from("/sys/fs/cgroup").join(name).join("cgroup.freeze"), ["1", "0"])
    } else {
        (PathBuf::from("/sys/fs/cgroup/freezer").join(name).join("freezer.state"), ["FROZEN", "THAWED"])
    }
}

/// Directories of groups in v1's freezer, outer ones first; they go on and are removed when dropped.
struct Freezable(Vec<PathBuf>);

impl Freezable {
    fn of(groups: &[&Group]) -> Self {
        let folders = groups.iter().map(|group| freezer(&group.name).0.parent().unwrap().to_owned());
        let mut made = Self(Vec::new());
        for folder in folders.filter(|folder| !folder.exists()) {
            std::fs::create_dir(&folder).unwrap();
            made.0.push(folder);
        }
        made
    }
}

impl Drop for Freezable {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            let _ = std::fs::write(folder.join("freezer.state"), "THAWED");
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[test]
fn docker_pauses_a_container_and_it_goes_on() {
    require!(Need::Docker);
    let docker = docker::shared();
    let container = docker.container(&[]);
    let early = docker.container(&[]);
    docker.run(&["pause", &early.id]);
    let program = program(&[&docker.flag(), "--containerd=", "--podman="]);
    shown(&program, &container.group, "running");
    // one that was paused before anybody looked
    shown(&program, &early.group, "paused");
    docker.run(&["pause", &container.id]);
    shown(&program, &container.group, "paused");
    // its numbers stand, they do not go
    let info = program.fresh("docker", &container.id).unwrap();
    assert!(number(&info, "/stats/0/memory/usage") > 0.0);
    for one in [&container, &early] {
        docker.run(&["unpause", &one.id]);
        shown(&program, &one.group, "running");
        one.order("burn 10");
    }
}

#[test]
fn the_kernels_word_is_enough_without_the_daemon() {
    require!(Need::Docker);
    let docker = docker::shared();
    let container = docker.container(&[]);
    let program = program(&[&docker.flag(), "--containerd=", "--podman="]);
    shown(&program, &container.group, "running");
    // behind Docker's back
    let (file, [stop, go]) = freezer(&container.group);
    let write = |word: &str| {
        std::fs::write(&file, word).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    write(stop);
    shown(&program, &container.group, "paused");
    write(go);
    shown(&program, &container.group, "running");
}

#[test]
fn a_stopped_group_stops_those_below() {
    require!(Need::Root, Need::Workload);
    let outer = Group::new(&format!("/{}", unique("plimsoll-frozen")));
    let inner = Group::new(&format!("{}/inner", outer.name));
    let _freezable = Freezable::of(&[&outer, &inner]);
    let program = program(&["--docker=", "--containerd=", "--podman="]);
    for group in [&outer, &inner] {
        shown(&program, &group.name, "");
    }
    let (file, [stop, go]) = freezer(&outer.name);
    std::fs::write(&file, stop).unwrap();
    shown(&program, &outer.name, "paused");
    shown(&program, &inner.name, "paused");
    std::fs::write(&file, go).unwrap();
    shown(&program, &outer.name, "");
    shown(&program, &inner.name, "");
}

#[test]
fn containerd_pauses_a_task_and_it_goes_on() {
    require!(Need::Root, Need::Workload, Need::Image, Need::Program("containerd"), Need::Program("ctr"));
    let containerd = Containerd::start();
    let space = containerd.namespace("paused");
    let container = containerd.container(&space, "web", &[]);
    let program = program(&[&containerd.flag(), "--docker=", "--podman="]);
    shown(&program, &container.group, "running");
    containerd.ctr(&space, &["tasks", "pause", "web"]);
    shown(&program, &container.group, "paused");
    containerd.ctr(&space, &["tasks", "resume", "web"]);
    shown(&program, &container.group, "running");
}

#[test]
fn podman_pauses_a_container_and_it_goes_on() {
    require!(Need::Root, Need::Workload, Need::Image, Need::Program("podman"), Need::Program("runc"));
    let podman = Podman::new();
    let container = podman.container(&[]);
    let program = program(&[&podman.flag(), "--docker=", "--containerd="]);
    shown(&program, &container.group, "running");
    podman.run(&["pause", &container.id]);
    shown(&program, &container.group, "paused");
    podman.run(&["unpause", &container.id]);
    shown(&program, &container.group, "running");
}
