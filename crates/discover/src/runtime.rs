//! Whose is a cgroup? Decided from its path alone, so that it never waits for a daemon.
//!
//! Reads: nothing.
//! Gives: the runtimes that have, or may have, a name; raw, asked last, takes or ignores the rest.
//! Cost:  one pass over the last part of the path for each runtime.
//!
//! A further runtime is a folder beside `docker/` with its `claim.rs` and a `Remote` (`runtime/remote.rs`), and a line in
//! [`Runtimes::new`] and in [`Config`]; everything else (looking for the daemon, asking again, telling) is
//! here and the same for all.

pub mod id;

pub mod told;

pub mod daemon;
pub mod timeouts;

mod backoff;
pub(crate) mod conmon;
mod follow;
mod lookout;
pub(crate) mod process;
pub(crate) mod small;
pub(crate) mod started;
pub(crate) mod storage;
pub(crate) mod volumes;

pub(crate) mod remote;

pub mod endpoint;
pub(crate) mod fault;
pub(crate) mod http;
pub(crate) mod json;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::daemon::Daemon;
use self::endpoint::EndpointError;
use self::told::Told;
use crate::containerd::claim::Containerd;
use crate::crio::claim::Crio;
use crate::docker::claim::Docker;
use crate::lxc::claim::Lxc;
use crate::mesos::claim::Mesos;
use crate::podman::claim::Podman;
use crate::raw::claim::Raw;
use crate::systemd::claim::Systemd;
use crate::{containerd, crio, docker, lxc, mesos, podman, systemd};

/// What a runtime says to the name of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The path can only be this runtime's.
    Mine {
        /// The runtime's id of the container; empty for a raw cgroup.
        id: String,
    },
    /// The path may be this runtime's; its daemon must confirm the id, and when it does not know it, the
    /// others who may have it are listened to.
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

/// What all runtimes together say to the name of a cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The id; empty when no runtime claims the name.
    pub id: String,
    /// The namespaces of the runtimes that may have it, the likeliest first, and whether it can only be theirs.
    pub by: Vec<(&'static str, bool)>,
    /// Whether it is shown as a raw cgroup when none of them knows it.
    pub shown: bool,
}

/// The runtimes, in the order in which they are asked.
pub struct Runtimes(Vec<Box<dyn Runtime>>);

impl Runtimes {
    /// All runtimes. The order is meaning: who claims a name for sure has it, whatever those behind him say;
    /// raw comes last, since it claims all.
    pub fn new(raw: Raw) -> Self {
        Self(vec![
            Box::new(Docker),
            Box::new(Containerd),
            Box::new(Crio),
            Box::new(Podman),
            Box::new(Lxc),
            Box::new(Mesos),
            Box::new(Systemd),
            Box::new(raw),
        ])
    }

    /// Who has, or may have, the group of this name.
    pub fn verdict(&self, name: &str) -> Verdict {
        let mut verdict = Verdict::default();
        for runtime in &self.0 {
            let raw = runtime.namespace().is_empty();
            match runtime.claim(name) {
                Claim::NotMine => {}
                Claim::Ignored => return verdict,
                Claim::Mine { .. } if raw => {
                    verdict.shown = true;
                    return verdict;
                }
                // the others are out; raw still says whether it is shown without a name
                Claim::Mine { id } => {
                    verdict.id = id;
                    verdict.by = vec![(runtime.namespace(), true)];
                    verdict.shown = self.raw(name);
                    return verdict;
                }
                Claim::Perhaps { id } => {
                    verdict.id = id;
                    verdict.by.push((runtime.namespace(), false));
                }
            }
        }
        verdict
    }

    fn raw(&self, name: &str) -> bool {
        self.0.last().is_some_and(|raw| matches!(raw.claim(name), Claim::Mine { .. }))
    }

    /// Whose word counts more: the lower.
    pub fn rank(&self, namespace: &str) -> usize {
        self.0.iter().position(|runtime| runtime.namespace() == namespace).unwrap_or(usize::MAX)
    }
}

