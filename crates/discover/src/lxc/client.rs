//! LXC, as it is followed: there is no daemon, only its monitors and files.

use std::path::{Path, PathBuf};

use plimsoll_core::container::{Identity, Layers};

use super::monitor::{self, Monitor};
use super::{Config, claim, config};
use crate::runtime::conmon::below;
use crate::runtime::fault::Fault;
use crate::runtime::remote::{Inspected, Quiet, Remote};
use crate::runtime::{json, process, small, started};

/// The longest configuration that is read.
const MOST: u64 = 1 << 20;

/// Asks the files.
#[derive(Clone)]
pub(super) struct Lxc {
    envs: Vec<String>,
    proc: PathBuf,
    rootfs: PathBuf,
}

impl Lxc {
    pub(super) fn new(config: Config) -> Self {
        Self { envs: config.env_whitelist, proc: config.proc, rootfs: config.rootfs }
    }

    /// The configuration of the container. The monitor's own mounts count, which a snap's and a nested one's
    /// are; without the right to look there, the host's.
    fn config(&self, monitor: &Monitor) -> Option<config::Config> {
        let seen = self.proc.join(monitor.pid.to_string()).join("root");
        let text = files(&monitor.folder, &monitor.name)
            .iter()
            .find_map(|file| small::read(&below(&seen, file), MOST).or_else(|| self.file(file)))?;
        Some(config::parse(&String::from_utf8_lossy(&text)))
    }

    fn file(&self, path: &Path) -> Option<Vec<u8>> {
        small::read(&below(&self.rootfs, path), MOST)
    }

    /// Without a monitor a container is known by LXC's own folder.
    fn standing(&self, called: &str) -> Option<config::Config> {
        let text = self.file(&Path::new("/var/lib/lxc").join(called).join("config"))?;
        Some(config::parse(&String::from_utf8_lossy(&text)))
    }
}

/// Where the configuration may be: LXC's own; LXD and Incus keep theirs in a database and write a file for LXC.
fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut files = vec![folder.join(name).join("config")];
    if managed(folder) {
        let beside = folder.parent().map(|state| state.join("logs"));
        let logs = ["/var/log/lxd", "/var/log/incus", "/run/incus"].map(PathBuf::from);
        files.extend(beside.into_iter().chain(logs).map(|logs| logs.join(name).join("lxc.conf")));
    }
    files
}

/// Whether LXD or Incus runs it.
fn managed(folder: &Path) -> bool {
    let state = folder.parent().and_then(Path::file_name);
    folder.ends_with("containers") && state.is_some_and(|name| name == "lxd" || name == "incus")
}

/// The container's name first. In LXD and Incus, whose names have no underscore, a project stands in front.
fn aliases(folder: &Path, name: &str) -> Vec<String> {
    let short = name.rsplit_once('_').filter(|_| managed(folder)).map(|(_, short)| short.to_owned());
    short.into_iter().chain([name.to_owned()]).filter(|alias| !alias.is_empty()).collect()
}

impl Remote for Lxc {
    const NAME: &'static str = "LXC";
    const TELLS: bool = false;
    const DAEMON: bool = false;
    type Events = Quiet;

    fn address(&self) -> String {
        self.proc.display().to_string()
    }

    async fn events(&self) -> Result<Quiet, Fault> {
        Ok(Quiet)
    }

