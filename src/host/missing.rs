//! What this machine or these rights do not give, and what would: for `/validate/` and the log.

use std::path::Path;

use plimsoll_core::kinds::Kind;
use plimsoll_discover::docker;
use plimsoll_kernel::hierarchy::{Controller, Mode};
use plimsoll_measure::accelerator::{Accelerators, Trouble};
use plimsoll_measure::resctrl;
use plimsoll_serve::past::{Missing, Validation};

use super::{Inner, lock};

/// What is missing now.
pub(super) fn list(host: &Inner) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut lacks = |feature: &str, reason: String, remedy: &str| {
        missing.push(Missing { feature: feature.to_owned(), reason, remedy: remedy.to_owned() });
    };
    let containers = host.registry.all();
    for runtime in host.followed.get().into_iter().flatten() {
        let (daemon, Some(reason)) = (&runtime.daemon, runtime.why_down()) else { continue };
        // most hosts have one runtime, and lack nothing for want of the others; whose socket is there, is there
        let lacking = containers.iter().any(|container| container.waits_for(daemon.namespace()));
        let refused = reason.contains("Permission denied");
        if lacking || refused || daemon.namespace() == docker::NAMESPACE {
            lacks(
                &format!("Names, labels and images of {} containers", daemon.name()),
                format!("{}: {reason}", daemon.address()),
                &format!(
                    "start {}, or name its socket with --{}, and give the right to connect: the socket's \
                     group or CAP_DAC_OVERRIDE; in a container mount /var/run",
                    daemon.name(),
                    daemon.namespace()
                ),
            );
        }
    }
    if let Some(reason) = &*lock(&host.oom_missing) {
        lacks(
            "Events of kills for want of memory",
            format!("{reason}; they are counted from the groups' own files"),
            "give CAP_SYSLOG; in a container add --device=/dev/kmsg",
        );
    }
    if let Some(reason) = host.registry.all().iter().find_map(|container| container.layer_trouble()) {
        lacks(
            "Sizes of containers' writable layers and volumes",
            reason,
            "run as root, or give CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE where the runtime tells no directory, and \
             CAP_SYS_ADMIN for layers on btrfs; in a container mount / at /rootfs",
        );
    }
    for reason in host.stages.perf.get().into_iter().flat_map(|perf| perf.left_out()) {
        lacks("perf events", reason, "see docs/perf-events.md");
    }
    if host.stages.kinds.has(Kind::Resctrl) {
        let of_machine = || resctrl::Tree::find(&host.stages.measure.root).err();
        let of_container =
            || containers.iter().find_map(|one| Some(format!("{}: {}", one.name, one.resctrl_trouble()?)));
        if let Some(reason) = of_machine().or_else(of_container) {
            lacks(
                "Memory bandwidth and cache occupancy of containers",
                reason,
                "a CPU with RDT or QoS monitoring, resctrl mounted and writable; -resctrl_interval tries again",
            );
        }
    }
    if let Some(trouble) = host.stages.accelerators.get().and_then(Accelerators::trouble) {
        let (reason, remedy) = of_gpus(&trouble);
        lacks("Numbers of GPUs", reason, remedy);
    }
    let mut troubled = containers
        .iter()
        .filter_map(|container| Some(format!("{}: {}", container.name, container.application_trouble()?)));
    let shown: Vec<String> = troubled.by_ref().take(10).collect();
    if !shown.is_empty() {
        let more = match troubled.count() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        lacks(
            "Application metrics",
            format!("{}{more}", shown.join("; ")),
            "mend the container's configuration; to read it run as root, or give CAP_SYS_PTRACE and \
             CAP_DAC_READ_SEARCH",
        );
    }
    if let Some(health) = lock(&host.watch).as_ref().map(|watch| watch.health())
        && health.limit_hit
    {
        lacks(
            "Seeing cgroups at once when they appear",
            format!("{} inotify watches are in use and the limit is reached", health.watches),
            "raise fs.inotify.max_user_watches; until then the tree is listed every second",
        );
    }
    if std::fs::read(host.stages.measure.root.proc.join("1/net/dev")).is_err() {
        lacks(
            "Network numbers of containers",
            "other users' processes cannot be looked into".to_owned(),
            "run as root, or give CAP_SYS_PTRACE; in a container add --pid=host or mount / at /rootfs",
        );
    }
    if let Some(surveys) = host.stages.surveys.get() {
        if surveys.sockets_refused() {
            lacks(
                "TCP and UDP sockets at a low price",
                "other network namespaces may not be entered, so that the long lists in /proc are read; the numbers \
                 are the same"
                    .to_owned(),
                "run as root, or give CAP_SYS_ADMIN and CAP_SYS_PTRACE",
            );
        }
        if surveys.referenced_refused() {
            lacks(
                "Referenced memory of containers",
                "the memory of other users' processes may not be looked into or reset".to_owned(),
                "run as root, or give CAP_SYS_PTRACE",
            );
        }
    }
    let of_processes =
        [Kind::Process, Kind::Sched, Kind::ReferencedMemory].iter().any(|kind| host.stages.kinds.has(*kind));
    if of_processes && !host.stages.measure.sees_processes {
        lacks(
            "Processes, descriptors, sockets and scheduler numbers of containers",
            "the kernel shows a container only the processes of its own PID namespace".to_owned(),
            "add --pid=host",
        );
    }
    missing
}

