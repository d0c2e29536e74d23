//! Real Podman containers with known work: from their files while nobody listens, and over the socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use common::podman::{Container, IMAGE, Podman, User};
use common::program::Plimsoll;
use common::{Need, close, close_to_burnt, eventually, kernel, number, text};
use serde_json::Value;

const MIB: f64 = 1_048_576.0;
const NEEDS: [Need; 5] =
    [Need::Root, Need::Workload, Need::Image, Need::Program("podman"), Need::Program("runc")];

fn program(podman: &Podman) -> Plimsoll {
    Plimsoll::start(&[podman.flag().as_str(), "--docker=", "--containerd=", "--env_metadata_whitelist=TEST_"])
}

#[track_caller]
fn known(program: &Plimsoll, container: &Container) -> Value {
    eventually("the container has its name", 15.0, || {
        let all = program.fresh("podman", &container.name)?;
        let spec = program.try_json(&format!("/api/v2.1/spec/{}?type=podman", container.name))?;
        let spec = spec.as_object().and_then(|map| map.values().next()).cloned().ok_or("no spec")?;
        if all["spec"]["namespace"] == "podman" || spec["namespace"] == "podman" {
            Ok(spec)
        } else {
            Err(spec.to_string())
        }
    })
}

#[track_caller]
fn stats(program: &Plimsoll, container: &Container) -> Value {
    eventually("it is in the API", 10.0, || program.fresh("podman", &container.id))["stats"][0].clone()
}

/// The exit code in the deletion event.
#[track_caller]
fn exit_code(program: &Plimsoll, group: &str) -> i64 {
    eventually("the event of its end", 15.0, || {
        let events =
            program.try_json("/api/v1.3/events?deletion_events=true&subcontainers=true&max_events=-1")?;
        let all = events.as_array().cloned().unwrap_or_default();
        let mine = all.iter().find(|event| event["container_name"] == group);
        mine.and_then(|event| event.pointer("/event_data/container_deletion/exit_code")?.as_i64())
            .ok_or(format!("no event of {group} in {events}"))
    })
}

#[test]
fn without_a_socket_names_work_and_exit_codes_are_right() {
    if !common::able(std::thread::current().name().unwrap_or("?"), &NEEDS) {
        return;
    }
    let podman = Podman::new();
    let program = program(&podman);
    let container = podman.container(&["--memory", "128m", "--env", "TEST_VAR=FOO", "--label", "bar=baz"]);
    let spec = known(&program, &container);
    assert_eq!(spec["labels"]["bar"], "baz");
    assert_eq!(spec["aliases"], serde_json::json!([container.name, container.id]));
    assert_eq!((&spec["image"], &spec["envs"]["test_var"]), (&IMAGE.into(), &"FOO".into()));
    assert_eq!(number(&spec, "/memory/limit"), 128.0 * MIB);
    let created: jiff::Timestamp = text(&spec, "/creation_time").parse().unwrap();
    let told: jiff::Timestamp = podman
        .run(&["inspect", "--format", "{{.Created.Format \"2006-01-02T15:04:05Z07:00\"}}", &container.id])
        .parse()
        .unwrap();
    assert!(created.duration_since(told).as_secs_f64().abs() <= 5.0, "{created} for {told}");

    container.order("sleep 0");
    let before = stats(&program, &container);
    let burnt: f64 = container.order("burn 2000").parse().unwrap();
    let after = stats(&program, &container);
    close("cpu", number(&after, "/cpu/usage/total") - number(&before, "/cpu/usage/total"), burnt, 1.5);
    container.order("hold 64");
    let held = stats(&program, &container);
    close("memory.rss", number(&held, "/memory/rss") - number(&after, "/memory/rss"), 64.0 * MIB, 1.0);
    close("the kernel's rss", number(&held, "/memory/rss"), kernel::anonymous_bytes(&container.group), 0.1);

    let page = program.get(&format!("/podman/{}", container.name));
    assert_eq!(page.status, 200);
    assert!(program.get("/podman/").text().contains(&container.name));
    let all = program.json("/api/v1.3/subcontainers/");
    let conmon = |info: &Value| info["name"].as_str().is_some_and(|name| name.ends_with("/conmon"));
    assert!(!all.as_array().unwrap().iter().any(conmon), "conmon's group is nobody's");

    container.last_order("exit 3");
    assert_eq!(exit_code(&program, &container.group), 3);
}

#[test]
fn over_the_socket_labels_and_the_description_come_too() {
    if !common::able(std::thread::current().name().unwrap_or("?"), &NEEDS) {
        return;
    }
    let podman = Podman::new();
    let service = podman.serve();
    let program = program(&podman);
    let container = podman.container(&["--label", "bar=baz"]);
    let spec = known(&program, &container);
    assert_eq!(spec["labels"]["bar"], "baz");
    assert_eq!(spec["aliases"], serde_json::json!([container.name, container.id]));
    // a busy Podman takes longer to describe itself than it is waited for at once
    eventually("Podman's description of itself", 60.0, || {
        let page = program.get("/podman/").text();
        if page.contains("Driver status") && page.contains("vfs") { Ok(()) } else { Err(page) }
    });
    drop(service);
    // what was told stays, and the next one is known from its files
    assert_eq!(known(&program, &container)["labels"]["bar"], "baz");
    let next = podman.container(&[]);
    assert_eq!(known(&program, &next)["aliases"][0], next.name.as_str());
    next.last_order("exit 7");
    assert_eq!(exit_code(&program, &next.group), 7);
}

