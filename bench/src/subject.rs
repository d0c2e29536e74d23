//! A program that is measured, in a cgroup of its own.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::groups::{Group, Groups, HOMES, hierarchies};
use crate::http::Client;
use crate::{Result, Settings};

/// Which program.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Plimsoll,
    CAdvisor,
}

/// A running one. Ended when dropped.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) pid: u32,
    pub(crate) client: Client,
    /// Its own cgroup.
    pub(crate) home: Group,
    started: Instant,
    child: Child,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plimsoll => "plimsoll",
            Self::CAdvisor => "cAdvisor",
        }
    }

    /// The program, and the peer where there is one.
    pub(crate) fn all(settings: &Settings) -> Vec<Self> {
        let peer = settings.peer.as_ref().map(|_| Self::CAdvisor);
        std::iter::once(Self::Plimsoll).chain(peer).collect()
    }
}

impl Subject {
    /// Starts it at a fixed interval of 1 s; of raw groups, it looks at the bench's own alone.
    pub(crate) fn start(kind: Kind, settings: &Settings, groups: &Groups) -> Result<Self> {
        Self::start_with(kind, settings, groups, &[])
    }

    /// The same with further flags.
    pub(crate) fn start_with(
        kind: Kind,
        settings: &Settings,
        groups: &Groups,
        more: &[String],
    ) -> Result<Self> {
        let program = match kind {
            Kind::Plimsoll => settings.program.as_path(),
            Kind::CAdvisor => settings.peer.as_deref().ok_or("no peer")?,
        };
        let home = home(kind.name())?;
        let port = free_port()?;
        let mut args = vec![
            format!("--port={port}"),
            "--housekeeping_interval=1s".to_owned(),
            "--allow_dynamic_housekeeping=false".to_owned(),
            "--docker_only".to_owned(),
            format!("--raw_cgroup_prefix_whitelist={}", groups.parent.name),
            // neither shall wait for a daemon
            "--docker=unix:///nonexistent/docker.sock".to_owned(),
        ];
        if kind == Kind::Plimsoll {
            args.extend(["--jitter_factor=0", "--initial_splay_factor=0"].map(str::to_owned));
        }
        args.extend_from_slice(more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = home.command(program, &args);
        let log = fs::File::create(std::env::temp_dir().join(format!("plimsoll-bench-{}.log", kind.name())))?;
        let started = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(log).spawn()?;
        Ok(Self { kind, pid: child.id(), client: Client::new(port), home, started, child })
    }

    /// Waits until `/metrics` has every container of the bench; gives the time since the start.
    pub(crate) fn complete(&mut self, groups: &Groups, every: Duration) -> Result<Duration> {
        let wanted = groups.members.len();
        let needle = "container_last_seen{";
        let inside = format!("id=\"{}/", groups.parent.name);
        loop {
            if let Ok(answer) = self.client.get("/metrics", false) {
                let text = String::from_utf8_lossy(&answer.body);
                let lines = text.lines().filter(|line| line.starts_with(needle) && line.contains(&inside));
                if lines.count() >= wanted {
                    return Ok(self.started.elapsed());
                }
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended: {status}", self.kind.name()).into());
            }
            if self.started.elapsed() > Duration::from_secs(180) {
                return Err(format!("{} does not show {wanted} containers", self.kind.name()).into());
            }
            sleep(every);
        }
    }

    /// CPU time since its start, in nanoseconds.
    pub(crate) fn cpu_nanos(&self) -> Result<u64> {
        self.home.cpu_nanos()
    }

    /// Container samples since its start; the peer does not count them.
    pub(crate) fn samples(&mut self) -> Result<Option<u64>> {
        if self.kind == Kind::CAdvisor {
            return Ok(None);
        }
        let answer = self.client.get("/metrics", false)?;
        let text = String::from_utf8_lossy(&answer.body);
        let line = text.lines().find_map(|line| line.strip_prefix("plimsoll_samples_total "));
        let value = line.ok_or("no plimsoll_samples_total")?.split(' ').next().unwrap_or("");
        Ok(Some(value.parse::<f64>()? as u64))
    }

    pub(crate) fn pause(&self) {
        signal(self.pid, Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        signal(self.pid, Signal::CONT);
    }

    /// Resident, proportional and kernel memory in MB.
    pub(crate) fn memory(&self) -> Result<[f64; 3]> {
        let rss = status(self.pid, "VmRSS:")? * 1024;
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).unwrap_or_default();
        let pss = rollup.lines().find_map(|line| number(line, "Pss:")).unwrap_or(0) * 1024;
        let kernel = self.home.kernel_bytes().unwrap_or(0);
        Ok([rss, pss, kernel].map(|bytes| bytes as f64 / 1e6))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.go_on();
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A cgroup for something that is measured, outside the bench's containers.
pub(crate) fn home(name: &str) -> Result<Group> {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let nth = MADE.fetch_add(1, Ordering::Relaxed);
    Group::new(&hierarchies()?, format!("/{HOMES}{}-{nth}-{name}", std::process::id()))
}

/// Stops a process or lets it go on; one that is gone needs neither.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// A number of `/proc/<pid>/status`.
pub(crate) fn status(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    text.lines().find_map(|line| number(line, key)).ok_or_else(|| format!("no {key} of {pid}").into())
}

fn number(line: &str, key: &str) -> Option<u64> {
    line.strip_prefix(key)?.split_whitespace().next()?.parse().ok()
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Bytes of a program's file.
pub(crate) fn size(program: &Path) -> Result<u64> {
    Ok(fs::metadata(program)?.len())
}
