//! `/validate/`: what this machine offers, what is missing, and what would mend it; plain text.

use std::fmt::Write as _;

use http::Response;

use crate::body::Body;
use crate::past::{Past, Validation};
use crate::reply;

const RECOMMENDED: &str = "[Supported and recommended]";
const SUPPORTED: &str = "[Supported, but not recommended]";
const UNSUPPORTED: &str = "[Unsupported]";
const UNKNOWN: &str = "[Unknown]";

/// Answers with the report.
pub async fn answer(past: &dyn Past) -> Response<Body> {
    let docker = past.docker().await;
    let (versions, found) = (past.versions(), past.validation());
    let mut out = String::new();
    // writing to a String cannot fail
    let _ = write!(out, "cAdvisor version: {}\n\nOS version: {}\n\n", versions.cadvisor, versions.os);
    kernel(&mut out, &versions.kernel);
    cgroups(&mut out, &found);
    mounts(&mut out, &found);
    match &docker {
        Ok(docker) => {
            docker_version(&mut out, &docker.version);
            block(
                &mut out,
                "Docker driver setup",
                RECOMMENDED,
                &format!("Storage driver is {}.\n", docker.driver),
            );
        }
        Err(cause) => {
            docker_version(&mut out, &versions.docker);
            block(&mut out, "Docker driver setup", UNSUPPORTED, &format!("{cause}\n"));
        }
    }
    disks(&mut out, past);
    watches(&mut out, &found);
    containers(&mut out, past);
    missing(&mut out, past);
    reply::text(out)
}

/// `<title>: <verdict>`, then the text set in by a tab.
fn block(out: &mut String, title: &str, verdict: &str, text: &str) {
    let _ = write!(out, "{title}: {verdict}\n\t{text}\n\n");
}

