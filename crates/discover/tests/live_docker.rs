//! Against a real dockerd of the test's own. Skips with a message where there is none or we are not root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![allow(clippy::print_stdout, reason = "says what is skipped, and measures")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::container::Identity;
use plimsoll_discover::docker::claim::Docker;
use plimsoll_discover::docker::{self, Config};
use plimsoll_discover::runtime::daemon::Daemon as Followed;
use plimsoll_discover::runtime::endpoint::Tls;
use plimsoll_discover::runtime::timeouts::Timeouts;
use plimsoll_discover::runtime::told::Told;
use plimsoll_discover::runtime::{Claim, Runtime};
use plimsoll_discover::watch::{Limits, TreeEvent, Watch};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(60);

/// A dockerd with all its files in one directory.
struct Daemon {
    dir: tempfile::TempDir,
    child: Option<Child>,
}

#[allow(clippy::disallowed_methods, reason = "the real daemon and its client")]
fn command(program: &str) -> Command {
    Command::new(program)
}

impl Daemon {
    /// `None`, with a message, where Docker cannot run.
    fn new() -> Option<Self> {
        let has = |program: &str| {
            std::env::var_os("PATH")
                .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
        };
        for program in ["dockerd", "docker", "busybox", "tar"] {
            if !has(program) {
                println!("skipped: no {program}");
                return None;
            }
        }
        if !rustix::process::geteuid().is_root() {
            println!("skipped: not root");
            return None;
        }
        Some(Self { dir: tempfile::Builder::new().prefix("pd").tempdir_in("/tmp").unwrap(), child: None })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    fn start(&mut self) {
        self.start_with(&[]);
    }

    fn start_with(&mut self, args: &[String]) {
        self.spawn(command("dockerd"), args);
    }

    /// With a file of subordinate ids of its own, seen by this daemon alone.
    fn start_remapped(&mut self) {
        let ids = self.path("ids");
        std::fs::write(&ids, "daemon:100000:65536\n").unwrap();
        let mut wrapped = command("unshare");
        let script = "mount --bind $0 /etc/subuid && mount --bind $0 /etc/subgid && exec dockerd \"$@\"";
        wrapped.args(["-m", "sh", "-c", script]).arg(ids);
        self.spawn(wrapped, &["--userns-remap=daemon".to_owned()]);
    }

    fn spawn(&mut self, mut dockerd: Command, args: &[String]) {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let child = dockerd
            .arg("--data-root")
            .arg(self.path("data"))
            .arg("--exec-root")
            .arg(self.path("exec"))
            .arg("--pidfile")
            .arg(self.path("pid"))
            .args(["--iptables=false", "--bridge=none", "--exec-opt", "native.cgroupdriver=cgroupfs"])
            .args(["-H", &self.endpoint()])
            .args(args)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        let end = Instant::now() + LONG;
        while !self.docker(&["version"]).1 {
            assert!(Instant::now() < end, "dockerd: {}", self.complaints());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it: politely, so that its containerd and containers end too.
    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.signal(&child, rustix::process::Signal::CONT);
            self.signal(&child, rustix::process::Signal::TERM);
            let _ = child.wait();
        }
    }

    fn signal(&self, child: &Child, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(child);
        let _ = rustix::process::kill_process(pid, signal);
    }

    fn freeze(&self, frozen: bool) {
        let signal = if frozen { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
        self.signal(self.child.as_ref().unwrap(), signal);
    }

    /// What the daemon logged beyond the usual.
    fn complaints(&self) -> String {
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        log.lines().filter(|line| !line.contains("level=info")).collect::<Vec<_>>().join("\n")
    }

    /// What the docker program printed, and whether it went well.
    fn docker(&self, args: &[&str]) -> (String, bool) {
        let out = command("docker").args(["-H", &self.endpoint()]).args(args).output().unwrap();
        (String::from_utf8_lossy(&out.stdout).trim().to_owned(), out.status.success())
    }

    fn must(&self, args: &[&str]) -> String {
        let (said, well) = self.docker(args);
        assert!(well, "docker {args:?}: {said}; {}", self.complaints());
        said
    }

    /// An image of busybox alone, named `box:1`.
    fn image(&self) {
        let root = self.path("image");
        std::fs::create_dir_all(root.join("bin")).unwrap();
        let busybox =
            ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists()).unwrap();
        std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
        for name in ["sh", "sleep", "true"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let tar = self.path("image.tar");
        let made = command("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg(".").status().unwrap();
        assert!(made.success());
        self.must(&["import", &tar.display().to_string(), "box:1"]);
    }

    /// Starts a container, gives its id.
    fn run(&self, args: &[&str], command: &[&str]) -> String {
        let network: &[&str] = if args.contains(&"--network") { &[] } else { &["--network", "none"] };
        let all =
            [&["run", "-d", "--security-opt", "apparmor=unconfined"], network, args, &["box:1"], command]
                .concat();
        self.must(&all)
    }

    fn follow(&self) -> (Followed, mpsc::Receiver<Told>) {
        let (to, told) = mpsc::channel(64);
        let timeouts = Timeouts {
            answer: Duration::from_secs(10),
            ping: Duration::from_secs(1),
            ping_every: Duration::from_millis(200),
        };
        let env_whitelist = vec!["APP_".to_owned()];
        let config = Config { endpoint: self.endpoint(), timeouts, env_whitelist, ..Config::default() };
        (docker::start(config, &tokio::runtime::Handle::current(), to).unwrap(), told)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.is_some() {
            let (ids, _) = self.docker(&["ps", "-q"]);
            let ids: Vec<&str> = ids.split_whitespace().collect();
            if !ids.is_empty() {
                self.docker(&[&["kill"], &ids[..]].concat());
            }
        }
        self.stop();
    }
}

/// A cgroup parent, which Docker leaves behind.
struct Parent(String);

impl Drop for Parent {
    fn drop(&mut self) {
        let cgroup = Path::new("/sys/fs/cgroup");
        let hierarchies = std::fs::read_dir(cgroup).into_iter().flatten().flatten().map(|entry| entry.path());
        for hierarchy in hierarchies.chain([cgroup.to_owned()]) {
            let _ = std::fs::remove_dir(hierarchy.join(&self.0).join("below"));
            let _ = std::fs::remove_dir(hierarchy.join(&self.0));
        }
    }
}

async fn until(told: &mut mpsc::Receiver<Told>, fits: impl Fn(&Told) -> bool) -> Told {
    let mut all = Vec::new();
    loop {
        let next = timeout(LONG, told.recv())
            .await
            .unwrap_or_else(|_| panic!("not told; told was {all:#?}"))
            .unwrap();
        if fits(&next) {
            return next;
        }
        all.push(next);
    }
}

/// Waits until the container is told so that it fits.
async fn known(told: &mut mpsc::Receiver<Told>, id: &str, fits: impl Fn(&Identity) -> bool) -> Arc<Identity> {
    let told =
        until(told, |told| matches!(told, Told::Known { id: i, identity } if i == id && fits(identity)))
            .await;
    let Told::Known { identity, .. } = told else { unreachable!() };
    identity
}

/// The cgroup of a process, as the memory hierarchy or the unified one names it.
fn group(pid: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let of = |key: &str| text.lines().find_map(|line| Some(line.split_once(key)?.1.to_owned()));
    of(":memory:").or_else(|| of("0::")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_told_from_its_start_to_its_removal() {
    let Some(mut daemon) = Daemon::new() else { return };
    daemon.start();
    daemon.image();
    let (docker, mut told) = daemon.follow();
    let Told::Up { status } = until(&mut told, |told| matches!(told, Told::Up { .. })).await else {
        unreachable!()
    };
    assert_eq!(status.root_dir, daemon.path("data").display().to_string());

    let args = ["--name", "one", "--label", "k=v", "-e", "APP_X=1", "-e", "OTHER=2", "--memory", "64m"];
    let id = daemon.run(&args, &["sleep", "1000"]);
    let identity = known(&mut told, &id, |identity| identity.pid.is_some()).await;
    assert_eq!(identity.aliases, ["one", id.as_str()]);
    assert_eq!(identity.image, "box:1");
    assert_eq!(identity.labels["k"], "v");
    assert_eq!(identity.envs.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["app_x=1"]);
    assert!(identity.created.is_some() && identity.started >= identity.created);
    assert!(identity.has_network);
    let name = group(identity.pid.unwrap());
    assert_eq!(Docker.claim(&name), Claim::Mine { id: id.clone() }, "{name}");

    let parent = Parent(format!("plimsoll-live-{}", std::process::id()));
    let path = format!("/{}/below", parent.0);
    let other = daemon.run(&["--network", "container:one", "--cgroup-parent", &path], &["sleep", "1000"]);
    let identity = known(&mut told, &other, |identity| identity.pid.is_some()).await;
    assert!(!identity.has_network);
    let name = group(identity.pid.unwrap());
    assert_eq!(Docker.claim(&name), Claim::Perhaps { id: other.clone() }, "{name}");

    docker.ask(&id);
    known(&mut told, &id, |_| true).await;
    docker.ask(&"0".repeat(64));
    until(&mut told, |told| *told == Told::Unknown { id: "0".repeat(64) }).await;

    daemon.must(&["rename", "one", "uno"]);
    known(&mut told, &id, |identity| identity.aliases[0] == "uno").await;
    daemon.must(&["kill", "uno"]);
    until(&mut told, |told| matches!(told, Told::Ended { id: i, exit_code: Some(137), .. } if *i == id))
        .await;
    daemon.must(&["start", "uno"]);
    known(&mut told, &id, |identity| identity.pid.is_some() && identity.exit_code.is_none()).await;
    daemon.must(&["rm", "-f", "uno"]);
    until(&mut told, |told| *told == Told::Gone { id: id.clone() }).await;
    assert_eq!(docker.status().await.unwrap().images[0].tags, ["box:1"]);
    daemon.must(&["rm", "-f", &other]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_container_that_removes_itself_has_a_name_and_an_exit_code() {
    let Some(mut daemon) = Daemon::new() else { return };
    daemon.start();
    daemon.image();
    let (_docker, mut told) = daemon.follow();
    until(&mut told, |told| matches!(told, Told::Up { .. })).await;
    let id = daemon.run(&["--rm", "--name", "brief"], &["sh", "-c", "exit 3"]);
    known(&mut told, &id, |identity| identity.aliases[0] == "brief").await;
    until(&mut told, |told| matches!(told, Told::Ended { id: i, exit_code: Some(3), .. } if *i == id)).await;
    until(&mut told, |told| *told == Told::Gone { id: id.clone() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_with_remapped_users_is_known_by_its_group() {
    let Some(mut daemon) = Daemon::new() else { return };
    if !Path::new("/etc/subuid").exists() || !Path::new("/etc/subgid").exists() {
        println!("skipped: no /etc/subuid");
        return;
    }
    daemon.start_remapped();
    daemon.image();
    let (_docker, mut told) = daemon.follow();
    let id = daemon.run(&[], &["sleep", "1000"]);
    let identity = known(&mut told, &id, |identity| identity.pid.is_some()).await;
    let name = group(identity.pid.unwrap());
    assert_eq!(Docker.claim(&name), Claim::Mine { id }, "{name}");
    let uid = std::fs::metadata(format!("/proc/{}", identity.pid.unwrap())).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&uid), 100_000, "users are remapped");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_restarts_and_kills_for_memory_are_told() {
    let Some(mut daemon) = Daemon::new() else { return };
    daemon.start();
    daemon.image();
    let (_docker, mut told) = daemon.follow();
    until(&mut told, |told| matches!(told, Told::Up { .. })).await;
    let id = daemon.run(&["--health-cmd", "true", "--health-interval", "300ms"], &["sleep", "1000"]);
    known(&mut told, &id, |identity| identity.health.as_deref() == Some("healthy")).await;

    let id = daemon.run(&["--restart", "on-failure:2"], &["sh", "-c", "sleep 1; exit 4"]);
    known(&mut told, &id, |identity| identity.restart_count == 1).await;
    daemon.must(&["rm", "-f", &id]);

    let grow = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";
    let id = daemon.run(&["--memory", "16m", "--memory-swap", "16m"], &["sh", "-c", grow]);
    until(&mut told, |told| matches!(told, Told::Ended { id: i, oom_killed: true, .. } if *i == id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_hangs_dies_and_comes_back_is_followed_again() {
    let Some(mut daemon) = Daemon::new() else { return };
    let (docker, mut told) = daemon.follow();
    let down = |told: &Told| matches!(told, Told::Down { .. });
    let up = |told: &Told| matches!(told, Told::Up { .. });
    until(&mut told, down).await;
    daemon.start();
    until(&mut told, up).await;
    daemon.image();
    let id = daemon.run(&["--restart", "always"], &["sleep", "1000"]);
    let first = known(&mut told, &id, |identity| identity.pid.is_some()).await;

    daemon.freeze(true);
    let Told::Down { reason } = until(&mut told, down).await else { unreachable!() };
    assert!(reason.contains("no answer within"), "{reason}");
    docker.ask(&"1".repeat(64));
    daemon.freeze(false);
    until(&mut told, |told| *told == Told::Unknown { id: "1".repeat(64) }).await;

    daemon.stop();
    until(&mut told, down).await;
    daemon.start();
    known(&mut told, &id, |identity| identity.pid.is_some() && identity.started > first.started).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_empties_before_its_group_goes() {
    let Some(mut daemon) = Daemon::new() else { return };
    daemon.start();
    daemon.image();
    let hierarchies: Vec<PathBuf> = std::fs::read_dir("/sys/fs/cgroup")
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("cgroup.procs").exists() && !path.join("../cgroup.procs").exists())
        .collect();
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        empties(&daemon, vec![PathBuf::from("/sys/fs/cgroup")]);
        return;
    }
    let v1 = hierarchies.iter().filter(|path| !path.join("cgroup.controllers").exists()).cloned().collect();
    empties(&daemon, v1);
    empties(&daemon, hierarchies);
}

/// Runs short containers, and looks at them in these hierarchies. Docker removes a group some milliseconds
/// after its end; on a machine that is busy with other things one may be missed, not all.
fn empties(daemon: &Daemon, dirs: Vec<PathBuf>) {
    let count = dirs.len();
    let (to, told) = std::sync::mpsc::channel();
    let watch = Watch::start(dirs, Limits::default(), move |event| {
        let _ = to.send((Instant::now(), event));
    });
    let seen = (0..5).any(|_| {
        let id = daemon.run(&["--rm"], &["sleep", "0.1"]);
        let of = |name: &str| name.ends_with(&format!("/{id}"));
        let (mut appeared, mut emptied, mut vanished) = (0, None, Vec::new());
        while vanished.len() < count {
            match told.recv_timeout(LONG).unwrap() {
                (_, TreeEvent::Appeared { name, .. }) if of(&name) => appeared += 1,
                (at, TreeEvent::Emptied { name }) if of(&name) && vanished.is_empty() => emptied = Some(at),
                (at, TreeEvent::Vanished { name, last, .. }) if of(&name) => {
                    vanished.push(at);
                    assert_eq!(last, vanished.len() == count);
                }
                _ => {}
            }
        }
        assert_eq!(appeared, count);
        let before = emptied.map(|emptied| vanished[0].saturating_duration_since(emptied));
        println!("{count} hierarchies: emptied {before:?} before the first directory went");
        before.is_some()
    });
    assert!(seen, "told as emptied before it vanished");
    drop(watch);
}

/// Certificates of an authority, the daemon and a client; `None`, with a message, without openssl.
fn certificates(dir: &Path) -> Option<Tls> {
    let make = "set -e; cd \"$0\"; n() { openssl req -newkey rsa:2048 -nodes -keyout $1.key -subj /CN=$1 $2 -out $1.$3 2>/dev/null; }
        n ca -x509 pem
        for who in server client; do
            n $who '' csr
            echo 'subjectAltName=IP:127.0.0.1' >san
            openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -out $who.pem 2>/dev/null
        done";
    if !command("sh").arg("-c").arg(make).arg(dir).status().is_ok_and(|status| status.success()) {
        println!("skipped: no openssl");
        return None;
    }
    Some(Tls { cert: dir.join("client.pem"), key: dir.join("client.key"), ca: dir.join("ca.pem") })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_behind_tls_is_followed() {
    let Some(mut daemon) = Daemon::new() else { return };
    let Some(tls) = certificates(daemon.dir.path()) else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("tcp://127.0.0.1:{port}");
    let files = [("ca.pem", "--tlscacert"), ("server.pem", "--tlscert"), ("server.key", "--tlskey")];
    let files = files.map(|(name, flag)| format!("{flag}={}", daemon.path(name).display()));
    let mut args = vec!["-H".to_owned(), address.clone(), "--tlsverify".to_owned()];
    args.extend(files);
    daemon.start_with(&args);
    let (to, mut told) = mpsc::channel(64);
    let config = Config { endpoint: address, tls: Some(tls), ..Config::default() };
    let _docker = docker::start(config, &tokio::runtime::Handle::current(), to).unwrap();
    until(&mut told, |told| matches!(told, Told::Up { .. })).await;
}
