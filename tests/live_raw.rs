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
    close_to_burnt(
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

/// As systemd does where the last unit that needs a controller has stopped.
#[test]
fn a_group_that_loses_a_controller_keeps_its_other_numbers() {
    require!(Need::Root, Need::Workload);
    let program = Plimsoll::start(&["--allow_dynamic_housekeeping=false"]);
    let outer = Group::new(&format!("/{}", unique("plimsoll-loses")));
    let control = |words: &str| {
        std::fs::write(kernel::file("", &outer.name, "", "cgroup.subtree_control"), words).unwrap();
    };
    if kernel::v2() {
        control("+cpu +memory +pids +io");
    }
    let inner = Group::new(&format!("{}/inner", outer.name));
    let worker = Worker::start(&inner);
    let value = |name: &str| {
        let all = program.metrics_of("/metrics?max_age=0s");
        all.iter().find(|one| one.label("id") == inner.name && one.name == name).map(|one| one.value)
    };
    // its CPU time goes on, whatever becomes of its memory
    let works = || {
        let cpu = || value("container_cpu_usage_seconds_total").ok_or("no CPU time".to_owned());
        let before = cpu()?;
        worker.order("burn 20");
        if cpu()? - before > 0.015 { Ok(()) } else { Err(format!("{before}, {}", cpu()?)) }
    };
    let has_memory = |wanted: bool| {
        eventually(&format!("memory is told: {wanted}"), 45.0, || {
            works()?;
            let usage = value("container_memory_usage_bytes");
            if usage.is_some() == wanted { Ok(()) } else { Err(format!("{usage:?}")) }
        });
    };
    has_memory(true);
    let folder = kernel::file("memory", &inner.name, "", "");
    if kernel::v2() {
        control("-memory");
    } else {
        // the process to the group above
        let above = folder.parent().unwrap().join("cgroup.procs");
        std::fs::write(above, worker.child.id().to_string()).unwrap();
        std::fs::remove_dir(&folder).unwrap();
    }
    has_memory(false);
    if kernel::v2() {
        control("+memory");
    } else {
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("cgroup.procs"), worker.child.id().to_string()).unwrap();
    }
    has_memory(true);
}

#[test]
fn one_container_is_never_two_series() {
    require!(Need::Root);
    let program = Plimsoll::start(&["--allow_dynamic_housekeeping=false"]);
    let name = format!("/{}", unique("plimsoll-again"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // under one name again and again, while it is measured
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let group = Group::new(&name);
                let _below = (!kernel::v2()).then(|| Group::new(&format!("{}/below", group.name)));
                std::thread::sleep(std::time::Duration::from_millis(15));
            }
        });
        let mut seen = 0;
        for turn in 0..30 {
            let path = if turn % 2 == 0 { "/metrics" } else { "/metrics?max_age=0s" };
            let all = program.metrics_of(path);
            let mut series: Vec<_> = all.iter().map(|one| (&one.name, &one.labels)).collect();
            let before = series.len();
            series.sort_unstable();
            series.dedup();
            assert_eq!(series.len(), before, "a series twice in scrape {turn}");
            seen +=
                all.iter().filter(|one| one.label("id") == name && one.name == "container_last_seen").count();
            let lines = all.iter().find(|one| one.name == "plimsoll_metrics_repeated_lines_total");
            assert_eq!(lines.map(|one| one.value), Some(0.0), "not even left out");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(seen > 0, "it was never there");
    });
    eventually("it is gone", 10.0, || match program.get(&format!("/api/v1.3/containers{name}")).status {
        500 => Ok(()),
        other => Err(other.to_string()),
    });
}

