//! Which groups are Docker's.

use crate::runtime::id::{self, OTHERS, Parts};
use crate::runtime::{Claim, Runtime};

/// Claims `docker-ID.scope` (systemd driver) and `/docker/ID` (cgroupfs driver) for sure, and every other
/// lone id perhaps: a custom `--cgroup-parent` gives `/any/parent/ID`, as do other runtimes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Docker;

impl Runtime for Docker {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        if name.ends_with(".mount") {
            return Claim::NotMine;
        }
        let Some(parts) = id::split(name) else { return Claim::NotMine };
        if id::begins(parts.before, &OTHERS) {
            return Claim::NotMine;
        }
        let id = parts.id.to_owned();
        // inside another container it is some other daemon's: Docker in Docker
        let nested = parts.parent.split('/').any(id::has_id);
        if certain(parts) && !nested { Claim::Mine { id } } else { Claim::Perhaps { id } }
    }
}

fn certain(parts: Parts<'_>) -> bool {
    match (parts.before, parts.behind) {
        ("docker-", ".scope") => true,
        ("", "") => parts.parent.rsplit('/').next() == Some("docker"),
        (before, "") => before.ends_with(":docker:"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1a6f0c7d5b0e6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7";

    fn claim(pattern: &str) -> Claim {
        Docker.claim(&pattern.replace("ID", ID))
    }

    #[test]
    fn paths_that_only_docker_makes() {
        for name in [
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/docker-ID.scope",
            "/system.slice/docker.service/docker/ID",
            "/system.slice:docker:ID",
        ] {
            assert_eq!(claim(name), Claim::Mine { id: ID.to_owned() }, "{name}");
        }
    }

    #[test]
    fn lone_ids_elsewhere_need_dockers_word() {
        for name in [
            "/ID",
            "/my/parent/ID",
            "/kubepods/burstable/pod1/ID",
            "/k8s.io/ID",
            "/docker/ID/docker/ID",
            "/x/y-ID.scope",
        ] {
            assert_eq!(claim(name), Claim::Perhaps { id: ID.to_owned() }, "{name}");
        }
    }

    #[test]
    fn other_runtimes_groups_are_left_to_them() {
        for name in [
            "/",
            "/docker",
            "/docker/ID/init.scope",
            "/kubepods.slice/pod1.slice/cri-containerd-ID.scope",
            "/kubepods.slice/pod1.slice:cri-containerd:ID",
            "/kubepods.slice/crio-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/machine.slice/libpod-ID.scope",
            "/machine.slice/libpod-conmon-ID.scope",
            "/libpod_parent/libpod-ID",
            "/machine.slice/libpod-ID.scope/container",
            "/system.slice/var-lib-docker-containers-ID-mounts-shm.mount",
        ] {
            assert_eq!(claim(name), Claim::NotMine, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(name in "\\PC*", before in "[a-z:/.-]{0,20}") {
            let _ = Docker.claim(&name);
            let _ = Docker.claim(&format!("/{before}{ID}{name}"));
        }
    }
}
