//! Real LXC containers with known work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use common::lxc::Container;
use common::program::Plimsoll;
use common::{Need, close, close_to_burnt, eventually, kernel, number, text};
use rustix::process::Signal;
use serde_json::Value;

const MIB: f64 = 1_048_576.0;
const NEEDS: [Need; 3] = [Need::Root, Need::Workload, Need::Program("lxc-start")];

fn able() -> bool {
    common::able(std::thread::current().name().unwrap_or("?"), &NEEDS)
}

#[track_caller]
fn stats(program: &Plimsoll, container: &Container) -> Value {
    eventually("it is in the API", 10.0, || program.fresh("name", &container.group))["stats"][0].clone()
}

/// What the API says of the container, once its name is known and its first process too.
#[track_caller]
fn known(program: &Plimsoll, container: &Container) -> Value {
    eventually("it has its name", 15.0, || {
        let info = program.try_json(&format!("/api/v1.3/containers{}", container.group))?;
        let named = info["aliases"] == serde_json::json!([container.name]);
        let running = info["spec"]["has_network"] == true;
        if named && running { Ok(info) } else { Err(info["spec"].to_string()) }
    })
}

#[test]
fn names_and_known_work_are_right() {
    if !able() {
        return;
    }
    let program = Plimsoll::start(&["--env_metadata_whitelist=TEST_"]);
    let limit = if kernel::v2() { "lxc.cgroup2.memory.max" } else { "lxc.cgroup.memory.limit_in_bytes" };
    let limit = format!("{limit} = 128M");
    let container =
        Container::start(&[&limit, "lxc.environment = TEST_VAR=FOO", "lxc.environment = OTHER=x"]);
    assert!(container.group.starts_with("/lxc"), "{}", container.group);
    let info = known(&program, &container);
    // nobody answers for LXC: its containers show that it is there
    let overview = program.json("/api/plimsoll/v1/overview");
    let mut runtimes = overview["runtimes"].as_array().unwrap().iter();
    let lxc = runtimes.find(|one| one["name"] == "lxc").unwrap();
    // others' tests have theirs meanwhile
    let any = lxc["containers"].as_u64().is_some_and(|count| count >= 1);
    assert!(any && lxc["state"] == "up", "{overview}");
    // as in cAdvisor it is no runtime's
    assert_eq!((info.get("namespace"), info.get("id")), (None, None));
    let root = container.root();
    assert_eq!(info["spec"]["image"], root.to_str().unwrap());
    assert_eq!(info["spec"]["envs"], serde_json::json!({"test_var": "FOO"}));
    assert_eq!(number(&info, "/spec/memory/limit"), 128.0 * MIB);
    let created: jiff::Timestamp = text(&info, "/spec/creation_time").parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(created).as_secs_f64();
    assert!((0.0..120.0).contains(&age), "created {created}");

    container.order("sleep 0");
    let before = stats(&program, &container);
    let burnt: f64 = container.order("burn 2000").parse().unwrap();
    let after = stats(&program, &container);
    let cpu = number(&after, "/cpu/usage/total") - number(&before, "/cpu/usage/total");
    close_to_burnt("cpu", cpu, burnt, 1.0);
    container.order("hold 64");
    let held = stats(&program, &container);
    close("rss", number(&held, "/memory/rss") - number(&after, "/memory/rss"), 64.0 * MIB, 1.0);
    close("the kernel's cpu", number(&held, "/cpu/usage/total"), kernel::cpu_nanos(&container.group), 1.0);
    close("the kernel's rss", number(&held, "/memory/rss"), kernel::anonymous_bytes(&container.group), 0.5);

    let series: Vec<_> = program
        .metrics_of("/metrics?max_age=0s")
        .into_iter()
        .filter(|one| one.name == "container_memory_rss" && one.label("name") == container.name)
        .collect();
    assert_eq!(series.len(), 1, "one series for one container");
    assert_eq!(series[0].label("id"), container.group);
    assert_eq!(series[0].label("image"), root.to_str().unwrap());
}

