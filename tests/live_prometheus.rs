//! The metrics before those who read them: promtool, and a Prometheus server that scrapes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use common::docker;
use common::http;
use common::program::Plimsoll;
use common::{Need, eventually};
use serde_json::Value;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.0),
            rustix::process::Signal::TERM,
        );
        if common::program::wait(&mut self.0, 10.0).is_none() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods)]
fn promtool_has_nothing_to_say_that_cadvisors_names_do_not_cause() {
    require!(Need::Program("promtool"));
    let program = Plimsoll::start(&["--disable_metrics="]);
    let text = program.get("/metrics").text();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let script = format!("promtool check metrics <{}", file.path().display());
    let done = common::program::run(Command::new("sh").arg("-c").arg(script), 30.0);
    // 3 is "lint"; 1 is "not the format"
    assert!(matches!(done.code, Some(0 | 3)), "{:?}: {}{}", done.code, done.stdout, done.stderr);
    for line in (done.stdout + &done.stderr).lines() {
        let known = [
            "non-counter metrics should not have \"_total\" suffix",
            "counter metrics should have \"_total\" suffix",
            "use base unit",
            "should not have \"_count\" suffix",
            "label names should be written in 'snake_case'",
        ];
        assert!(known.iter().any(|text| line.contains(text)), "promtool says: {line}");
    }
}

#[test]
fn families_are_whole_and_in_order() {
    let program = Plimsoll::start(&["--disable_metrics="]);
    let response = eventually("a scrape with the root's numbers", 5.0, || {
        let response = http::get(program.address, "/metrics")?;
        if response.text().contains("container_memory_usage_bytes{") {
            Ok(response)
        } else {
            Err("not yet".into())
        }
    });
    assert_eq!(
        response
            .header("content-type")
            .map(|kind| kind.starts_with("text/plain; version=0.0.4; charset=utf-8")),
        Some(true)
    );
    let text = response.text();
    let mut seen: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let name = rest.split(' ').next().unwrap();
            assert!(!seen.contains(&name), "{name} twice");
            let kind = lines
                .next()
                .unwrap()
                .strip_prefix("# TYPE ")
                .and_then(|rest| rest.strip_prefix(name))
                .unwrap()
                .trim();
            assert!(
                ["counter", "gauge", "summary", "histogram", "untyped"].contains(&kind),
                "{name}: {kind}"
            );
            assert!(lines.peek().is_some_and(|line| line.starts_with(name)), "{name} has no sample");
            seen.push(name);
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = seen.last().unwrap();
            assert!(
                name == *family
                    || name
                        .strip_prefix(family)
                        .is_some_and(|rest| ["_sum", "_count", "_bucket"].contains(&rest)),
                "{name} below {family}"
            );
        }
    }
    let samples = common::exposition::parse(&text);
    let mut names = std::collections::HashSet::new();
    for sample in &samples {
        assert!(names.insert((sample.name.clone(), format!("{:?}", sample.labels))), "{sample:?} twice");
    }
    for wanted in [
        "cadvisor_version_info",
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
        "container_fs_usage_bytes",
        "container_last_seen",
        "container_start_time_seconds",
        "machine_cpu_cores",
        "machine_memory_bytes",
        "process_cpu_seconds_total",
        "container_scrape_error",
    ] {
        assert!(seen.contains(&wanted), "no {wanted}");
    }
    assert!(
        samples
            .iter()
            .any(|sample| sample.name == "container_cpu_usage_seconds_total" && sample.label("id") == "/")
    );
    assert_eq!(samples.iter().find(|sample| sample.name == "container_scrape_error").unwrap().value, 0.0);
}

#[test]
fn gzip_is_given_to_those_who_ask() {
    let program = Plimsoll::start(&[]);
    let packed =
        http::request(program.address, "GET", "/metrics", &[("Accept-Encoding", "gzip")], b"").unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]));
    assert!(program.get("/metrics").header("content-encoding").is_none());
}

#[test]
#[allow(clippy::disallowed_methods)]
fn a_real_prometheus_scrapes_it() {
    require!(Need::Program("prometheus"), Need::Docker);
    let program = Plimsoll::start(&[&docker::shared().flag()]);
    let container = docker::shared().container(&[]);
    let folder = common::folder();
    let config = folder.path().join("prometheus.yml");
    let target = program.address;
    std::fs::write(&config, format!("scrape_configs:\n- job_name: plimsoll\n  scrape_interval: 1s\n  static_configs:\n  - targets: ['{target}']\n")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "prometheus", "--log.level=warn"])
        .arg(format!("--config.file={}", config.display()));
    command
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"));
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let server =
        Server(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    let json = |path: &str| -> Result<Value, String> {
        serde_json::from_slice(&http::get(address, path)?.body).map_err(|error| error.to_string())
    };
    eventually("the target is up", 30.0, || {
        let targets = json("/api/v1/targets")?;
        match targets.pointer("/data/activeTargets/0/health").and_then(Value::as_str) {
            Some("up") => Ok(()),
            other => Err(format!(
                "{other:?}: {}",
                targets.pointer("/data/activeTargets/0/lastError").unwrap_or(&Value::Null)
            )),
        }
    });
    let query =
        format!("/api/v1/query?query=container_memory_usage_bytes%7Bname%3D%22{}%22%7D", container.name);
    eventually("the container's memory is in Prometheus", 30.0, || {
        let answer = json(&query)?;
        answer.pointer("/data/result/0/value/1").map(drop).ok_or(answer.to_string())
    });
    let answer = json("/api/v1/query?query=scrape_samples_scraped").unwrap();
    let scraped: f64 =
        answer.pointer("/data/result/0/value/1").and_then(Value::as_str).unwrap().parse().unwrap();
    assert!(scraped > 50.0, "{scraped} samples");
    drop(server);
}
