//! A real machine of systemd, with known work. Needs systemd as the first process: `testbed/cgroup2-vm --systemd`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::program::{self, Plimsoll};
use common::{Need, close, close_to_burnt, eventually, kernel, number, unique, workload};
use serde_json::Value;

const MIB: f64 = 1_048_576.0;

/// A machine under `systemd-nspawn`; ended when dropped.
struct Machine {
    name: String,
    folder: tempfile::TempDir,
    child: Child,
}

impl Machine {
    #[track_caller]
    fn start(flags: &[&str]) -> Self {
        for service in ["dbus", "systemd-machined"] {
            let done = program::run(Command::new("systemctl").args(["start", service]), 60.0);
            assert_eq!(done.code, Some(0), "{service}: {}", done.stderr);
        }
        let name = unique("plimsoll-machine");
        let folder = common::folder();
        // what systemd-nspawn takes for the root of a system
        for inside in ["bin", "ctl", "dev", "etc", "proc", "run", "sys", "tmp", "usr/lib"] {
            std::fs::create_dir_all(folder.path().join(inside)).unwrap();
        }
        std::fs::copy(workload::path().unwrap(), folder.path().join("bin/workload")).unwrap();
        let mut command = Command::new("systemd-nspawn");
        command.arg("--quiet").arg("--machine").arg(&name).arg("--directory").arg(folder.path());
        command.arg("--register=yes").args(flags).args(["/bin/workload", "serve", "/ctl/sock"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let machine = Self { name, folder, child };
        machine.order("sleep 0");
        machine
    }

    #[track_caller]
    fn order(&self, line: &str) -> String {
        workload::order(&self.folder.path().join("ctl/sock"), line)
    }

    /// What machined tells of it.
    #[track_caller]
    fn told(&self, property: &str) -> String {
        let mut command = Command::new("machinectl");
        let done = program::run(
            command.args(["show", "--value", &format!("--property={property}"), &self.name]),
            30.0,
        );
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.stdout.trim().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = program::run(Command::new("machinectl").args(["terminate", &self.name]), 30.0);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn stats(program: &Plimsoll, group: &str) -> Value {
    eventually("it is in the API", 10.0, || program.fresh("name", group))["stats"][0].clone()
}

#[test]
fn a_machine_has_its_name_and_known_work_is_right() {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    if !Path::new("/run/systemd/system").exists() {
        common::say(&format!("SKIP {test}: systemd is not the first process"));
        return;
    }
    if !common::able(&test, &[Need::Root, Need::Workload, Need::Program("systemd-nspawn")]) {
        return;
    }
    let program = Plimsoll::start(&[]);
    let machine = Machine::start(&["--property=MemoryMax=128M", "--private-network"]);
    let unit = machine.told("Unit");
    let group = format!("/machine.slice/{unit}");
    // the unit's name has its dashes escaped
    assert!(kernel::folders(&group)[0].exists(), "{group}");
    let info = eventually("it has its name", 15.0, || {
        // a backslash in a path has to be escaped for a URL
        let info = program.try_json(&format!("/api/v1.3/containers{}", group.replace('\\', "%5C")))?;
        let known =
            info["aliases"] == serde_json::json!([machine.name]) && info["spec"]["has_network"] == true;
        if known { Ok(info) } else { Err(info["spec"].to_string()) }
    });
    assert_eq!((info.get("namespace"), info.get("id")), (None, None));
    assert_eq!(PathBuf::from(info["spec"]["image"].as_str().unwrap()), machine.folder.path());
    assert_eq!(info["spec"]["labels"]["systemd.machine.service"], "systemd-nspawn");
    assert_eq!(info["spec"]["labels"]["systemd.machine.class"], "container");
    assert_eq!(number(&info, "/spec/memory/limit"), 128.0 * MIB);

    let name = group.replace('\\', "%5C");
    let before = stats(&program, &name);
    let burnt: f64 = machine.order("burn 2000").parse().unwrap();
    let after = stats(&program, &name);
    let cpu = number(&after, "/cpu/usage/total") - number(&before, "/cpu/usage/total");
    close_to_burnt("cpu", cpu, burnt, 1.0);
    machine.order("hold 64");
    let held = stats(&program, &name);
    close("rss", number(&held, "/memory/rss") - number(&after, "/memory/rss"), 64.0 * MIB, 1.0);
    close("the kernel's cpu", number(&held, "/cpu/usage/total"), kernel::cpu_nanos(&group), 1.0);

    // the payload's own group below it has no name, so that a name is one series
    let series = program.metrics_of("/metrics?max_age=0s");
    let named: Vec<_> = series
        .iter()
        .filter(|one| one.name == "container_memory_rss" && one.label("name") == machine.name)
        .collect();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].label("id"), group);
    assert_eq!(named[0].label("container_label_systemd_machine_class"), "container");
}
