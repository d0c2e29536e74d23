//! Podman with a storage of the tests' own, and containers that do known work.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{kernel, program, workload};

pub const IMAGE: &str = "localhost/plimsoll/workload:1";

/// A storage with the image; what it has is removed when it is dropped.
pub struct Podman {
    folder: tempfile::TempDir,
    driver: &'static str,
}

impl Podman {
    #[track_caller]
    pub fn new() -> Self {
        Self::with("vfs")
    }

    /// With this storage driver.
    #[track_caller]
    pub fn with(driver: &'static str) -> Self {
        let folder = tempfile::Builder::new().prefix("plimsoll-podman-").tempdir_in("/var/tmp").unwrap();
        let podman = Self { folder, driver };
        podman.run(&["load", "--quiet", "--input", &std::env::var("PLIMSOLL_TEST_IMAGE").unwrap()]);
        podman
    }

    fn command(&self, words: &[&str]) -> Command {
        let path = |name: &str| self.folder.path().join(name);
        let mut command = Command::new("podman");
        command.arg("--root").arg(path("root")).arg("--runroot").arg(path("run"));
        command.arg("--tmpdir").arg(path("tmp")).args(["--storage-driver", self.driver]);
        command.args(["--log-level", "fatal"]);
        // crun, the default, refuses hosts with both versions of cgroups
        command.args(["--cgroup-manager", "cgroupfs", "--runtime", "runc", "--events-backend", "file"]);
        command.args(words);
        command
    }

    /// What the command printed; it must have gone well.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> String {
        let done = program::run(&mut self.command(words), 60.0);
        assert_eq!(done.code, Some(0), "podman {words:?}: {}", done.stderr);
        done.stdout.trim().to_owned()
    }

    /// A container that waits for orders.
    #[track_caller]
    pub fn container(&self, flags: &[&str]) -> Container<'_> {
        let name = super::unique("e2e");
        let control = super::folder();
        let mount = format!("{}:/ctl", control.path().display());
        let words: [&[&str]; 4] = [
            // this host may not let a limit be raised
            &["run", "--detach", "--name", &name, "--network", "none", "--volume", &mount],
            &["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=32768:32768"],
            flags,
            &[IMAGE, "workload", "serve", "/ctl/sock"],
        ];
        let id = self.run(&words.concat());
        let pid: u32 = self.run(&["inspect", "--format", "{{.State.Pid}}", &name]).parse().unwrap();
        Container { podman: self, id, name, pid, group: kernel::group_of(pid), control }
    }

    /// Answers on a socket from now on.
    #[track_caller]
    pub fn serve(&self) -> Service {
        let socket = self.folder.path().join("podman.sock");
        let address = format!("unix://{}", socket.display());
        let mut command = self.command(&["system", "service", "--time=0", &address]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let service = Service { socket, child };
        super::eventually("Podman's socket", 20.0, || {
            std::os::unix::net::UnixStream::connect(&service.socket).map_err(|error| error.to_string())
        });
        service
    }

    /// The flag that points the program at the socket, whether somebody listens there or not.
    pub fn flag(&self) -> String {
        format!("--podman=unix://{}", self.folder.path().join("podman.sock").display())
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = program::run(&mut self.command(&["rm", "--force", "--all", "--time", "0"]), 60.0);
        for mount in ["root/overlay", "root/vfs", "root"] {
            let _ = program::run(Command::new("umount").arg(self.folder.path().join(mount)), 10.0);
        }
        // Podman leaves its parents, which stay where another test has containers in them
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            for group in ["libpod_parent/conmon", "libpod_parent"] {
                let _ = std::fs::remove_dir(hierarchy.path().join(group));
            }
        }
        let _ = std::fs::remove_dir("/sys/fs/cgroup/libpod_parent/conmon");
        let _ = std::fs::remove_dir("/sys/fs/cgroup/libpod_parent");
    }
}

/// Podman's service; ends when it is dropped.
pub struct Service {
    pub socket: PathBuf,
    pub child: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running container; removed when dropped.
pub struct Container<'a> {
    pub podman: &'a Podman,
    pub id: String,
    pub name: String,
    /// Of its first process, as the host counts.
    pub pid: u32,
    /// Its cgroup's name: the path inside the hierarchy.
    pub group: String,
    control: tempfile::TempDir,
}

impl Container<'_> {
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

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let mut command = self.podman.command(&["rm", "--force", "--time", "0", &self.id]);
        let _ = program::run(&mut command, 60.0);
    }
}