/// Why numbers of GPUs are missing, and what would give them.
fn of_gpus(trouble: &Trouble) -> (String, &'static str) {
    match trouble {
        Trouble::Static => (
            "this program is linked statically and cannot load NVIDIA's library: GPUs are shown by name only"
                .to_owned(),
            "use the program that `make build LINK=dynamic` builds, or its image (`make image LINK=dynamic`)",
        ),
        Trouble::Library(reason) => (
            format!("NVIDIA's library cannot be used: {reason}"),
            "name the library with -nvidia_library; in a container add --gpus=all (NVIDIA's container toolkit), or \
             /dev/nvidiactl and each /dev/nvidiaN as devices and the host's library as a mount",
        ),
        Trouble::Hangs(time) => (
            format!("NVIDIA's driver has not answered for {} s", time.as_secs()),
            "look at the kernel's log (Xid)",
        ),
        Trouble::Gpu(reason) => (reason.clone(), "look at the kernel's log (Xid); a lost GPU must be reset"),
        Trouble::Processes => (
            "the driver tells a container only of the processes in its own PID namespace, so only GPUs that \
             containers were given are shown, without their use of them"
                .to_owned(),
            "add --pid=host",
        ),
    }
}

/// The cgroup set-up as `/validate/` shows it.
pub(super) fn validation(host: &Inner) -> Validation {
    let hierarchy = &host.stages.measure.hierarchy;
    let root = &host.stages.measure.root;
    let unified = hierarchy.mode() == Mode::V2;
    let cpu = hierarchy.controller(Controller::Cpu).map(|(_, dir)| dir.to_path_buf());
    let cgroup_root = match (&cpu, unified) {
        (Some(dir), true) => Some(dir.clone()),
        (Some(dir), false) => dir.parent().map(Path::to_path_buf),
        (None, _) => None,
    };
    let memory = hierarchy.controller(Controller::Memory).map(|(_, dir)| dir.join("memory.use_hierarchy"));
    Validation {
        controllers: controllers(host, unified),
        unified,
        hierarchical_memory: unified
            || memory
                .and_then(|file| std::fs::read_to_string(file).ok())
                .is_some_and(|text| text.trim() == "1"),
        cfs_bandwidth: cpu.is_some_and(|dir| unified || dir.join("cpu.cfs_period_us").exists()),
        mount_entries: cgroup_root.as_deref().map(entries).unwrap_or_default(),
        cgroup_root: cgroup_root.map(|dir| dir.display().to_string()),
        mounts: std::fs::read_to_string(root.proc.join("mounts"))
            .unwrap_or_default()
            .lines()
            .filter(|line| line.contains(" cgroup ") || line.contains(" cgroup2 "))
            .map(str::to_owned)
            .collect(),
        watches: watches(host),
    }
}

/// Each container's directories.
fn watches(host: &Inner) -> Vec<(String, Vec<String>)> {
    let roots = host.stages.measure.hierarchy.watch_dirs(&host.stages.kinds);
    let dirs = |name: &str| {
        let below = name.trim_start_matches('/');
        let dirs = roots.iter().map(|root| root.join(below)).filter(|dir| dir.is_dir());
        dirs.map(|dir| dir.display().to_string()).collect()
    };
    host.registry.all().iter().map(|c| (c.name.to_string(), dirs(&c.name))).collect()
}

/// Controllers and whether each is switched on: `/proc/cgroups`; on v2 alone also `cgroup.controllers`.
fn controllers(host: &Inner, unified: bool) -> Vec<(String, bool)> {
    let root = &host.stages.measure.root;
    let table = std::fs::read_to_string(root.proc.join("cgroups")).unwrap_or_default();
    let mut controllers: Vec<(String, bool)> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.nth(2)? == "1"))
        })
        .collect();
    if unified {
        let listed = std::fs::read_to_string(root.cgroup.join("cgroup.controllers")).unwrap_or_default();
        for name in listed.split_whitespace() {
            if !controllers.iter().any(|(known, _)| known == name) {
                controllers.push((name.to_owned(), true));
            }
        }
    }
    controllers
}

fn entries(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}
