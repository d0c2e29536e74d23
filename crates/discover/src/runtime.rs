//! Whose is a cgroup? Decided from its path alone, so that it never waits for a daemon.
//!
//! Reads: nothing.
//! Gives: the first runtime in the list that claims a name; raw, asked last, takes or ignores the rest.
//! Cost:  one pass over the last part of the path for each runtime.
//!
//! A further runtime (containerd, CRI-O, podman) is a folder beside `docker/` with the same `claim.rs`,
//! and a line in [`Runtimes::new`] between Docker and systemd. The prefixes of their groups are known to
//! [`id::OTHERS`] already, so that Docker does not take them.

pub mod id;

use crate::docker::claim::Docker;
use crate::raw::claim::Raw;
use crate::systemd::claim::Systemd;

/// What a runtime says to the name of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The path can only be this runtime's.
    Mine {
        /// The runtime's id of the container; empty for a raw cgroup.
        id: String,
    },
    /// The path may be this runtime's; its daemon must confirm the id, and when it does not know it, the
    /// runtimes behind it are asked ([`Runtimes::owner_after`]).
    Perhaps {
        /// What would be the id.
        id: String,
    },
    /// Nobody shall have it: neither shown nor sampled.
    Ignored,
    /// Ask the next runtime.
    NotMine,
}

/// A runtime as the list sees it.
pub trait Runtime: Send + Sync {
    /// The namespace of its containers: `docker`, ...; empty for raw cgroups.
    fn namespace(&self) -> &'static str;
    /// Whether the group is this runtime's. Pure.
    fn claim(&self, name: &str) -> Claim;
}

/// Who has a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The runtime's namespace; empty for raw.
    pub namespace: &'static str,
    /// [`Claim::Mine`], [`Claim::Perhaps`] or [`Claim::Ignored`].
    pub claim: Claim,
}

/// The runtimes, in the order in which they are asked.
pub struct Runtimes(Vec<Box<dyn Runtime>>);

impl Runtimes {
    /// All runtimes. The order is meaning: the first that claims a name has it; raw comes last, since it
    /// claims all.
    pub fn new(raw: Raw) -> Self {
        Self(vec![Box::new(Docker), Box::new(Systemd), Box::new(raw)])
    }

    /// Who has the group of this name.
    pub fn owner(&self, name: &str) -> Owner {
        first(&self.0, name)
    }

    /// Who has it when the runtime of `namespace`, which claimed it perhaps, does not know it.
    pub fn owner_after(&self, name: &str, namespace: &str) -> Owner {
        let behind = self.0.iter().position(|r| r.namespace() == namespace).map_or(0, |at| at + 1);
        first(self.0.get(behind..).unwrap_or_default(), name)
    }
}

fn first(runtimes: &[Box<dyn Runtime>], name: &str) -> Owner {
    runtimes
        .iter()
        .map(|runtime| Owner { namespace: runtime.namespace(), claim: runtime.claim(name) })
        .find(|owner| owner.claim != Claim::NotMine)
        .unwrap_or(Owner { namespace: "", claim: Claim::Ignored })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1a6f0c7d5b0e6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7";

    fn owner(name: &str) -> (&'static str, Claim) {
        let Owner { namespace, claim } = Runtimes::new(Raw::default()).owner(name);
        (namespace, claim)
    }

    #[test]
    fn first_claim_wins_and_raw_takes_the_rest() {
        let mine = |id: &str| Claim::Mine { id: id.to_owned() };
        assert_eq!(owner(&format!("/docker/{ID}")), ("docker", mine(ID)));
        assert_eq!(owner("/system.slice/tmp.mount"), ("systemd", Claim::Ignored));
        assert_eq!(owner("/system.slice/ssh.service"), ("", mine("")));
        assert_eq!(owner("/"), ("", mine("")));
    }

    #[test]
    fn what_docker_does_not_confirm_goes_to_those_behind() {
        let name = format!("/k8s.io/{ID}");
        let runtimes = Runtimes::new(Raw::default());
        assert_eq!(runtimes.owner(&name).claim, Claim::Perhaps { id: ID.to_owned() });
        let after = runtimes.owner_after(&name, "docker");
        assert_eq!(after, Owner { namespace: "", claim: Claim::Mine { id: String::new() } });
    }
}
