//! Which groups are containerd's.

use crate::runtime::id::{self, Parts};
use crate::runtime::{Claim, Runtime};

/// Claims `cri-containerd-ID.scope` and `nerdctl-ID.scope` (systemd's groups) for sure; every other lone id
/// perhaps, since Kubernetes without systemd makes `/kubepods/.../podUID/ID`; and `/NAMESPACE/NAME` perhaps,
/// where `ctr` and most other clients put theirs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Containerd;

/// Endings of systemd's units, which no namespace and no container has.
const UNITS: [&str; 6] = [".slice", ".scope", ".service", ".mount", ".socket", ".swap"];
/// First parts of names that are somebody else's.
const OTHERS: [&str; 5] = ["docker", "kubepods", "libpod_parent", "lxc", "lxc.payload"];
/// The longest name of a container or a namespace.
const LONGEST: usize = 76;

impl Runtime for Containerd {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        if name.ends_with(".mount") {
            return Claim::NotMine;
        }
        let Some(parts) = id::split(name) else { return named(name) };
        if id::begins(parts.before, &["docker", "crio", "libpod", "conmon"]) {
            return Claim::NotMine;
        }
        let id = parts.id.to_owned();
        // inside another container it is some other daemon's: Kubernetes in Docker
        let nested = parts.parent.split('/').any(id::has_id);
        if certain(parts) && !nested { Claim::Mine { id } } else { Claim::Perhaps { id } }
    }
}

fn certain(parts: Parts<'_>) -> bool {
    match (parts.before, parts.behind) {
        ("cri-containerd-" | "nerdctl-", ".scope") => true,
        (before, "") => before.ends_with(":cri-containerd:") || before.ends_with(":nerdctl:"),
        _ => false,
    }
}

/// `/NAMESPACE/NAME`.
fn named(name: &str) -> Claim {
    let mut parts = name.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(namespace), Some(container), None)
            if identifier(namespace) && identifier(container) && !OTHERS.contains(&namespace) =>
        {
            Claim::Perhaps { id: format!("{namespace}/{container}") }
        }
        _ => Claim::NotMine,
    }
}

fn identifier(part: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    part.len() <= LONGEST
        && ends(part.as_bytes().first())
        && ends(part.as_bytes().last())
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && !UNITS.iter().any(|unit| part.ends_with(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1a6f0c7d5b0e6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7";

    fn claim(pattern: &str) -> Claim {
        Containerd.claim(&pattern.replace("ID", ID))
    }

    #[test]
    fn paths_that_only_containerd_makes() {
        for name in [
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podabc.slice/cri-containerd-ID.scope",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod8f26097e_759a_49ec_bf97_ea8c4ce682da.slice/cri-containerd-ID.scope",
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podabc.slice/cri-containerd-ID.scope",
            "/system.slice/containerd.service/kubepods-podabc.slice:cri-containerd:ID",
            "/system.slice/nerdctl-ID.scope",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-ID.scope",
        ] {
            assert_eq!(claim(name), Claim::Mine { id: ID.to_owned() }, "{name}");
        }
    }

    #[test]
    fn lone_ids_elsewhere_need_containerds_word() {
        for name in [
            "/k8s.io/ID",
            "/default/ID",
            "/kubepods/burstable/podabc/ID",
            "/docker/ID/kubelet/kubepods/podabc/ID",
            "/docker/ID/kubelet.slice/kubelet-kubepods.slice/cri-containerd-ID.scope",
        ] {
            assert_eq!(claim(name), Claim::Perhaps { id: ID.to_owned() }, "{name}");
        }
    }

    #[test]
    fn a_name_below_a_namespace_needs_containerds_word() {
        for (name, id) in [("/default/web", "default/web"), ("/a.b/c_d-1", "a.b/c_d-1")] {
            assert_eq!(claim(name), Claim::Perhaps { id: id.to_owned() }, "{name}");
        }
    }

    #[test]
    fn other_groups_are_left_to_others() {
        for name in [
            "/",
            "/default",
            "/default/web/below",
            "/system.slice/ssh.service",
            "/kubepods/burstable",
            "/docker/buildkit",
            "/lxc/one",
            "/default/-x",
            "/default/",
            "//x",
            "/system.slice/docker-ID.scope",
            "/kubepods.slice/crio-ID.scope",
            "/machine.slice/libpod-ID.scope",
            "/libpod_parent/libpod-ID",
            "/run-ID.mount",
        ] {
            assert_eq!(claim(name), Claim::NotMine, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(name in "\\PC*", before in "[a-z:/.-]{0,20}") {
            let _ = Containerd.claim(&name);
            let _ = Containerd.claim(&format!("/{before}{ID}{name}"));
        }
    }
}
