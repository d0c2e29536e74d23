//! Real Docker containers with known work: is it accounted for, in the API and in /metrics?
//!
//! Everywhere the reference is either the work itself (it happened between two readings) or
//! the kernel's own file, never another part of the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;

use common::docker::{self, Container};
use common::exposition::Sample;
use common::program::Plimsoll;
use common::{Need, close, close_to_burnt, eventually, kernel, number, text};
use serde_json::Value;

const MIB: f64 = 1_048_576.0;

fn program(flags: &[&str]) -> Plimsoll {
    let docker = docker::shared().flag();
    Plimsoll::start(&[&[docker.as_str()], flags].concat())
}

/// The container's newest sample, taken now.
#[track_caller]
fn stats(program: &Plimsoll, container: &Container) -> Value {
    info(program, container)["stats"][0].clone()
}

#[track_caller]
fn info(program: &Plimsoll, container: &Container) -> Value {
    eventually("the container is in the API", 10.0, || program.fresh("docker", &container.id))
}

/// The samples of one family for one container, from a scrape with numbers of now.
#[track_caller]
fn family(program: &Plimsoll, container: &Container, name: &str) -> Vec<Sample> {
    eventually(&format!("{name} in /metrics"), 10.0, || {
        let all = program.metrics_of("/metrics?max_age=0s");
        let mine: Vec<_> = all
            .into_iter()
            .filter(|sample| sample.name == name && sample.label("id") == container.group)
            .collect();
        if mine.is_empty() { Err("no such sample".into()) } else { Ok(mine) }
    })
}

#[track_caller]
fn sum(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.value).sum()
}

#[test]
fn two_seconds_of_cpu_are_two_seconds() {
    require!(Need::Docker);
    let program = program(&[]);
    let container = docker::shared().container(&[]);
    container.order("sleep 0");
    let before = stats(&program, &container);
    let metric_before: f64 = sum(&family(&program, &container, "container_cpu_usage_seconds_total"));
    let burnt: f64 = container.order("burn 2000").parse().unwrap();
    let after = stats(&program, &container);
    let used = number(&after, "/cpu/usage/total") - number(&before, "/cpu/usage/total");
    close_to_burnt("cpu.usage.total", used, burnt, 1.0);
    let split = |stats: &Value| number(stats, "/cpu/usage/user") + number(stats, "/cpu/usage/system");
    close_to_burnt("cpu.usage.user + system", split(&after) - split(&before), burnt, 2.5);
    let metric = sum(&family(&program, &container, "container_cpu_usage_seconds_total")) - metric_before;
    close_to_burnt("container_cpu_usage_seconds_total", metric * 1e9, burnt, 1.0);
    // the container rests: the file and the answer are the same number, and a sum over CPUs too
    let told = number(&stats(&program, &container), "/cpu/usage/total");
    close("the kernel's file", told, kernel::cpu_nanos(&container.group), 0.01);
    if let Some(cpus) = after.pointer("/cpu/usage/per_cpu_usage").and_then(Value::as_array) {
        let total: f64 = cpus.iter().filter_map(Value::as_f64).sum();
        close("the sum over CPUs", total, number(&after, "/cpu/usage/total"), 0.5);
    } else {
        assert!(kernel::v2(), "v1 has per_cpu_usage");
    }
}

