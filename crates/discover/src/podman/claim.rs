//! Which groups are Podman's.

use crate::runtime::conmon;
use crate::runtime::{Claim, Runtime};

/// Claims `libpod-ID.scope` (systemd) and `libpod-ID` (cgroupfs); see [`conmon::claim`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Podman;

impl Runtime for Podman {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        if name == "/libpod_parent/conmon" {
            return Claim::Ignored;
        }
        conmon::claim(name, "libpod")
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
