//! machined, as it is followed: by the files that it leaves, without a bus.

use std::path::{Path, PathBuf};

use plimsoll_core::container::Identity;

use super::machine::{self, Machine};
use super::{Config, claim};
use crate::runtime::conmon::below;
use crate::runtime::fault::Fault;
use crate::runtime::remote::{Inspected, Quiet, Remote};
use crate::runtime::{process, small, started};

/// machined's folder.
const FOLDER: &str = "/run/systemd/machines";
/// The longest file that is read.
const MOST: u64 = 1 << 16;

/// Asks the files.
#[derive(Clone)]
pub(super) struct Machines {
    proc: PathBuf,
    rootfs: PathBuf,
}

impl Machines {
    pub(super) fn new(config: Config) -> Self {
        Self { proc: config.proc, rootfs: config.rootfs }
    }

    /// The machine that runs in this unit, if machined knows one and its leader is in the group: a unit of that name
    /// may also be a container's own.
    fn registered(&self, unit: &str, group: &str) -> Option<Machine> {
        let folder = below(&self.rootfs, Path::new(FOLDER));
        let read = |file: PathBuf| {
            let text = small::read(&file, MOST)?;
            Some(machine::parse(&String::from_utf8_lossy(&text))).filter(|machine| machine.unit == unit)
        };
        let found = read(folder.join(format!("unit:{unit}")))
            .or_else(|| std::fs::read_dir(&folder).ok()?.flatten().find_map(|entry| read(entry.path())))?;
        let groups = process::groups(&self.proc.join(found.leader?.to_string()));
        let inside =
            |of: &String| of.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        groups.iter().any(inside).then_some(found)
    }
}

impl Remote for Machines {
    const NAME: &'static str = "systemd-machined";
    const TELLS: bool = false;
    const DAEMON: bool = false;
    type Events = Quiet;

    fn address(&self) -> String {
        below(&self.rootfs, Path::new(FOLDER)).display().to_string()
    }

    async fn events(&self) -> Result<Quiet, Fault> {
        Ok(Quiet)
    }

    async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
        let group = format!("/{id}");
        let (unit, called) = claim::machine(&group).ok_or_else(Fault::not_found)?;
        let registered = self.registered(unit, &group);
        // the group is there before it is registered: that is asked for once more, as long as a start may last
        let running = registered.is_some();
        let machine = registered.unwrap_or_else(|| Machine { name: called, ..Machine::default() });
        let pid = machine.leader.or_else(|| process::first(&self.proc, &group, None));
        let labels =
            [("systemd.machine.class", &machine.class), ("systemd.machine.service", &machine.service)];
        let identity = Identity {
            aliases: machine.aliases(),
            labels: labels
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| ((*key).to_owned(), (*value).clone()))
                .collect(),
            started: pid.and_then(|pid| started::of(&self.proc, pid)),
            has_network: pid.is_some_and(|pid| process::has_own_network(&self.proc, pid)),
            pid,
            image: machine.root,
            ..Identity::default()
        };
        Ok(Inspected { identity, running })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const WEB: &str = include_str!("testdata/252/machine-web");
    const SCOPE: &str = r"machine.slice/machine-web\x2d1.scope";

    struct Host(tempfile::TempDir);

    impl Host {
        fn put(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn leader(&self, group: &str) {
            let leader = machine::parse(WEB).leader.unwrap();
            self.put(&format!("proc/{leader}/cgroup"), &format!("1:name=systemd:/x\n0::/{group}\n"));
            self.put(&format!("proc/{leader}/status"), "NSpid:\t7\t1\n");
            for (pid, net) in [(leader, 2), (1, 1)] {
                self.put(&format!("proc/{pid}/ns/x"), "");
                let link = self.0.path().join(format!("proc/{pid}/ns/net"));
                let _ = fs::remove_file(&link);
                symlink(format!("net:[{net}]"), link).unwrap();
            }
        }

        async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
            let rootfs = self.0.path().to_owned();
            Machines::new(Config { proc: rootfs.join("proc"), rootfs }).inspect(id).await
        }
    }

    #[tokio::test]
    async fn a_registered_machine_is_known_whole() {
        let host = Host(tempfile::tempdir().unwrap());
        host.put("run/systemd/machines/web-1", WEB);
        host.leader(&format!("{SCOPE}/payload"));
        let Inspected { identity, running } = host.inspect(SCOPE).await.unwrap();
        assert!(running);
        assert_eq!((identity.aliases, identity.image.as_str()), (vec!["web-1".into()], "/tmp/machine root"));
        assert_eq!(identity.labels["systemd.machine.class"], "container");
        assert_eq!(identity.labels["systemd.machine.service"], "systemd-nspawn");
        assert_eq!((identity.pid, identity.has_network), (machine::parse(WEB).leader, true));
        assert_eq!((identity.namespace, identity.created), ("", None));
        // the link that machined makes is enough
        let at = |name: &str| host.0.path().join("run/systemd/machines").join(name);
        fs::rename(at("web-1"), host.0.path().join("elsewhere")).unwrap();
        symlink("../../../elsewhere", at(r"unit:machine-web\x2d1.scope")).unwrap();
        assert_eq!(host.inspect(SCOPE).await.unwrap().identity.image, "/tmp/machine root");
    }

    #[tokio::test]
    async fn one_that_is_not_registered_has_its_units_name() {
        let host = Host(tempfile::tempdir().unwrap());
        let Inspected { identity, running } = host.inspect(SCOPE).await.unwrap();
        assert!(!running, "it may be registered yet");
        assert_eq!((identity.aliases, identity.pid), (vec!["web-1".to_owned()], None));
        // a unit of the same name inside a container is another's
        host.put("run/systemd/machines/web-1", WEB);
        host.leader(SCOPE);
        let inner = format!("docker/x/{SCOPE}");
        assert_eq!(host.inspect(&inner).await.unwrap().identity.image, "");
        assert!(host.inspect("system.slice/x.service").await.unwrap_err().is_not_found());
    }
}
