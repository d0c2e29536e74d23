//! How the host is now: its name, its load, its runtimes.

use std::path::Path;

use plimsoll_core::time::Timestamp;
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
        name: name(&root.proc, &root.rootfs),
        boot: text(&root.proc.join("stat")).as_deref().and_then(boot),
        load: loadavg.as_deref().and_then(load),
        tasks: loadavg.as_deref().and_then(tasks),
        max_tasks: ["pid_max", "threads-max"].iter().filter_map(limit).min(),
        runtimes: host.followed.get().into_iter().flatten().map(|runtime| state_of(host, runtime)).collect(),
    }
}

/// The kernel's name of the host where this program has the host's own, which another UTS namespace, as that of a
/// container, has not: there what the host's file says.
fn name(proc: &Path, rootfs: &Path) -> String {
    let kernels = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    let space = |process: &str| std::fs::read_link(proc.join(process).join("ns/uts")).ok();
    if space("self").is_some_and(|own| space("1") == Some(own)) {
        return kernels();
    }
    [proc.join("1/root"), rootfs.to_owned()]
        .iter()
        .filter_map(|root| std::fs::read_to_string(root.join("etc/hostname")).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
        .unwrap_or_else(kernels)
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
        Some(true) => "up",
        Some(false) => "down",
        // nobody described it, as where there is no daemon: its containers show that it is there
        None if containers.iter().any(|container| container.owner() == name) => "up",
        // missed only where a container waits for it
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
    fn the_kernels_name_is_the_hosts_unless_it_is_a_containers() {
        let folder = tempfile::tempdir().unwrap();
        let (proc, rootfs) = (folder.path().join("proc"), folder.path().join("rootfs"));
        let write = |file: &Path, text: &str| {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        let space = |process: &str, number: u32| {
            let link = proc.join(process).join("ns/uts");
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(format!("uts:[{number}]"), link).unwrap();
        };
        let kernels = rustix::system::uname().nodename().to_string_lossy().into_owned();
        // links that cannot be read say nothing
        assert_eq!(name(&proc, &rootfs), kernels);
        write(&rootfs.join("etc/hostname"), "mounted\n");
        assert_eq!(name(&proc, &rootfs), "mounted");
        space("self", 1);
        space("1", 2);
        write(&proc.join("1/root/etc/hostname"), "from-the-file\n");
        assert_eq!(name(&proc, &rootfs), "from-the-file");
        space("1", 1);
        assert_eq!(name(&proc, &rootfs), kernels, "the file is read at boot only");
    }

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
