//! A containerd of the tests' own, and containers in its namespaces that do known work.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal};

use super::{kernel, program, workload};

pub const IMAGE: &str = "localhost/plimsoll/workload:1";

/// A daemon for one test; `testbed/containerd` keeps it and cleans after it.
pub struct Containerd {
    pub socket: PathBuf,
    pub pid: Pid,
    /// Namespaces begin so.
    pub prefix: String,
    keeper: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Containerd {
    #[track_caller]
    pub fn start() -> Self {
        let mut command = Command::new(super::repository().join("testbed/containerd"));
        command.arg("run").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = command.spawn().unwrap();
        let orders = keeper.stdin.take();
        let mut answers = BufReader::new(keeper.stdout.take().unwrap());
        let (socket, pid, prefix) = ready(&mut answers);
        Self { socket, pid, prefix, keeper, orders, answers }
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

    pub fn flag(&self) -> String {
        format!("--containerd={}", self.socket.display())
    }

    /// A namespace that has the image.
    #[track_caller]
    pub fn namespace(&self, name: &str) -> String {
        let namespace = format!("{}-{name}", self.prefix);
        let image = std::env::var("PLIMSOLL_TEST_IMAGE").unwrap();
        self.ctr(&namespace, &["images", "import", "--snapshotter", "native", &image]);
        namespace
    }

    /// What the command printed; it must have gone well.
    #[track_caller]
    pub fn ctr(&self, namespace: &str, words: &[&str]) -> String {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket).args(["--namespace", namespace]).args(words);
        let done = program::run(&mut command, 60.0);
        assert_eq!(done.code, Some(0), "ctr {words:?}: {}{}", done.stdout, done.stderr);
        done.stdout.trim().to_owned()
    }

    /// A container that waits for orders.
    #[track_caller]
    pub fn container(&self, namespace: &str, name: &str, flags: &[&str]) -> Container {
        self.container_on("native", namespace, name, flags)
    }

    /// The same with a snapshotter, in which the namespace must have the image.
    #[track_caller]
    pub fn container_on(&self, snapshotter: &str, namespace: &str, name: &str, flags: &[&str]) -> Container {
        let control = super::folder();
        let mount = format!("type=bind,src={},dst=/ctl,options=rbind:rw", control.path().display());
        let words: [&[&str]; 3] = [
            &["run", "--detach", "--snapshotter", snapshotter, "--mount", &mount],
            flags,
            &[IMAGE, name, "workload", "serve", "/ctl/sock"],
        ];
        self.ctr(namespace, &words.concat());
        let list = self.ctr(namespace, &["tasks", "list"]);
        let line = list.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        let pid = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        Container { name: name.to_owned(), pid, group: kernel::group_of(pid), control }
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid, Signal::CONT);
        self.orders = None;
        let _ = self.keeper.wait();
    }
}

#[track_caller]
fn ready(answers: &mut impl BufRead) -> (PathBuf, Pid, String) {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["ready", socket, pid, prefix] => {
            (socket.into(), Pid::from_raw(pid.parse().unwrap()).unwrap(), (*prefix).to_owned())
        }
        _ => panic!("testbed/containerd says {line:?}"),
    }
}

/// A running container; its daemon's end removes it.
pub struct Container {
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
