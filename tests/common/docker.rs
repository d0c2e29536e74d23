//! A Docker daemon of the tests' own, and containers that do known work.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::program::{self, Finished};
use super::{kernel, workload};

pub const IMAGE: &str = "localhost/plimsoll/workload:1";

/// Where a daemon answers, and the address under which its containers reach this host.
#[derive(Clone, Debug)]
pub struct Docker {
    pub socket: PathBuf,
    pub gateway: String,
}

/// The daemon that all tests of a file share: the one that runs already, else one for this
/// process. The latter's keeper ends when this process does, because its stdin ends then.
pub fn shared() -> &'static Docker {
    static SHARED: OnceLock<(Docker, Option<Daemon>)> = OnceLock::new();
    let (docker, _) = SHARED.get_or_init(|| match std::env::var("PLIMSOLL_TEST_DOCKER") {
        Ok(text) => {
            let (socket, gateway) = text.split_once(' ').expect("PLIMSOLL_TEST_DOCKER is `SOCKET GATEWAY`");
            (Docker { socket: socket.into(), gateway: gateway.into() }, None)
        }
        Err(_) => {
            let daemon = Daemon::start();
            (daemon.docker.clone(), Some(daemon))
        }
    });
    docker
}

/// A daemon for one test that will ill-treat it; `testbed/dockerd` keeps it and cleans after it.
pub struct Daemon {
    pub docker: Docker,
    pub pid: Pid,
    keeper: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Daemon {
    #[track_caller]
    pub fn start() -> Self {
        let mut command = Command::new(super::repository().join("testbed/dockerd"));
        command.arg("run").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = command.spawn().unwrap();
        let orders = keeper.stdin.take();
        let mut answers = BufReader::new(keeper.stdout.take().unwrap());
        let (docker, pid) = ready(&mut answers);
        Self { docker, pid, keeper, orders, answers }
    }

    #[track_caller]
    pub fn stop(&mut self) {
        writeln!(self.orders.as_ref().unwrap(), "stop").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line, "stopped\n");
    }

    #[track_caller]
    pub fn start_again(&mut self) {
        writeln!(self.orders.as_ref().unwrap(), "start").unwrap();
        self.pid = ready(&mut self.answers).1;
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid, signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid, Signal::CONT);
        self.orders = None;
        let _ = self.keeper.wait();
    }
}

#[track_caller]
fn ready(answers: &mut impl BufRead) -> (Docker, Pid) {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["ready", socket, gateway, pid] => {
            let docker = Docker { socket: socket.into(), gateway: (*gateway).to_owned() };
            (docker, Pid::from_raw(pid.parse().unwrap()).unwrap())
        }
        _ => panic!("testbed/dockerd says {line:?}"),
    }
}

impl Docker {
    /// The flag that points the program at this daemon.
    pub fn flag(&self) -> String {
        format!("--docker=unix://{}", self.socket.display())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("-H").arg(format!("unix://{}", self.socket.display())).args(words);
        command
    }

    pub fn try_run(&self, words: &[&str]) -> Finished {
        program::run(&mut self.command(words), 120.0)
    }

    /// What the command printed; it must have gone well.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> String {
        let done = self.try_run(words);
        assert_eq!(done.code, Some(0), "docker {words:?}: {}", done.stderr);
        done.stdout.trim().to_owned()
    }

    #[track_caller]
    pub fn inspect(&self, name: &str) -> Value {
        let answer: Value = serde_json::from_str(&self.run(&["inspect", name])).unwrap();
        answer[0].clone()
    }

    /// A container that waits for orders.
    #[track_caller]
    pub fn container(&self, flags: &[&str]) -> Container {
        self.container_named(&super::unique("e2e"), flags)
    }

    #[track_caller]
    pub fn container_named(&self, name: &str, flags: &[&str]) -> Container {
        let control = super::folder();
        let mount = format!("{}:/ctl", control.path().display());
        let mut words = vec!["run", "--detach", "--name", name, "--volume", &mount];
        words.extend(flags);
        words.extend([IMAGE, "workload", "serve", "/ctl/sock"]);
        let id = self.run(&words);
        let (pid, group) = self.place(&id);
        Container { docker: self.clone(), id, name: name.to_owned(), pid, group, control }
    }

    /// Runs the image with these words to its end; gives the container's id. The container stays listed.
    #[track_caller]
    pub fn job(&self, name: &str, flags: &[&str], words: &[&str]) -> (String, Finished) {
        let all = [&["run", "--name", name], flags, &[IMAGE], words].concat();
        let done = self.try_run(&all);
        let id = self.run(&["inspect", "--format", "{{.Id}}", name]);
        (id, done)
    }

    #[track_caller]
    fn place(&self, id: &str) -> (u32, String) {
        let pid: u32 = self.run(&["inspect", "--format", "{{.State.Pid}}", id]).parse().unwrap();
        (pid, kernel::group_of(pid))
    }

    pub fn remove(&self, name: &str) {
        let _ = self.try_run(&["rm", "--force", "--volumes", name]);
    }
}

/// A running container; removed when dropped.
pub struct Container {
    pub docker: Docker,
    pub id: String,
    pub name: String,
    /// Of its first process, as the host counts.
    pub pid: u32,
    /// Its cgroup's name: the path inside the hierarchy.
    pub group: String,
    control: tempfile::TempDir,
}

impl Container {
    /// Has the helper inside do something, and gives its answer.
    #[track_caller]
    pub fn order(&self, line: &str) -> String {
        workload::order(&self.control.path().join("sock"), line)
    }

    #[track_caller]
    pub fn last_order(&self, line: &str) {
        workload::last_order(&self.control.path().join("sock"), line);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.docker.remove(&self.id);
    }
}
