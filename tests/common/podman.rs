//! Podman with a storage of the tests' own, and containers that do known work.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};

pub use super::container::Container;
use super::container::Control;
use super::program;

pub const IMAGE: &str = "localhost/plimsoll/workload:1";

/// A storage with the image; what it has is removed when it is dropped.
pub struct Podman {
    settings: Settings,
    _folder: tempfile::TempDir,
}

/// How Podman is called.
#[derive(Clone)]
struct Settings {
    folder: PathBuf,
    driver: &'static str,
    /// Before the command, to be somebody else.
    user: Vec<String>,
}

impl Settings {
    fn command(&self, words: &[&str]) -> Command {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let (root, run, tmp) = (path("root"), path("run"), path("tmp"));
        let mut all: Vec<&str> = self.user.iter().map(String::as_str).collect();
        all.extend([
            "podman",
            "--storage-driver",
            self.driver,
            "--log-level",
            "fatal",
            "--events-backend",
            "file",
        ]);
        // a user has folders of his own
        if self.user.is_empty() {
            all.extend(["--root", &root, "--runroot", &run, "--tmpdir", &tmp]);
            // crun, the default, refuses hosts with both versions of cgroups
            all.extend(["--cgroup-manager", "cgroupfs", "--runtime", "runc"]);
        }
        all.extend(words);
        let mut command = Command::new(all[0]);
        command.args(&all[1..]).current_dir(&self.folder);
        command
    }
}

impl Podman {
    #[track_caller]
    pub fn new() -> Self {
        Self::with("vfs")
    }

    /// With this storage driver.
    #[track_caller]
    pub fn with(driver: &'static str) -> Self {
        Self::of(driver, Vec::new())
    }

    /// A user's, who is logged in.
    #[track_caller]
    pub fn rootless(user: &User) -> Self {
        Self::of("vfs", user.words())
    }

    #[track_caller]
    fn of(driver: &'static str, user: Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("plimsoll-podman-").tempdir_in("/var/tmp").unwrap();
        if !user.is_empty() {
            open_to_all(folder.path());
        }
        let settings = Settings { folder: folder.path().to_owned(), driver, user };
        let podman = Self { settings, _folder: folder };
        podman.run(&["load", "--quiet", "--input", &std::env::var("PLIMSOLL_TEST_IMAGE").unwrap()]);
        podman
    }

    fn command(&self, words: &[&str]) -> Command {
        self.settings.command(words)
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
    pub fn container(&self, flags: &[&str]) -> Container {
        let name = super::unique("e2e");
        let control = Control::new();
        let mount = format!("{}:{}", control.path(), Control::INSIDE);
        if !self.settings.user.is_empty() {
            open_to_all(Path::new(&control.path()));
        }
        // one in a pod has the pod's
        let network: &[&str] = if flags.contains(&"--pod") { &[] } else { &["--network", "none"] };
        // a host may not let root raise a limit, and never lets a user
        let limits: &[&str] = if self.settings.user.is_empty() {
            &["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=32768:32768"]
        } else {
            &[]
        };
        let words: [&[&str]; 6] = [
            &["run", "--detach", "--name", &name, "--volume", &mount],
            network,
            limits,
            flags,
            &[IMAGE],
            &Control::COMMAND,
        ];
        let id = self.run(&words.concat());
        let pid: u32 = self.run(&["inspect", "--format", "{{.State.Pid}}", &name]).parse().unwrap();
        let (settings, removed) = (self.settings.clone(), id.clone());
        let remove = move || {
            let mut command = settings.command(&["rm", "--force", "--time", "0", &removed]);
            let _ = program::run(&mut command, 60.0);
        };
        let mut container = Container::new(&id, &name, pid, control, Some(Box::new(remove)));
        // crun's processes are in a group inside the container's
        if let Some(outer) = container.group.strip_suffix("/container") {
            container.group = outer.to_owned();
        }
        container
    }

    fn socket(&self) -> PathBuf {
        self.settings.folder.join("podman.sock")
    }

    /// Answers on a socket from now on.
    #[track_caller]
    pub fn serve(&self) -> Service {
        self.serve_at(self.socket())
    }

    /// The same on another.
    #[track_caller]
    pub fn serve_at(&self, socket: PathBuf) -> Service {
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
        format!("--podman=unix://{}", self.socket().display())
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = program::run(&mut self.command(&["rm", "--force", "--all", "--time", "0"]), 60.0);
        // what cleans up after a container may still be at it
        for _ in 0..50 {
            let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
            let points = table.lines().rev().filter_map(|line| line.split(' ').nth(4));
            let mut own = points.filter(|point| Path::new(point).starts_with(&self.settings.folder));
            let Some(last) = own.next() else { break };
            if program::run(Command::new("umount").arg(last), 10.0).code != Some(0) {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
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
        let pid = Pid::from_child(&self.child);
        // a user's Podman is two processes, of which the first passes this on
        for signal in [Signal::CONT, Signal::TERM] {
            let _ = rustix::process::kill_process(pid, signal);
        }
        if program::wait(&mut self.child, 5.0).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Service {
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
}

/// A user of a host that is thrown away afterwards, logged in as systemd sees it.
pub struct User {
    name: &'static str,
    id: u32,
}

impl User {
    /// Needs systemd as the first process.
    #[track_caller]
    pub fn log_in() -> Self {
        let user = Self { name: "sailor", id: 1234 };
        let home = user.home();
        let shell = format!(
            "useradd --uid {id} --create-home --home-dir {home} {name} &&
             echo {name}:200000:65536 >/etc/subuid && echo {name}:200000:65536 >/etc/subgid &&
             mkdir -p /run/user/{id}/podman && chown {name}: /run/user/{id}/podman /run/user/{id} && chmod 700 /run/user/{id}",
            id = user.id,
            name = user.name,
        );
        let done = program::run(Command::new("sh").arg("-c").arg(shell), 30.0);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        // what the login service would start
        let unit = format!(
            "[Service]\nUser={id}\nType=notify\nExecStart=/lib/systemd/systemd --user\nSlice=user-{id}.slice\n\
             Delegate=yes\nKillMode=mixed\nTimeoutStartSec=300\n\
             Environment=XDG_RUNTIME_DIR=/run/user/{id} HOME={home}\n",
            id = user.id,
        );
        std::fs::write(format!("/run/systemd/system/user@{}.service", user.id), unit).unwrap();
        let service = format!("user@{}.service", user.id);
        let done = program::run(Command::new("systemctl").args(["start", &service]), 60.0);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        user
    }

    fn home(&self) -> String {
        format!("/var/tmp/{}", self.name)
    }

    fn words(&self) -> Vec<String> {
        let run = format!("/run/user/{}", self.id);
        let settings = [
            format!("HOME={}", self.home()),
            format!("XDG_RUNTIME_DIR={run}"),
            format!("DBUS_SESSION_BUS_ADDRESS=unix:path={run}/bus"),
        ];
        let id = self.id.to_string();
        // only from within the user's own groups may systemd move a process for him
        let enter = format!(
            "echo $$ >/sys/fs/cgroup/user.slice/user-{id}.slice/user@{id}.service/init.scope/cgroup.procs && exec \"$@\""
        );
        // unlike runuser it becomes the command itself, so that a signal meets that
        let words =
            ["sh", "-c", &enter, "sh", "setpriv", "--reuid", &id, "--regid", &id, "--init-groups", "env"];
        words.map(str::to_owned).into_iter().chain(settings).collect()
    }

    /// Where the user's own service listens.
    pub fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/run/user/{}/podman/podman.sock", self.id))
    }
}
