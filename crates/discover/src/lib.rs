//! Who runs here: the cgroup tree and the runtimes that know its names.
//!
//! Comes in: directories of cgroup hierarchies, the sockets of runtimes.
//! Goes out: [`watch::TreeEvent`]s (a group appeared, emptied, vanished), [`runtime::Claim`]s (whose is
//! it, from the path alone) and what a runtime tells of it ([`runtime::told::Told`]).
//! Refuses to know: what a container uses, and what is kept or served of it.

pub mod watch;

pub mod runtime;

pub mod containerd;
pub mod crio;
pub mod docker;
pub mod lxc;
pub mod mesos;
pub mod podman;
pub mod raw;
pub mod systemd;
