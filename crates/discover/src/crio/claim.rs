//! Which groups are CRI-O's.

use crate::runtime::conmon;
use crate::runtime::{Claim, Runtime};

/// Claims `crio-ID.scope` (systemd) and `crio-ID` (cgroupfs); see [`conmon::claim`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Crio;

impl Runtime for Crio {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        conmon::claim(name, "crio")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "a6ee0b5b4d4e09e3a6d36797665f428a9939f580df4f82d541ee58ebeb6082eb";

    fn claim(pattern: &str) -> Claim {
        Crio.claim(&pattern.replace("ID", ID))
    }

    #[test]
    fn paths_that_only_crio_makes() {
        for name in [
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podabc.slice/crio-ID.scope",
            "/kubepods/burstable/podabc/crio-ID",
            "/kubepods.slice/kubepods-podabc.slice:crio:ID",
        ] {
            assert_eq!(claim(name), Claim::Mine { id: ID.to_owned() }, "{name}");
        }
    }

    #[test]
    fn conmons_groups_and_those_below_a_containers_are_nobodys() {
        for name in [
            "/kubepods.slice/kubepods-podabc.slice/crio-conmon-ID.scope",
            "/kubepods.slice/kubepods-podabc.slice/crio-ID.scope/container",
        ] {
            assert_eq!(claim(name), Claim::Ignored, "{name}");
        }
    }

    #[test]
    fn other_groups_are_left_to_others() {
        for name in ["/", "/system.slice/crio.service", "/kubepods/podabc/ID", "/x/cri-containerd-ID.scope"] {
            assert_eq!(claim(name), Claim::NotMine, "{name}");
        }
    }
}