/// The first two numbers of a version, as `6.18` of `6.18.44-fc`.
fn major_minor(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.split_once('.')?;
    let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn kernel(out: &mut String, version: &str) {
    let verdict = match major_minor(version) {
        None => UNKNOWN,
        Some(version) if version >= (3, 0) => RECOMMENDED,
        Some(version) if version >= (2, 6) => SUPPORTED,
        Some(_) => UNSUPPORTED,
    };
    let text = format!("Kernel version is {version}. Versions >= 2.6 are supported. 3.0+ are recommended.\n");
    block(out, "Kernel version", verdict, &text);
}

fn docker_version(out: &mut String, version: &str) {
    let verdict = match major_minor(version) {
        None => UNKNOWN,
        Some(version) if version >= (1, 2) => RECOMMENDED,
        Some(version) if version >= (1, 0) => SUPPORTED,
        Some(_) => UNSUPPORTED,
    };
    let text = format!("Docker version is {version}. Versions >= 1.0 are supported. 1.2+ are recommended.\n");
    block(out, "Docker version", verdict, &text);
}

fn cgroups(out: &mut String, found: &Validation) {
    // the unified hierarchy counts CPU time without a controller, and calls blkio io
    let (required, recommended): (&[&str], &[&str]) = if found.unified {
        (&["cpu"], &["memory", "io", "cpuset", "pids"])
    } else {
        (&["cpu", "cpuacct"], &["memory", "blkio", "cpuset", "devices", "freezer"])
    };
    let on = |name: &&str| found.controllers.iter().any(|(known, on)| known == name && *on);
    let verdict = match () {
        () if found.controllers.is_empty() => UNKNOWN,
        () if !required.iter().all(on) => UNSUPPORTED,
        () if !recommended.iter().all(on) => SUPPORTED,
        () => RECOMMENDED,
    };
    let mut available: Vec<String> =
        found.controllers.iter().map(|(name, on)| format!("{name}:{}", u8::from(*on))).collect();
    available.sort_unstable();
    let mut text = format!(
        "Available cgroups: map[{}]\n\tFollowing cgroups are required: [{}]\n\tFollowing other cgroups are recommended: [{}]\n\t",
        available.join(" "),
        required.join(" "),
        recommended.join(" "),
    );
    text.push_str(if found.hierarchical_memory {
        "Hierarchical memory accounting enabled. Reported memory usage includes memory used by child containers.\n\t"
    } else {
        "Hierarchical memory accounting disabled. Memory usage does not include usage from child containers.\n\t"
    });
    text.push_str(if found.cfs_bandwidth {
        "Cpu cfs bandwidth is enabled.\n"
    } else {
        "Cpu cfs bandwidth is disabled: limits of CPU time cannot be set. Turn on CONFIG_CFS_BANDWIDTH.\n"
    });
    block(out, "Cgroup setup", verdict, &text);
}

fn mounts(out: &mut String, found: &Validation) {
    let Some(root) = &found.cgroup_root else {
        return block(out, "Cgroup mount setup", UNKNOWN, "Could not locate cgroup mount point.\n");
    };
    let verdict = if root == "/sys/fs/cgroup" { RECOMMENDED } else { SUPPORTED };
    let mut text = format!("Cgroups are mounted at {root}.\n\tCgroup mount directories: ");
    for entry in &found.mount_entries {
        let _ = write!(text, "{entry} ");
    }
    text.push_str("\n\tAny cgroup mount point that is detectible and accessible is supported. ");
    text.push_str("/sys/fs/cgroup is recommended as a standard location.\n\tCgroup mounts:\n");
    for line in &found.mounts {
        let _ = writeln!(text, "\t{line}");
    }
    block(out, "Cgroup mount setup", verdict, &text);
}

fn disks(out: &mut String, past: &dyn Past) {
    let machine = past.machine();
    let disks = || machine.disk_map.iter().flat_map(|disks| disks.values());
    // their queues and times are counted by these two schedulers alone (v1 blkio.bfq.*, blkio.*)
    let (verdict, mut text) = if disks().any(|disk| matches!(&*disk.scheduler, "cfq" | "bfq")) {
        (
            RECOMMENDED,
            String::from(
                "At least one device has the 'cfq' or 'bfq' I/O scheduler: all disk stats are there.\n",
            ),
        )
    } else {
        (
            SUPPORTED,
            String::from(
                "None of the devices has the 'cfq' or 'bfq' I/O scheduler: bytes and operations are there, queues and times are not.\n",
            ),
        )
    };
    for disk in disks() {
        let _ = writeln!(text, "\t Disk \"{}\" Scheduler type \"{}\".", disk.name, disk.scheduler);
    }
    block(out, "Block device setup", verdict, &text);
}

fn watches(out: &mut String, found: &Validation) {
    let mut text = String::new();
    for (name, directories) in &found.watches {
        let _ = writeln!(text, "{name}\n\t\t{}", directories.join("\n\t\t"));
        text.push('\t');
    }
    block(out, "Inotify watches", "", text.trim_end_matches('\t'));
}

fn containers(out: &mut String, past: &dyn Past) {
    let mut text = String::new();
    for view in past.containers() {
        let _ = writeln!(text, "\t{}", view.reference.name);
        if !view.reference.namespace.is_empty() {
            let _ = writeln!(text, "\t\tNamespace: {}", view.reference.namespace);
        }
        if !view.reference.aliases.is_empty() {
            text.push_str("\t\tAliases:\n");
            for alias in &view.reference.aliases {
                let _ = writeln!(text, "\t\t\t{alias}");
            }
        }
    }
    block(out, "Managed containers", "", text.trim_start_matches('\t'));
}

fn missing(out: &mut String, past: &dyn Past) {
    for gap in past.missing() {
        let text = format!("{}\n\tWhat would give it: {}\n", gap.reason, gap.remedy);
        block(out, &gap.feature, "[Missing]", &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    async fn report(change: impl FnOnce(&mut Fake)) -> String {
        use http_body_util::BodyExt;
        let mut host = Fake::host();
        change(&mut host);
        let body = answer(&host).await.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn verdicts(report: &str) -> Vec<&str> {
        report.lines().filter(|line| !line.starts_with('\t') && line.contains('[')).collect()
    }

    #[tokio::test]
    async fn a_bare_host_is_unsupported_or_unknown() {
        let report = report(|host| {
            *host = Fake::empty();
            host.versions.kernel = "2.4.37".to_owned();
        })
        .await;
        assert_eq!(
            verdicts(&report),
            [
                "Kernel version: [Unsupported]",
                "Cgroup setup: [Unknown]",
                "Cgroup mount setup: [Unknown]",
                "Docker version: [Unknown]",
                "Docker driver setup: [Unsupported]",
                "Block device setup: [Supported, but not recommended]",
            ]
        );
        assert!(report.contains("\tno Docker at /var/run/docker.sock: mount it into this container\n"));
        assert!(report.contains("\tCould not locate cgroup mount point.\n"));
    }

    #[tokio::test]
    async fn a_controller_that_is_needed_decides() {
        let off = |name: &'static str| {
            move |host: &mut Fake| host.validation.controllers.retain(|(known, _)| known != name)
        };
        assert!(report(off("cpu")).await.contains("Cgroup setup: [Unsupported]"));
        assert!(report(off("memory")).await.contains("Cgroup setup: [Supported, but not recommended]"));
        let switched_off = report(|host| host.validation.controllers[1].1 = false).await;
        assert!(switched_off.contains("Cgroup setup: [Unsupported]") && switched_off.contains("cpu:0"));
    }

    #[tokio::test]
    async fn the_unified_hierarchy_needs_other_controllers() {
        let report = report(|host| {
            let on = ["cpu", "cpuset", "io", "memory", "pids"];
            host.validation.controllers = on.map(|name| (name.to_owned(), true)).into();
            host.validation.unified = true;
        })
        .await;
        assert!(report.contains("Cgroup setup: [Supported and recommended]"), "{report}");
    }

    #[tokio::test]
    async fn a_disk_with_bfq_counts_all() {
        let report = report(|host| {
            for disk in host.machine.disk_map.iter_mut().flat_map(|disks| disks.values_mut()) {
                disk.scheduler = "bfq".to_owned();
            }
        })
        .await;
        assert!(report.contains("Block device setup: [Supported and recommended]"));
    }

    #[test]
    fn versions_are_two_numbers() {
        let f = |text, want| assert_eq!(major_minor(text), want, "{text}");
        f("6.18.44-fc-v657", Some((6, 18)));
        f("20.10.24+dfsg1", Some((20, 10)));
        f("3.0-rc1", Some((3, 0)));
        f("", None);
        f("6", None);
        f("x.y", None);
    }
}