/// How a runtime is reached; each has its own.
#[derive(Clone, Debug)]
pub enum Config {
    /// Docker.
    Docker(docker::Config),
    /// containerd.
    Containerd(containerd::Config),
    /// CRI-O.
    Crio(crio::Config),
    /// Podman.
    Podman(podman::Config),
    /// LXC, and LXD and Incus on top of it.
    Lxc(lxc::Config),
    /// Machines of systemd.
    Systemd(systemd::Config),
    /// Mesos.
    Mesos(mesos::Config),
}

impl Config {
    /// All runtimes where they are by default.
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::Docker(docker::Config::default()),
            Self::Containerd(containerd::Config::default()),
            Self::Crio(crio::Config::default()),
            Self::Podman(podman::Config::default()),
            Self::Lxc(lxc::Config::default()),
            Self::Systemd(systemd::Config::default()),
            Self::Mesos(mesos::Config::default()),
        ]
    }

    /// Starts to follow the runtime; see [`Daemon`].
    ///
    /// # Errors
    /// The endpoint or the TLS files are no such thing.
    pub fn start(self, handle: &Handle, on: mpsc::Sender<Told>) -> Result<Daemon, EndpointError> {
        match self {
            Self::Docker(config) => docker::start(config, handle, on),
            Self::Containerd(config) => Ok(containerd::start(config, handle, on)),
            Self::Crio(config) => Ok(crio::start(config, handle, on)),
            Self::Podman(config) => podman::start(config, handle, on),
            Self::Lxc(config) => Ok(lxc::start(config, handle, on)),
            Self::Systemd(config) => Ok(systemd::start(config, handle, on)),
            Self::Mesos(config) => mesos::start(config, handle, on),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1a6f0c7d5b0e6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7";

    fn verdict(pattern: &str, raw: Raw) -> (Vec<(&'static str, bool)>, bool) {
        let Verdict { id, by, shown } = Runtimes::new(raw).verdict(&pattern.replace("ID", ID));
        assert_eq!(by.is_empty(), id.is_empty(), "{pattern}");
        (by, shown)
    }

    #[test]
    fn a_sure_claim_wins_and_raw_takes_the_rest() {
        let f =
            |name, by: &[_], shown| assert_eq!(verdict(name, Raw::default()), (by.to_vec(), shown), "{name}");
        f("/docker/ID", &[("docker", true)], true);
        f("/kubepods.slice/kubepods-podabc.slice/cri-containerd-ID.scope", &[("containerd", true)], true);
        f("/kubepods.slice/crio-ID.scope", &[("crio", true)], true);
        f("/machine.slice/libpod-ID.scope", &[("podman", true)], true);
        f("/machine.slice/libpod-ID.scope/container", &[], false);
        f("/system.slice/tmp.mount", &[], false);
        f("/lxc.payload.one", &[("lxc", true)], true);
        f("/lxc.payload.one/init.scope", &[], true);
        f("/mesos/8f26097e-759a-49ec-bf97-ea8c4ce682da", &[("mesos", true)], true);
        f("/machine.slice/machine-web.scope", &[("systemd", true)], true);
        f("/system.slice/ssh.service", &[], true);
        f("/", &[], true);
    }

    #[test]
    fn all_who_may_have_it_are_asked_at_once() {
        let by = vec![("docker", false), ("containerd", false)];
        assert_eq!(verdict("/k8s.io/ID", Raw::default()), (by.clone(), true));
        assert_eq!(verdict("/k8s.io/ID", Raw::new(true, "")), (by, false));
        let by = vec![("containerd", false)];
        assert_eq!(verdict("/default/web", Raw::default()), (by, true));
    }

    #[test]
    fn docker_counts_more_than_containerd_below_it() {
        let runtimes = Runtimes::new(Raw::default());
        assert!(runtimes.rank("docker") < runtimes.rank("containerd"));
    }
}
