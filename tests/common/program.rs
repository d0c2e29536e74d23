//! The program under test, started with flags on a free port and stopped in any case.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::exposition::{self, Sample};
use super::http::{self, Response};
use super::net::Net;

/// The binary: `PLIMSOLL_BIN`, else what cargo built for this test.
pub fn binary() -> PathBuf {
    std::env::var_os("PLIMSOLL_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_plimsoll")), PathBuf::from)
}

pub struct Plimsoll {
    pub child: Child,
    pub address: SocketAddr,
    log: tempfile::NamedTempFile,
}

impl Plimsoll {
    /// Starts it and waits until it answers.
    #[track_caller]
    pub fn start(flags: &[&str]) -> Self {
        Self::start_as(&[], "", flags)
    }

    /// With all routes below a prefix.
    #[track_caller]
    pub fn start_at(prefix: &str, flags: &[&str]) -> Self {
        Self::start_as(&[], prefix, flags)
    }

    /// What cargo built for this test, which is linked dynamically, even if another one is tested.
    #[track_caller]
    pub fn start_dynamic(flags: &[&str]) -> Self {
        Self::start_this(env!("CARGO_BIN_EXE_plimsoll").into(), &[], "", flags)
    }

    /// Behind another command, for instance `prlimit --nofile=64`.
    #[track_caller]
    pub fn start_as(before: &[&str], prefix: &str, flags: &[&str]) -> Self {
        Self::start_this(binary(), before, prefix, flags)
    }

    /// On a host of its own.
    #[track_caller]
    pub fn start_in(net: &Net, flags: &[&str]) -> Self {
        let before = net.inside();
        let own = format!("--listen_ip={}", net.address);
        let address = SocketAddr::from((net.address, 8080));
        let flags = [&[own.as_str()], flags].concat();
        Self::start_on(binary(), &before.each_ref().map(String::as_str), &["host"], "", address, &flags)
    }

    /// A collector; waits for its first round.
    #[track_caller]
    pub fn cluster(flags: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let flags = [&["--listen_ip=127.0.0.1"], flags].concat();
        Self::start_on(binary(), &[], &["cluster"], "", address, &flags)
    }

    /// A collector under another program's name.
    #[track_caller]
    pub fn named(link: &Path, flags: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self::start_on(link.to_owned(), &[], &[], "", address, flags)
    }

    #[track_caller]
    fn start_this(binary: PathBuf, before: &[&str], prefix: &str, flags: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let flags = [&["--listen_ip=127.0.0.1"], flags].concat();
        Self::start_on(binary, before, &[], prefix, address, &flags)
    }

    #[track_caller]
    fn start_on(
        binary: PathBuf,
        before: &[&str],
        command_word: &[&str],
        prefix: &str,
        address: SocketAddr,
        flags: &[&str],
    ) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        // the kernel ends it when the thread of the test ends, even if the test is killed
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).args(before).arg(binary);
        command.args(command_word).arg(format!("--port={}", address.port())).args(flags);
        command.stdin(Stdio::null()).stdout(log.reopen().unwrap()).stderr(log.reopen().unwrap());
        let child = command.spawn().unwrap();
        let mut program = Self { child, address, log };
        super::eventually("the program answers /healthz", 15.0, || {
            if let Some(status) = program.child.try_wait().unwrap() {
                panic!("it ended with {status}:\n{}", program.log());
            }
            match http::get(program.address, &format!("{prefix}/healthz")) {
                Ok(response) if response.status == 200 => Ok(()),
                Ok(response) => Err(format!("status {}", response.status)),
                Err(error) => Err(format!("{error}\n{}", program.log())),
            }
        });
        program
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log.path()).unwrap_or_default()).into_owned()
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        http::get(self.address, path).unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.log()))
    }

    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        self.get(path).json()
    }

    /// JSON, or why not.
    pub fn try_json(&self, path: &str) -> Result<Value, String> {
        let response = http::get(self.address, path)?;
        if response.status == 200 {
            serde_json::from_slice(&response.body).map_err(|error| error.to_string())
        } else {
            Err(format!("{path}: {} {}", response.status, response.text()))
        }
    }

    /// The container of that cgroup name or Docker alias, with a sample taken now.
    pub fn fresh(&self, kind: &str, name: &str) -> Result<Value, String> {
        let name = name.trim_start_matches('/');
        let map = self.try_json(&format!("/api/v2.1/stats/{name}?type={kind}&count=1&max_age=0s"))?;
        let object = map.as_object().ok_or("not an object")?;
        match object.values().next() {
            Some(info) if info.pointer("/stats/0").is_some() => Ok(info.clone()),
            _ => Err(format!("no sample of {name}: {map}")),
        }
    }

    #[track_caller]
    pub fn metrics(&self) -> Vec<Sample> {
        self.metrics_of("/metrics")
    }

    #[track_caller]
    pub fn metrics_of(&self, path: &str) -> Vec<Sample> {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{}", response.text());
        exposition::parse(&response.text())
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends the signal and waits: the status and how long it took.
    #[track_caller]
    pub fn end(&mut self, signal: Signal) -> (ExitStatus, Duration) {
        let start = Instant::now();
        rustix::process::kill_process(self.pid(), signal).unwrap();
        let status = wait(&mut self.child, 20.0).unwrap_or_else(|| panic!("it did not end:\n{}", self.log()));
        (status, start.elapsed())
    }
}

impl Drop for Plimsoll {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process(self.pid(), Signal::TERM);
            if wait(&mut self.child, 5.0).is_none() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        if std::thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(4000);
            let start = (start..=log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
            eprintln!("the program's log ends so:\n{}", &log[start..]);
        }
    }
}

pub fn wait(child: &mut Child, limit: f64) -> Option<ExitStatus> {
    let end = Instant::now() + super::seconds(limit);
    while Instant::now() < end {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

pub struct Finished {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end; one that does not end is killed and fails the test.
#[track_caller]
pub fn run(command: &mut Command, limit: f64) -> Finished {
    let stdout = tempfile::NamedTempFile::new().unwrap();
    let stderr = tempfile::NamedTempFile::new().unwrap();
    command.stdin(Stdio::null()).stdout(stdout.reopen().unwrap()).stderr(stderr.reopen().unwrap());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let status = wait(&mut child, limit);
    let read = |file: &tempfile::NamedTempFile| {
        String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned()
    };
    let Some(status) = status else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("{command:?} did not end:\n{}{}", read(&stdout), read(&stderr));
    };
    Finished { code: status.code(), signal: status.signal(), stdout: read(&stdout), stderr: read(&stderr) }
}
