//! Which groups are LXC's.

use crate::runtime::{Claim, Runtime};

/// Claims `lxc.payload.NAME` (since LXC 4), `lxc.payload/NAME` and `lxc/NAME`, wherever they stand: those of a
/// user's containers are below the user's session, those of a container in a container below that. The group's
/// whole path is the id: LXC has none, and two containers in different folders may have one name.
///
/// Its monitors (`lxc.monitor.NAME`) are shown under their own names, as all that nobody claims.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lxc;

impl Runtime for Lxc {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        match (container(name), name.get(1..)) {
            (Some(_), Some(id)) => Claim::Mine { id: id.to_owned() },
            _ => Claim::NotMine,
        }
    }
}

/// The container's name as its group's path has it. LXC appends `-1` and so on where a group was in the way.
pub(super) fn container(name: &str) -> Option<&str> {
    let (above, base) = name.rsplit_once('/')?;
    let found = match base.strip_prefix("lxc.payload.") {
        Some(found) => found,
        None if matches!(above.rsplit('/').next(), Some("lxc" | "lxc.payload")) => base,
        None => return None,
    };
    // the part in front of a unit's ending may be anything, but LXC makes no units
    let unit = [".slice", ".scope", ".service", ".mount"].iter().any(|ending| found.ends_with(ending));
    (!found.is_empty() && !unit).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_only_lxc_makes() {
        for (name, found) in [
            ("/lxc.payload.one", "one"),
            ("/lxc.payload.one-1", "one-1"),
            ("/lxc.payload/one", "one"),
            ("/lxc/one", "one"),
            ("/lxc.payload.project_web", "project_web"),
            ("/user.slice/user-1000.slice/session-2.scope/lxc.payload.mine", "mine"),
            ("/lxc.payload.outer/lxc.payload.inner", "inner"),
            ("/lxc.payload.a.b", "a.b"),
        ] {
            assert_eq!(Lxc.claim(name), Claim::Mine { id: name[1..].to_owned() }, "{name}");
            assert_eq!(container(name), Some(found));
        }
    }

    #[test]
    fn other_groups_are_left_to_others() {
        for name in [
            "/",
            "",
            "/lxc",
            "/lxc.payload",
            "/lxc.payload.",
            "/lxc.monitor.one",
            "/lxc.monitor/one",
            "/lxc.pivot",
            "/lxc.payload.one/init.scope",
            "/lxc.payload.one/system.slice/ssh.service",
            "/lxc/one/init.scope",
            "/lxc/run-x.mount",
            "/lxc/",
            "/system.slice/lxc.service",
            "/xlxc/one",
        ] {
            assert_eq!(Lxc.claim(name), Claim::NotMine, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(name in "\\PC*") {
            let _ = Lxc.claim(&name);
            let _ = Lxc.claim(&format!("/lxc.payload.{name}"));
        }
    }
}
