//! Real containerd containers with known work, in namespaces of a daemon of the test's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use common::containerd::{Container, Containerd, IMAGE};
use common::docker;
use common::program::Plimsoll;
use common::{Need, close, eventually, kernel, number, seconds, text};
use rustix::process::Signal;
use serde_json::Value;

const MIB: f64 = 1_048_576.0;
const NEEDS: [Need; 5] =
    [Need::Root, Need::Workload, Need::Image, Need::Program("containerd"), Need::Program("ctr")];

fn program(containerd: &Containerd, flags: &[&str]) -> Plimsoll {
    // no other runtime of this host has a say
    Plimsoll::start(&[&[containerd.flag().as_str(), "--docker=", "--podman="], flags].concat())
}

/// The container by its cgroup, once containerd has told who it is.
#[track_caller]
fn known(program: &Plimsoll, container: &Container) -> Value {
    eventually("containerd has told who it is", 30.0, || {
        let info = program.try_json(&format!("/api/v1.3/containers{}", container.group))?;
        if info["namespace"] == "containerd" { Ok(info) } else { Err(info["aliases"].to_string()) }
    })
}

#[track_caller]
fn stats(program: &Plimsoll, container: &Container) -> Value {
    eventually("it is in the API", 10.0, || program.fresh("name", &container.group))["stats"][0].clone()
}

#[test]
fn names_labels_and_work_of_every_namespace_are_right() {
    if !common::able(std::thread::current().name().unwrap_or("?"), &NEEDS) {
        return;
    }
    let containerd = Containerd::start();
    let (one, two) = (containerd.namespace("one"), containerd.namespace("two"));
    // one that is there, and to which nothing happens any more
    let old = containerd.container(&one, "old", &[]);
    let program = program(&containerd, &["--containerd_env_metadata_whitelist=TEST_"]);
    assert_eq!(known(&program, &old)["aliases"], serde_json::json!(["old"]));
    let flags =
        ["--label", "bar=baz", "--env", "TEST_VAR=FOO", "--env", "OTHER=1", "--memory-limit", "134217728"];
    let web = containerd.container(&one, "web", &flags);
    // the same name elsewhere, and a 64-digit id as most clients choose
    let same = containerd.container(&two, "web", &["--label", "other=1"]);
    let long = containerd.container(&two, &"0123456789abcdef".repeat(4), &[]);

    let info = known(&program, &web);
    assert_eq!(info["aliases"], serde_json::json!(["web"]));
    assert_eq!((&info["id"], &info["name"]), (&"web".into(), &web.group.as_str().into()));
    let spec = &info["spec"];
    assert_eq!(spec["image"], IMAGE);
    assert_eq!((&spec["labels"]["bar"], &spec["envs"]["TEST_VAR"]), (&"baz".into(), &"FOO".into()));
    assert!(spec["envs"].get("OTHER").is_none());
    assert_eq!(number(spec, "/memory/limit"), 128.0 * MIB);
    assert_eq!(spec["has_network"], true);
    let now = jiff::Timestamp::now();
    for key in ["/creation_time", "/start_time"] {
        let at: jiff::Timestamp = text(spec, key).parse().unwrap();
        assert!(now.duration_since(at).as_secs_f64().abs() < seconds(60.0).as_secs_f64(), "{key}: {at}");
    }
    assert_eq!(known(&program, &same)["spec"]["labels"]["other"], "1");
    assert_eq!(known(&program, &long)["id"], long.name.as_str());

    web.order("sleep 0");
    let before = stats(&program, &web);
    let burnt: f64 = web.order("burn 1000").parse().unwrap();
    web.order("hold 64");
    let after = stats(&program, &web);
    let grown = |pointer: &str| number(&after, pointer) - number(&before, pointer);
    let used = number(&stats(&program, &web), "/cpu/usage/total");
    close("the kernel's file", used, kernel::cpu_nanos(&web.group), 0.1);
    close("memory.rss", grown("/memory/rss"), 64.0 * MIB, 1.0);
    // filling the memory costs CPU time too
    assert!(grown("/cpu/usage/total") >= burnt * 0.99, "{} of {burnt}", grown("/cpu/usage/total"));
    let idle = stats(&program, &same);
    let burnt: f64 = same.order("burn 1000").parse().unwrap();
    let used = number(&stats(&program, &same), "/cpu/usage/total") - number(&idle, "/cpu/usage/total");
    close("cpu.usage.total", used, burnt, 1.5);

    let series = program.metrics_of("/metrics?max_age=0s");
    let series =
        series.iter().find(|s| s.name == "container_memory_rss" && s.label("id") == web.group).unwrap();
    for (label, value) in [("name", "web"), ("image", IMAGE), ("container_label_bar", "baz")] {
        assert_eq!(series.label(label), value, "{label} of {series:?}");
    }
    let state = r#"nerdctl/healthstate={"Status":"healthy","FailingStreak":0,"InStartPeriod":false}"#;
    containerd.ctr(&one, &["containers", "label", "web", state]);
    eventually("nerdctl's word on health is told", 10.0, || {
        let all = program.metrics();
        let mine = all.iter().find(|s| s.name == "container_health_state" && s.label("id") == web.group);
        let mine = mine.ok_or("no series")?;
        assert!(!mine.labels.keys().any(|key| key.contains("healthstate")), "{mine:?}");
        if mine.value == 1.0 { Ok(()) } else { Err(format!("{mine:?}")) }
    });

    let up = program.metrics();
    let up =
        up.iter().find(|s| s.name == "plimsoll_runtime_up" && s.label("runtime") == "containerd").unwrap();
    assert_eq!(up.value, 1.0);
}

