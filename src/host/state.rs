//! How the host is now: its name, its load, its runtimes.

use std::path::Path;

use plimsoll_core::time::Timestamp;
use plimsoll_discover::{lxc, systemd};
use plimsoll_serve::past::{HostState, RuntimeState};

use super::Inner;
use super::followed::Followed;

/// Reads it: five small files, and what is remembered of the runtimes.
pub(super) fn read(host: &Inner) -> HostState {
    let root = &host.stages.measure.root;
    let text = |path: &Path| std::fs::read_to_string(path).ok();
    let loadavg = text(&root.proc.join("loadavg"));
    let limit = |name: &&str| text(&root.proc.join("sys/kernel").join(name))?.trim().parse().ok();
    HostState {
        at: host.stages.now(),
        // in a container the host's own name is in its files alone
        name: text(&root.proc.join("1/root/etc/hostname"))
            .or_else(|| text(&root.rootfs.join("etc/hostname")))
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned()),
        boot: text(&root.proc.join("stat")).as_deref().and_then(boot),
        load: loadavg.as_deref().and_then(load),
        tasks: loadavg.as_deref().and_then(tasks),
        max_tasks: ["pid_max", "threads-max"].iter().filter_map(limit).min(),
        runtimes: host.followed.get().into_iter().flatten().map(|runtime| state_of(host, runtime)).collect(),
    }
}

/// The line `btime` of `/proc/stat`.
fn boot(stat: &str) -> Option<Timestamp> {
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    seconds.trim().parse().ok().map(Timestamp::from_secs)
}

/// The first three words of `/proc/loadavg`.
fn load(loadavg: &str) -> Option<[f64; 3]> {
    let mut words = loadavg.split_whitespace().map_while(|word| word.parse().ok());
    Some([words.next()?, words.next()?, words.next()?])
}

/// What stands behind the slash in the fourth word of `/proc/loadavg`.
fn tasks(loadavg: &str) -> Option<u64> {
    loadavg.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

fn state_of(host: &Inner, runtime: &Followed) -> RuntimeState {
    let name = runtime.daemon.namespace();
    let containers = host.registry.all();
    let state = match runtime.is_up() {
        // without a daemon there is nobody to be up; its containers show that it is there
        Some(true) if matches!(name, lxc::NAMESPACE | systemd::NAMESPACE) => {
            let any = containers.iter().any(|container| container.owner() == name);
            if any { "up" } else { "absent" }
        }
        Some(true) => "up",
        Some(false) => "down",
        // never seen: missed only where a container waits for it
        None if containers.iter().any(|container| container.waits_for(name)) => "down",
        None => "absent",
    };
    let why = runtime.why_down().map(|reason| format!("{}: {reason}", runtime.daemon.address()));
    RuntimeState { name, state, version: runtime.version(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_is_a_line_of_stat() {
        assert_eq!(
            boot("cpu  1 2\nbtime 1795250287\nprocesses 7\n"),
            Some(Timestamp::from_secs(1_795_250_287))
        );
        assert_eq!(boot("cpu  1 2\n"), None);
    }

    #[test]
    fn three_loads() {
        assert_eq!(load("0.52 0.34 0.20 1/291 9165\n"), Some([0.52, 0.34, 0.2]));
        assert_eq!(load("0.52 x"), None);
    }

    #[test]
    fn tasks_stand_behind_the_slash() {
        assert_eq!(tasks("0.52 0.34 0.20 1/291 9165\n"), Some(291));
        assert_eq!(tasks("0.52 0.34 0.20 291 9165\n"), None);
    }
}
