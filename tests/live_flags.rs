//! How it starts and ends: flags, exit codes, signals, and the name that it is called by.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Command;

use common::eventually;
use common::program::{self, Finished, Plimsoll};
use rustix::process::Signal;

#[allow(clippy::disallowed_methods)]
fn run(flags: &[&str]) -> Finished {
    program::run(Command::new(program::binary()).args(flags), 15.0)
}

#[test]
fn sigterm_and_sigint_end_it_with_0_within_two_seconds() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Plimsoll::start(&[]);
        // a client that holds on must not hold it up
        let _stream =
            common::http::Stream::open(program.address, "/api/v1.3/events?stream=true&all_events=true");
        let (status, took) = program.end(signal);
        assert_eq!(status.code(), Some(0), "{signal:?}: {status}\n{}", program.log());
        assert!(took < common::seconds(2.0), "{signal:?} took {took:?}");
    }
}

#[test]
fn an_unknown_flag_is_exit_2_and_named() {
    let done = run(&["--no_such_flag=1"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("no_such_flag"), "{}", done.stderr);
}

#[test]
fn a_bad_value_is_exit_2_with_flag_and_value() {
    for (flag, name, value) in [
        ("--housekeeping_interval=10", "housekeeping_interval", "10"),
        ("--port=http", "port", "http"),
        ("--docker_only=maybe", "docker_only", "maybe"),
        ("--disable_metrics=nonsense", "disable_metrics", "nonsense"),
    ] {
        let done = run(&[flag]);
        assert_eq!(done.code, Some(2), "{flag}: {}", done.stderr);
        assert!(done.stderr.contains(name) && done.stderr.contains(value), "{flag}: {}", done.stderr);
    }
}

#[test]
fn a_flag_without_its_value_is_exit_2() {
    let done = run(&["--port"]);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("port"), "{}", done.stderr);
}

#[test]
fn help_and_version_are_exit_0() {
    for flag in ["--help", "-help", "-h"] {
        let done = run(&[flag]);
        assert_eq!(done.code, Some(0), "{flag}: {}", done.stderr);
        let told = done.stdout + &done.stderr;
        assert!(told.contains("housekeeping_interval"), "{flag}: {told}");
    }
    for flag in ["--version", "-version"] {
        let done = run(&[flag]);
        assert_eq!(done.code, Some(0), "{flag}: {}", done.stderr);
        assert!(done.stdout.contains(env!("CARGO_PKG_VERSION")), "{flag}: {}", done.stdout);
    }
}

#[test]
#[allow(clippy::disallowed_methods)]
fn under_the_name_cadvisor_it_behaves_as_cadvisor() {
    let folder = common::folder();
    let link = folder.path().join("cadvisor");
    symlink(program::binary(), &link).unwrap();
    let done = program::run(Command::new(&link).arg("-version"), 15.0);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.starts_with("cAdvisor version "), "{}", done.stdout);
    let done = program::run(Command::new(&link).arg("-bogus"), 15.0);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("flag provided but not defined: -bogus"), "{}", done.stderr);
    let done = program::run(Command::new(&link).arg("-port=x"), 15.0);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("invalid value \"x\" for flag -port"), "{}", done.stderr);
}

#[test]
fn cadvisors_usual_flags_are_taken() {
    let flags = [
        "-logtostderr",
        "-docker_only=false",
        "--v=2",
        "-storage_duration",
        "1m0s",
        "-allow_dynamic_housekeeping=false",
    ];
    let more = [
        "-disable_metrics=percpu,tcp,udp,accelerator",
        "--store_container_labels=false",
        "-whitelisted_container_labels=a,b",
    ];
    let program = Plimsoll::start(&[flags.as_slice(), &more].concat());
    assert_eq!(program.get("/healthz").text(), "ok");
}

#[test]
fn a_port_that_is_taken_is_told_and_ends_it() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let done = run(&["--listen_ip=127.0.0.1", &format!("--port={port}")]);
    assert!(done.code.is_some_and(|code| code != 0), "{:?} {:?}", done.code, done.signal);
    assert!((done.stderr.clone() + &done.stdout).contains(&port), "{}{}", done.stdout, done.stderr);
}

#[test]
fn a_docker_that_somebody_named_is_missed() {
    let program = Plimsoll::start(&["--docker=unix:///nowhere/docker.sock"]);
    // others are looked for without a word: most hosts have one runtime or two
    let warned = eventually("it is warned of", 10.0, || {
        let log = program.log();
        let lines: Vec<String> =
            log.lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect();
        if lines.is_empty() { Err(log) } else { Ok(lines) }
    });
    let of_docker = warned[0].contains("Docker at unix:///nowhere/docker.sock: cannot connect");
    assert!(warned.len() == 1 && of_docker, "{warned:?}");
    let done = run(&["--docker=/var/run/docker.sock"]);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("(-docker)") && done.stderr.contains("unix:///"), "{}", done.stderr);
}

#[test]
fn a_file_of_users_that_is_not_there_is_exit_1_and_named() {
    for flag in ["-http_auth_file", "-http_digest_file"] {
        let done = run(&["--listen_ip=127.0.0.1", "--port=0", flag, "/nonexistent/users"]);
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        let said = format!("plimsoll: {flag}: cannot read /nonexistent/users: ");
        assert!(done.stderr.lines().any(|line| line.starts_with(&said)), "{}", done.stderr);
    }
}

#[test]
fn a_prefix_moves_every_route() {
    let program = Plimsoll::start_at("/moved", &["--url_base_prefix=/moved"]);
    assert_eq!(program.get("/moved/healthz").text(), "ok");
    assert_eq!(program.get("/moved/metrics").status, 200);
    assert_eq!(program.get("/moved/api/v1.3/machine").status, 200);
    assert_eq!(program.get("/healthz").status, 404);
    assert_eq!(program.get("/metrics").status, 404);
}

#[test]
fn the_metrics_can_stand_elsewhere() {
    let program = Plimsoll::start(&["--prometheus_endpoint=/numbers"]);
    assert!(program.get("/numbers").text().contains("cadvisor_version_info"));
    assert_eq!(program.get("/metrics").status, 307, "any other path leads to the pages");
}