#[test]
fn held_memory_is_counted_and_returned_memory_is_not() {
    require!(Need::Docker);
    let program = program(&[]);
    let container = docker::shared().container(&["--memory", "256m"]);
    container.order("sleep 0");
    let before = stats(&program, &container);
    container.order("hold 64");
    let held = stats(&program, &container);
    let grown = |pointer: &str| number(&held, pointer) - number(&before, pointer);
    close("memory.rss", grown("/memory/rss"), 64.0 * MIB, 1.0);
    // the kernel charges in batches of 64 pages a CPU, so that the total is a little off
    close("memory.usage", grown("/memory/usage"), 64.0 * MIB, 2.5);
    close("memory.working_set", grown("/memory/working_set"), 64.0 * MIB, 2.5);
    close("the kernel's usage", number(&held, "/memory/usage"), kernel::memory_bytes(&container.group), 0.1);
    close("the kernel's rss", number(&held, "/memory/rss"), kernel::anonymous_bytes(&container.group), 0.1);
    assert!(number(&held, "/memory/working_set") <= number(&held, "/memory/usage"));
    for (name, pointer) in
        [("container_memory_rss", "/memory/rss"), ("container_memory_usage_bytes", "/memory/usage")]
    {
        // another instant, and so another state of the kernel's batches
        close(name, family(&program, &container, name)[0].value, number(&held, pointer), 1.0);
    }
    container.order("release");
    let after = stats(&program, &container);
    let left = number(&after, "/memory/rss") - number(&before, "/memory/rss");
    assert!(left.abs() < MIB, "after the release {left} bytes more than before");
    assert!(
        number(&after, "/memory/max_usage") >= number(&held, "/memory/usage") * 0.99 || !has_peak(&container)
    );
}

fn has_peak(container: &Container) -> bool {
    kernel::file("memory", &container.group, "memory.max_usage_in_bytes", "memory.peak").exists()
}

#[test]
fn sent_and_received_bytes_are_those_of_the_interface() {
    require!(Need::Docker);
    let program = program(&[]);
    let docker = docker::shared();
    let container = docker.container(&[]);
    let listener = TcpListener::bind((docker.gateway.as_str(), 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut to_me, _) = listener.accept().unwrap();
        let mut block = vec![0; 1 << 16];
        while to_me.read(&mut block).unwrap() > 0 {}
        drop(to_me);
        let (mut from_me, _) = listener.accept().unwrap();
        for _ in 0..20 * 16 {
            from_me.write_all(&block).unwrap();
        }
    });
    let before = stats(&program, &container);
    container.order(&format!("send {}:{port} 20", docker.gateway));
    container.order(&format!("receive {}:{port} 20", docker.gateway));
    server.join().unwrap();
    let (received, sent) = kernel::network_bytes(container.pid, "eth0");
    let after = stats(&program, &container);
    let eth0 = |stats: &Value, key: &str| {
        let all = stats.pointer("/network/interfaces").and_then(Value::as_array).cloned().unwrap_or_default();
        let one =
            all.iter().find(|one| one["name"] == "eth0").unwrap_or_else(|| panic!("no eth0 in {stats}"));
        number(one, key)
    };
    for (key, truth) in [("/rx_bytes", received), ("/tx_bytes", sent)] {
        close(key, eth0(&after, key), truth, 0.1);
        // headers and acknowledgements come on top of the work itself
        let moved = eth0(&after, key) - eth0(&before, key);
        assert!((20.0 * MIB..20.0 * MIB * 1.08).contains(&moved), "{key} moved by {moved}");
    }
    for (name, truth) in [
        ("container_network_receive_bytes_total", received),
        ("container_network_transmit_bytes_total", sent),
    ] {
        let all = family(&program, &container, name);
        let mine = all.iter().find(|sample| sample.label("interface") == "eth0").unwrap();
        close(name, mine.value, truth, 0.1);
    }
}

#[test]
fn written_bytes_are_those_of_the_disk() {
    require!(Need::Docker);
    let docker = docker::shared();
    let Some((device, number_of)) = kernel::device_of(docker.socket.parent().unwrap()) else {
        common::say("SKIP written_bytes_are_those_of_the_disk: Docker's data lies on no block device");
        return;
    };
    let program = program(&[]);
    // v1 counts only what a rule looks at; this one is never reached
    let rule = format!("{device}:10gb");
    let container = docker.container(&["--device-write-bps", &rule]);
    let written = |stats: &Value| {
        let all =
            stats.pointer("/diskio/io_service_bytes").and_then(Value::as_array).cloned().unwrap_or_default();
        let mine = all.iter().find(|one| format!("{}:{}", one["major"], one["minor"]) == number_of);
        mine.map_or(0.0, |one| number(one, "/stats/Write"))
    };
    let before = written(&stats(&program, &container));
    container.order("write /direct 50");
    let direct = written(&stats(&program, &container)) - before;
    close("50 MiB past the page cache", direct, 50.0 * MIB, 1.0);
    let name = "container_fs_writes_bytes_total";
    close(name, sum(&family(&program, &container, name)), before + direct, 1.0);
    if kernel::v2() {
        // only v2 charges writeback to its writer
        container.order("sync /synced 50");
        let synced = written(&stats(&program, &container)) - before - direct;
        assert!((50.0 * MIB..50.0 * MIB * 1.1).contains(&synced), "50 MiB and fsync: {synced}");
    }
}