    async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
        let group = format!("/{id}");
        let called = claim::container(&group).ok_or_else(Fault::not_found)?;
        let monitor = monitor::find(&self.proc, &group, called);
        let (aliases, config) = match &monitor {
            Some(monitor) => (aliases(&monitor.folder, &monitor.name), self.config(monitor)),
            None => (vec![called.to_owned()], Some(self.standing(called).ok_or_else(Fault::not_found)?)),
        };
        let config = config.unwrap_or_default();
        let pid = process::first(&self.proc, &group, monitor.as_ref().map(|monitor| monitor.pid));
        // where its root is, the mounts of its first process tell
        let layers =
            (!config.storage.is_empty()).then(|| Layers { driver: config.storage, ..Layers::default() });
        let identity = Identity {
            has_filesystem: layers.is_some(),
            layers,
            aliases,
            image: config.rootfs,
            envs: json::chosen(&config.environment, &self.envs),
            started: pid.and_then(|pid| started::of(&self.proc, pid)),
            has_network: pid.is_some_and(|pid| process::has_own_network(&self.proc, pid)),
            pid,
            ..Identity::default()
        };
        Ok(Inspected { identity, running: pid.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A host with a container, and what it is asked with.
    struct Host(tempfile::TempDir, Lxc);

    impl Host {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (proc, rootfs) = (folder.path().join("proc"), folder.path().join("rootfs"));
            fs::create_dir_all(&rootfs).unwrap();
            let host = Self(folder, Lxc { envs: vec!["TEST_".to_owned()], proc, rootfs });
            host.put("proc/stat", "btime 1795826000\n");
            host.process(1, "init", "/", "1", 1);
            host
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn process(&self, pid: u32, cmdline: &str, group: &str, inside: &str, network: u32) {
            let at = format!("proc/{pid}");
            self.put(&format!("{at}/cmdline"), cmdline);
            self.put(&format!("{at}/cgroup"), &format!("4:pids:/\n3:memory:{group}\n"));
            self.put(&format!("{at}/status"), &format!("Name:\tx\nNSpid:\t{pid}{inside}\n"));
            let stat = format!("{pid} (x) S 7 1 1 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 9 0 1550 7");
            self.put(&format!("{at}/stat"), &stat);
            self.put(&format!("{at}/ns/x"), "");
            let net = self.0.path().join(format!("{at}/ns/net"));
            let _ = fs::remove_file(&net);
            symlink(format!("net:[{network}]"), net).unwrap();
        }

        async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
            self.1.inspect(id).await
        }
    }

    #[tokio::test]
    async fn a_container_has_its_name_its_root_and_its_first_process() {
        let host = Host::new();
        host.process(7, "[lxc monitor] /srv/lxc one\0", "/lxc.monitor.one", "", 1);
        host.process(8, "/sbin/init\0", "/lxc.payload.one/init.scope", "\t1", 2);
        host.process(9, "sh\0", "/lxc.payload.one/init.scope", "\t9", 2);
        host.put("proc/7/task/7/children", "8 ");
        host.put("rootfs/srv/lxc/one/config", "lxc.rootfs.path = dir:/x\nlxc.environment = TEST_A=1\n");
        let Inspected { identity, running } = host.inspect("lxc.payload.one").await.unwrap();
        assert!(running);
        assert_eq!((identity.aliases, identity.image.as_str()), (vec!["one".to_owned()], "/x"));
        assert_eq!((identity.pid, identity.has_network), (Some(8), true));
        let layers = Layers { driver: "dir".to_owned(), ..Layers::default() };
        assert_eq!((identity.has_filesystem, identity.layers), (true, Some(layers)));
        assert_eq!(identity.envs["test_a"], "1");
        assert_eq!(identity.started.unwrap().to_string(), "2026-11-28T00:33:35.5Z");
        assert_eq!((identity.id.as_str(), identity.namespace, identity.created), ("", "", None));
        // the host's network is not its own
        host.process(8, "/sbin/init\0", "/lxc.payload.one", "\t1", 1);
        assert!(!host.inspect("lxc.payload.one").await.unwrap().identity.has_network);
    }

    #[tokio::test]
    async fn the_monitors_own_files_count() {
        let host = Host::new();
        let snap = "/var/snap/lxd/common/lxd";
        host.process(7, &format!("[lxc monitor] {snap}/containers dev_web\0"), "/lxc.monitor.dev_web", "", 1);
        host.put(&format!("rootfs{snap}/logs/dev_web/lxc.conf"), "lxc.rootfs.path = dir:/host\n");
        host.put(&format!("proc/7/root{snap}/logs/dev_web/lxc.conf"), "lxc.rootfs.path = dir:/snap\n");
        let Inspected { identity, running } = host.inspect("lxc.payload.dev_web").await.unwrap();
        assert!(!running, "its first process is not there yet");
        assert!(identity.has_filesystem);
        assert_eq!(
            (identity.aliases, identity.image.as_str()),
            (vec!["web".into(), "dev_web".into()], "/snap")
        );
    }

    #[tokio::test]
    async fn without_a_monitor_lxcs_folder_tells_and_without_that_nobody() {
        let host = Host::new();
        assert!(host.inspect("lxc/one").await.unwrap_err().is_not_found());
        host.put("rootfs/var/lib/lxc/one/config", "lxc.rootfs = /y\n");
        let identity = host.inspect("lxc/one").await.unwrap().identity;
        assert_eq!((identity.aliases, identity.image.as_str()), (vec!["one".to_owned()], "/y"));
        assert!(host.inspect("other").await.unwrap_err().is_not_found());
    }
}
