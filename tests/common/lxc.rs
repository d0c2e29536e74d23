//! LXC containers that do known work, in a folder of the tests' own.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{kernel, program, workload};

/// Where LXC moves what ends a container, and leaves its group: those that were not there before.
static PIVOTS: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    let roots = hierarchies.map(|entry| entry.path()).filter(|path| path.join("cgroup.procs").exists());
    let own = std::iter::once(PathBuf::from("/sys/fs/cgroup"));
    own.chain(roots).map(|root| root.join("lxc.pivot")).filter(|pivot| !pivot.exists()).collect()
});

/// A running container; stopped when dropped.
pub struct Container {
    pub name: String,
    /// Of its first process, as the host counts.
    pub pid: u32,
    /// Its cgroup's name.
    pub group: String,
    folder: tempfile::TempDir,
}

impl Container {
    /// Starts one that waits for orders, with these lines in its configuration besides.
    #[track_caller]
    pub fn start(lines: &[&str]) -> Self {
        LazyLock::force(&PIVOTS);
        let name = super::unique("plimsoll-lxc");
        let folder = tempfile::Builder::new().prefix("plimsoll-lxc-").tempdir_in("/var/tmp").unwrap();
        let root = folder.path().join(&name).join("rootfs");
        for inside in ["bin", "ctl", "dev", "proc", "sys", "tmp"] {
            std::fs::create_dir_all(root.join(inside)).unwrap();
        }
        std::fs::copy(workload::path().unwrap(), root.join("bin/workload")).unwrap();
        let config = [
            &format!("lxc.rootfs.path = dir:{}", root.display()),
            "lxc.net.0.type = empty",
            "lxc.init.cmd = /bin/workload serve /ctl/sock",
            "lxc.apparmor.profile = unconfined",
            "lxc.mount.auto = proc:mixed sys:ro",
        ];
        let config = [&config, lines].concat().join("\n") + "\n";
        std::fs::write(folder.path().join(&name).join("config"), config).unwrap();
        let mut container = Self { name, pid: 0, group: String::new(), folder };
        let done = program::run(&mut container.command("lxc-start"), 60.0);
        assert_eq!(done.code, Some(0), "lxc-start: {}{}", done.stdout, done.stderr);
        let told = program::run(container.command("lxc-info").args(["-p", "-H"]), 20.0);
        container.pid = told.stdout.trim().parse().unwrap_or_else(|_| panic!("no pid: {}", told.stderr));
        container.group = kernel::group_of(container.pid);
        container
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-P").arg(self.folder.path()).arg("-n").arg(&self.name);
        command
    }

    /// Where its root file system is.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join(&self.name).join("rootfs")
    }

    /// Has the helper inside do something, and gives its answer.
    #[track_caller]
    pub fn order(&self, line: &str) -> String {
        workload::order(&self.root().join("ctl/sock"), line)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = program::run(self.command("lxc-stop").arg("-k"), 30.0);
        // LXC leaves its group where something else was in it
        if !self.group.is_empty() {
            drop(kernel::Group { name: std::mem::take(&mut self.group) });
        }
        PIVOTS.iter().for_each(|pivot| kernel::remove(pivot));
    }
}