#[test]
fn twenty_forked_processes_are_twenty_more() {
    require!(Need::Docker);
    let program = program(&["--disable_metrics="]);
    let container = docker::shared().container(&["--pids-limit", "100"]);
    container.order("sleep 0");
    let before = number(&stats(&program, &container), "/processes/process_count");
    assert_eq!(before, 1.0);
    container.order("fork 20");
    assert_eq!(number(&stats(&program, &container), "/processes/process_count"), 21.0);
    assert_eq!(family(&program, &container, "container_processes")[0].value, 21.0);
    assert_eq!(family(&program, &container, "container_threads")[0].value, 21.0);
    assert_eq!(family(&program, &container, "container_threads_max")[0].value, 100.0);
}

#[test]
fn throttled_periods_are_the_kernels() {
    require!(Need::Docker);
    let program = program(&[]);
    let container = docker::shared().container(&["--cpus", "0.1"]);
    container.order("burn 300");
    let stats = stats(&program, &container);
    let file = kernel::file("cpu", &container.group, "cpu.stat", "cpu.stat");
    let throttled = kernel::key(&file, "nr_throttled");
    assert!(throttled >= 1.0, "0.3 s of work at a tenth of a CPU: {throttled} periods");
    assert_eq!(number(&stats, "/cpu/cfs/throttled_periods"), throttled);
    // the bandwidth timer runs on for a few periods after the work
    let late = kernel::key(&file, "nr_periods") - number(&stats, "/cpu/cfs/periods");
    assert!((0.0..=5.0).contains(&late), "{late} periods are missing");
    let nanos = if kernel::v2() {
        kernel::key(&file, "throttled_usec") * 1000.0
    } else {
        kernel::key(&file, "throttled_time")
    };
    close("cpu.cfs.throttled_time", number(&stats, "/cpu/cfs/throttled_time"), nanos, 0.01);
    let metric = |name: &str| family(&program, &container, name)[0].value;
    assert_eq!(metric("container_cpu_cfs_throttled_periods_total"), throttled);
    close("throttled seconds", metric("container_cpu_cfs_throttled_seconds_total") * 1e9, nanos, 0.01);
    assert_eq!(metric("container_spec_cpu_quota"), 10_000.0);
    assert_eq!(metric("container_spec_cpu_period"), 100_000.0);
}

