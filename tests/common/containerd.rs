//! A containerd of the tests' own, and containers in its namespaces that do known work.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::Command;

pub use super::container::Container;
use super::container::Control;
use super::keeper::Keeper;
use super::program;

pub const IMAGE: &str = "localhost/plimsoll/workload:1";

/// A daemon for one test.
pub struct Containerd {
    pub socket: PathBuf,
    /// Namespaces begin so.
    pub prefix: String,
    keeper: Keeper,
}

impl Deref for Containerd {
    type Target = Keeper;
    fn deref(&self) -> &Keeper {
        &self.keeper
    }
}

impl DerefMut for Containerd {
    fn deref_mut(&mut self) -> &mut Keeper {
        &mut self.keeper
    }
}

impl Containerd {
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With the plugin that kubelet talks to, and the workload's image where that looks for images.
    #[track_caller]
    pub fn with_cri() -> Self {
        let containerd = Self::with(&["--cri"]);
        containerd.import("k8s.io");
        containerd
    }

    fn with(words: &[&str]) -> Self {
        let (keeper, [socket, prefix]) = Keeper::start("containerd", &[&["run"], words].concat());
        Self { socket: socket.into(), prefix, keeper }
    }

    pub fn flag(&self) -> String {
        format!("--containerd={}", self.socket.display())
    }

    /// A namespace that has the image.
    #[track_caller]
    pub fn namespace(&self, name: &str) -> String {
        let namespace = format!("{}-{name}", self.prefix);
        self.import(&namespace);
        namespace
    }

    #[track_caller]
    fn import(&self, namespace: &str) {
        let image = std::env::var("PLIMSOLL_TEST_IMAGE").unwrap();
        self.ctr(namespace, &["images", "import", "--snapshotter", "native", &image]);
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

    /// A container that waits for orders; the daemon's end removes it.
    #[track_caller]
    pub fn container(&self, namespace: &str, name: &str, flags: &[&str]) -> Container {
        self.container_on("native", namespace, name, flags)
    }

    /// The same with a snapshotter, in which the namespace must have the image.
    #[track_caller]
    pub fn container_on(&self, snapshotter: &str, namespace: &str, name: &str, flags: &[&str]) -> Container {
        let control = Control::new();
        let mount = format!("type=bind,src={},dst={},options=rbind:rw", control.path(), Control::INSIDE);
        let words: [&[&str]; 4] = [
            &["run", "--detach", "--snapshotter", snapshotter, "--mount", &mount],
            flags,
            &[IMAGE, name],
            &Control::COMMAND,
        ];
        self.ctr(namespace, &words.concat());
        let list = self.ctr(namespace, &["tasks", "list"]);
        let line = list.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        let pid = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        Container::new(name, name, pid, control, None)
    }
}
