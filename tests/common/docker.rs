//! A Docker daemon of the tests' own, and containers that do known work.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

pub use super::container::Container;
use super::container::Control;
use super::keeper::Keeper;
use super::program::{self, Finished};

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

/// A daemon for one test that will ill-treat it.
pub struct Daemon {
    pub docker: Docker,
    keeper: Keeper,
}

impl Daemon {
    #[track_caller]
    pub fn start() -> Self {
        let (keeper, [socket, gateway]) = Keeper::start("dockerd", &["run"]);
        Self { docker: Docker { socket: socket.into(), gateway }, keeper }
    }
}

impl Deref for Daemon {
    type Target = Keeper;
    fn deref(&self) -> &Keeper {
        &self.keeper
    }
}

impl DerefMut for Daemon {
    fn deref_mut(&mut self) -> &mut Keeper {
        &mut self.keeper
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
        let control = Control::new();
        let mount = format!("{}:{}", control.path(), Control::INSIDE);
        let words = [&["run", "--detach", "--name", name, "--volume", &mount], flags, &[IMAGE]].concat();
        let id = self.run(&[words, Control::COMMAND.to_vec()].concat());
        let pid: u32 = self.run(&["inspect", "--format", "{{.State.Pid}}", &id]).parse().unwrap();
        let (docker, removed) = (self.clone(), id.clone());
        Container::new(&id, name, pid, control, Some(Box::new(move || docker.remove(&removed))))
    }

    /// Runs the image with these words to its end; gives the container's id. The container stays listed.
    #[track_caller]
    pub fn job(&self, name: &str, flags: &[&str], words: &[&str]) -> (String, Finished) {
        let all = [&["run", "--name", name], flags, &[IMAGE], words].concat();
        let done = self.try_run(&all);
        let id = self.run(&["inspect", "--format", "{{.Id}}", name]);
        (id, done)
    }

    pub fn remove(&self, name: &str) {
        let _ = self.try_run(&["rm", "--force", "--volumes", name]);
    }
}
