//! Which groups are CRI-O's.

use crate::runtime::id;
use crate::runtime::{Claim, Runtime};

/// Claims `crio-ID.scope` (systemd) and `crio-ID` (cgroupfs). conmon's groups, and the group that crun makes
/// below a container's, whose numbers are in the container's, are nobody's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crio;

const PREFIX: &str = "crio-";

impl Runtime for Crio {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        if id::inside(name, PREFIX) {
            return Claim::Ignored;
        }
        match id::split(name) {
            Some(parts) if matches!(parts.behind, "" | ".scope") => match parts.before {
                PREFIX => Claim::Mine { id: parts.id.to_owned() },
                before if before.ends_with(":crio:") => Claim::Mine { id: parts.id.to_owned() },
                "crio-conmon-" => Claim::Ignored,
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