#[test]
fn a_namespace_that_is_given_is_the_only_one() {
    if !common::able(std::thread::current().name().unwrap_or("?"), &NEEDS) {
        return;
    }
    let containerd = Containerd::start();
    let (one, two) = (containerd.namespace("one"), containerd.namespace("two"));
    let program = program(&containerd, &[&format!("--containerd-namespace={one}")]);
    let (mine, other) = (containerd.container(&one, "mine", &[]), containerd.container(&two, "other", &[]));
    known(&program, &mine);
    let info = eventually("the other one has a sample", 10.0, || {
        program.try_json(&format!("/api/v1.3/containers{}", other.group))
    });
    assert!(info.get("namespace").is_none(), "{info}");
}

#[test]
fn an_end_has_its_exit_code_through_stops_and_hangs_of_the_daemon() {
    if !common::able(std::thread::current().name().unwrap_or("?"), &NEEDS) {
        return;
    }
    let mut containerd = Containerd::start();
    let namespace = containerd.namespace("ends");
    let program = program(&containerd, &["--allow_dynamic_housekeeping=false"]);
    let (first, second) =
        (containerd.container(&namespace, "first", &[]), containerd.container(&namespace, "second", &[]));
    known(&program, &first);
    known(&program, &second);

    containerd.signal(Signal::STOP);
    let start = std::time::Instant::now();
    let burnt: f64 = second.order("burn 100").parse().unwrap();
    assert!(number(&stats(&program, &second), "/cpu/usage/total") >= burnt);
    assert_eq!(program.get("/metrics").status, 200);
    assert!(start.elapsed() < seconds(5.0), "numbers wait for a hung daemon: {:?}", start.elapsed());
    containerd.signal(Signal::CONT);
    containerd.stop();
    assert_eq!(known(&program, &first)["aliases"][0], "first");
    containerd.start_again();
    let third = containerd.container(&namespace, "third", &[]);
    eventually("a container after the restart has its name", 30.0, || {
        let info = program.try_json(&format!("/api/v1.3/containers{}", third.group))?;
        if info["aliases"][0] == "third" { Ok(()) } else { Err(info["aliases"].to_string()) }
    });

    third.last_order("exit 3");
    containerd.ctr(&namespace, &["tasks", "delete", "third"]);
    eventually("the end has its exit code", 10.0, || {
        let events =
            program.try_json("/api/v1.3/events?deletion_events=true&subcontainers=true&max_events=-1")?;
        let all = events.as_array().cloned().unwrap_or_default();
        let mine = all.iter().find(|event| event["container_name"] == third.group.as_str());
        let mine = mine.ok_or(format!("no event of {} in {events}", third.group))?;
        match mine.pointer("/event_data/container_deletion/exit_code").and_then(Value::as_i64) {
            Some(3) => Ok(()),
            other => Err(format!("{other:?} in {mine}")),
        }
    });
}

