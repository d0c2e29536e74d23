//! Cgroups without any runtime: known work in groups that the test itself makes.
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
use std::process::{Child, Command, Stdio};

use common::kernel::{self, Group};
use common::program::Plimsoll;
use common::{Need, close, close_to_burnt, eventually, number, unique, workload};
use serde_json::Value;

/// The helper inside a group; killed when dropped.
struct Worker {
    child: Child,
    folder: tempfile::TempDir,
}

impl Worker {
    #[track_caller]
    fn start(group: &Group) -> Self {
        let folder = common::folder();
        let socket = folder.path().join("sock");
        let child =
            enter(group, &format!("serve {}", socket.display())).stdout(Stdio::null()).spawn().unwrap();
        let worker = Self { child, folder };
        worker.order("sleep 0");
        worker
    }

    #[track_caller]
    fn order(&self, line: &str) -> String {
        workload::order(&self.socket(), line)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that runs the helper with these words inside the group.
#[allow(clippy::disallowed_methods)]
fn enter(group: &Group, words: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{} exec {} {words}", group.enter(), workload::path().unwrap().display()));
    command.stdin(Stdio::null());
    command
}

#[track_caller]
fn stats(program: &Plimsoll, name: &str) -> Value {
    eventually(&format!("{name} is in the API"), 10.0, || program.fresh("name", name))["stats"][0].clone()
}

#[test]
fn work_in_a_group_is_accounted_for() {
    require!(Need::Root, Need::Workload);
    let program = Plimsoll::start(&[]);
    let group = Group::new(&format!("/{}", unique("plimsoll-raw")));
    let worker = Worker::start(&group);
    let before = stats(&program, &group.name);
    let burnt: f64 = worker.order("burn 2000").parse().unwrap();
    let after = stats(&program, &group.name);
    close_to_burnt(
        "cpu",
        number(&after, "/cpu/usage/total") - number(&before, "/cpu/usage/total"),
        burnt,
        1.0,
    );
    worker.order("hold 64");
    let after = stats(&program, &group.name);
    close("rss", number(&after, "/memory/rss") - number(&before, "/memory/rss"), 64.0 * 1_048_576.0, 1.0);
    close("the kernel's cpu", number(&after, "/cpu/usage/total"), kernel::cpu_nanos(&group.name), 1.0);
    close("the kernel's memory", number(&after, "/memory/usage"), kernel::memory_bytes(&group.name), 0.5);
}

#[test]
fn a_group_appears_at_once_and_goes_at_once() {
    require!(Need::Root);
    // no re-scan comes to the rescue
    let program = Plimsoll::start(&["--global_housekeeping_interval=10m"]);
    let group = Group::new(&format!("/{}", unique("plimsoll-raw")));
    let path = format!("/api/v1.3/containers{}", group.name);
    eventually("the group is served", 2.0, || program.try_json(&path));
    drop(group);
    eventually("the group is gone", 2.0, || match program.get(&path).status {
        500 => Ok(()),
        other => Err(other.to_string()),
    });
}

#[test]
fn a_group_of_100_ms_leaves_its_totals() {
    require!(Need::Root, Need::Workload);
    let program = Plimsoll::start(&["--global_housekeeping_interval=10m"]);
    let group = Group::new(&format!("/{}", unique("plimsoll-raw")));
    let name = group.name.clone();
    let done = common::program::run(&mut enter(&group, "do 'burn 100'"), 20.0);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let burnt: f64 = done.stdout.trim().strip_prefix("ok ").unwrap().parse().unwrap();
    let truth = kernel::cpu_nanos(&name);
    // no runtime removes a group sooner: it has to reap the process and start its own clean-up first
    std::thread::sleep(std::time::Duration::from_millis(20));
    drop(group);
    let entry = eventually("it is in the ended list", 10.0, || {
        let all = program.try_json("/api/plimsoll/v1/ended")?;
        let found =
            all.as_array().ok_or("not a list")?.iter().find(|one| one["name"] == name.as_str()).cloned();
        found.ok_or(format!("not in {all}"))
    });
    let total = number(&entry, "/stats/cpu/usage/total");
    assert!(total >= burnt * 0.99, "{total} ns for a job that burnt {burnt}");
    close("the kernel's last total", total, truth, 1.0);
}

#[test]
fn nested_groups_are_children_and_counted_in_their_parents() {
    require!(Need::Root, Need::Workload);
    let program = Plimsoll::start(&[]);
    let outer = Group::new(&format!("/{}", unique("plimsoll-outer")));
    // a sibling whose name begins alike is no child
    let sibling = Group::new(&format!("{}bar", outer.name));
    if kernel::v2() {
        let file = kernel::file("", &outer.name, "", "cgroup.subtree_control");
        std::fs::write(file, "+cpu +memory +pids +io").unwrap();
    }
    let inner = Group::new(&format!("{}/inner", outer.name));
    let worker = Worker::start(&inner);
    let before = stats(&program, &outer.name);
    let burnt: f64 = worker.order("burn 500").parse().unwrap();
    let after = stats(&program, &outer.name);
    close(
        "cpu of the parent",
        number(&after, "/cpu/usage/total") - number(&before, "/cpu/usage/total"),
        burnt,
        2.0,
    );
    let parent = program.json(&format!("/api/v1.3/containers{}", outer.name));
    assert_eq!(parent["subcontainers"], serde_json::json!([{"name": inner.name}]));
    let all = program.json(&format!("/api/v1.3/subcontainers{}", outer.name));
    let mut names: Vec<_> = all.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, [outer.name.as_str(), inner.name.as_str()], "and not {}", sibling.name);
}

#[test]
fn docker_only_leaves_other_groups_out() {
    require!(Need::Root);
    let group = Group::new(&format!("/{}", unique("plimsoll-raw")));
    let program = Plimsoll::start(&["--docker_only"]);
    let late = Group::new(&format!("/{}", unique("plimsoll-raw")));
    // time enough for the other program to see both
    let other = Plimsoll::start(&[]);
    for name in [&group.name, &late.name] {
        eventually("the other sees it", 5.0, || other.try_json(&format!("/api/v1.3/containers{name}")));
        assert_eq!(program.get(&format!("/api/v1.3/containers{name}")).status, 500);
    }
    assert_eq!(program.get("/api/v1.3/containers/").status, 200, "the root stays");
}

#[test]
fn a_prefix_list_keeps_only_its_groups() {
    require!(Need::Root);
    let wanted = Group::new(&format!("/{}", unique("plimsoll-wanted")));
    let other = Group::new(&format!("/{}", unique("plimsoll-other")));
    let program = Plimsoll::start(&["--raw_cgroup_prefix_whitelist=/plimsoll-wanted"]);
    eventually("the wanted is there", 5.0, || {
        program.try_json(&format!("/api/v1.3/containers{}", wanted.name))
    });
    assert_eq!(program.get(&format!("/api/v1.3/containers{}", other.name)).status, 500);
}

#[test]
fn a_group_made_anew_starts_from_nothing() {
    require!(Need::Root, Need::Workload);
    let program = Plimsoll::start(&[]);
    let name = format!("/{}", unique("plimsoll-raw"));
    let first = Group::new(&name);
    let worker = Worker::start(&first);
    worker.order("burn 300");
    assert!(number(&stats(&program, &name), "/cpu/usage/total") >= 3e8);
    drop(worker);
    drop(first);
    let _second = Group::new(&name);
    eventually("the new group's own number", 5.0, || {
        let info = program.fresh("name", &name)?;
        let total = info.pointer("/stats/0/cpu/usage/total").and_then(Value::as_f64).unwrap_or(0.0);
        if total < 1e8 { Ok(()) } else { Err(total.to_string()) }
    });
    let kept = program.json(&format!("/api/v1.3/containers{name}"));
    let totals: Vec<f64> =
        kept["stats"].as_array().unwrap().iter().map(|one| number(one, "/cpu/usage/total")).collect();
    assert!(
        totals.iter().all(|total| *total < 1e8),
        "numbers of the first group among the second's: {totals:?}"
    );
}

#[test]
fn machine_and_root_are_this_host() {
    require!(Need::Root);
    let program = Plimsoll::start(&[]);
    let machine = program.json("/api/v1.3/machine");
    let online = std::thread::available_parallelism().unwrap().get();
    assert!(number(&machine, "/num_cores") >= online as f64);
    let text = kernel::read("/proc/meminfo".as_ref());
    let total: f64 = text.lines().next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(number(&machine, "/memory_capacity"), total * 1024.0);
    assert_eq!(machine["boot_id"], kernel::read("/proc/sys/kernel/random/boot_id".as_ref()).trim());
    for file_system in machine["filesystems"].as_array().unwrap() {
        assert!(!common::text(file_system, "/device").is_empty());
        assert!(!common::text(file_system, "/type").is_empty());
    }
    let root = eventually("the root has a sample", 5.0, || {
        let root = program.try_json("/api/v1.3/containers/")?;
        if root.pointer("/stats/0").is_some() { Ok(root) } else { Err("no stats".into()) }
    });
    assert!(number(&root, "/stats/0/cpu/usage/total") > 0.0);
    assert!(number(&root, "/stats/0/memory/usage") > 0.0);
    assert!(root["stats"][0]["filesystem"].as_array().is_some_and(|list| !list.is_empty()));
}

#[test]
fn a_hinted_group_has_the_filesystems_of_its_mounts() {
    require!(Need::Root);
    let group = Group::new(&format!("/{}", unique("plimsoll-hinted")));
    let folder = common::folder();
    let file = folder.path().join("hints.json");
    let hints = serde_json::json!({"all_hosts": [
        {"full_path": "/other", "mounts": []},
        {"full_path": group.name, "network_interface": {"veth_child": "eth1", "veth_host": "veth1"},
         "mounts": [{"host_dir": "/", "container_dir": "/data", "permission": "rw"}, {"host_dir": "/etc"}]},
    ]});
    std::fs::write(&file, hints.to_string()).unwrap();
    let program = Plimsoll::start(&[&format!("--container_hints={}", file.display())]);
    let path = format!("/api/v1.3/containers{}", group.name);
    let info = eventually("its filesystem", 10.0, || {
        let info = program.try_json(&path)?;
        if info.pointer("/stats/0/filesystem/0").is_some() { Ok(info) } else { Err(info.to_string()) }
    });
    assert_eq!(info["spec"]["has_filesystem"], true);
    let root = rustix::fs::statvfs("/").unwrap();
    let capacity = (root.f_frsize * root.f_blocks) as f64;
    assert_eq!(info["stats"][0]["filesystem"].as_array().unwrap().len(), 1, "/etc is no mount point");
    close("capacity", number(&info, "/stats/0/filesystem/0/capacity"), capacity, 0.001);
    let limit = program
        .metrics()
        .into_iter()
        .find(|sample| sample.name == "container_fs_limit_bytes" && sample.label("id") == group.name);
    close("container_fs_limit_bytes", limit.unwrap().value, capacity, 0.001);
    // others have none
    let other = Group::new(&format!("/{}", unique("plimsoll-unhinted")));
    let path = format!("/api/v1.3/containers{}", other.name);
    let info = eventually("the other", 10.0, || program.try_json(&path));
    assert_eq!(info["spec"]["has_filesystem"], false);
}
