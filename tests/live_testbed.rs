//! The test bed itself: is the known work known, by the kernel alone? If this fails, no other live test means anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::io::Read;
use std::net::TcpListener;

use common::docker;
use common::{Need, close, close_to_burnt, kernel};

const MIB: f64 = 1_048_576.0;

#[test]
fn the_kernel_counts_what_the_workload_does() {
    require!(Need::Docker);
    let docker = docker::shared();
    let container = docker.container(&[]);
    container.order("sleep 0");
    let before = kernel::cpu_nanos(&container.group);
    let burnt: f64 = container.order("burn 1000").parse().unwrap();
    close_to_burnt("cpu", kernel::cpu_nanos(&container.group) - before, burnt, 1.0);
    let before = kernel::anonymous_bytes(&container.group);
    container.order("hold 64");
    close("memory", kernel::anonymous_bytes(&container.group) - before, 64.0 * MIB, 1.0);
    let listener = TcpListener::bind((docker.gateway.as_str(), 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let sink = std::thread::spawn(move || {
        let mut all = vec![0; 1 << 16];
        let mut stream = listener.accept().unwrap().0;
        while stream.read(&mut all).unwrap() > 0 {}
    });
    let before = kernel::network_bytes(container.pid, "eth0").1;
    container.order(&format!("send {}:{port} 20", docker.gateway));
    sink.join().unwrap();
    let sent = kernel::network_bytes(container.pid, "eth0").1 - before;
    assert!((20.0 * MIB..20.0 * MIB * 1.08).contains(&sent), "sent {sent}");
    container.order("fork 20");
    let pids = kernel::single(&kernel::file("pids", &container.group, "pids.current", "pids.current"));
    assert_eq!(pids, 21.0);
}

#[test]
fn the_kernel_counts_writes_and_throttling() {
    require!(Need::Docker);
    let docker = docker::shared();
    let Some((device, number)) = kernel::device_of(docker.socket.parent().unwrap()) else {
        common::say("SKIP the_kernel_counts_writes_and_throttling: Docker's data lies on no block device");
        return;
    };
    let rule = format!("{device}:10gb");
    let container = docker.container(&["--device-write-bps", &rule, "--cpus", "0.1"]);
    container.order("write /file 50");
    let path = kernel::file("blkio", &container.group, "blkio.throttle.io_service_bytes", "io.stat");
    let text = kernel::read(&path);
    let line = text
        .lines()
        .find(|line| line.starts_with(&number) && (kernel::v2() || line.contains(" Write ")))
        .unwrap();
    let written: f64 = match line.split("wbytes=").nth(1) {
        Some(rest) => rest.split(' ').next().unwrap().parse().unwrap(),
        None => line.rsplit(' ').next().unwrap().parse().unwrap(),
    };
    close("written", written, 50.0 * MIB, 1.0);
    container.order("burn 300");
    assert!(
        kernel::key(&kernel::file("cpu", &container.group, "cpu.stat", "cpu.stat"), "nr_throttled") >= 1.0
    );
}