#[test]
fn limits_labels_environment_aliases_and_image_are_the_containers() {
    require!(Need::Docker);
    // with every kind on: on v1 cAdvisor has the CPU mask only where the kind cpuset is on
    let program = program(&["--env_metadata_whitelist=TEST_", "--disable_metrics="]);
    let flags = [
        "--cpu-shares",
        "2048",
        "--cpuset-cpus",
        "0",
        "--memory",
        "128m",
        "--env",
        "TEST_VAR=FOO",
        "--env",
        "OTHER=1",
    ];
    let more = ["--label", "bar=baz", "--label", "with.dot=\"quoted\"", "--memory-reservation", "64m"];
    let container = docker::shared().container(&[flags.as_slice(), &more].concat());
    let spec = eventually("the container in v1.3", 10.0, || {
        let all = program.try_json(&format!("/api/v1.3/docker/{}", container.name))?;
        all.get(&container.group).cloned().ok_or(format!("no {} in {all}", container.group))
    });
    assert_eq!(spec["id"], container.id.as_str());
    assert_eq!(spec["name"], container.group.as_str());
    assert_eq!(spec["namespace"], "docker");
    assert_eq!(spec["aliases"], serde_json::json!([container.name, container.id]));
    assert!(spec.get("subcontainers").is_none_or(|list| list.as_array().is_some_and(Vec::is_empty)));
    let spec = &spec["spec"];
    assert_eq!(spec["image"], docker::IMAGE);
    assert_eq!(spec["labels"], serde_json::json!({"bar": "baz", "with.dot": "\"quoted\""}));
    assert_eq!(spec["envs"], serde_json::json!({"test_var": "FOO"}));
    assert_eq!(number(spec, "/memory/limit"), 128.0 * MIB);
    if !kernel::v2() {
        // v2's reservation is memory.min as in cAdvisor, and Docker sets memory.low
        assert_eq!(number(spec, "/memory/reservation"), 64.0 * MIB);
    }
    let shares = number(spec, "/cpu/limit");
    if kernel::v2() {
        let weight = kernel::single(&kernel::file("", &container.group, "", "cpu.weight"));
        close("shares from weight", shares, 2.0 + (weight - 1.0) * 262_142.0 / 9_999.0, 1.0);
    } else {
        assert_eq!(shares, 2048.0);
    }
    assert_eq!(text(spec, "/cpu/mask"), "0");
    for key in ["has_cpu", "has_memory", "has_network", "has_diskio", "has_filesystem"] {
        assert_eq!(spec[key], true, "{key} in {spec}");
    }
    let inspected = docker::shared().inspect(&container.id);
    let created: jiff::Timestamp = text(&inspected, "/Created").parse().unwrap();
    let told: jiff::Timestamp = text(spec, "/creation_time").parse().unwrap();
    assert!((told.duration_since(created)).as_secs_f64().abs() < 10.0, "{told} for {created}");

    let limit = &family(&program, &container, "container_spec_memory_limit_bytes")[0];
    assert_eq!(limit.value, 128.0 * MIB);
    let labels =
        [("name", container.name.as_str()), ("image", docker::IMAGE), ("container_label_bar", "baz")];
    for (key, value) in labels
        .into_iter()
        .chain([("container_label_with_dot", "\"quoted\""), ("container_env_test_var", "FOO")])
    {
        assert_eq!(limit.label(key), value, "label {key} of {limit:?}");
    }
    for name in [container.id.as_str(), &container.id[..12], container.name.as_str()] {
        assert_eq!(program.get(&format!("/api/v1.3/docker/{name}")).status, 200, "by {name}");
    }
    let page = program.get(&format!("/docker/{}", container.name));
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
}

#[test]
fn network_none_host_and_shared_have_numbers_too() {
    require!(Need::Docker);
    let program = program(&[]);
    let docker = docker::shared();
    let bridged = docker.container(&[]);
    let join = format!("container:{}", bridged.id);
    for network in ["none", "host", join.as_str()] {
        let container = docker.container(&["--network", network]);
        let stats = stats(&program, &container);
        assert!(number(&stats, "/cpu/usage/total") > 0.0, "--network {network}");
        assert!(number(&stats, "/memory/usage") > 0.0, "--network {network}");
    }
}

#[test]
fn the_end_of_a_container_removes_it_everywhere() {
    require!(Need::Docker);
    let program = program(&[]);
    let container = docker::shared().container(&[]);
    let (id, group) = (container.id.clone(), container.group.clone());
    family(&program, &container, "container_last_seen");
    drop(container);
    eventually("it is gone", 10.0, || {
        let listed = program.json("/api/v1.3/docker/");
        let in_metrics = program.metrics().iter().any(|sample| sample.label("id") == group);
        if listed.get(&group).is_some() || in_metrics {
            Err(format!("listed or in /metrics: {in_metrics}"))
        } else {
            Ok(())
        }
    });
    assert_eq!(program.get(&format!("/api/v1.3/docker/{id}")).status, 500);
    assert_eq!(program.get(&format!("/api/v1.3/containers{group}")).status, 500);
    assert_eq!(program.get(&format!("/api/v2.1/stats/{id}?type=docker")).status, 500);
}

