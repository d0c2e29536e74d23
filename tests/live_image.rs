//! The Docker image, started with cAdvisor's classic mounts: it serves the host's containers.
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

use std::net::SocketAddr;

use common::docker;
use common::http;
use common::{Need, eventually, number, unique};
use serde_json::Value;

/// Builds the repository's own Dockerfile around the program under test.
fn build(docker: &docker::Docker) -> &'static str {
    let context = common::folder();
    let layout = common::repository().join("deploy/docker/root");
    let done = common::program::run(
        std::process::Command::new(layout).arg(common::program::binary()).arg(context.path()),
        20.0,
    );
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let file = common::repository().join("Dockerfile");
    let image = "localhost/plimsoll/plimsoll:test";
    docker.run(&[
        "build",
        "--quiet",
        "--tag",
        image,
        "--file",
        &file.to_string_lossy(),
        &context.path().to_string_lossy(),
    ]);
    image
}

#[test]
fn the_image_serves_the_hosts_containers() {
    require!(Need::Docker);
    let docker = docker::shared();
    let image = build(docker);
    let other = docker.container(&["--memory", "64m", "--label", "who=me"]);
    let name = unique("own");
    let socket = format!("{}:/var/run/docker.sock:ro", docker.socket.display());
    let data = format!("{0}:{0}:ro", docker.socket.parent().unwrap().join("data").display());
    let mounts = [
        "/:/rootfs:ro",
        "/var/run:/var/run:ro",
        "/sys:/sys:ro",
        "/dev/disk/:/dev/disk:ro",
        data.as_str(),
        socket.as_str(),
    ];
    let mut words = vec!["run", "--detach", "--name", &name];
    for mount in mounts.iter().filter(|mount| std::path::Path::new(mount.split(':').next().unwrap()).exists())
    {
        // /var/run would hide the socket of this test's own daemon
        if !mount.starts_with("/var/run:") {
            words.extend(["--volume", mount]);
        }
    }
    words.extend(["--device", "/dev/kmsg", image]);
    docker.run(&words);
    let inspected = docker.inspect(&name);
    let ip = inspected.pointer("/NetworkSettings/IPAddress").and_then(Value::as_str).unwrap();
    let address: SocketAddr = format!("{ip}:8080").parse().unwrap();
    let info = eventually("the other container is served", 30.0, || {
        let response = http::get(address, &format!("/api/v1.3/docker/{}", other.name))?;
        if response.status != 200 {
            return Err(format!(
                "{}\n{}",
                response.text(),
                docker.try_run(&["logs", "--tail", "20", &name]).stderr
            ));
        }
        let map: Value = serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
        let one = map.as_object().and_then(|map| map.values().next()).cloned().ok_or("empty")?;
        if one.pointer("/stats/0/cpu").is_some() { Ok(one) } else { Err(format!("no stats in {one}")) }
    });
    assert_eq!(info["spec"]["labels"]["who"], "me");
    assert_eq!(number(&info, "/spec/memory/limit"), 64.0 * 1_048_576.0);
    let machine = http::get(address, "/api/v1.3/machine").unwrap().json();
    assert!(!machine["filesystems"].as_array().unwrap().is_empty(), "{machine}");
    let id = docker.run(&["stop", "-t", "5", &name]);
    assert_eq!(id, name);
    assert_eq!(number(&docker.inspect(&name), "/State/ExitCode"), 0.0);
    docker.remove(&name);
}
