//! The real Prometheus scrapes what we serve, in the format that it likes best.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "Prometheus is the reference")]

mod fake;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::kinds::Kinds;
use plimsoll_serve::listen::{Address, Bound, serve};
use plimsoll_serve::metrics::{MetricsOptions, answer};
use plimsoll_serve::past::Past;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Ends the program whatever the test does.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_takes_every_container() {
    let past: Arc<dyn Past> = Arc::new(fake::fresh(fake::busy(300)));
    let options = Arc::new(MetricsOptions::new(Kinds::default(), fake::ROWS, fake::MACHINE));
    let bound = Bound::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).await.unwrap();
    let target = bound.address().to_string();
    let handler = move |request: http::Request<hyper::body::Incoming>| {
        let (past, options) = (Arc::clone(&past), Arc::clone(&options));
        async move { answer(&past, &options, None, None, request.headers()).await }
    };
    tokio::spawn(serve(bound, None, handler, std::future::pending()));

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let scrape = format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 2s}}\nscrape_configs:\n- job_name: plimsoll\n  static_configs:\n  - targets: ['{target}']\n"
    );
    std::fs::write(&config, scrape).unwrap();
    // a port that was free a moment ago
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else { return println!("skipped: no prometheus here") };
    let _program = Program(child);

    let mut last = String::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let targets = get(port, "/api/v1/targets").await.unwrap_or_default();
        if let Some(error) = targets.split("\"lastError\":\"").nth(1).filter(|rest| !rest.starts_with('"')) {
            let error = error.split("\",").next().unwrap_or(error);
            // a busy machine is no fault of the format
            assert!(error.contains("deadline exceeded"), "{error}");
        }
        let count = "/api/v1/query?query=count(container_memory_working_set_bytes%7Bimage!=%22%22%7D)";
        last = get(port, count).await.unwrap_or_default();
        if last.contains(",\"300\"]") {
            let failcnt = get(port, "/api/v1/query?query=count(container_memory_failcnt)").await.unwrap();
            assert!(failcnt.contains(",\"300\"]"), "{failcnt}");
            let kind = get(port, "/api/v1/metadata?metric=container_cpu_user_seconds_total").await.unwrap();
            let bare = get(port, "/api/v1/metadata?metric=container_cpu_user_seconds").await.unwrap();
            assert!((kind + &bare).contains("\"type\":\"counter\""));
            return;
        }
    }
    panic!("not all containers: {last}");
}

async fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
