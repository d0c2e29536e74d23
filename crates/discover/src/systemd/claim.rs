//! Which groups are systemd's own business.

use plimsoll_kernel::format::unescape_hex;

use crate::runtime::{Claim, Runtime};

/// Ignores mount units, and claims those of machines: `machine-NAME.scope`, `systemd-nspawn@NAME.service`. The
/// group's whole path is the id. The groups below (`payload`, `supervisor`, `libvirt`) are shown under their own
/// names: the unit's counts them all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Systemd;

impl Runtime for Systemd {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        if name.ends_with(".mount") {
            return Claim::Ignored;
        }
        match (machine(name), name.get(1..)) {
            (Some(_), Some(id)) => Claim::Mine { id: id.to_owned() },
            _ => Claim::NotMine,
        }
    }
}

/// The unit of a machine and the machine's name in it.
pub(super) fn machine(name: &str) -> Option<(&str, String)> {
    let (_, base) = name.rsplit_once('/')?;
    let scope = base.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope"));
    let service = base.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
    let called = scope.or(service).filter(|called| !called.is_empty())?;
    Some((base, String::from_utf8_lossy(&unescape_hex(called.as_bytes())).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_units_are_ignored() {
        let f = |name, claim| assert_eq!(Systemd.claim(name), claim, "{name}");
        f("/system.slice/run-docker-netns.mount", Claim::Ignored);
        f("/machine.slice/machine-x.mount", Claim::Ignored);
        f("/system.slice/a.mount/below", Claim::NotMine);
        f("/system.slice/a.mounts", Claim::NotMine);
        f("/", Claim::NotMine);
    }

    #[test]
    fn machines_are_claimed_by_their_units() {
        for (name, called) in [
            ("/machine.slice/machine-web.scope", "web"),
            (r"/machine.slice/machine-qemu\x2d1\x2dweb.scope", "qemu-1-web"),
            (r"/machine.slice/machine-debian\x2d12.scope", "debian-12"),
            ("/machine.slice/systemd-nspawn@web.service", "web"),
        ] {
            assert_eq!(Systemd.claim(name), Claim::Mine { id: name[1..].to_owned() }, "{name}");
            assert_eq!(machine(name).unwrap().1, called);
        }
    }

    #[test]
    fn other_units_and_groups_below_a_machines_are_left_to_others() {
        for name in [
            "/machine.slice",
            "/machine.slice/machine-.scope",
            "/machine.slice/machine-web.scope/payload",
            "/machine.slice/machine-libpod_pod_1.slice",
            "/machine.slice/libpod-1.scope",
            "/system.slice/ssh.service",
            "/system.slice/systemd-nspawn@.service",
        ] {
            assert_eq!(Systemd.claim(name), Claim::NotMine, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(name in "\\PC*") {
            let _ = Systemd.claim(&name);
            let _ = Systemd.claim(&format!("/machine-{name}.scope"));
        }
    }
}
