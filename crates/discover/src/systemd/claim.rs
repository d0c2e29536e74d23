//! Which groups are systemd's own business.

use crate::runtime::{Claim, Runtime};

/// Ignores mount units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Systemd;

impl Runtime for Systemd {
    fn namespace(&self) -> &'static str {
        "systemd"
    }

    fn claim(&self, name: &str) -> Claim {
        if name.ends_with(".mount") { Claim::Ignored } else { Claim::NotMine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_units_are_ignored_and_nothing_else() {
        let f = |name, claim| assert_eq!(Systemd.claim(name), claim, "{name}");
        f("/system.slice/run-docker-netns.mount", Claim::Ignored);
        f("/system.slice/a.mount/below", Claim::NotMine);
        f("/system.slice/a.mounts", Claim::NotMine);
        f("/", Claim::NotMine);
    }
}