#[test]
fn a_restarted_container_is_found_again_with_its_restart_count() {
    require!(Need::Docker);
    let program = program(&[]);
    let docker = docker::shared();
    let name = common::unique("again");
    docker.run(&[
        "run",
        "--detach",
        "--restart",
        "on-failure:3",
        "--name",
        &name,
        docker::IMAGE,
        "workload",
        "do",
        "sleep 700",
        "exit 1",
    ]);
    eventually("restartcount is a label", 30.0, || {
        let all = program.try_json(&format!("/api/v1.3/docker/{name}"))?;
        let one = all.as_object().and_then(|map| map.values().next()).ok_or("none")?;
        match one.pointer("/spec/labels/restartcount").and_then(Value::as_str) {
            Some(count) if count.parse::<u32>().is_ok_and(|count| count >= 1) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    docker.remove(&name);
}

#[test]
fn a_health_check_shows_as_health_state() {
    require!(Need::Docker);
    let program = program(&[]);
    let with = docker::shared().container(&["--health-cmd", "true", "--health-interval", "1s"]);
    let without = docker::shared().container(&[]);
    eventually("healthy is 1", 20.0, || match family(&program, &with, "container_health_state")[0].value {
        1.0 => Ok(()),
        other => Err(other.to_string()),
    });
    assert_eq!(family(&program, &without, "container_health_state")[0].value, -1.0);
}

/// The container's writable layer: bytes with the log, bytes alone, inodes.
fn layer(program: &Plimsoll, container: &Container) -> Result<[f64; 3], String> {
    common::layer(program, "docker", &container.id)
}

/// The same by the kernel's own count of the directory that Docker tells.
fn counted(container: &Container) -> [f64; 3] {
    use std::os::unix::fs::MetadataExt;
    let inspected = docker::shared().inspect(&container.id);
    let upper = text(&inspected, "/GraphDriver/Data/UpperDir");
    let log = std::path::Path::new(text(&inspected, "/LogPath")).parent().unwrap();
    let of = |path: &std::path::Path| {
        let device = std::fs::metadata(path).unwrap().dev();
        let (mut left, mut inodes) = (vec![path.to_owned()], std::collections::BTreeMap::new());
        while let Some(path) = left.pop() {
            let data = std::fs::symlink_metadata(&path).unwrap();
            if data.dev() == device {
                inodes.insert(data.ino(), data.blocks() * 512);
                if data.is_dir() {
                    left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                }
            }
        }
        (inodes.values().sum::<u64>() as f64, inodes.len() as f64)
    };
    let (base, inodes) = of(upper.as_ref());
    [base + of(log).0, base, inodes]
}

#[test]
fn a_writable_layer_is_measured_as_the_kernel_counts_it() {
    require!(Need::Docker);
    let program = program(&["--disk_interval=200ms"]);
    let container = docker::shared().container(&[]);
    if docker::shared().inspect(&container.id).pointer("/GraphDriver/Data/UpperDir").is_none() {
        common::say("SKIP a_writable_layer_is_measured_as_the_kernel_counts_it: Docker tells no layer");
        return;
    }
    container.order("sync /sixteen 16");
    let truth = counted(&container);
    assert!((16.0 * MIB..17.0 * MIB).contains(&truth[1]), "{truth:?}");
    eventually("16 MiB in the layer", 30.0, || {
        let told = layer(&program, &container)?;
        if told == truth { Ok(()) } else { Err(format!("{told:?}, not {truth:?}")) }
    });
    let [total, base, inodes] = truth;
    let one = |name: &str| family(&program, &container, name)[0].value;
    assert_eq!(one("container_fs_usage_bytes"), total);
    assert_eq!(one("container_fs_inodes_total"), inodes);
    assert!(one("container_fs_limit_bytes") > 64.0 * MIB);
    let all = program.json(&format!("/api/v1.3/docker/{}", container.name));
    let v1 = &all[&container.group];
    assert_eq!(v1["spec"]["has_filesystem"], true);
    let filesystem = v1["stats"].as_array().unwrap().last().unwrap()["filesystem"].as_array().unwrap();
    assert_eq!(filesystem.len(), 1, "{filesystem:?}");
    assert_eq!((number(&filesystem[0], "/usage"), number(&filesystem[0], "/base_usage")), (total, base));
    assert_eq!(
        (number(&filesystem[0], "/inodes"), &filesystem[0]["has_inodes"]),
        (inodes, &Value::Bool(false))
    );
    // the device is one that the machine has
    let machine = program.json("/api/v1.3/machine");
    let mut devices = machine["filesystems"].as_array().unwrap().iter().map(|one| &one["device"]);
    assert!(devices.any(|device| *device == filesystem[0]["device"]), "{filesystem:?}");

    // written and removed while it is measured again and again
    for n in 0..20 {
        container.order(&format!("sync /more-{n} 1"));
    }
    eventually("20 MiB more", 30.0, || {
        let (told, truth) = (layer(&program, &container)?, counted(&container));
        if told == truth && told[1] > 36.0 * MIB { Ok(()) } else { Err(format!("{told:?}, not {truth:?}")) }
    });
    let own = |name: &str| {
        let all = program.metrics();
        all.iter().find(|sample| sample.name == name).map(|sample| sample.value)
    };
    assert!(own("plimsoll_layers_measured_total").unwrap() >= 2.0);
    assert_eq!(own("plimsoll_layer_failures_total"), Some(0.0));
    assert!(own("plimsoll_layer_oldest_seconds").unwrap() < common::seconds(30.0).as_secs_f64());
    let group = container.group.clone();
    drop(container);
    eventually("nothing of it is left", 20.0, || {
        let left = program.metrics().into_iter().any(|sample| sample.label("id") == group);
        if left { Err("it is in /metrics".to_owned()) } else { Ok(()) }
    });
    assert!(!program.log().contains("is not measured"), "{}", program.log());
}

/// The container's volumes as v1 tells them.
fn volumes(program: &Plimsoll, container: &Container) -> Result<Vec<Value>, String> {
    let all = program.try_json(&format!("/api/v1.3/docker/{}", container.name))?;
    let stats =
        all[&container.group]["stats"].as_array().and_then(|all| all.last()).cloned().ok_or("none")?;
    stats["volumes"].as_array().cloned().ok_or_else(|| format!("no volumes in {stats}"))
}

#[test]
fn volumes_have_numbers_of_their_own_and_shared_ones_stand_with_each_container() {
    require!(Need::Docker);
    let docker = docker::shared();
    let name = common::unique("volume");
    let program = program(&["--disk_interval=200ms"]);
    let shared = format!("{name}:/data");
    let bound = tempfile::tempdir().unwrap();
    let bind = format!("{}:/bound", bound.path().display());
    let one = docker.container(&["--volume", &shared, "--volume", "/nameless", "--volume", &bind]);
    let other = docker.container(&["--volume", &format!("{shared}:ro")]);
    one.order("sync /data/sixteen 16");
    one.order("sync /nameless/four 4");
    one.order("sync /bound/two 2");
    one.order("sync /three 3");
    let mounts = docker.inspect(&one.id)["Mounts"].as_array().unwrap().clone();
    let nameless = mounts.iter().find(|mount| mount["Destination"] == "/nameless").unwrap();
    let told = eventually("both volumes with what was written", 30.0, || {
        let told = volumes(&program, &one)?;
        let full = |wanted: f64| {
            let near = |one: &&Value| (number(one, "/usage") / MIB / wanted - 1.0).abs() < 0.01;
            told.iter().filter(near).count() == 1
        };
        if told.len() == 2 && full(16.0) && full(4.0) { Ok(told) } else { Err(format!("{told:?}")) }
    });
    let of = |wanted: &str| told.iter().find(|volume| volume["name"] == wanted).unwrap().clone();
    // the directory and the file
    assert_eq!(of(&name)["inodes"], 2);
    assert!((number(&of(text(nameless, "/Name")), "/usage") / MIB / 4.0 - 1.0).abs() < 0.01);
    eventually("the other one has it too", 10.0, || match volumes(&program, &other)? {
        theirs if theirs == [of(&name)] => Ok(()),
        theirs => Err(format!("{theirs:?}")),
    });
    for container in [&one, &other] {
        let bytes = family(&program, container, "container_volume_usage_bytes");
        let mine = bytes.iter().find(|sample| sample.label("volume") == name).unwrap();
        assert_eq!(mine.value, number(&of(&name), "/usage"));
    }
    // none of it is the layer's, which has three MiB of its own
    let truth = counted(&one);
    eventually("the layer without volumes", 10.0, || match layer(&program, &one)? {
        told if told == truth && (3.0..4.0).contains(&(told[1] / MIB)) => Ok(()),
        told => Err(format!("{told:?}, not {truth:?}")),
    });
    drop((one, other));
    docker.run(&["volume", "rm", &name]);
}

#[test]
fn a_layer_that_the_runtime_does_not_tell_is_found_by_its_processs_mounts() {
    use plimsoll_measure::filesystem::{Layer, Table, Tracker};
    require!(Need::Docker);
    let container = docker::shared().container(&[]);
    container.order("sync /file 3");
    let told = docker::shared().inspect(&container.id).pointer("/GraphDriver/Data/UpperDir").cloned();
    if told.is_none() {
        common::say("SKIP a_layer_that_the_runtime_does_not_tell: no overlay to compare with");
        return;
    }
    let root = plimsoll_kernel::root::Root::detect();
    let table = std::sync::Arc::new(std::sync::Mutex::new(Table::read(&root)));
    let now = || plimsoll_core::time::Timestamp(1);
    let tracker = Tracker::start(root, table, std::time::Duration::from_secs(60), now).unwrap();
    // as of an engine with the containerd image store, whose inspect has no directory
    let layer = Layer { driver: "overlayfs".to_owned(), pid: Some(container.pid), ..Layer::default() };
    let tracked = tracker.track(layer);
    let mut filesystem = Vec::new();
    eventually("it is measured", 30.0, || {
        tracked.fill(&mut filesystem);
        if filesystem.is_empty() { Err(format!("{:?}", tracked.trouble())) } else { Ok(()) }
    });
    let [_, base, inodes] = counted(&container);
    assert_eq!((filesystem[0].base_usage as f64, filesystem[0].inodes as f64), (base, inodes));
}

#[test]
fn with_its_kind_off_no_layer_is_measured() {
    require!(Need::Docker);
    let program = program(&["--disable_metrics=disk", "--disk_interval=50ms"]);
    let container = docker::shared().container(&["--volume", "/data"]);
    let info = info(&program, &container);
    assert_eq!(info["spec"]["has_filesystem"], false);
    assert!(info.pointer("/stats/0/filesystem").is_none() && info.pointer("/stats/0/volumes").is_none());
    let off = |name: &str| name.starts_with("plimsoll_layer") || name.starts_with("container_volume");
    assert!(!program.metrics().iter().any(|sample| off(&sample.name)));
    let threads = std::fs::read_dir(format!("/proc/{}/task", program.child.id())).unwrap();
    let names = threads.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    assert!(!names.into_iter().any(|name| name.trim() == "layers"));
}

#[test]
fn a_files_bytes_are_in_the_containers_file_system() {
    require!(Need::Docker);
    let container = docker::shared().container(&[]);
    container.order("sync /file 8");
    // a program that starts has the first numbers at once, not after an interval
    let program = program(&[]);
    eventually("the writable layer has 8 MiB", 30.0, || {
        let info = program.fresh("docker", &container.id)?;
        let used = info
            .pointer("/stats/0/filesystem/totalUsageBytes")
            .and_then(Value::as_f64)
            .ok_or("no totalUsageBytes")?;
        if (8.0 * MIB..8.0 * MIB * 1.02).contains(&used) { Ok(()) } else { Err(used.to_string()) }
    });
}