#[test]
fn dockers_containers_keep_what_docker_tells() {
    if !common::able("dockers_containers_keep_what_docker_tells", &[Need::Docker, Need::Workload]) {
        return;
    }
    let docker = docker::shared();
    // the containerd that dockerd starts, where Docker's containers are in the namespace `moby`
    let socket = docker.socket.with_file_name("exec").join("containerd/containerd.sock");
    if !socket.exists() {
        common::say("SKIP dockers_containers_keep_what_docker_tells: Docker uses this host's containerd");
        return;
    }
    let program = Plimsoll::start(&[&docker.flag(), &format!("--containerd={}", socket.display())]);
    let parent = format!("/{}", common::unique("plimsoll-parent"));
    for flags in [vec![], vec!["--cgroup-parent", parent.as_str()]] {
        let container = docker.container(&flags);
        let info = eventually("Docker has told who it is", 10.0, || {
            let info = program.try_json(&format!("/api/v1.3/containers{}", container.group))?;
            if info["namespace"].is_null() { Err(info.to_string()) } else { Ok(info) }
        });
        assert_eq!(
            (&info["namespace"], &info["aliases"][0]),
            (&"docker".into(), &container.name.as_str().into())
        );
    }
    // Docker leaves the parent, in every hierarchy
    for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        let _ = std::fs::remove_dir(hierarchy.path().join(parent.trim_start_matches('/')));
    }
    let _ = std::fs::remove_dir(format!("/sys/fs/cgroup{parent}"));
}

#[test]
fn the_writable_layer_of_every_snapshotter_is_measured() {
    if !common::able("the_writable_layer_of_every_snapshotter_is_measured", &NEEDS) {
        return;
    }
    let containerd = Containerd::start();
    let namespace = containerd.namespace("disk");
    let image = std::env::var("PLIMSOLL_TEST_IMAGE").unwrap();
    containerd.ctr(&namespace, &["images", "import", "--snapshotter", "overlayfs", &image]);
    let program = program(&containerd, &["--disk_interval=200ms"]);
    for snapshotter in ["overlayfs", "native"] {
        let container = containerd.container_on(snapshotter, &namespace, snapshotter, &[]);
        assert_eq!(known(&program, &container)["spec"]["has_filesystem"], true);
        let told = || common::layer(&program, "name", &container.group);
        let before = common::settled("its layer is measured", told);
        container.order("sync /fifty 50");
        eventually("50 MiB in the layer", 20.0, || {
            let [total, base, inodes] = told()?;
            let (written, files) = (base - before[1], inodes - before[2]);
            if (written / (50.0 * MIB) - 1.0).abs() < 0.01 && files == 1.0 && total == base {
                Ok(())
            } else {
                Err(format!("{snapshotter}: {written} bytes, {files} files, {total} in all"))
            }
        });
        // a copy holds its image too
        assert_eq!(before[1] > MIB, snapshotter == "native", "{before:?}");
    }
    let labels = program.json("/api/v2.1/storage?label=containerd-images");
    assert_eq!(labels.as_array().unwrap().len(), 1, "{labels}");
}