#[test]
fn without_the_kernels_log_kills_are_counted_and_stay_with_the_ended() {
    require!(Need::Root, Need::Workload, Need::Program("unshare"));
    // where there is no /dev/kmsg
    let hidden = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /dev && exec \"$@\"", "sh"];
    let program = Plimsoll::start_as(&hidden, "", &["--allow_dynamic_housekeeping=false"]);
    let group = Group::new(&format!("/{}", unique("plimsoll-killed")));
    let limit = kernel::file("memory", &group.name, "memory.limit_in_bytes", "memory.max");
    std::fs::write(limit, "33554432").unwrap();
    // nothing may go to a disk instead
    let swap = kernel::file("memory", &group.name, "memory.memsw.limit_in_bytes", "memory.swap.max");
    let _ = std::fs::write(swap, if kernel::v2() { "0" } else { "33554432" });
    let kill = || {
        let done = common::program::run(&mut enter(&group, "do 'hold 200'"), 60.0);
        assert_eq!(done.signal, Some(9), "{}{}", done.stdout, done.stderr);
    };
    let counted = |wanted: f64| {
        eventually("container_oom_events_total", 15.0, || {
            let all = program.metrics_of("/metrics?max_age=0s");
            let found = all
                .iter()
                .find(|one| one.name == "container_oom_events_total" && one.label("id") == group.name);
            match found.map(|one| one.value) {
                Some(value) if value == wanted => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    };
    counted(0.0);
    kill();
    counted(1.0);
    kill();
    counted(2.0);
    let missing = program.get("/validate/").text();
    assert!(missing.contains("counted from the groups' own files"), "{missing}");
    let name = group.name.clone();
    kill();
    std::thread::sleep(std::time::Duration::from_millis(50));
    drop(group);
    let entry = eventually("it is in the ended list", 10.0, || {
        let all = program.try_json(&format!("/api/plimsoll/v1/ended?name={name}"))?;
        all.get(0).cloned().ok_or("not there".to_owned())
    });
    assert_eq!((&entry["oom_events"], &entry["oom_killed"]), (&3.into(), &true.into()));
}

#[test]
fn a_limit_that_is_changed_is_told_over_its_own_time() {
    require!(Need::Root);
    let program = Plimsoll::start(&["--housekeeping_interval=500ms", "--allow_dynamic_housekeeping=false"]);
    let group = Group::new(&format!("/{}", unique("plimsoll-limits")));
    let file = kernel::file("memory", &group.name, "memory.limit_in_bytes", "memory.max");
    let series = format!("/api/plimsoll/v1/series?name={}", group.name);
    // the limits of its points: each that differs from the one before
    let told = || -> Result<Vec<Option<f64>>, String> {
        let series = program.try_json(&series)?;
        let column = series["columns"]["memory_limit"].as_array().ok_or("no limit yet")?;
        let mut steps: Vec<Option<f64>> = column.iter().map(Value::as_f64).collect();
        steps.dedup();
        Ok(steps)
    };
    let is = |wanted: &[Option<f64>]| {
        eventually(&format!("limits {wanted:?}"), 15.0, || {
            told().and_then(|steps| if steps == wanted { Ok(()) } else { Err(format!("{steps:?}")) })
        });
    };
    // it was there without a limit for a while
    eventually("points without a limit", 15.0, || {
        let points = program.try_json(&series)?["at"].as_array().map_or(0, Vec::len);
        if points > 1 { Ok(()) } else { Err(format!("{points} of them")) }
    });
    let [small, large] = [64 << 20, 192 << 20].map(|bytes: u32| Some(f64::from(bytes)));
    std::fs::write(&file, "67108864").unwrap();
    is(&[None, small]);
    std::fs::write(&file, "201326592").unwrap();
    is(&[None, small, large]);
    std::fs::write(&file, if kernel::v2() { "max" } else { "-1" }).unwrap();
    is(&[None, small, large, None]);
}

#[test]
fn a_kill_below_the_limit_counts_for_both_and_stays_with_the_ended() {
    require!(Need::Root, Need::Workload);
    let program = Plimsoll::start(&[]);
    let outer = Group::new(&format!("/{}", unique("plimsoll-limit")));
    let limit = kernel::file("memory", &outer.name, "memory.limit_in_bytes", "memory.max");
    std::fs::write(limit, "33554432").unwrap();
    let swap = kernel::file("memory", &outer.name, "memory.memsw.limit_in_bytes", "memory.swap.max");
    let _ = std::fs::write(swap, if kernel::v2() { "0" } else { "33554432" });
    if kernel::v2() {
        let file = kernel::file("", &outer.name, "", "cgroup.subtree_control");
        std::fs::write(file, "+cpu +memory +pids +io").unwrap();
    }
    let inner = Group::new(&format!("{}/inner", outer.name));
    let names = [outer.name.clone(), inner.name.clone()];
    for name in &names {
        eventually("it is seen", 10.0, || program.fresh("name", name));
    }
    let done = common::program::run(&mut enter(&inner, "do 'hold 200'"), 60.0);
    assert_eq!(done.signal, Some(9), "{}{}", done.stdout, done.stderr);
    let told = eventually("both have counted it", 15.0, || {
        let all = program.metrics();
        let of = |name: &String| {
            let found =
                all.iter().find(|one| one.name == "container_oom_events_total" && one.label("id") == name);
            found.map(|one| one.value)
        };
        if names.each_ref().map(of) == [Some(1.0); 2] {
            Ok(all)
        } else {
            Err(format!("{:?}", names.each_ref().map(of)))
        }
    });
    let root = told.iter().find(|one| one.name == "container_oom_events_total" && one.label("id") == "/");
    assert_eq!(root.map(|one| one.value), Some(0.0), "and nobody above");
    drop((inner, outer));
    for name in &names {
        let entry = eventually("it is in the ended list", 10.0, || {
            let all = program.try_json(&format!("/api/plimsoll/v1/ended?name={name}"))?;
            all.get(0).cloned().ok_or("not there".to_owned())
        });
        assert_eq!((&entry["oom_events"], &entry["oom_killed"]), (&1.into(), &true.into()), "{name}");
    }
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
         "mounts": [{"host_dir": "/", "container_dir": "/data", "permission": "rw"}, {"host_dir": folder.path()}]},
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
    assert_eq!(info["stats"][0]["filesystem"].as_array().unwrap().len(), 1, "a folder is no mount point");
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
