//! Which groups are Podman's.

use crate::runtime::id;
use crate::runtime::{Claim, Runtime};

/// Claims `libpod-ID.scope` (systemd) and `libpod-ID` (cgroupfs). conmon's groups, and the group that crun
/// makes below a container's, whose numbers are in the container's, are nobody's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Podman;

const PREFIX: &str = "libpod-";

impl Runtime for Podman {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        if name == "/libpod_parent/conmon" || id::inside(name, PREFIX) {
            return Claim::Ignored;
        }
        match id::split(name) {
            Some(parts) if matches!(parts.behind, "" | ".scope") => match parts.before {
                PREFIX => Claim::Mine { id: parts.id.to_owned() },
                before if before.ends_with(":libpod:") => Claim::Mine { id: parts.id.to_owned() },
                "libpod-conmon-" => Claim::Ignored,
                _ => Claim::NotMine,
            },
            _ => Claim::NotMine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "a6ee0b5b4d4e09e3a6d36797665f428a9939f580df4f82d541ee58ebeb6082eb";

    fn claim(pattern: &str) -> Claim {
        Podman.claim(&pattern.replace("ID", ID))
    }

    #[test]
    fn paths_that_only_podman_makes() {
        for name in [
            "/libpod_parent/libpod-ID",
            "/machine.slice/libpod-ID.scope",
            "/machine.slice/machine-libpod_pod_ID.slice/libpod-ID.scope",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
            "/machine.slice:libpod:ID",
        ] {
            assert_eq!(claim(name), Claim::Mine { id: ID.to_owned() }, "{name}");
        }
    }

    #[test]
    fn conmons_groups_and_those_below_a_containers_are_nobodys() {
        for name in [
            "/libpod_parent/conmon",
            "/machine.slice/libpod-conmon-ID.scope",
            "/machine.slice/libpod-ID.scope/container",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
        ] {
            assert_eq!(claim(name), Claim::Ignored, "{name}");
        }
    }

    #[test]
    fn other_groups_are_left_to_others() {
        for name in [
            "/",
            "/libpod_parent",
            "/docker/ID",
            "/machine.slice/machine-libpod_pod_ID.slice",
            "/machine.slice/libpod-ID.scope/container/inner",
            "/kubepods.slice/crio-ID.scope",
            "/x/container",
        ] {
            assert_eq!(claim(name), Claim::NotMine, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(name in "\\PC*") {
            let _ = Podman.claim(&name);
            let _ = Podman.claim(&format!("/libpod-{ID}{name}"));
        }
    }
}