#[test]
fn the_writable_layer_of_every_driver_is_measured() {
    if !common::able("the_writable_layer_of_every_driver_is_measured", &NEEDS) {
        return;
    }
    for (driver, with_socket) in [("overlay", false), ("overlay", true), ("vfs", false)] {
        let podman = Podman::with(driver);
        let service = with_socket.then(|| podman.serve());
        let flags = ["--docker=", "--containerd=", "--disk_interval=200ms"];
        let program = Plimsoll::start(&[&[podman.flag().as_str()], &flags[..]].concat());
        let container = podman.container(&["--volume", "data:/data"]);
        let told = || common::layer(&program, "podman", &container.id);
        let before = common::settled("its layer is measured", told);
        container.order("sync /fifty 50");
        eventually("50 MiB in the layer", 20.0, || {
            let [total, base, inodes] = told()?;
            let (written, files) = (base - before[1], inodes - before[2]);
            // with Podman's folder of the container: its configuration and its log
            if (written / (50.0 * MIB) - 1.0).abs() < 0.01 && files == 1.0 && total > base {
                Ok(())
            } else {
                Err(format!("{driver}: {written} bytes, {files} files, {total} in all"))
            }
        });
        container.order("sync /data/five 5");
        eventually("5 MiB in the volume", 20.0, || {
            let info = program.fresh("podman", &container.id)?;
            let volume = info.pointer("/stats/0/volumes/0").ok_or("no volume")?;
            let near = (number(volume, "/usage") / (5.0 * MIB) - 1.0).abs() < 0.01;
            if near && volume["name"] == "data" { Ok(()) } else { Err(volume.to_string()) }
        });
        // a copy holds its image too
        assert_eq!(before[1] > MIB, driver == "vfs", "{before:?}");
        drop(service);
    }
}

#[test]
fn a_users_containers_and_pods_have_names_with_a_socket_and_without() {
    let needs =
        [Need::ThrownAway, Need::Workload, Need::Image, Need::Program("podman"), Need::Program("newuidmap")];
    if !common::able("a_users_containers_and_pods_have_names_with_a_socket_and_without", &needs) {
        return;
    }
    let user = User::log_in();
    let podman = Podman::rootless(&user);
    let program = program(&podman);
    let container = podman.container(&["--env", "TEST_VAR=FOO", "--label", "bar=baz"]);
    let of = |id: &str| format!("/libpod-{id}.scope");
    assert!(container.group.starts_with("/user.slice/user-1234.slice/user@1234.service/user.slice/"));
    assert!(container.group.ends_with(&of(&container.id)), "{}", container.group);
    // his storage is in his home, and conmon says where
    let spec = known(&program, &container);
    assert_eq!(spec["aliases"], serde_json::json!([container.name, container.id]));
    assert_eq!((&spec["image"], &spec["envs"]["test_var"]), (&IMAGE.into(), &"FOO".into()));
    assert_eq!(spec["labels"]["bar"], "baz");
    container.order("sleep 0");
    let before = stats(&program, &container);
    let burnt: f64 = container.order("burn 1000").parse().unwrap();
    let after = stats(&program, &container);
    let grown = number(&after, "/cpu/usage/total") - number(&before, "/cpu/usage/total");
    close_to_burnt("cpu", grown, burnt, 1.5);
    close(
        "the kernel's CPU time",
        number(&after, "/cpu/usage/total"),
        kernel::cpu_nanos(&container.group),
        0.1,
    );
    container.order("hold 16");
    let held = stats(&program, &container);
    close("the kernel's rss", number(&held, "/memory/rss"), kernel::anonymous_bytes(&container.group), 0.1);
    let all = program.json("/api/v1.3/subcontainers/").to_string();
    assert!(!all.contains(".scope/container") && !all.contains("libpod-conmon"), "parts of it are nobody's");

    podman.run(&[
        "pod",
        "create",
        "--name",
        "fleet",
        "--network",
        "none",
        "--infra-image",
        IMAGE,
        "--infra-command",
        "/bin/sleep 1000",
    ]);
    let member = podman.container(&["--pod", "fleet"]);
    let spec = known(&program, &member);
    assert_eq!(spec["has_network"], false, "the pod's network is its first container's");
    let infra = podman.run(&["pod", "inspect", "--format", "{{.InfraContainerID}}", "fleet"]);
    let group = kernel::find_group("user@1234.service", &infra);
    let told = eventually("the pod's first container is known", 20.0, || {
        let info = program.try_json(&format!("/api/v1.3/containers{group}"))?;
        if info["namespace"] == "podman" { Ok(info) } else { Err(info.to_string()) }
    });
    assert_eq!((&told["spec"]["has_network"], &told["id"]), (&true.into(), &infra.as_str().into()));

    let service = podman.serve_at(user.socket());
    let labelled = podman.container(&["--label", "bar=baz"]);
    assert_eq!(known(&program, &labelled)["labels"]["bar"], "baz");
    drop(service);
    container.last_order("exit 3");
    assert_eq!(exit_code(&program, &container.group), 3);
}