#[test]
fn its_root_file_system_is_measured() {
    if !able() {
        return;
    }
    let program = Plimsoll::start(&["--disk_interval=200ms"]);
    let container = Container::start(&[]);
    let told = || common::layer(&program, "name", &container.group);
    let before = common::settled("it is measured", told);
    // the helper's program is in it
    let helper = std::fs::metadata(container.root().join("bin/workload")).unwrap().len() as f64;
    assert!((1.0..1.1).contains(&(before[1] / helper)), "{before:?} with a program of {helper}");
    container.order("sync /fifty 50");
    eventually("50 MiB more", 20.0, || {
        let [total, base, inodes] = told()?;
        let (written, files) = (base - before[1], inodes - before[2]);
        if (written / (50.0 * MIB) - 1.0).abs() < 0.01 && files == 1.0 && total == base {
            Ok(())
        } else {
            Err(format!("{written} bytes, {files} files, {total} in all"))
        }
    });
}

#[test]
fn two_with_one_name_are_told_apart_and_a_stopped_one_goes() {
    if !able() {
        return;
    }
    let first = Container::start(&[]);
    let program = Plimsoll::start(&[]);
    let second = Container::start(&[]);
    assert_ne!(known(&program, &first)["aliases"], known(&program, &second)["aliases"]);
    let group = first.group.clone();
    let name = first.name.clone();
    drop(first);
    eventually("it is gone", 15.0, || match program.get(&format!("/api/v1.3/containers{group}")).status {
        500 => Ok(()),
        other => Err(other.to_string()),
    });
    let ended = eventually("it is among the ended", 10.0, || {
        let all = program.try_json(&format!("/api/plimsoll/v1/ended?name={name}"))?;
        all.get(0).cloned().ok_or("not there".to_owned())
    });
    assert_eq!(ended["name"], group.as_str());
    assert!(number(&ended, "/stats/cpu/usage/total") > 0.0);
    known(&program, &second);
}

#[test]
fn a_number_that_was_given_to_another_process_is_not_the_containers() {
    if !able() {
        return;
    }
    let last = std::path::Path::new("/proc/sys/kernel/ns_last_pid");
    let program = Plimsoll::start(&["--allow_dynamic_housekeeping=false"]);
    let container = Container::start(&[]);
    known(&program, &container);
    let interfaces = || {
        let told = program.fresh("name", &container.group).map(|info| info["stats"][0]["network"].clone());
        told.unwrap_or_default()["interfaces"].as_array().cloned().unwrap_or_default()
    };
    assert_eq!(interfaces(), [Value::Null; 0], "it has a network without interfaces");
    // another process in the same group keeps that alive when the first one ends
    let folders = kernel::folders(&container.group);
    let mut keeper = Process::start("sleep", &["1000"]);
    for folder in &folders {
        std::fs::write(folder.join("cgroup.procs"), keeper.0.id().to_string()).unwrap();
    }
    let signal = |signal| rustix::process::kill_process(program.pid(), signal).unwrap();
    signal(Signal::STOP);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(container.pid as i32).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    eventually("its number is free", 10.0, || {
        if std::path::Path::new(&format!("/proc/{}", container.pid)).exists() {
            Err("there".to_owned())
        } else {
            Ok(())
        }
    });
    let mut other = None;
    for _ in 0..200 {
        if std::fs::write(last, (container.pid - 1).to_string()).is_err() {
            break;
        }
        let process = Process::start("sleep", &["1000"]);
        if process.0.id() == container.pid {
            other = Some(process);
            break;
        }
    }
    signal(Signal::CONT);
    let Some(other) = other else {
        common::say(
            "SKIP a_number_that_was_given_to_another_process_is_not_the_containers: the number was not given",
        );
        return;
    };
    // the other process has the host's network; it is not read for the container
    for _ in 0..20 {
        assert_eq!(interfaces(), [Value::Null; 0]);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(
        eventually("the group is still measured", 5.0, || program.fresh("name", &container.group))
            .is_object()
    );
    drop(other);
    let _ = keeper.0.kill();
}

/// A process that is killed when it is dropped.
struct Process(std::process::Child);

impl Process {
    #[allow(clippy::disallowed_methods)]
    fn start(program: &str, words: &[&str]) -> Self {
        Self(std::process::Command::new(program).args(words).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
